"""Proportions: Wilson intervals, clustered or not, and exact tests of counts."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr

from setpoint.measure.intervals import Interval, all_agreed_bound, normal_quantile, t_quantile
from setpoint.measure.rows import Array, Codes, totals

EXACT_UP_TO = 50_000
"""Fisher's test enumerates up to this many events; above it the normal test is as good."""

Side = Literal["two", "greater", "less"]


class TwoSample(NamedTuple):
    """A statistic that compares two samples, and how often chance alone gives one as large."""

    statistic: float
    p_value: float


def wilson(
    share: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95, quantile: float | None = None
) -> tuple[Array, Array]:
    """The Wilson (1927) interval of a share of n; 0 to 1 where n is 0.

    >>> low, high = wilson(0.2, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0567, 0.5098)
    """
    z = normal_quantile(level) if quantile is None else quantile
    size = np.maximum(np.asarray(n, dtype=np.float64), 1e-12)
    value = np.where(np.asarray(n) > 0, np.asarray(share, dtype=np.float64), 0.5)
    middle = (value + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(value * (1 - value) / size + z * z / (4 * size * size))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def clustered_share(hits: Array, counted: Array, *, codes: Codes, clusters: int, level: float = 0.95) -> Interval:
    """The interval of sum(hits) / sum(counted) when rows of a cluster are alike.

    Wilson's interval at the effective sample size of the linearised variance, with the Student correction for few
    clusters (Korn and Graubard 1998; Franco et al. 2019, J. Survey Statistics and Methodology 7(3)). Unanimous
    rows carry no variance: then a cluster counts as one row, which assumes the worst.

    >>> rows = np.arange(40)
    >>> clustered_share((rows < 10) * 1.0, np.ones(40), codes=rows, clusters=40).high.__round__(2)
    0.41
    """
    n = int((counted > 0).sum())
    total = float(counted.sum())
    cluster_hits = totals(codes, hits, clusters)
    cluster_counted = totals(codes, counted, clusters)
    units = int((cluster_counted > 0).sum())
    if total <= 0:
        return Interval(float("nan"), float("nan"), float("nan"), level, 0, 0, 0, "wilson")
    share = float(hits.sum()) / total
    if units == 1 and n > 1:
        return Interval(share, float("nan"), float("nan"), level, n, units, 0, "wilson")
    as_clusters = total**2 / float((cluster_counted**2).sum())
    as_rows = total**2 / float((counted**2).sum())
    variance = 0.0
    if units > 1:
        residual = cluster_hits - share * cluster_counted
        variance = units / (units - 1) * float((residual**2).sum()) / total**2
    if variance > 0 and 0 < share < 1:
        stretch = (normal_quantile(level) / t_quantile(level, units - 1)) ** 2
        effective = min(share * (1 - share) / variance, as_rows) * stretch
    else:
        effective = as_clusters
    low, high = wilson(share, effective, level=level)
    return Interval(share, float(low), float(high), level, n, units, 0, "wilson")


def rate_change(
    reference_events: int, reference_n: int, current_events: int, current_n: int, *, side: Side = "two"
) -> TwoSample:
    """Whether a rate (of nulls, of errors, of unseen values) differs between two samples.

    Fisher's exact test (1935); above 50,000 events the two-proportion normal test. The statistic is the current rate
    minus the reference rate; `side="greater"` asks only whether the current rate is higher.

    >>> round(rate_change(1, 10, 8, 10).p_value, 4)
    0.0055
    """
    events, n = reference_events + current_events, reference_n + current_n
    if min(reference_n, current_n) == 0:
        return TwoSample(float("nan"), 1.0)
    difference = current_events / current_n - reference_events / reference_n
    if min(events, n - events) > EXACT_UP_TO:
        pooled = events / n
        spread = np.sqrt(pooled * (1 - pooled) * (1 / reference_n + 1 / current_n))
        tail = {"two": 2 * ndtr(-abs(difference / spread)), "greater": ndtr(-difference / spread)}
        return TwoSample(difference, float(tail.get(side, ndtr(difference / spread))))
    if events > n - events:  # count the rarer kind, which has the shorter table
        mirrored: Side = {"two": "two", "greater": "less", "less": "greater"}[side]  # type: ignore[assignment]
        other = rate_change(
            reference_n - reference_events, reference_n, current_n - current_events, current_n, side=mirrored
        )
        return TwoSample(difference, other.p_value)
    possible = np.arange(max(0, events - reference_n), min(events, current_n) + 1)
    logs = _log_choose(current_n, possible) + _log_choose(reference_n, events - possible)
    chances = np.exp(logs - logs.max())
    chances /= chances.sum()
    at = int(current_events - possible[0])
    if side == "greater":
        p_value = chances[at:].sum()
    elif side == "less":
        p_value = chances[: at + 1].sum()
    else:
        p_value = chances[chances <= chances[at] * (1 + 1e-7)].sum()
    return TwoSample(difference, min(1.0, float(p_value)))


def out_of_range(reference_n: int, current_n: int, outside: int, *, sides: Literal[1, 2] = 2) -> float:
    """How often at least `outside` of the current values would leave the range of the reference by chance.

    Exact whatever the distribution, if both samples come from one: the count beyond one end is beta-binomial with
    parameters 1 and n, beyond either end with 2 and n - 1 (Wilks 1942, "Statistical prediction"). Ties make it
    conservative.

    >>> round(out_of_range(1000, 1000, 12), 5)
    0.00166
    """
    if outside <= 0:
        return 1.0
    if outside > current_n:
        return 0.0

    def all_extreme(count: int) -> float:
        """The chance that the `count` most extreme of all values are current ones."""
        if count > current_n:
            return 0.0
        both = reference_n + current_n
        logs = gammaln(current_n + 1) - gammaln(current_n - count + 1)
        return float(np.exp(logs - gammaln(both + 1) + gammaln(both - count + 1)))

    if sides == 1:
        return all_extreme(outside)
    # At least k outside on two sides: i above and k - i below for some i, by inclusion and exclusion.
    return min(1.0, (outside + 1) * all_extreme(outside) - outside * all_extreme(outside + 1))


def unanimous(level: float, clusters: float, *, estimate: float, lower: float, upper: float) -> tuple[float, float]:
    """The bounds of a value that every draw puts at an end of its range: the other bound by the rule of three.

    >>> low, high = unanimous(0.9, 3, estimate=1.0, lower=0.0, upper=1.0)
    >>> round(low, 3), high
    (0.368, 1.0)
    """
    reach = (upper - lower) * (1 - all_agreed_bound(level, clusters))
    if estimate >= upper:
        return upper - reach, upper
    if estimate <= lower:
        return lower, lower + reach
    return estimate, estimate


def _log_choose(n: int, k: npt.NDArray[np.int64]) -> Array:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
