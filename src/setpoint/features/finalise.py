"""The last step of every fold, shared by the offline reader and the online one: exact integers in, float64 out.

A sum is carried as integers at a fixed number of decimals, so it does not depend on the order of rows; what turns it
into a float64 is one fixed sequence of IEEE 754 operations, each of them correctly rounded.
"""

from __future__ import annotations

import numpy as np

from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME, Array

FAR_PAST = -(2**63) + 1
"""The start of a window that has none: before every time a row can have."""


def window_start(at: Array, last: int, hop: int) -> Array:
    """The first time inside the window of each decision: `at - last`, floored to a multiple of `hop`.

    >>> window_start(np.array([105, -1]), 10, 4)
    array([ 92, -12])
    """
    if not last:
        return np.full(at.shape, FAR_PAST, dtype=np.int64)
    return (at - last) // hop * hop


def start_of(at: int, last: int, hop: int) -> int:
    """`window_start` of one decision.

    >>> start_of(105, 10, 4)
    92
    """
    return (at - last) // hop * hop if last else FAR_PAST


def to_scaled(values: Array, decimals: int, *, column: str) -> Array:
    """Numbers as whole multiples of `10**-decimals`, ties to even; NULL as NULL_TIME.

    Raises DataError when one does not fit in 64 bits.

    >>> to_scaled(np.array([1.25, np.nan]), 1, column="price")
    array([                  12, -9223372036854775808])
    """
    wide = np.rint(values * 10.0**decimals)
    null = np.isnan(wide)
    if np.any(np.abs(wide) >= 2.0**63):
        worst = float(values[np.nanargmax(np.abs(wide))])
        raise DataError(
            f"The column {column} holds {worst!r}, which at {decimals} decimals does not fit in 64 bits.",
            expected=f"numbers below {2.0**63 / 10.0**decimals:.3g}",
            hint="Give the sum, mean or std fewer decimals=, or put a range on the column in its contract.",
        )
    wide[null] = 0.0
    scaled = wide.astype(np.int64)
    scaled[null] = NULL_TIME
    return scaled


def total(sums: Array, decimals: int) -> Array:
    """The sum of each window, from its exact integer.

    >>> total(np.array([125, 0]), 2)
    array([1.25, 0.  ])
    """
    return _float(sums) / 10.0**decimals


def mean(sums: Array, counts: Array, decimals: int) -> Array:
    """The mean of each window, NaN where it holds no value.

    >>> mean(np.array([5, 0]), np.array([2, 0]), 0)
    array([2.5, nan])
    """
    some = _float(counts)
    some[some == 0.0] = np.nan
    return _float(sums) / some / 10.0**decimals


def deviation(sums: Array, squares: Array, counts: Array, decimals: int) -> Array:
    """The sample standard deviation of each window, NaN where it holds fewer than two values.

    The variance is `(n * sum of squares - sum**2) / (n * (n - 1))` on exact integers, so nothing cancels: see Chan,
    Golub and LeVeque, "Algorithms for computing the sample variance" (1983), for what does in floating point.

    >>> deviation(np.array([6, 5]), np.array([20, 25]), np.array([2, 1]), 0)
    array([1.41421356,        nan])
    """
    n, first, second = counts.astype(object), sums.astype(object), squares.astype(object)
    spread = _float(n * second - first * first)
    pairs = np.where(counts < 2, np.nan, _float(n * (n - 1)))
    return np.sqrt(spread / pairs) / 10.0**decimals


def _float(integers: Array) -> Array:
    """Integers of any width as float64, each correctly rounded."""
    return integers.astype(np.float64)
