"""Counts: whole numbers from 0, and their expected value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.errors import DataError
from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.kind import Fed, Inputs, Predict, fit_target, rates_of, statistic_of, value_of
from setpoint.learn.kinds.numbers import Numbers
from setpoint.learn.sides import Examples
from setpoint.measure.statistic import Statistic

SMALLEST = 1e-9
"""An expected count is above 0."""


@dataclass(frozen=True)
class Count(Numbers):
    """A goal whose outcome is a count."""

    name: str = "count"
    needs: str = "count"

    @property
    def always(self) -> tuple[Metric, ...]:
        """The deviance, and errors in the unit of the count."""
        return tuple(Metric(name) for name in ("poisson_deviance", "poisson_explained", "mae", "rmse", "bias"))

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
        """A model of the expected count; raises DataError for outcomes below 0."""
        if (older.rows.y < 0).any():
            raise DataError(f"A count is {older.rows.y.min():g}.", expected="zero or more")
        return fit_target(learner, parameters, older, newer, inputs=inputs, seed=seed, target=Target("count"))

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of counts or numbers."""
        if metric.name == "business":
            return value_of(self.value(rows, predicted), rows.weight)
        return statistic_of(metric, rows.y, np.maximum(predicted, SMALLEST), rows.weight)

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The mean of the training rows."""
        mean = np.average(older.y, weights=older.weight)
        return f"the mean count in training, {mean:.4g}, for every row", np.asarray(mean)

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The mean of each bin."""
        found = rates_of(values, older.y[:, None], older.weight, coded=coded)
        return lambda newer: found(newer)[:, 0]
