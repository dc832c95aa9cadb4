"""A model's matrix as points, between which a distance means something."""

from __future__ import annotations

import numpy as np

from setpoint.measure.rows import Array


def as_points(matrix: Array, categories: tuple[int, ...]) -> Array:
    """Numbers standardised and kept within 3, NULL at their mean, codes as columns of their own.

    Rows of two unlike codes are 1 apart in them.

    >>> as_points(np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, np.nan]]), (1,)).round(2).tolist()
    [[-1.0, 0.71, 0.0], [1.0, 0.0, 0.71], [0.0, 0.0, 0.0]]
    """
    parts = []
    for j in range(matrix.shape[1]):
        column = matrix[:, j]
        there = ~np.isnan(column)
        if j in categories:
            codes = np.unique(column[there])
            parts.append((column[:, None] == codes[None]) * np.sqrt(0.5))
            continue
        known = column[there]
        spread = known.std() if known.size else 0.0
        middle = known.mean() if known.size else 0.0
        standard = (np.where(there, column, middle) - middle) / (spread if spread > 0 else 1.0)
        parts.append(np.clip(standard, -3.0, 3.0)[:, None])
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(matrix), 0))
