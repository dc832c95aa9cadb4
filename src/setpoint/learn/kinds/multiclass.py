"""Several classes, of which each decision has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.error_cost import ClassCost
from setpoint.declare.goal import Metric
from setpoint.learn.calibrate import LEAST_DAYS
from setpoint.learn.kinds.kind import PER, Calibrated, Fed, Inputs, Predict, fit_target, rates_of, value_of
from setpoint.learn.kinds.maps import EDGE, AsItIs, ClassMap
from setpoint.learn.sides import Examples
from setpoint.measure.class_calibration import fit_sharpness
from setpoint.measure.class_metrics import CLASS_METRICS
from setpoint.measure.draws import interval_of
from setpoint.measure.statistic import Statistic, Sums, mean_of

TWO_ERRORS = 0.9545
"""The level of an interval of two standard errors to each side."""


@dataclass(frozen=True)
class Multiclass:
    """A goal whose outcome is one of several classes."""

    metric: Metric
    classes: tuple[str, ...]
    errors: ClassCost | None = None
    name: str = "multiclass"
    needs: str = "multiclass"

    @property
    def trial(self) -> Metric:
        """The goal's metric, or log loss where that looks at the likeliest class alone."""
        return self.metric if self.metric.name in ("log_loss", "brier") else Metric("log_loss")

    @property
    def always(self) -> tuple[Metric, ...]:
        """How good the probabilities are, and how often the likeliest class is the right one."""
        named = ("log_loss", "brier", "accuracy", *(("business",) if self.errors is not None else ()))
        return tuple(Metric(name) for name in named)

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
        """A model of the probability of each class."""
        target = Target("multiclass", classes=len(self.classes))
        return fit_target(learner, parameters, older, newer, inputs=inputs, seed=seed, target=target)

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of class probabilities."""
        if metric.name == "business":
            return value_of(self.value(rows, predicted), rows.weight)
        chosen = CLASS_METRICS[metric.name]
        return Sums(chosen.adds(rows.y.astype(np.intp), predicted) * rows.weight[:, None], chosen.value)

    def cluster(self, rows: Examples) -> np.ndarray:
        """Rows of one day."""
        return rows.days

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """One temperature and a shift for each class, where they gain two standard errors on the newest half.

        As for two classes, that takes four weeks of days: one week's error says little about the next.
        """
        days, scores, y = rows.days, np.log(np.maximum(predicted, EDGE)), rows.y.astype(np.intp)
        newest = rows.at >= np.median(rows.at)
        if np.unique(days).size < 2 * LEAST_DAYS or newest.all():
            return Calibrated(AsItIs(), f"fewer than {2 * LEAST_DAYS} days to fit a map and judge it on")
        fitted = _map_of(scores[~newest], y[~newest], rows.weight[~newest])
        gained = _losses(y[newest], predicted[newest]) - _losses(y[newest], fitted.apply(predicted[newest]))
        found = interval_of(
            mean_of(gained, rows.weight[newest]), cluster=days[newest], weight=rows.weight[newest], level=TWO_ERRORS
        )
        if not found.low > 0:
            return Calibrated(AsItIs(), "no map beats the scores by two standard errors on the newest rows")
        reason = f"a map lowers the log loss of the newest rows by {found.estimate:.2g}"
        return Calibrated(_map_of(scores, y, rows.weight), reason)

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The share of each class in training."""
        counts = np.bincount(older.y.astype(np.intp), weights=older.weight, minlength=len(self.classes)) + 0.5
        shares = counts / counts.sum()
        words = ", ".join(f"{name} {share:.3g}" for name, share in zip(self.classes, shares, strict=True))
        return f"the share of each class in training ({words}) for every row", shares

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The share of each class in each bin."""
        truth = (older.y[:, None] == np.arange(len(self.classes))).astype(np.float64)
        found = rates_of(values, truth, older.weight, coded=coded)

        def shares(newer: np.ndarray) -> np.ndarray:
            each = np.maximum(found(newer), 1e-6)
            return np.asarray(each / each.sum(axis=1, keepdims=True))

        return shares

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """How likely each class is where the rule names one is learned first."""
        del values
        return None

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """What answering the class that costs least costs, where it is wrong."""
        if self.errors is None:
            return None
        prices, y = np.array(self.errors.of(self.classes)), rows.y.astype(np.intp)
        answered = (predicted * prices).argmax(axis=1)
        return np.asarray(-PER * np.where(answered == y, 0.0, prices[y]))


def _map_of(scores: np.ndarray, y: np.ndarray, weight: np.ndarray) -> ClassMap:
    sharpness, shift = fit_sharpness(scores, y, weight=weight)
    return ClassMap(sharpness, tuple(shift.tolist()))


def _losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.maximum(p[np.arange(y.size), y], EDGE)))
