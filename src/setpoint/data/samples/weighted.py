"""Samples of unequal chances: by weight without replacement, in proportion to size, or row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.data.samples.frame import FIXED, INDEPENDENT, Frame
from setpoint.data.samples.sample import Floats, Ints, Sample, check_amounts, check_size, sample_of

CERTAIN = 1 - 1e-9
"""A chance from which on a row is taken for sure."""


def weighted(
    weight: npt.ArrayLike, n: int, *, seed: int, kind: str = "weighted", details: Mapping[str, Any] | None = None
) -> Sample:
    """A sample without replacement in which each next row is drawn in proportion to the weights that are left.

    One exponential key per row and one partition: Efraimidis and Spirakis (2006), "Weighted random sampling with a
    reservoir". Given the first key that was not taken the rows' chances are known and independent, so estimates and
    intervals hold: Cohen and Kaplan (2007), "Summarizing data using bottom-k sketches". A weight of zero keeps a row
    out of the sample and out of what it stands for.

    >>> sample = weighted([1.0, 1.0, 1.0, 97.0], 1, seed=1)
    >>> sample.index
    array([3])
    """
    weights = check_amounts(weight, "weights")
    within = int(np.count_nonzero(weights))
    check_size(n, within)
    rng = np.random.default_rng(seed_for(seed, "weighted sample"))
    with np.errstate(divide="ignore", over="ignore"):
        keys = rng.standard_exponential(weights.size) / weights
    if n < within:
        index = _smallest(keys, n + 1)
        first_left, index = float(keys[index[n]]), np.sort(index[:n])
    else:
        first_left, index = float("inf"), np.flatnonzero(weights)
    told = dict(details or {}) | ({"never_taken": weights.size - within} if within < weights.size else {})
    frame = Frame(kind, INDEPENDENT, within, n, seed, details=told)
    return sample_of(index, chance_below(first_left, weights[index]), frame)


def pps(size: npt.ArrayLike, n: int, *, seed: int) -> Sample:
    """`n` rows with chances exactly in proportion to size, rows too large for that for sure.

    Systematic sampling from a random order: Hartley and Rao (1962), "Sampling with unequal probabilities and without
    replacement". Sizes that follow the values make the variance small.

    >>> sample = pps([10, 20, 30, 140], 2, seed=1)
    >>> 3 in sample.index, round(float(sample.inclusion[sample.index == 3][0]), 2)
    (True, 1.0)
    """
    sizes = check_amounts(size, "sizes")
    within = int(np.count_nonzero(sizes))
    check_size(n, within)
    chances = chances_of(sizes, n)
    sure = np.flatnonzero(chances >= CERTAIN)
    rng = np.random.default_rng(seed_for(seed, "pps sample"))
    order = rng.permutation(np.flatnonzero((chances > 0) & (chances < CERTAIN)))
    reach = np.cumsum(chances[order])
    points = rng.random() + np.arange(n - sure.size)
    drawn = order[np.minimum(np.searchsorted(reach, points, side="right"), order.size - 1)] if order.size else order
    index = np.sort(np.concatenate([sure, drawn]))
    details = {"certain": int(sure.size)} | ({"never_taken": sizes.size - within} if within < sizes.size else {})
    return sample_of(index, chances[index], Frame("pps", FIXED, within, n, seed, details=details))


def poisson(inclusion: npt.ArrayLike, *, seed: int) -> Sample:
    """Every row by a draw of its own with its own chance, so that how many are taken is random too.

    >>> sample = poisson(np.full(1000, 0.1), seed=1)
    >>> 70 < len(sample) < 130
    True
    """
    chances = check_amounts(inclusion, "chances")
    if (chances > 1).any():
        raise DataError(
            f"A chance is {chances.max():g}.", expected="0 to 1", hint="`chances_of` makes chances of sizes."
        )
    rng = np.random.default_rng(seed_for(seed, "poisson sample"))
    index = np.flatnonzero(rng.random(chances.size) < chances)
    details = {"expected": float(chances.sum())}
    within = int(np.count_nonzero(chances))
    return sample_of(index, chances[index], Frame("poisson", INDEPENDENT, within, index.size, seed, details=details))


def chances_of(size: npt.ArrayLike, n: int) -> Floats:
    """Chances in proportion to size that add up to `n`; rows that would have more than 1 have 1.

    >>> chances_of([1, 1, 2, 16], 2)
    array([0.25, 0.25, 0.5 , 1.  ])
    """
    sizes = check_amounts(size, "sizes")
    check_size(n, int(np.count_nonzero(sizes)))
    if n * sizes.max() <= sizes.sum():
        return np.asarray(sizes * (n / sizes.sum()))
    falling = np.argsort(-sizes, kind="stable")
    rest = np.cumsum(sizes[falling][::-1])[::-1]
    left = n - np.arange(sizes.size)
    enough = (left > 0) & (left * sizes[falling] >= rest) & (sizes[falling] > 0)
    sure = int(np.argmin(enough)) if not enough.all() else sizes.size
    chances = np.ones(sizes.size)
    smaller = falling[sure:]
    chances[smaller] = (n - sure) * sizes[smaller] / max(float(sizes[smaller].sum()), 1e-300)
    return chances


def chance_below(first_left: float, weights: Floats) -> Floats:
    """The chance that a row of this weight has a key below the first that was not taken."""
    with np.errstate(over="ignore"):
        return np.asarray(-np.expm1(-weights * first_left))


def _smallest(keys: Floats, count: int) -> Ints:
    """The rows with the smallest keys, rising; most rows are set aside by a guess from every 64th key."""
    some = keys[::64]
    guess = 2 * count // 64 + 64
    if guess < some.size // 4:
        below = np.flatnonzero(keys < np.partition(some, guess)[guess])
        if below.size >= count:
            return np.asarray(below[_smallest_of(keys[below], count)])
    return _smallest_of(keys, count)


def _smallest_of(keys: Floats, count: int) -> Ints:
    found = np.argpartition(keys, count - 1)[:count]
    return np.asarray(found[np.argsort(keys[found], kind="stable")])
