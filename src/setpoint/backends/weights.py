"""The weights of rows as learners take them: checked, rows without weight left out, and none where all are 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from setpoint.core.errors import DataError


class Weighted(NamedTuple):
    """Rows with their labels and weights; no weights where each row counts once."""

    rows: np.ndarray
    labels: np.ndarray
    weight: np.ndarray | None


def weighted(rows: np.ndarray, labels: np.ndarray, weight: np.ndarray | None) -> Weighted:
    """The rows that count, with their weights; raises DataError for weights that mean nothing.

    >>> weighted(np.array([[7.0], [8.0]]), np.array([1.0, 0.0]), np.array([0.0, 2.0])).rows
    array([[8.]])
    """
    matrix, y = np.ascontiguousarray(rows, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if weight is None:
        return Weighted(matrix, y, None)
    each = np.asarray(weight, dtype=np.float64)
    if each.shape != y.shape:
        raise DataError(f"There are {y.size} rows and weights of the shape {each.shape}.", expected="one per row")
    if not np.isfinite(each).all() or (each < 0).any():
        strange = each[~np.isfinite(each) | (each < 0)][0]
        raise DataError(f"A weight is {strange}.", expected="zero or more, and finite")
    if not (each > 0).any():
        raise DataError(f"None of the {y.size} rows has a weight above zero.", expected="at least one that counts")
    if (each == 1).all():
        return Weighted(matrix, y, None)
    kept = each > 0
    return Weighted(matrix, y, each) if kept.all() else Weighted(matrix[kept], y[kept], _or_none(each[kept]))


def _or_none(weight: np.ndarray) -> np.ndarray | None:
    return None if (weight == 1).all() else weight
