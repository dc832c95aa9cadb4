"""What a kind of goal has to say: the Protocol, and the parts that kinds share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.core.target import Target
from setpoint.declare.goal import Metric
from setpoint.learn.baselines import fit_rates
from setpoint.learn.kinds.maps import Map
from setpoint.learn.sides import Examples
from setpoint.measure.goal_metrics import goal_metric
from setpoint.measure.statistic import Statistic, mean_of

Predict = Callable[[np.ndarray], np.ndarray]
"""From the values of one feature to predictions."""
PER = 1000.0
"""The business value is stated for this many decisions."""


class Fed(NamedTuple):
    """Rows as a learner is given them: their matrix, and what is known of them."""

    matrix: np.ndarray
    rows: Examples


class Inputs(NamedTuple):
    """The columns of the matrix: which hold codes, and their names."""

    categories: tuple[int, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Calibrated:
    """The map from predictions to better ones, and why it is that one."""

    map: Map
    reason: str

    def judged_on(self, held_out: Examples, scores: np.ndarray) -> Calibrated:
        """The same map: there is no table of its reliability."""
        del held_out, scores
        return self

    def to_dict(self) -> dict[str, Any]:
        """The calibration as JSON-like data, in the form of that of two classes."""
        return {"choice": {"map": self.map.to_dict(), "trials": [], "reason": self.reason}, "reliability": []}


class Kind(Protocol):
    """How goals of one kind are learned and judged.

    Laws: `predicted` is what a calibrated model of the kind gives, a number for each row or a row of them; `constant`
    and `grouped` give predictions of the same form; `statistic` counts each row by its weight.
    """

    @property
    def name(self) -> str:
        """The kind, as a plan names it."""
        ...

    @property
    def needs(self) -> str:
        """What learners are asked for, of `core.target.TARGETS`."""
        ...

    @property
    def trial(self) -> Metric:
        """The metric by which recipes are compared."""
        ...

    @property
    def always(self) -> tuple[Metric, ...]:
        """The metrics that every report states."""
        ...

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
        """A model of the older rows, and the parameters that the newer ones settled."""
        ...

    def statistic(self, metric: Metric, rows: Examples, predicted: np.ndarray) -> Statistic:
        """A metric of predictions, which can be drawn anew."""
        ...

    def cluster(self, rows: Examples) -> np.ndarray:
        """Which rows are taken to be alike: those of one day."""
        ...

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """The map that rows which the model has not seen ask for."""
        ...

    def constant(self, older: Examples) -> tuple[str, np.ndarray]:
        """The best prediction that is the same for every row, in words and as one row."""
        ...

    def grouped(self, values: np.ndarray, older: Examples, *, coded: bool) -> Predict:
        """The best prediction for each bin, or code, of one feature."""
        ...

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """What a rule gives, as predictions; None where it is first learned what its values mean."""
        ...

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """What each row's error is worth, less than 0, for 1000 decisions; None without declared costs."""
        ...


def fit_target(
    learner: Learner,
    parameters: Mapping[str, Any],
    older: Fed,
    newer: Fed | None,
    *,
    inputs: Inputs,
    seed: int,
    target: Target,
    labels: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> tuple[Model, dict[str, Any]]:
    """A model of one target; `labels` are what outcomes are to the learner."""
    return learner.fit(
        parameters,
        older.matrix,
        labels(older.rows.y),
        categories=inputs.categories,
        seed=seed,
        weight=older.rows.weight,
        validation=None if newer is None else (newer.matrix, labels(newer.rows.y)),
        validation_weight=None if newer is None else newer.rows.weight,
        names=inputs.names,
        target=target,
    )


def statistic_of(metric: Metric, truth: Any, predicted: Any, weight: np.ndarray) -> Statistic:
    """A metric of the table of metrics."""
    return goal_metric(metric.name).statistic(truth, predicted, option=metric.option, weight=weight)


def value_of(value: np.ndarray | None, weight: np.ndarray) -> Statistic:
    """The mean value of decisions; NaN where nobody said what errors cost."""
    return mean_of(np.full(weight.size, np.nan) if value is None else value, weight)


def rates_of(values: np.ndarray, outcomes: np.ndarray, weight: np.ndarray, *, coded: bool) -> Predict:
    """The smoothed mean of each column of outcomes (rows x columns) by bin or code."""
    found = [fit_rates(values, column, coded=coded, weight=weight) for column in outcomes.T]
    return lambda newer: np.stack([each.score(newer) for each in found], axis=1)


def quantiles_of(
    values: np.ndarray, y: np.ndarray, weight: np.ndarray, quantiles: tuple[float, ...], *, coded: bool
) -> Predict:
    """The quantiles of outcomes by bin or code, those of all where a bin has few rows."""
    bins = fit_rates(values, y, coded=coded, weight=weight)
    bins = type(bins)(bins.edges, np.arange(bins.rates.size, dtype=np.float64))
    place = bins.score(values).astype(np.intp)
    whole = quantiles_at(y, weight, quantiles)
    table = np.tile(whole, (bins.rates.size, 1))
    for each in np.unique(place).tolist():
        inside = place == each
        if inside.sum() >= LEAST:
            table[each] = quantiles_at(y[inside], weight[inside], quantiles)
    return lambda newer: table[bins.score(newer).astype(np.intp)]


LEAST = 20
"""Rows of a bin from which its quantiles are read."""


def quantiles_at(y: np.ndarray, weight: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    """The weighted quantiles of outcomes.

    >>> quantiles_at(np.array([1.0, 2.0, 3.0]), np.ones(3), (0.5,))
    array([2.])
    """
    return np.asarray(np.quantile(y, quantiles, weights=weight, method="inverted_cdf"))
