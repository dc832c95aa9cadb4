"""The last step of every fold, shared by the offline reader and the online one: exact integers in, float64 out.

A sum is carried as integers at a fixed number of decimals, so it does not depend on the order of rows; what turns it
into a float64 is one fixed sequence of IEEE 754 operations, each of them correctly rounded.
"""

from __future__ import annotations

import numpy as np

from setpoint.core.errors import DataError
from setpoint.data.arrays import EXACT, NULL_TIME, Array
from setpoint.data.compiled import compiled
from setpoint.features.wide import Int, spread, to_float


def to_scaled(values: Array, decimals: int, *, column: str) -> Array:
    """Numbers as whole multiples of `10**-decimals`, ties to even; NULL as NULL_TIME.

    Raises DataError when one is 2**53 or more in size.

    >>> to_scaled(np.array([1.25, np.nan]), 1, column="price")
    array([                  12, -9223372036854775808])
    """
    wide = np.rint(values * 10.0**decimals)
    null = np.isnan(wide)
    if np.any(np.abs(wide) >= EXACT):
        worst = float(values[np.nanargmax(np.abs(wide))])
        raise DataError(
            f"The column {column} holds {worst!r}, which at {decimals} decimals does not fit an exact sum.",
            expected=f"numbers below {EXACT / 10.0**decimals:.15g} in size",
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
    return np.sqrt(_ratios(sums, squares, counts)) / 10.0**decimals


def variance(sums: Array, squares: Array, counts: Array, decimals: int) -> Array:
    """The sample variance of each window, NaN where it holds fewer than two values.

    >>> variance(np.array([6, 5]), np.array([20, 25]), np.array([2, 1]), 0)
    array([ 2., nan])
    """
    return _ratios(sums, squares, counts) / 10.0**decimals / 10.0**decimals


def _float(integers: Array) -> Array:
    """Integers of any width as float64, each correctly rounded."""
    return integers.astype(np.float64)


def _ratios(sums: Array, squares: Array, counts: Array) -> Array:
    n, first, second = counts.astype(object), sums.astype(object), squares.astype(object)
    pairs = np.where(counts < 2, np.nan, _float(n * (n - 1)))
    return _float(n * second - first * first) / pairs


@compiled
def total_of(s_high: Int, s_low: Int, scale: float) -> float:
    """`total` of one window, of a wide sum; `scale` is 10.0**decimals."""
    return to_float(s_high, s_low) / scale


@compiled
def mean_of(n: Int, s_high: Int, s_low: Int, scale: float) -> float:
    """`mean` of one window."""
    return to_float(s_high, s_low) / float(n) / scale if n > 0 else np.nan


@compiled
def var_of(n: Int, s_high: Int, s_low: Int, q_high: Int, q_low: Int, scale: float) -> float:
    """`variance` of one window."""
    return spread(n, s_high, s_low, q_high, q_low) / float(n * (n - 1)) / scale / scale if n > 1 else np.nan


@compiled
def std_of(n: Int, s_high: Int, s_low: Int, q_high: Int, q_low: Int, scale: float) -> float:
    """`deviation` of one window."""
    return np.sqrt(spread(n, s_high, s_low, q_high, q_low) / float(n * (n - 1))) / scale if n > 1 else np.nan
