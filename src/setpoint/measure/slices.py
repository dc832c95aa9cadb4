"""A metric by group: each group's interval, whether it is worse than the rest, and the gap between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import bootstrapped, closed_interval
from setpoint.measure.intervals import Interval, normal_quantile, t_quantile
from setpoint.measure.metrics import MetricSpec, spec_of
from setpoint.measure.multiplicity import holm
from setpoint.measure.resample import Drawn, draw, resample
from setpoint.measure.rows import Codes, Mask, clustered_rows, codes_for, codes_of, effective

LEAST_ROWS = 50
"""Groups with fewer rows (effective ones, where weights differ) are shown, but not judged and not part of a gap."""
BINS = 512


@dataclass(frozen=True)
class Slice:
    """A group's value, how much worse it is than all other rows together, and the chance of that by luck.

    `p_value` is one-sided and adjusted by Holm over the judged groups; NaN where the group is too small to judge.
    """

    group: Any
    n: int
    interval: Interval
    shortfall: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """The slice as JSON-like data."""
        judged = bool(np.isfinite(self.p_value))
        return {
            "group": self.group,
            "n": self.n,
            **self.interval.to_dict(),
            "shortfall": self.shortfall if np.isfinite(self.shortfall) else None,
            "p_value": self.p_value if judged else None,
        }


def by_group(
    metric: str | MetricSpec,
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
    least_rows: int = LEAST_ROWS,
) -> tuple[Slice, ...]:
    """The metric of each group with its interval, and a test against the rest of the rows, in the groups' order.

    Group and rest are compared on common draws, so clusters that fall in both are accounted for.

    >>> found = by_group("accuracy", [1, 0] * 100, [0.9, 0.2] * 100, ["a"] * 100 + ["b"] * 100)
    >>> [(part.group, part.n, part.interval.estimate) for part in found]
    [('a', 100, 1.0), ('b', 100, 1.0)]
    """
    spec = spec_of(metric)
    rows, codes, clusters, kept = clustered_rows(y, p, cluster=cluster, weight=weight)
    names, group = _groups(groups, kept)
    drawn = resample(codes, clusters, draws=draws, seed=seed)
    sign = 1.0 if spec.greater_is_better else -1.0
    parts, chances = [], []
    for i in range(len(names)):
        keep = group == i
        inside = draw(spec, rows, threshold, resample=drawn, bins=BINS, keep=keep)
        n = int(keep.sum())
        own, units = codes_for(codes[keep], n)
        found = closed_interval(spec, rows.where(keep), threshold, codes=own, clusters=units, level=level)
        if found is None:
            found = bootstrapped(spec, rows, inside, resample=drawn, keep=keep, clusters=units, level=level)
        shortfall, chance = float("nan"), float("nan")
        if effective(rows.weight[keep]) >= least_rows and n < rows.y.size:
            rest = draw(spec, rows, threshold, resample=drawn, bins=BINS, keep=~keep)
            shortfall = sign * (rest.estimate - inside.estimate)
            chance = _chance(shortfall, rest.draws - inside.draws, found)
        parts.append((names[i], n, found, shortfall))
        chances.append(chance)
    adjusted = holm(chances)
    return tuple(Slice(*part, p_value=float(chance)) for part, chance in zip(parts, adjusted, strict=True))


def worst(slices: Sequence[Slice], *, greater_is_better: bool) -> Slice | None:
    """The slice shown to be worst: the one whose better bound is worst, so that noise does not win.

    >>> worst([], greater_is_better=True) is None
    True
    """
    judged = [part for part in slices if np.isfinite(part.p_value) and np.isfinite(part.interval.low)]
    if not judged:
        return None
    if greater_is_better:
        return min(judged, key=lambda part: part.interval.high)
    return max(judged, key=lambda part: part.interval.low)


def gap(
    metric: str | MetricSpec,
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
    least_rows: int = LEAST_ROWS,
) -> Interval:
    """The difference between the highest and the lowest group of a metric.

    Noise alone makes a gap, so the bounds are made from the pairs of groups. The lower one is the largest difference
    left when each pair gives up its margin, all margins valid together (the bootstrap max-t of Romano and Wolf 2005);
    the upper one is the largest that any pair could have, for the true extreme pair is one of them. Groups with fewer
    than `least_rows` rows are left out; with fewer than two groups left the gap is NaN.

    >>> gap("accuracy", [1, 0] * 100, [0.9, 0.2] * 100, ["a"] * 100 + ["b"] * 100).estimate
    0.0
    """
    spec = spec_of(metric)
    rows, codes, clusters, kept = clustered_rows(y, p, cluster=cluster, weight=weight)
    names, group = _groups(groups, kept)
    drawn = resample(codes, clusters, draws=draws, seed=seed)
    found, errors = [], []
    for i in range(len(names)):
        keep = group == i
        part = draw(spec, rows, threshold, resample=drawn, bins=BINS, keep=keep)
        if effective(rows.weight[keep]) >= least_rows and np.isfinite(part.estimate):
            own, units = codes_for(codes[keep], int(keep.sum()))
            whole = closed_interval(spec, rows.where(keep), threshold, codes=own, clusters=units, level=level)
            found.append(part)
            errors.append(_error_if_unanimous(part, whole))
    low, high, defined = largest_difference(found, errors, clusters=clusters, level=level)
    values = [part.estimate for part in found]
    estimate = max(values) - min(values) if len(found) > 1 else float("nan")
    high = min(high, spec.upper - spec.lower)
    return Interval(estimate, low, high, level, rows.y.size, clusters, defined, "pairwise max-t")


def largest_difference(
    found: Sequence[Drawn], errors: Sequence[float], *, clusters: int, level: float
) -> tuple[float, float, int]:
    """The bounds of the largest difference among the values of groups, and the draws all groups are defined on.

    `errors` are standard errors of groups whose draws carry none. See `gap` for the method.

    >>> draws = np.random.default_rng(0).normal(size=(2, 500))
    >>> found = [Drawn(0.0, draws[0]), Drawn(9.0, 9.0 + draws[1])]
    >>> low, high, defined = largest_difference(found, [0.0, 0.0], clusters=100, level=0.95)
    >>> 5 < low < 9 < high < 13, defined
    (True, 500)
    """
    nan = float("nan")
    if len(found) < 2 or clusters < 2:
        return nan, nan, 0
    values = np.array([part.estimate for part in found])
    tables = np.stack([part.draws for part in found])
    tables = tables[:, np.isfinite(tables).all(axis=0)]
    defined = tables.shape[1]
    if 2 * defined < found[0].draws.size:
        return nan, nan, defined
    away, floor = tables - values[:, None], np.array(errors) ** 2
    apart, spreads, largest = [], [], np.zeros(defined)
    for i in range(values.size - 1):
        moved = away[i + 1 :] - away[i]
        spread = np.sqrt(moved.var(axis=1) + floor[i + 1 :] + floor[i])
        scaled = np.divide(np.abs(moved), spread[:, None], out=np.zeros_like(moved), where=spread[:, None] > 0)
        largest = np.maximum(largest, scaled.max(axis=0))
        apart.append(np.abs(values[i + 1 :] - values[i]))
        spreads.append(spread)
    differences, spread = np.concatenate(apart), np.concatenate(spreads)
    one = t_quantile(level, clusters - 1) * float(np.sqrt(clusters / (clusters - 1)))
    all_together = max(float(np.quantile(largest, (1 + level) / 2)) / normal_quantile(level), 1.0) * one
    low, high = differences - all_together * spread, differences + one * spread
    return max(0.0, float(low.max())), float(high.max()), defined


def _error_if_unanimous(part: Drawn, whole: Interval | None) -> float:
    """The standard error of a group whose draws are all one value: they carry none, its closed interval does."""
    if whole is None or np.ptp(part.draws[np.isfinite(part.draws)]) > 0 or not np.isfinite(whole.high - whole.low):
        return 0.0
    return (whole.high - whole.low) / (2 * normal_quantile(whole.level))


def _groups(groups: npt.ArrayLike, kept: Mask) -> tuple[list[Any], Codes]:
    """The names of the groups of the rows that are kept, and the number of each row's."""
    labels = np.asarray(groups)
    if labels.size != kept.size:
        raise DataError(f"There are {kept.size} rows and {labels.size} group labels.", expected="one per row")
    names, group = codes_of(labels if kept.all() else labels[kept])
    return names.tolist(), group


def _chance(shortfall: float, differences: npt.NDArray[np.float64], found: Interval) -> float:
    """The one-sided chance of a shortfall; a group whose draws all agree still has its interval's width."""
    defined = differences[np.isfinite(differences)]
    if not np.isfinite(shortfall) or 2 * defined.size < differences.size or not np.isfinite(found.high - found.low):
        return float("nan")
    spread = max(float(defined.std()), (found.high - found.low) / (2 * normal_quantile(found.level)))
    return float(ndtr(-shortfall / spread)) if spread > 0 else 1.0
