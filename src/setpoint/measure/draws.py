"""Intervals of any statistic, and of the difference of two on the same rows, clustered by entity and by time block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.measure.bootstrap import percentiles
from setpoint.measure.intervals import Interval, normal_quantile
from setpoint.measure.proportions import unanimous
from setpoint.measure.resample import Drawn, Resample, resample
from setpoint.measure.rows import Array, Codes, codes_for
from setpoint.measure.slices import largest_difference
from setpoint.measure.statistic import Statistic, weights_for

DRAWS = 500


def interval_of(
    statistic: Statistic,
    *,
    cluster: npt.ArrayLike | None = None,
    block: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    lower: float = -np.inf,
    upper: float = np.inf,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A statistic with its bootstrap interval; rows of one `cluster`, or of one `block` of time, are taken to be alike.

    With both, by Cameron, Gelbach and Miller (2011), "Robust Inference With Multiway Clustering", Journal of Business
    and Economic Statistics 29(2): the variances of both less that of their cells. Efron (1979) otherwise. `lower` and
    `upper` bound what the statistic can be: a value at such an end on every draw is bounded by the rule of three.
    Rows of `weight` zero are no evidence; the statistic has its own weights already.

    >>> from setpoint.measure.statistic import mean_of
    >>> found = interval_of(mean_of(np.arange(100.0), np.ones(100)))
    >>> found.low < found.estimate == 49.5 < found.high
    True
    """
    ways = _ways(statistic, cluster=cluster, block=block, weight=weight, draws=draws, seed=seed)
    drawn = Drawn(statistic.value(), _crossed([statistic.drawn(way) for way in ways]))
    clusters = min(way.clusters for way in ways)
    low, high, defined = percentiles(drawn, clusters=clusters, level=level)
    if low == high and np.isfinite(upper - lower):
        low, high = unanimous(level, clusters, estimate=drawn.estimate, lower=lower, upper=upper)
    return Interval(drawn.estimate, low, high, level, statistic.rows, clusters, defined, _name(ways))


def difference_of(
    first: Statistic,
    second: Statistic,
    *,
    cluster: npt.ArrayLike | None = None,
    block: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    reach: float = np.inf,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The second statistic less the first, both on the same rows, with the interval of the difference on common draws.

    `reach` is how far apart the two can be: where two that differ agree on every draw, the bounds are those of the rule
    of three and not a point. Leave it infinite for a statistic and itself.

    >>> from setpoint.measure.statistic import mean_of
    >>> both = mean_of(np.arange(100.0), np.ones(100)), mean_of(np.arange(100.0) + 1, np.ones(100))
    >>> found = difference_of(*both)
    >>> found.low.__round__(9), found.high.__round__(9)
    (1.0, 1.0)
    """
    if first.rows != second.rows:
        raise DataError(f"There are {first.rows} rows and {second.rows}.", expected="the same rows for both")
    ways = _ways(first, cluster=cluster, block=block, weight=weight, draws=draws, seed=seed)
    gains = [second.drawn(way) - first.drawn(way) for way in ways]
    drawn = Drawn(second.value() - first.value(), _crossed(gains))
    clusters = min(way.clusters for way in ways)
    low, high, defined = percentiles(drawn, clusters=clusters, level=level)
    if low == high and np.isfinite(reach):
        low, _ = unanimous(level, clusters, estimate=drawn.estimate, lower=-reach, upper=drawn.estimate)
        _, high = unanimous(level, clusters, estimate=drawn.estimate, lower=drawn.estimate, upper=reach)
    return Interval(drawn.estimate, low, high, level, first.rows, clusters, defined, _name(ways))


def gap_of(
    groups: Sequence[Statistic],
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    lower: float = -np.inf,
    upper: float = np.inf,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The difference between the highest and the lowest of several groups of the same rows, as `slices.gap` bounds it.

    The statistic of a group is of all rows, those of others with weight zero. NaN with fewer than two groups.

    >>> from setpoint.measure.statistic import mean_of
    >>> values, first = np.arange(200.0), np.arange(200) < 100
    >>> found = gap_of([mean_of(values, 1.0 * first), mean_of(values, 1.0 * ~first)])
    >>> found.low < found.estimate == 100.0 < found.high
    True
    """
    nan = float("nan")
    if len(groups) < 2:
        return Interval(nan, nan, nan, level, groups[0].rows if groups else 0, 0, 0, "pairwise max-t")
    (way,) = _ways(groups[0], cluster=cluster, block=None, weight=weight, draws=draws, seed=seed)
    found = [Drawn(each.value(), each.drawn(way)) for each in groups]
    errors = [_error_if_unanimous(each, way.clusters, lower=lower, upper=upper, level=level) for each in found]
    low, high, defined = largest_difference(found, errors, clusters=way.clusters, level=level)
    values = [each.estimate for each in found]
    high = min(high, upper - lower)
    apart, rows = max(values) - min(values), groups[0].rows
    return Interval(apart, low, high, level, rows, way.clusters, defined, "pairwise max-t")


def _error_if_unanimous(part: Drawn, clusters: int, *, lower: float, upper: float, level: float) -> float:
    """The standard error of a group whose draws are all one value: they carry none, the rule of three does."""
    if np.ptp(part.draws[np.isfinite(part.draws)]) > 0 or not np.isfinite(upper - lower):
        return 0.0
    low, high = unanimous(level, clusters, estimate=part.estimate, lower=lower, upper=upper)
    return (high - low) / (2 * normal_quantile(level))


def _ways(
    statistic: Statistic,
    *,
    cluster: npt.ArrayLike | None,
    block: npt.ArrayLike | None,
    weight: npt.ArrayLike | None,
    draws: int,
    seed: int,
) -> list[Resample]:
    """The draws by cluster; where there are blocks as well, those by block and by cell too."""
    n, together = statistic.rows, statistic.together
    counted = weights_for(weight, n) > 0
    named = [labels for labels in (cluster, block) if labels is not None]
    if not named:
        return [resample(*_codes(together, None, counted), draws=draws, seed=seed)]
    ways = [_codes(labels, together, counted) for labels in named]
    if len(ways) == 2:
        (first, _), (second, blocks) = ways
        ways.append(_codes(first * blocks + second, None, counted))
    purposes = ("cluster", "block", "cell")
    return [
        resample(codes, units, draws=draws, seed=seed_for(seed, purpose) if len(ways) > 1 else seed)
        for (codes, units), purpose in zip(ways, purposes, strict=False)
    ]


def _codes(labels: npt.ArrayLike | None, together: Codes | None, counted: npt.NDArray[np.bool_]) -> tuple[Codes, int]:
    """The cluster of each row, counting those with weight only; a row without weight adds nothing wherever it is."""
    codes, clusters = codes_for(labels, counted.size)
    if labels is not None and together is not None:
        items = int(together.max(initial=-1)) + 1
        if np.unique(codes * max(items, 1) + together).size > items:
            raise DataError("Rows of one item are in several clusters.", expected="items that lie in one cluster each")
    if counted.all():
        return codes, clusters
    kept, units = codes_for(codes[counted], int(counted.sum()))
    whole = np.zeros(counted.size, dtype=np.intp)
    whole[counted] = kept
    return whole, units


def _crossed(ways: list[Array]) -> Array:
    """Draws by one clustering; or those of the wider of two, stretched to the spread that both have together."""
    if len(ways) == 1:
        return ways[0]
    by_cluster, by_block, by_cell = (float(np.nanvar(draws)) if np.isfinite(draws).any() else 0.0 for draws in ways)
    wider = ways[0] if by_cluster >= by_block else ways[1]
    spread = max(by_cluster, by_block)
    both = max(by_cluster + by_block - by_cell, spread)
    if spread == 0 or not np.isfinite(wider).any():
        return wider
    middle = float(np.nanmean(wider))
    return np.asarray(middle + (wider - middle) * np.sqrt(both / spread))


def _name(ways: list[Resample]) -> str:
    return "percentile" if len(ways) == 1 else "two-way"
