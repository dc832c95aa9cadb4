"""Simpson's paradox: a difference between two groups that turns round within every group of another column.

Simpson (1951), "The interpretation of interaction in contingency tables", JRSS B 13(2). Whoever acts on the difference
of all rows then does the wrong thing: the other column differs between the groups, and makes the difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from setpoint.core.errors import DataError
from setpoint.measure.contrast import Contrast, contrast
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import Array, Codes, Mask, codes_for, codes_of, column, effective, totals
from setpoint.measure.slices import LEAST_ROWS

ENOUGH = 0.8
"""The share of the inner rows that must lie in groups of the other column large enough to compare."""


@dataclass(frozen=True)
class Stratum:
    """One group of the other column: the difference within it."""

    name: str
    effect: Contrast


@dataclass(frozen=True)
class Reversal:
    """A difference over all rows, and the opposite one within every group of `column` that can be compared.

    `adjusted` is the difference if both sides were spread over the groups as all rows are. `p_overall` and `p_adjusted`
    are one-sided, for differences of their own signs, the second corrected for the columns looked at (Bonferroni);
    `shown` says whether both are beyond chance.
    """

    column: str
    overall: Contrast
    adjusted: Interval
    strata: tuple[Stratum, ...]
    p_overall: float
    p_adjusted: float
    shown: bool

    def to_dict(self) -> dict[str, Any]:
        """The reversal as JSON-like data."""
        return {
            "column": self.column,
            "overall": self.overall.to_dict(),
            "adjusted": self.adjusted.to_dict(),
            "strata": [{"name": each.name, **each.effect.to_dict()} for each in self.strata],
            "p_overall": self.p_overall,
            "p_adjusted": self.p_adjusted,
            "shown": self.shown,
        }

    def __str__(self) -> str:
        parts = ", ".join(f"{each.name} {each.effect.difference.estimate:+.4g}" for each in self.strata)
        return (
            f"{self.overall.difference.estimate:+.4g} over all rows, but within every group of {self.column} it is "
            f"the other way round ({parts}; {self.adjusted.estimate:+.4g} at equal shares of {self.column})"
        )


def find_reversals(
    values: npt.ArrayLike,
    inside: Mask,
    strata: Mapping[str, npt.ArrayLike],
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    alpha: float = 0.05,
    least_rows: int = LEAST_ROWS,
) -> tuple[Reversal, ...]:
    """The columns within whose groups the difference of means, inside against outside, turns round, surest first.

    `inside` may be the rows of a group or those that one of two models decided. Every group with `least_rows` rows on
    both sides must have the opposite sign, and these must hold most of the inner rows. The adjusted difference is
    directly standardised to all rows of these groups, with errors by cluster.

    Charig et al. (1986), BMJ 292: open surgery of kidney stones helped less often, but more often with small stones and
    with large ones.

    >>> size = np.repeat(["small", "large", "small", "large"], [87, 263, 270, 80])
    >>> opened = np.repeat([True, False], 350)
    >>> cured = np.concatenate([np.arange(n) < k for n, k in [(87, 81), (263, 192), (270, 234), (80, 55)]])
    >>> str(find_reversals(cured, opened, {"size": size})[0])[:80]
    '-0.04571 over all rows, but within every group of size it is the other way round'
    """
    numbers = column(values, "values")
    weights = np.ones_like(numbers) if weight is None else column(weight, "weights")
    codes, clusters = codes_for(cluster, numbers.size)
    overall = contrast(numbers, inside, cluster=codes, weight=weights)
    sign = float(np.sign(overall.difference.estimate))
    if not math.isfinite(sign) or sign == 0:
        return ()
    found, looked_at = [], 0
    for name, labels in strata.items():
        names, group = codes_of(np.asarray(labels).astype(str))
        if group.size != numbers.size:
            raise DataError(f"There are {numbers.size} values and {group.size} of {name}.", expected="one per row")
        able = _able(group, names.size, inside, weights, least_rows)
        held = np.isin(group, able)
        if able.size < 2 or float(weights[held & inside].sum()) < ENOUGH * float(weights[inside].sum()):
            continue
        looked_at += 1
        ours, theirs = _means(numbers, group, names.size, inside, weights)
        if (np.sign(ours[able] - theirs[able]) == -sign).all():
            adjusted, freedom, error = _standardised(numbers, group, able, inside, weights, codes, clusters)
            found.append((name, names[able], group, able, adjusted, freedom, error))
    reversals = []
    for name, names, group, able, adjusted, freedom, error in found:
        one = _one_sided(overall.difference.estimate, _error(overall), overall.moments.freedom)
        other = min(1.0, _one_sided(adjusted.estimate, error, freedom) * looked_at)
        parts = [
            Stratum(str(label), _within(numbers, group == place, inside, codes, weights))
            for label, place in zip(names, able, strict=True)
        ]
        shown = one < alpha and other < alpha
        reversals.append(Reversal(name, overall, adjusted, tuple(parts), one, other, shown))
    return tuple(sorted(reversals, key=lambda each: (each.p_adjusted, each.column)))


def _within(values: Array, held: Mask, inside: Mask, codes: Codes, weight: Array) -> Contrast:
    return contrast(values[held], inside[held], cluster=codes[held], weight=weight[held])


def _able(group: Codes, size: int, inside: Mask, weight: Array, least: int) -> npt.NDArray[np.intp]:
    """The groups with rows enough on both sides."""
    counts = [np.bincount(group[side & (weight > 0)], minlength=size) for side in (inside, ~inside)]
    return np.flatnonzero(np.minimum(*counts) >= least)


def _means(values: Array, group: Codes, size: int, inside: Mask, weight: Array) -> tuple[Array, Array]:
    """The mean of each group inside and outside; 0 where there are no rows."""
    means = []
    for side in (inside, ~inside):
        held = totals(group[side], weight[side], size)
        summed = totals(group[side], (weight * values)[side], size)
        means.append(np.divide(summed, held, out=np.zeros(size), where=held > 0))
    return means[0], means[1]


def _standardised(
    values: Array,
    group: Codes,
    able: npt.NDArray[np.intp],
    inside: Mask,
    weight: Array,
    codes: Codes,
    clusters: int,
) -> tuple[Interval, float, float]:
    """The mean of the groups' differences by their shares of all rows, its degrees of freedom and its error."""
    size = int(group.max()) + 1
    held = np.isin(group, able)
    weights = np.where(held, weight, 0.0)
    share = totals(group, weights, size) / float(weights.sum())
    ours, theirs = _means(values, group, size, inside, weights)
    w_in, w_out = (totals(group[side], weights[side], size) for side in (inside, ~inside))
    mean, whole = np.where(inside, ours[group], theirs[group]), np.where(inside, w_in[group], w_out[group])
    moved = np.where(inside, 1.0, -1.0) * share[group] * weights * (values - mean)
    moved = np.divide(moved, whole, out=np.zeros_like(moved), where=whole > 0)
    by_cluster = totals(codes, moved, clusters)
    units = totals(codes, np.where(inside, weights, 0.0), clusters)
    freedom = effective(units[units > 0]) - 1
    value = float((share[able] * (ours[able] - theirs[able])).sum())
    n = int((held & (weights > 0)).sum())
    if freedom <= 0 or clusters < 2:
        return Interval(value, float("nan"), float("nan"), 0.95, n, clusters, 0, "standardised"), freedom, float("nan")
    error = math.sqrt((freedom + 1) / freedom * float((by_cluster**2).sum()))
    half = float(stdtrit(freedom, 0.975)) * error
    return Interval(value, value - half, value + half, 0.95, n, clusters, 0, "standardised"), freedom, error


def _error(overall: Contrast) -> float:
    found = overall.moments
    return math.sqrt(max(found.var_inside + found.var_outside - 2 * found.covariance, 0.0))


def _one_sided(value: float, error: float, freedom: float) -> float:
    """The chance of a difference as far on its own side of 0; 1 where it has no error to compare with."""
    if not (error > 0 and freedom > 0):
        return 1.0
    return float(stdtr(freedom, -abs(value) / error))
