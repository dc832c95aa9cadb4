"""Shapley values of a prediction by sampling, for functions that can only be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.measure.intervals import t_quantile
from setpoint.measure.rows import Array


@dataclass(frozen=True)
class ShapleyValues:
    """What each column adds to the value of one row over `base`, the mean value of the background, with bounds.

    The values and the base add up to the row's own value.
    """

    values: Array
    low: Array
    high: Array
    base: float


def shapley_values(
    value: Callable[[Array], Array],
    row: Array,
    background: Array,
    *,
    rounds: int = 1,
    seed: int = 0,
    level: float = 0.95,
) -> ShapleyValues:
    """Shapley values of one row: the mean change of `value` when a column joins, over orders and background rows.

    Columns join one by one in a random order, each time over another row of the background, and once more in the
    opposite order; a round takes every background row once. Strumbelj and Kononenko (2014), "Explaining prediction
    models and individual predictions with feature contributions"; opposite orders: Mitchell et al. (2022), "Sampling
    Permutations for Shapley Value Estimation". Columns that have not joined come from one background row, whatever has
    joined, so the function is asked about rows that cannot be. The bounds are of the sampling of orders, on the safe
    side. `value` is called twice a round, each time on columns + 1 rows for each background row.

    >>> found = shapley_values(lambda rows: 3 * rows[:, 0], np.array([1.0, 5.0]), np.zeros((4, 2)))
    >>> found.values, found.base
    (array([3., 0.]), 0.0)
    """
    row, background = np.asarray(row, dtype=np.float64), np.asarray(background, dtype=np.float64)
    if background.ndim != 2 or len(background) < 2 or row.shape != background.shape[1:] or rounds < 1:
        raise DataError(
            f"A row of {row.size} columns, a background of shape {background.shape}, rounds={rounds}.",
            expected="at least two background rows of the same columns, and at least one round",
        )
    rng = np.random.default_rng(seed_for(seed, "shapley"))
    found = np.concatenate([_round(value, row, background, rng) for _ in range(rounds)])
    mean, n = found.mean(axis=0), len(found)
    half = t_quantile(level, n - 1) * found.std(axis=0, ddof=1) / np.sqrt(n)
    return ShapleyValues(mean, mean - half, mean + half, float(value(background).mean()))


def _round(value: Callable[[Array], Array], row: Array, background: Array, rng: np.random.Generator) -> Array:
    """What each column added, over each background row, in one order and its opposite on average."""
    n, columns = background.shape
    order = rng.permuted(np.tile(np.arange(columns), (n, 1)), axis=1)
    place = np.argsort(order, axis=1)
    steps = np.arange(columns + 1)[None, :, None]
    added = np.zeros((n, columns))
    for joins in (place, columns - 1 - place):
        path = np.where(joins[:, None, :] < steps, row, background[:, None, :])
        values = np.asarray(value(path.reshape(-1, columns))).reshape(n, columns + 1)
        added += np.take_along_axis(np.diff(values, axis=1), joins, axis=1) / 2
    return added
