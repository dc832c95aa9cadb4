"""Metrics of labels with any number of classes: from probabilities of each class, with row weights and intervals.

Each metric is a function of weighted sums over rows, so that a bootstrap draw is one product of counts and sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError, NameUnknown
from setpoint.measure.intervals import Interval
from setpoint.measure.metrics import SMALLEST_PROBABILITY
from setpoint.measure.resample import Resample, resample
from setpoint.measure.rows import Array, codes_for, totals

DRAWS = 1000
"""How many bootstrap draws make an interval."""

LEVEL = 0.95


@dataclass(frozen=True)
class ClassMetric:
    """A metric of class probabilities: what each row adds, and what the sums (last axis) are made into.

    A metric without rows, or without what it divides by, is NaN.
    """

    name: str
    greater_is_better: bool
    adds: Callable[[npt.NDArray[np.intp], Array], Array]
    value: Callable[[Array], Array]

    def __call__(self, y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
        """The metric of class numbers `y` and probabilities `p`, a column for each class.

        >>> CLASS_METRICS["accuracy"]([0, 1, 2], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]]).__round__(3)
        0.667
        """
        codes, chances, weights = _checked(y, p, weight)
        return float(self.value(weights @ self.adds(codes, chances)))


def _log_losses(y: npt.NDArray[np.intp], p: Array) -> Array:
    likely = np.clip(p[np.arange(y.size), y], SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.stack([-np.log(likely), np.ones(y.size)], axis=1)


def _squares(y: npt.NDArray[np.intp], p: Array) -> Array:
    truth = np.zeros_like(p)
    truth[np.arange(y.size), y] = 1.0
    return np.stack([((p - truth) ** 2).sum(axis=1), np.ones(y.size)], axis=1)


def _hits(y: npt.NDArray[np.intp], p: Array) -> Array:
    return np.stack([(p.argmax(axis=1) == y).astype(np.float64), np.ones(y.size)], axis=1)


def _confusions(y: npt.NDArray[np.intp], p: Array) -> Array:
    """For each class: hits, rows given the class, rows of the class."""
    rows, classes = p.shape
    given = p.argmax(axis=1)
    parts = np.zeros((rows, 3, classes))
    parts[np.arange(rows), 0, y] = given == y
    parts[np.arange(rows), 1, given] = 1.0
    parts[np.arange(rows), 2, y] = 1.0
    return parts.reshape(rows, 3 * classes)


def _share(sums: Array) -> Array:
    shares = np.full(sums.shape[:-1], np.nan)
    return np.asarray(np.divide(sums[..., 0], sums[..., 1], out=shares, where=sums[..., 1] > 0))


def _f1(sums: Array) -> Array:
    hits, given, there = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    both = given + there
    each = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    whole = each[..., 1] if each.shape[-1] == 2 else each.mean(axis=-1)
    return np.asarray(np.where(there.sum(axis=-1) > 0, whole, np.nan))


CLASS_METRICS: dict[str, ClassMetric] = {
    metric.name: metric
    for metric in (
        ClassMetric("log_loss", False, _log_losses, _share),
        ClassMetric("brier", False, _squares, _share),
        ClassMetric("accuracy", True, _hits, _share),
        ClassMetric("f1", True, _confusions, _f1),
    )
}
"""Metrics by name. The F1 of two classes is that of the second; of more classes it is the mean over classes.

`brier` is the sum over all classes (Brier 1950), so twice that of one class where there are two.
"""


def class_metric(name: str | ClassMetric) -> ClassMetric:
    """The metric of a name, or the metric itself.

    >>> class_metric("f1").greater_is_better
    True
    """
    if isinstance(name, ClassMetric):
        return name
    if name not in CLASS_METRICS:
        raise NameUnknown("metric", name, CLASS_METRICS, where="Metrics of classes")
    return CLASS_METRICS[name]


def class_interval(
    metric: str | ClassMetric,
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Interval:
    """A metric with its 95 % bootstrap interval (Efron 1979); rows of one cluster are drawn together.

    >>> found = class_interval("accuracy", [0, 1] * 50, [[0.9, 0.1], [0.2, 0.8]] * 49 + [[0.1, 0.9], [0.9, 0.1]])
    >>> found.low < found.estimate == 0.98 < found.high
    True
    """
    chosen = class_metric(metric)
    codes, chances, weights = _checked(y, p, weight)
    drawn = _drawn(codes.size, clusters, seed)
    estimate, draws = _values(chosen, codes, chances, weights, drawn)
    return _bounded(estimate, draws, rows=codes.size, clusters=drawn.clusters)


def class_difference(
    metric: str | ClassMetric,
    y: npt.ArrayLike,
    p_a: npt.ArrayLike,
    p_b: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """The metric of `p_b` less that of `p_a` on the same rows, with its paired bootstrap interval.

    >>> y = [0, 1] * 50
    >>> found = class_difference("log_loss", y, [[0.6, 0.4], [0.4, 0.6]] * 50, [[0.9, 0.1], [0.1, 0.9]] * 50)
    >>> found.high < 0
    True
    """
    chosen = class_metric(metric)
    codes, first, weights = _checked(y, p_a, weight)
    _, second, _ = _checked(y, p_b, weight)
    drawn = _drawn(codes.size, clusters, seed)
    a, draws_a = _values(chosen, codes, first, weights, drawn)
    b, draws_b = _values(chosen, codes, second, weights, drawn)
    return _bounded(b - a, draws_b - draws_a, rows=codes.size, clusters=drawn.clusters, level=level)


def _drawn(rows: int, clusters: npt.ArrayLike | None, seed: int) -> Resample:
    codes, units = codes_for(clusters, rows)
    return resample(codes, units, draws=DRAWS, seed=seed)


def _values(
    metric: ClassMetric, y: npt.NDArray[np.intp], p: Array, weight: Array, drawn: Resample
) -> tuple[float, Array]:
    adds = metric.adds(y, p) * weight[:, None]
    units = drawn.counts.shape[1]
    sums = np.stack([totals(drawn.unit, column, units) for column in adds.T], axis=1)
    return float(metric.value(sums.sum(axis=0))), metric.value(np.einsum("du,uc->dc", drawn.counts, sums))


def _bounded(estimate: float, draws: Array, *, rows: int, clusters: int, level: float = LEVEL) -> Interval:
    defined = draws[np.isfinite(draws)]
    low = high = float("nan")
    if 2 * defined.size >= draws.size and clusters > 1 and np.isfinite(estimate):
        low, high = (float(bound) for bound in np.quantile(defined, ((1 - level) / 2, (1 + level) / 2)))
    return Interval(estimate, low, high, level, rows, clusters, int(defined.size), "bootstrap")


def _checked(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.intp], Array, Array]:
    codes, chances = np.asarray(y), np.asarray(p, dtype=np.float64)
    if chances.ndim != 2 or codes.shape != chances.shape[:1]:
        raise DataError(
            f"There are labels of shape {codes.shape} and probabilities of shape {chances.shape}.",
            expected="one label for each row, and a column for each class",
        )
    if codes.dtype.kind not in "biu" or (
        codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < chances.shape[1]
    ):
        raise DataError(
            f"The labels of {codes.dtype} are no numbers of classes.", expected=f"0 to {chances.shape[1] - 1}"
        )
    if not (np.isfinite(chances).all() and (chances >= 0).all() and np.allclose(chances.sum(axis=1), 1, atol=1e-6)):
        raise DataError("The probabilities of some row do not sum to 1.", expected="probabilities")
    weights = np.ones(codes.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != codes.shape or not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise DataError("The weights do not fit the rows.", expected="one finite weight, zero or more, for each row")
    return codes.astype(np.intp), chances, weights
