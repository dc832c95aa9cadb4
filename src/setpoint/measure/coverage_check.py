"""Whether later rows are covered as often as was promised, or are no longer like those that were calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from setpoint.core.errors import DataError
from setpoint.measure.conformal import Cuts, effective_rows
from setpoint.measure.intervals import Interval
from setpoint.measure.multiplicity import holm
from setpoint.measure.proportions import clustered_share
from setpoint.measure.rows import Array, codes_for, codes_of
from setpoint.measure.statistic import weights_for

Found = Literal["holds", "too low", "too high", "not enough evidence"]
MOST = 1_000_000
"""More later rows than this are taken as this many."""
ALPHA = 0.05


@dataclass(frozen=True)
class CoverageCheck:
    """The share of later rows that was covered, with its interval, against what calibration promised.

    `low` and `high` are what chance allows if later rows are like those calibrated on: coverage given one calibration
    varies by itself (Vovk 2012, "Conditional validity of inductive conformal predictors"), so that the level alone is
    no fair limit. `p_value` is of both sides.
    """

    level: float
    interval: Interval
    low: float
    high: float
    p_value: float
    verdict: Found

    def __str__(self) -> str:
        told = f"{self.interval.estimate:.1%} of {self.interval.n} later rows are covered, {self.level:.0%} promised"
        expected = f"chance allows {self.low:.1%} to {self.high:.1%}"
        if self.verdict == "too low":
            return f"{told}: too few, {expected}. Later rows are not like those calibrated on: calibrate anew."
        if self.verdict == "too high":
            return f"{told}: more than chance allows ({self.high:.1%}). Sets and intervals are wider than need be."
        if self.verdict == "holds":
            return f"{told}: it holds."
        return f"{told}: not enough evidence, {expected}."

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON-like data."""
        return {
            "level": self.level,
            "coverage": self.interval.to_dict(),
            "expected": [self.low, self.high],
            "p_value": self.p_value,
            "verdict": self.verdict,
            "told": str(self),
        }


def check_coverage(
    covered: npt.ArrayLike,
    *,
    level: float,
    calibrated: float,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    margin: float | None = None,
    alpha: float = ALPHA,
) -> CoverageCheck:
    """Whether the share of later rows that is covered is one that exchangeable rows would have.

    If they are exchangeable, the count is beta-binomial, with parameters by the `calibrated` rows (Vovk 2012);
    weighted rows and rows alike in a `cluster` count as fewer. Coverage holds where its lower bound is within `margin`
    of the level (half of the promised misses); where neither is shown there is not enough evidence.

    >>> str(check_coverage([True] * 800 + [False] * 200, level=0.9, calibrated=1000))[:38]
    '80.0% of 1000 later rows are covered, '
    >>> check_coverage([True] * 800 + [False] * 200, level=0.9, calibrated=1000).verdict
    'too low'
    """
    hits = np.asarray(covered, dtype=np.float64)
    if hits.ndim != 1 or not ((hits == 0) | (hits == 1)).all():
        raise DataError(f"What was covered has shape {hits.shape}.", expected="for each row whether it was")
    if not 0 < level < 1:
        raise DataError(f"level={level}.", expected="a level between 0 and 1, such as 0.9")
    weights = weights_for(weight, hits.size)
    codes, clusters = codes_for(cluster, hits.size)
    interval = clustered_share(weights * hits, weights, codes=codes, clusters=clusters)
    later = min(int(effective_rows(hits, weights, codes, clusters)), MOST)
    if later < 1 or not np.isfinite(interval.estimate):
        return CoverageCheck(level, interval, 0.0, 1.0, 1.0, "not enough evidence")
    chances = _covered_chances(later, calibrated, level)
    under = np.cumsum(chances)
    count = round(interval.estimate * later)
    p_low, p_high = float(under[count]), float(1 - under[count] + chances[count])
    low, high = (int(np.searchsorted(under, tail)) / later for tail in (alpha / 2, 1 - alpha / 2))
    p_value = min(1.0, 2 * min(p_low, p_high))
    verdict: Found = "not enough evidence"
    if p_value <= alpha:
        verdict = "too low" if p_low < p_high else "too high"
    elif interval.low >= level - ((1 - level) / 2 if margin is None else margin):
        verdict = "holds"
    return CoverageCheck(level, interval, low, high, p_value, verdict)


def check_groups(
    covered: npt.ArrayLike,
    cuts: Cuts,
    group: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    alpha: float = ALPHA,
) -> Mapping[str, CoverageCheck]:
    """The check of each group by the rows that its own threshold rests on; p-values are adjusted by Holm.

    >>> from setpoint.measure.conformal import Cut
    >>> cuts = Cuts(0.9, Cut(1.0, 500.0))
    >>> checks = check_groups([True] * 500 + [True, False] * 250, cuts, ["a"] * 500 + ["b"] * 500)
    >>> {name: check.verdict for name, check in checks.items()}
    {'a': 'too high', 'b': 'too low'}
    """
    hits = np.asarray(covered, dtype=np.float64)
    weights = weights_for(weight, hits.size)
    codes, _ = codes_for(cluster, hits.size)
    names, member = codes_of(group)
    if member.size != hits.size:
        raise DataError(f"There are {hits.size} rows and {member.size} groups.", expected="one for each row")
    found = {
        str(name): check_coverage(
            hits[mine],
            level=cuts.level,
            calibrated=cuts.cut_of(str(name)).rows,
            cluster=codes[mine],
            weight=weights[mine],
            alpha=alpha,
        )
        for i, name in enumerate(names)
        for mine in [member == i]
    }
    adjusted = holm([check.p_value for check in found.values()])
    return {
        name: _adjusted(check, float(p_value), alpha)
        for (name, check), p_value in zip(found.items(), adjusted, strict=True)
    }


def _adjusted(check: CoverageCheck, p_value: float, alpha: float) -> CoverageCheck:
    refuted = check.verdict in {"too low", "too high"}
    return replace(
        check, p_value=p_value, verdict="not enough evidence" if refuted and p_value > alpha else check.verdict
    )


def _covered_chances(later: int, calibrated: float, level: float) -> Array:
    """The chance of each count of covered rows, 0 to all, if rows are exchangeable."""
    under = max((calibrated + 1) * level, 1e-9)
    over = max(calibrated + 1 - under, 1e-9)
    count = np.arange(later + 1)
    logs = gammaln(later + 1) - gammaln(count + 1) - gammaln(later - count + 1)
    logs = logs + gammaln(count + under) + gammaln(later - count + over) - gammaln(later + under + over)
    return np.asarray(np.exp(logs - gammaln(under) - gammaln(over) + gammaln(under + over)))
