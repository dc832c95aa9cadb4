"""Metrics of goals with several labels a row, of which any may hold: a column for each label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.metrics import METRICS
from setpoint.measure.rows import Array, Rows
from setpoint.measure.statistic import MeanOfTables, Sums, mean_of, share, weights_for


def micro_f1(
    y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None
) -> float:
    """F1 of all labels of all rows taken together, so that frequent labels count more; NaN where nothing is.

    >>> micro_f1([[1, 0], [1, 1]], [[0.9, 0.6], [0.8, 0.1]]).__round__(4)
    0.6667
    """
    return micro_f1_sums(y, p, weight, threshold).value()


def macro_f1(
    y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None
) -> float:
    """The mean over labels of their F1, so that rare labels count as much; a label that is nowhere counts 0.

    >>> macro_f1([[1, 0], [1, 1]], [[0.9, 0.6], [0.8, 0.1]])
    0.5
    """
    return macro_f1_sums(y, p, weight, threshold).value()


def hamming(
    y: npt.ArrayLike, p: npt.ArrayLike, *, threshold: float = 0.5, weight: npt.ArrayLike | None = None
) -> float:
    """The share of all labels of all rows that are wrong.

    >>> hamming([[1, 0], [1, 1]], [[0.9, 0.6], [0.8, 0.1]])
    0.5
    """
    return hamming_sums(y, p, weight, threshold).value()


def macro_average_precision(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """The mean over labels of their average precision; labels that no row has are left out.

    >>> macro_average_precision([[1, 0], [0, 1]], [[0.9, 0.6], [0.8, 0.1]])
    0.75
    """
    return macro_average_precision_tables(y, p, weight).value()


def micro_f1_sums(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, threshold: float | None = None
) -> Sums:
    """The sums behind `micro_f1`.

    >>> micro_f1_sums([[1, 0]], [[0.9, 0.6]]).adds
    array([[2., 3.]])
    """
    truth, scores, weights = _checked(y, p, weight)
    given = (scores >= (0.5 if threshold is None else threshold)).astype(np.float64)
    parts = [2 * (given * truth).sum(axis=1), (given + truth).sum(axis=1)]
    return Sums(weights[:, None] * np.stack(parts, axis=1), lambda sums: share(sums[..., 0], sums[..., 1]))


def macro_f1_sums(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, threshold: float | None = None
) -> Sums:
    """The sums behind `macro_f1`.

    >>> macro_f1_sums([[1, 0]], [[0.9, 0.6]]).value()
    0.5
    """
    truth, scores, weights = _checked(y, p, weight)
    given = (scores >= (0.5 if threshold is None else threshold)).astype(np.float64)
    return Sums(weights[:, None] * np.concatenate([2 * given * truth, given + truth], axis=1), _mean_f1)


def hamming_sums(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, threshold: float | None = None
) -> Sums:
    """The sums behind `hamming`.

    >>> hamming_sums([[1, 0]], [[0.9, 0.6]]).value()
    0.5
    """
    truth, scores, weights = _checked(y, p, weight)
    given = scores >= (0.5 if threshold is None else threshold)
    return mean_of((given != (truth > 0)).mean(axis=1), weights)


def macro_average_precision_tables(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> MeanOfTables:
    """The tables of scores behind `macro_average_precision`, one for each label.

    >>> macro_average_precision_tables([[1, 0], [0, 1]], [[0.9, 0.6], [0.8, 0.1]]).value()
    0.75
    """
    truth, scores, weights = _checked(y, p, weight)
    columns = zip(truth.T, scores.T, strict=True)
    tables = tuple(Rows(np.ascontiguousarray(of), np.ascontiguousarray(at), weights) for of, at in columns)
    return MeanOfTables(METRICS["average_precision"], tables)


def _mean_f1(sums: Array) -> Array:
    both = sums.reshape(*sums.shape[:-1], 2, -1)
    agreed, given = both[..., 0, :], both[..., 1, :]
    each = np.divide(agreed, given, out=np.zeros_like(agreed), where=given > 0)
    return np.asarray(np.where(given.sum(axis=-1) > 0, each.mean(axis=-1), np.nan))


def _checked(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None) -> tuple[Array, Array, Array]:
    truth, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != scores.shape or not truth.shape[1]:
        raise DataError(
            f"There are labels of shape {truth.shape} and scores of shape {scores.shape}.",
            expected="a row for each decision and a column for each label, of both",
        )
    if not ((truth == 0) | (truth == 1)).all():
        raise DataError("Some labels are neither 0 nor 1.", expected="0 or 1 for each label of each row")
    if not np.isfinite(scores).all():
        raise DataError(f"{int((~np.isfinite(scores)).sum())} scores are not finite.", expected="numbers")
    return truth, scores, weights_for(weight, truth.shape[0])
