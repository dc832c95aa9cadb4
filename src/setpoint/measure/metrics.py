"""Metrics of binary decisions by name, with row weights.

A metric that is undefined on its rows (AUC with one class, recall without positives, anything on no rows) is
NaN, never an error: a slice or a bootstrap draw may well lack positives. Values that mean nothing (an outcome
of 2, a score of NaN) are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import NameUnknown
from setpoint.measure.rows import Array, Rows, as_rows, need_probabilities
from setpoint.measure.scores import (
    ScoreTable,
    auc_of,
    average_precision_of,
    ece_of,
    rank,
    recall_at_precision_of,
)

ECE_BINS = 15
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in logarithms, as scikit-learn does."""

Ratio = Callable[[Array, Array, float], tuple[Array, Array]]
Table = Callable[[ScoreTable, float], Array]
Whole = Callable[[Array, Array, Array, float], float]


@dataclass(frozen=True)
class MetricSpec:
    """What there is to know about a metric: its value on rows, its range and which way is better.

    Exactly one of three forms gives the value, and decides how its intervals are computed:
    `ratio` (per row a numerator and a denominator, whose weighted sums are divided), `table` (a function of the
    table of scores) or `whole` (any function of outcomes, scores, weights and option).
    `option` is the decision threshold; for `recall_at_precision` it is the precision demanded.
    """

    name: str
    greater_is_better: bool
    lower: float
    upper: float
    ratio: Ratio | None = None
    table: Table | None = None
    whole: Whole | None = None
    proportion: bool = False
    probabilities: bool = False
    noise_adds: bool = False
    """Whether noise only ever pushes the value up (a sum of absolute differences), so that bounds correct it."""

    def function(
        self, y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, threshold: float = 0.5
    ) -> float:
        """The metric's value on some rows.

        >>> METRICS["recall"].function([1, 1, 0], [0.9, 0.4, 0.1], None, 0.5)
        0.5
        """
        return self.on(as_rows(y, p, weight), threshold)

    def on(self, rows: Rows, option: float) -> float:
        """The metric's value on checked rows."""
        if self.probabilities:
            need_probabilities(rows.p)
        if self.ratio is not None:
            numerator, denominator = self.ratio(rows.y, rows.p, option)
            whole = float((rows.weight * denominator).sum())
            return float((rows.weight * numerator).sum()) / whole if whole > 0 else float("nan")
        if self.table is not None:
            return float(self.table(rank(rows).table, option))
        assert self.whole is not None
        return self.whole(rows.y, rows.p, rows.weight, option)


def log_losses(y: Array, p: Array) -> Array:
    """Negative log likelihood of each row, in nats; a certain score that is wrong costs about 36.

    >>> log_losses(np.array([1.0]), np.array([0.5])).round(3)
    array([0.693])
    """
    likely = np.where(y > 0, p, 1 - p)
    return np.asarray(-np.log(np.clip(likely, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))


def squared_errors(y: Array, p: Array) -> Array:
    """Squared distance of each row's score from its outcome."""
    return np.asarray((p - y) ** 2)


def _acted(p: Array, threshold: float) -> Array:
    return (p >= threshold).astype(np.float64)


def _per_row(losses: Callable[[Array, Array], Array]) -> Ratio:
    return lambda y, p, _threshold: (losses(y, p), np.ones_like(y))


def _accuracy(y: Array, p: Array, threshold: float) -> tuple[Array, Array]:
    return (_acted(p, threshold) == y).astype(np.float64), np.ones_like(y)


def _precision(y: Array, p: Array, threshold: float) -> tuple[Array, Array]:
    acted = _acted(p, threshold)
    return acted * y, acted


def _recall(y: Array, p: Array, threshold: float) -> tuple[Array, Array]:
    return _acted(p, threshold) * y, y


def _false_positive_rate(y: Array, p: Array, threshold: float) -> tuple[Array, Array]:
    return _acted(p, threshold) * (1 - y), 1 - y


METRICS: dict[str, MetricSpec] = {
    spec.name: spec
    for spec in (
        MetricSpec("auc", True, 0, 1, table=lambda table, _option: auc_of(table)),
        MetricSpec("average_precision", True, 0, 1, table=lambda table, _option: average_precision_of(table)),
        MetricSpec("recall_at_precision", True, 0, 1, table=recall_at_precision_of),
        MetricSpec(
            "ece",
            False,
            0,
            1,
            table=lambda table, _option: ece_of(table, ECE_BINS),
            probabilities=True,
            noise_adds=True,
        ),
        MetricSpec("log_loss", False, 0, float("inf"), ratio=_per_row(log_losses), probabilities=True),
        MetricSpec("brier", False, 0, 1, ratio=_per_row(squared_errors), probabilities=True),
        MetricSpec("accuracy", True, 0, 1, ratio=_accuracy, proportion=True),
        MetricSpec("precision", True, 0, 1, ratio=_precision, proportion=True),
        MetricSpec("recall", True, 0, 1, ratio=_recall, proportion=True),
        MetricSpec("false_positive_rate", False, 0, 1, ratio=_false_positive_rate, proportion=True),
        MetricSpec(
            "selection_rate",
            True,
            0,
            1,
            ratio=lambda y, p, threshold: (_acted(p, threshold), np.ones_like(y)),
            proportion=True,
        ),
        MetricSpec("base_rate", True, 0, 1, ratio=lambda y, _p, _threshold: (y, np.ones_like(y)), proportion=True),
    )
}
"""Every metric by name. `greater_is_better` of a selection rate or base rate is a convention."""


def spec_of(metric: str | MetricSpec) -> MetricSpec:
    """The metric of a name, or the metric itself.

    >>> spec_of("auc").upper
    1
    """
    if isinstance(metric, MetricSpec):
        return metric
    if metric not in METRICS:
        raise NameUnknown("metric", metric, METRICS, where="Setpoint")
    return METRICS[metric]


def auc(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Any finite scores will do. Mann and Whitney (1947); Hanley and McNeil (1982).

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return METRICS["auc"].function(y, p, weight)


def average_precision(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Average precision, the sum of precision times gained recall over thresholds, as scikit-learn defines it.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    return METRICS["average_precision"].function(y, p, weight)


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Mean negative log likelihood, in nats.

    >>> round(log_loss([1, 0], [0.8, 0.2]), 4)
    0.2231
    """
    return METRICS["log_loss"].function(y, p, weight)


def brier(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Mean squared error of the probabilities (Brier 1950).

    >>> brier([1, 0], [0.5, 0.5])
    0.25
    """
    return METRICS["brier"].function(y, p, weight)


def accuracy(
    y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None
) -> float:
    """Share of rows on the right side of the threshold; a score at the threshold counts as acted on.

    >>> accuracy([1, 0, 1, 1], [0.5, 0.4, 0.3, 0.9])
    0.75
    """
    return METRICS["accuracy"].function(y, p, weight, threshold)


def precision(
    y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None
) -> float:
    """Share of positives among rows at or above the threshold; NaN when there are none.

    >>> precision([1, 0, 1], [0.9, 0.8, 0.1])
    0.5
    """
    return METRICS["precision"].function(y, p, weight, threshold)


def recall(y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None) -> float:
    """Share of positives at or above the threshold; NaN without positives.

    >>> recall([1, 0, 1], [0.9, 0.8, 0.1])
    0.5
    """
    return METRICS["recall"].function(y, p, weight, threshold)


def recall_at_precision(
    y: npt.ArrayLike, p: npt.ArrayLike, *, precision: float, weight: npt.ArrayLike | None = None
) -> float:
    """The best recall among all thresholds whose precision is at least the one demanded; 0 when none is.

    >>> recall_at_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], precision=0.9)
    0.5
    """
    return METRICS["recall_at_precision"].function(y, p, weight, precision)


def base_rate(y: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Share of positives.

    >>> base_rate([1, 0, 0, 0])
    0.25
    """
    return METRICS["base_rate"].function(y, np.zeros(np.asarray(y).shape), weight)
