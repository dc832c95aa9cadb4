"""Quantiles: one quantile of a number, or the two ends of an interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.composed import INTERVAL, fit_parts
from setpoint.learn.kinds.kind import (
    Fed,
    Inputs,
    Predict,
    fit_target,
    quantiles_at,
    quantiles_of,
    statistic_of,
    value_of,
)
from setpoint.learn.kinds.numbers import Numbers
from setpoint.learn.sides import Examples
from setpoint.measure.quantile_metrics import Bounds
from setpoint.measure.statistic import Statistic


@dataclass(frozen=True)
class Quantile(Numbers):
    """A goal that asks for the quantile of `pinball`, or for the interval of `interval_score`."""

    name: str = "quantile"
    needs: str = "quantile"

    @property
    def quantiles(self) -> tuple[float, ...]:
        """What is predicted: one quantile, or the two ends."""
        asked = self.metric.option or 0.5
        if self.metric.name != "interval_score":
            return (asked,)
        return ((1 - asked) / 2, (1 + asked) / 2)

    @property
    def always(self) -> tuple[Metric, ...]:
        """The goal's metric, and how many outcomes lie inside: of one quantile, at or below it."""
        return (self.metric, Metric("coverage"))

    def fit(
        self,
        learner: Learner,
        parameters: Mapping[str, Any],
        older: Fed,
        newer: Fed | None,
        *,
        inputs: Inputs,
        seed: int,
    ) -> tuple[Model, dict[str, Any]]:
        """A model of the quantile, or one of each end."""
        fits = [
            partial(
                fit_target,
                learner,
                parameters,
                older,
                newer,
                inputs=inputs,
                seed=seed,
                target=Target("quantile", quantile=each),
            )
            for each in self.quantiles
        ]
        return fits[0]() if len(fits) == 1 else fit_parts(INTERVAL, fits)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of quantiles or intervals."""
        if metric.name == "business":
            return value_of(self.value(rows, predicted), rows.weight)
        if metric.name == "pinball":
            return statistic_of(metric, rows.y, predicted, rows.weight)
        below = np.full(rows.y.size, -np.inf)
        bounds = Bounds(below, predicted) if predicted.ndim == 1 else Bounds(*predicted.T)
        return statistic_of(metric, rows.y, bounds, rows.weight)

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The quantiles of the training rows."""
        found = quantiles_at(older.y, older.weight, self.quantiles)
        words = " and ".join(f"{each:.4g}" for each in found)
        return f"the quantiles in training, {words}, for every row", found[0] if found.size == 1 else found

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The quantiles of each bin."""
        found = quantiles_of(values, older.y, older.weight, self.quantiles, coded=coded)
        return found if len(self.quantiles) > 1 else lambda newer: found(newer)[:, 0]

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """The rule's number; of an interval its two ends, which it cannot tell apart."""
        return values if len(self.quantiles) == 1 else np.stack([values, values], axis=1)

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """What being off by so much costs."""
        return None if predicted.ndim > 1 else super().value(rows, predicted)
