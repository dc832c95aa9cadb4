"""An interval for a metric, and what it says against a limit or a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

Verdict = Literal["holds", "fails", "not enough evidence"]
Comparison = Literal["superior", "non-inferior", "inferior", "not enough evidence"]


@dataclass(frozen=True)
class Interval:
    """A value with its two bounds; NaN bounds mean that the data cannot bound it.

    Each bound alone is a one-sided bound at `1 - (1 - level) / 2`: the two of a 90 % interval are 95 % bounds.
    `n` counts rows, `clusters` the independent units behind them, `draws` the resamplings (0 for closed forms).
    """

    estimate: float
    low: float
    high: float
    level: float
    n: int
    clusters: int
    draws: int
    method: str

    def to_dict(self) -> dict[str, Any]:
        """The interval as JSON-like data; a bound that is not a number becomes None."""
        numbers = {
            name: value if math.isfinite(value) else None
            for name, value in (("estimate", self.estimate), ("low", self.low), ("high", self.high))
        }
        return {
            **numbers,
            "level": self.level,
            "n": self.n,
            "clusters": self.clusters,
            "draws": self.draws,
            "method": self.method,
        }


def against_limit(interval: Interval, limit: float, *, at_least: bool) -> Verdict:
    """Whether a value is shown to keep a limit, shown to break it, or neither; on the limit it is kept.

    >>> against_limit(Interval(0.7, 0.65, 0.75, 0.9, 500, 500, 0, "delong"), 0.6, at_least=True)
    'holds'
    """
    if interval.low >= limit if at_least else interval.high <= limit:
        return "holds"
    if interval.high < limit if at_least else interval.low > limit:
        return "fails"
    return "not enough evidence"


def against_margin(difference: Interval, *, margin: float = 0.0, greater_is_better: bool) -> Comparison:
    """What the interval of a difference, challenger minus champion, says with a margin of non-inferiority.

    Superior: better beyond doubt. Non-inferior: worse by the margin at most. Inferior: worse by more.
    Lesaffre (2008), "Superiority, equivalence, and non-inferiority trials".

    >>> gain = Interval(0.01, -0.002, 0.022, 0.9, 900, 900, 0, "delong")
    >>> against_margin(gain, margin=0.005, greater_is_better=True)
    'non-inferior'
    """
    low, high = difference.low, difference.high
    if not greater_is_better:
        low, high = -high, -low
    if low > 0:
        return "superior"
    if low > -margin:
        return "non-inferior"
    if high < -margin:
        return "inferior"
    return "not enough evidence"


def more_rows_to_settle(interval: Interval, limit: float) -> float:
    """About how many more rows would move the limit outside the interval, if the estimate stays.

    The half-width shrinks with the root of the rows; infinite when the estimate is on the limit.

    >>> round(more_rows_to_settle(Interval(0.7, 0.5, 0.9, 0.9, 100, 100, 0, "delong"), 0.6))
    300
    """
    distance = interval.estimate - limit
    if distance == 0:
        return math.inf
    half = interval.estimate - interval.low if distance > 0 else interval.high - interval.estimate
    return max(0.0, interval.n * ((half / distance) ** 2 - 1))


def t_quantile(level: float, freedom: float) -> float:
    """The two-sided Student t quantile of a level; NaN below one degree of freedom.

    >>> round(t_quantile(0.95, 10), 3)
    2.228
    """
    return float(stdtrit(freedom, (1 + level) / 2)) if freedom >= 1 else float("nan")


def bootstrap_tails(level: float, clusters: int, *, below: float = 0.5) -> tuple[float, float]:
    """Which quantiles of bootstrap draws bound a value.

    Made wider for few clusters: the expanded percentile interval of Hesterberg (2015), "What Teachers Should Know
    About the Bootstrap", The American Statistician 69(4). `below` is the share of draws below the value: where
    draws are biased it moves both quantiles the other way (Efron 1987, the bias-corrected interval).

    >>> [round(tail, 4) for tail in bootstrap_tails(0.95, 10)]
    [0.0086, 0.9914]
    """
    stretched = float(np.sqrt(clusters / (clusters - 1))) * t_quantile(level, clusters - 1)
    shift = 2 * float(ndtri(below))
    return float(ndtr(shift - stretched)), float(ndtr(shift + stretched))


def all_agreed_bound(level: float, clusters: float) -> float:
    """The least share that could still give `clusters` agreements out of as many: the rule of three.

    Clopper and Pearson (1934) for n out of n; each bound of a two-sided level.

    >>> round(all_agreed_bound(0.9, 3), 3)
    0.368
    """
    return float(((1 - level) / 2) ** (1 / clusters)) if clusters > 0 else 0.0


def normal_quantile(level: float) -> float:
    """The two-sided normal quantile of a level.

    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    return float(ndtri((1 + level) / 2))
