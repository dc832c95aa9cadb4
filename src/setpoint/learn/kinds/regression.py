"""Regression: a number, its mean or its median as the metric asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.kind import (
    Fed,
    Inputs,
    Predict,
    fit_target,
    quantiles_at,
    quantiles_of,
    rates_of,
    statistic_of,
    value_of,
)
from setpoint.learn.kinds.numbers import Numbers
from setpoint.learn.sides import Examples
from setpoint.measure.statistic import Statistic

OF_MEDIANS = ("mae", "mape", "wape")
"""Metrics that the median is best by."""


@dataclass(frozen=True)
class Regression(Numbers):
    """A goal whose outcome is a number."""

    name: str = "regression"
    needs: str = "regression"

    @property
    def robust(self) -> bool:
        """Whether the median is asked for."""
        return self.metric.name in OF_MEDIANS

    @property
    def always(self) -> tuple[Metric, ...]:
        """The usual errors of numbers."""
        return tuple(Metric(name) for name in ("mae", "rmse", "bias", "wape", "r2"))

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
        """A model of the mean, or the median."""
        target = Target("regression", robust=self.robust)
        return fit_target(learner, parameters, older, newer, inputs=inputs, seed=seed, target=target)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of numbers."""
        if metric.name == "business":
            return value_of(self.value(rows, predicted), rows.weight)
        return statistic_of(metric, rows.y, predicted, rows.weight)

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The mean or the median of the training rows."""
        if self.robust:
            median = quantiles_at(older.y, older.weight, (0.5,))
            return f"the median in training, {median[0]:.4g}, for every row", median[0]
        mean = np.average(older.y, weights=older.weight)
        return f"the mean in training, {mean:.4g}, for every row", np.asarray(mean)

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The mean or the median of each bin."""
        if self.robust:
            found = quantiles_of(values, older.y, older.weight, (0.5,), coded=coded)
        else:
            found = rates_of(values, older.y[:, None], older.weight, coded=coded)
        return lambda newer: found(newer)[:, 0]
