"""Sums over pairs of rows without a loop over pairs: whose `x` is greater and whose `y` is less."""

from __future__ import annotations

import numpy as np

from setpoint.measure.rows import Array, Codes


def weight_beyond(x: Codes, y: Codes, weight: Array) -> Array:
    """For each row the weight of the rows with greater `x` and lesser `y`; half of it where `y` is equal.

    `x` and `y` are whole numbers from 0. In n log(n) log(distinct y): one level for each binary digit of `y`, on which
    the rows below lie in one stretch of a sorted list (the wavelet tree of Grossi, Gupta and Vitter 2003, unrolled).

    >>> weight_beyond(np.array([0, 1, 2]), np.array([1, 0, 1]), np.ones(3))
    array([1.5, 0. , 0. ])
    """
    if not x.size:
        return np.zeros(0)
    return (_below(x, y, weight, y) + _below(x, y, weight, y + 1)) / 2


def _below(x: Codes, y: Codes, weight: Array, limit: Codes) -> Array:
    """For each row the weight of the rows with greater `x` and `y` below the row's limit."""
    found = np.zeros(x.size)
    span = int(x.max()) + 2
    falling = int(x.max()) - x
    for digit in range(int(limit.max()).bit_length()):
        key = (y >> digit) * span + falling
        order = np.argsort(key, kind="stable")
        key = key[order]
        running = np.concatenate([[0.0], np.cumsum(weight[order])])
        asks = np.flatnonzero((limit >> digit) & 1)
        start = ((limit[asks] >> digit) - 1) * span
        found[asks] += running[np.searchsorted(key, start + falling[asks])] - running[np.searchsorted(key, start)]
    return found
