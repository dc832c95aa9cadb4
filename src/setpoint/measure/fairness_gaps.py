"""How far groups are apart in a rate: differences and ratios, with bounds that many groups do not fool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from setpoint.measure.fairness_counts import SHARES, GroupCounts
from setpoint.measure.intervals import Interval, t_quantile
from setpoint.measure.rows import Array

LEAST_ROWS = 50
"""Groups with fewer rows (effective ones, where weights differ) are shown, but no part of a gap."""


class Family(NamedTuple):
    """A rate of the judged groups: their values, each draw's, and the least standard error of each."""

    values: Array
    draws: Array
    floors: Array


@dataclass(frozen=True)
class Apart:
    """The largest difference of some groups: its bounds, and how it compares with what chance makes of equal groups.

    `most` is the largest difference in standard errors, on the normal scale, `chance` the same of each draw about its
    own centre, NaN where a group has no value. `by_chance` is the difference that groups of these sizes would show if
    they were all equal, `corrected` the estimate less what draws add to it (Efron and Tibshirani 1993, chapter 10), at
    least 0.
    """

    estimate: float
    low: float
    high: float
    defined: int
    most: float
    chance: Array
    by_chance: float
    corrected: float


def apart(families: Sequence[Family], *, clusters: int, level: float) -> Apart:
    """The largest difference between two groups in any of these rates.

    Noise alone makes a largest difference, so the bounds are made from pairs. The lower one is the largest left when
    every pair gives up its margin, all margins valid together (the bootstrap max-t of Romano and Wolf 2005); the upper
    one the largest that any pair could have, for the true extreme pair is one of them.

    >>> rate = Family(np.array([0.2, 0.5]), np.array([[0.1, 0.2, 0.3], [0.5, 0.4, 0.6]]), np.zeros(2))
    >>> round(apart([rate], clusters=100, level=0.9).estimate, 3)
    0.3
    """
    nan, chances = float("nan"), families[0].draws.shape[1] if families else 0
    whole = [each for each in families if each.values.size > 1]
    estimate = max((float(np.ptp(each.values)) for each in whole), default=nan)
    finite = np.ones(chances, dtype=bool)
    for each in whole:
        finite &= np.isfinite(each.draws).all(axis=0)
    defined, chance = int(finite.sum()), np.full(chances, np.nan)
    if not whole or clusters < 2 or 2 * defined < chances:
        return Apart(estimate, nan, nan, defined, nan, chance, nan, nan)
    differences, errors, largest, noise = [], [], np.zeros(defined), []
    ranges = np.zeros(defined)
    for family in whole:
        away = family.draws[:, finite] - family.values[:, None]
        ranges = np.maximum(ranges, np.ptp(family.draws[:, finite], axis=0))
        lacking = np.maximum(family.floors**2 - away.var(axis=1), 0.0)
        noise.append(float(np.ptp(away, axis=0).mean()))
        for i in range(family.values.size - 1):
            moved = away[i + 1 :] - away[i]
            error = np.sqrt(moved.var(axis=1) + lacking[i + 1 :] + lacking[i])
            scaled = np.divide(np.abs(moved), error[:, None], out=np.zeros_like(moved), where=error[:, None] > 0)
            largest = np.maximum(largest, scaled.max(axis=0))
            differences.append(np.abs(family.values[i + 1 :] - family.values[i]))
            errors.append(error)
    difference, error = np.concatenate(differences), np.concatenate(errors)
    few, freedom = float(np.sqrt(clusters / (clusters - 1))), clusters - 1
    one = t_quantile(level, freedom) * few
    tail = min((1 + level) / 2 * (1 + 1 / defined), 1.0)
    # draws know the standard error, the value only has an estimate of it: the same tail of Student's t
    together = max(-float(stdtrit(freedom, ndtr(-np.quantile(largest, tail, method="higher")))) * few, one)
    low, high = float((difference - together * error).max()), float((difference + one * error).max())
    scale = np.where(difference > 0, np.inf, 0.0)
    most = -float(ndtri(stdtr(freedom, -np.divide(difference, few * error, out=scale, where=error > 0).max())))
    chance[finite] = largest
    return Apart(
        estimate, max(0.0, low), high, defined, most, chance, max(noise), max(0.0, 2 * estimate - float(ranges.mean()))
    )


def rate_gap(
    counts: GroupCounts, rates: str | Sequence[str], *, level: float = 0.95, least_rows: int = LEAST_ROWS
) -> tuple[Interval, Apart]:
    """The difference between the highest and the lowest group of a rate, or the larger of two rates' differences.

    Groups with fewer than `least_rows` rows, and those that a rate says nothing of, are no part of it; with fewer than
    two groups left it is NaN.

    >>> from setpoint.measure.fairness_counts import count_groups
    >>> counts = count_groups(["a"] * 100 + ["b"] * 100, [1, 0] * 100, [1] * 60 + [0] * 140)
    >>> round(rate_gap(counts, "selection_rate")[0].estimate, 2)
    0.6
    """
    names = (rates,) if isinstance(rates, str) else tuple(rates)
    found = apart(
        [family_of(counts, name, least_rows=least_rows) for name in names], clusters=counts.clusters, level=level
    )
    n = int(counts.rows.sum())
    high = min(found.high, 1.0) if all(name in SHARES for name in names) else found.high
    gap = Interval(found.estimate, found.low, high, level, n, counts.clusters, found.defined, "pairwise max-t")
    return gap, found


def rate_ratio(
    counts: GroupCounts, rates: str | Sequence[str], *, level: float = 0.95, least_rows: int = LEAST_ROWS
) -> Interval:
    """The lowest group's rate over the highest's, or the smaller of two rates' ratios; bounds on the scale of logs.

    A group whose rate is 0 makes it 0, with nothing to bound it from above.

    >>> from setpoint.measure.fairness_counts import count_groups
    >>> counts = count_groups(["a"] * 100 + ["b"] * 100, [1, 0] * 100, [1] * 50 + [0] * 50 + [1] * 40 + [0] * 60)
    >>> round(rate_ratio(counts, "selection_rate").estimate, 2)
    0.8
    """
    names = (rates,) if isinstance(rates, str) else tuple(rates)
    families = [family_of(counts, name, least_rows=least_rows) for name in names]
    nan, n = float("nan"), int(counts.rows.sum())
    whole = [each for each in families if each.values.size > 1 and each.values.max() > 0]
    if not whole:
        return Interval(nan, nan, nan, level, n, counts.clusters, 0, "pairwise max-t")
    estimate = min(float(each.values.min() / each.values.max()) for each in whole)
    if estimate <= 0:
        return Interval(estimate, min(estimate, 0.0), nan, level, n, counts.clusters, 0, "pairwise max-t")
    logs = []
    for each in whole:
        drawn = np.log(each.draws, out=np.full_like(each.draws, np.nan), where=each.draws > 0)
        logs.append(Family(np.log(each.values), drawn, each.floors / each.values))
    found = apart(logs, clusters=counts.clusters, level=level)
    low, high = float(np.exp(-found.high)), float(np.exp(-found.low))
    return Interval(estimate, low, high, level, n, counts.clusters, found.defined, "pairwise max-t")


def family_of(counts: GroupCounts, rate: str, *, least_rows: int = LEAST_ROWS) -> Family:
    """A rate of the groups that are large enough and that it says something of."""
    values = counts.values(rate)
    keep = (counts.effective() >= least_rows) & np.isfinite(values)
    return Family(values[keep], counts.draws_of(rate)[keep], counts.floors(rate)[keep])
