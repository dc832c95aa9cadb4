"""The label clock: how late positive labels come, and the rates of young decisions corrected for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.data.arrays import Array
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.measure.intervals import normal_quantile
from setpoint.measure.proportions import wilson

Ints: TypeAlias = npt.NDArray[np.int64]

LEVEL = 0.95
LEAST_POSITIVES = 50
"""A segment with fewer positives shares the curve of all."""

SHARES = (0.5, 0.9, 0.95, 0.99)
"""The shares of all positives that the length of the feedback loop is told by."""


@dataclass(frozen=True)
class DelayCurve:
    """The share of decisions that are known to be positive by an age, by Kaplan and Meier.

    `age` are the ages (microseconds) at which positives came, `share` what part of all decisions was positive by then,
    `low` and `high` its bounds at `level`. `greenwood` is the sum of Greenwood that its variance is made of. `horizon`
    is the age after which none can come, `reaches` the greatest age that was watched; of `n` decisions `positives` were
    positive.
    """

    age: Ints
    share: Array
    low: Array
    high: Array
    greenwood: Array
    horizon: int
    reaches: int
    n: int
    positives: int
    level: float

    @property
    def complete(self) -> bool:
        """Whether some decision was watched to the end, or none is left; else nobody knows how many positives come."""
        return self.positives > 0 and (self.reaches >= self.horizon or bool(self.share[-1] >= 1.0))

    @property
    def rate(self) -> float:
        """The share of decisions that are positive in the end; NaN where none was watched so long."""
        return float(self.share[-1]) if self.complete else float("nan")

    def come_by(self, age: npt.ArrayLike) -> Array:
        """The share of all positives that are known by each age; NaN where nobody knows how many there are.

        >>> curve = delay_curve(np.array([1, 3, 9, 9]), np.array([True, True, False, False]), horizon=9)
        >>> curve.come_by([0, 1, 3]).tolist()
        [0.0, 0.5, 1.0]
        """
        return self._at(np.asarray(age, dtype=np.int64)) / self.rate

    def age_of(self, share: float) -> int | None:
        """The age by which this share of all positives is known; None where nobody knows.

        >>> curve = delay_curve(np.array([1, 3, 9, 9]), np.array([True, True, False, False]), horizon=9)
        >>> curve.age_of(0.5), curve.age_of(0.95)
        (1, 3)
        """
        if not self.complete:
            return None
        return int(self.age[np.searchsorted(self.share, share * self.rate * (1 - 1e-12))])

    def expected(self, age: Ints) -> tuple[float, float]:
        """The mean of `come_by` over these ages and its variance, by Greenwood and the delta method."""
        if not self.complete or age.size == 0:
            return float("nan"), float("nan")
        places = np.searchsorted(self.age, np.minimum(age, self.horizon), side="right") - 1
        weight = np.bincount(places[places >= 0], minlength=self.age.size) / age.size
        mean = float(weight @ self.share)
        # With S the survivor function and G Greenwood's sum, cov(S(a), S(b)) = S(a) S(b) G(min(a, b)).
        survival, steps = 1 - self.share, np.diff(self.greenwood, prepend=0.0)
        inner = np.cumsum((weight * survival)[::-1])[::-1]
        variance = float((steps * inner**2).sum())
        end, last = float(survival[-1]), self.rate
        with_end = end * float((weight * survival * self.greenwood).sum())
        at_end = end * end * float(self.greenwood[-1])
        relative = variance / mean**2 - 2 * with_end / (mean * last) + at_end / last**2 if mean > 0 else float("nan")
        return mean / last, (mean / last) ** 2 * max(relative, 0.0)

    def _at(self, age: Ints) -> Array:
        return np.concatenate([[0.0], self.share])[np.searchsorted(self.age, age, side="right")]


def delay_curve(waited: Ints, came: npt.NDArray[np.bool_], *, horizon: int, level: float = LEVEL) -> DelayCurve:
    """The Kaplan-Meier curve of how late positives come, with Greenwood's variance.

    `waited` is how old each decision was when its positive became known, where one `came`; where none did, how long it
    was watched: up to `horizon` where it was watched to the end, shorter where it is still young. The interval is
    Greenwood's on the scale log(-log S), which stays within 0 and 1.

    Kaplan and Meier (1958), "Nonparametric Estimation from Incomplete Observations", Journal of the American
    Statistical Association 53; Kalbfleisch and Prentice (1980), "The Statistical Analysis of Failure Time Data".

    >>> waited, came = np.array([1, 2, 2, 4, 4]), np.array([True, True, False, True, False])
    >>> delay_curve(waited, came, horizon=4).share.round(3).tolist()
    [0.2, 0.4, 0.7]
    """
    if waited.size != came.size or (waited.size and int(waited.min()) < 0):
        raise DataError(
            f"A delay curve was asked for of {waited.size} times, the least {waited.min() if waited.size else None}, "
            f"and {came.size} outcomes.",
            expected="an age of 0 or more and an outcome for each decision",
        )
    ages, places = np.unique(waited, return_inverse=True)
    events = np.bincount(places[came], minlength=ages.size)
    left = np.bincount(places, minlength=ages.size)
    at_risk = waited.size - np.cumsum(left) + left
    kept = events > 0
    events, at_risk, ages_kept = events[kept], at_risk[kept], ages[kept]
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = normal_quantile(level) * np.sqrt(greenwood) / np.abs(np.log(survival))
        low, high = 1 - survival ** np.exp(-spread), 1 - survival ** np.exp(spread)
    ended = survival <= 0
    low[ended], high[ended] = float("nan"), float("nan")
    return DelayCurve(
        ages_kept,
        1 - survival,
        low,
        high,
        np.where(ended, 0.0, greenwood),
        horizon,
        int(waited.max()) if waited.size else 0,
        waited.size,
        int(events.sum()),
        level,
    )


@dataclass(frozen=True)
class Rate:
    """A rate with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelClock:
    """How late positives come: the curve of all decisions, and that of each segment that has enough of them."""

    pooled: DelayCurve
    segments: Mapping[str, DelayCurve]

    def of(self, segment: str | None) -> DelayCurve:
        """The curve of a segment; that of all where it has none of its own."""
        return self.segments.get(segment or "", self.pooled)

    def come_by(self, age: Ints, segments: Array | None = None) -> Array:
        """The share of the positives among such decisions that are known by each one's age."""
        found = self.pooled.come_by(age)
        if segments is not None:
            for name, curve in self.segments.items():
                ours = segments == name
                found[ours] = curve.come_by(age[ours])
        return found

    def corrected_rate(self, positive: npt.NDArray[np.bool_], age: Ints, segments: Array | None = None) -> Rate:
        """The rate that decisions of these ages will have in the end, from those known to be `positive` by now.

        The positives over the share of them that is expected to be known: sum(positive) / sum(come_by(age)), by
        segment. The interval has the variance of the count and that of the curve (the delta method on the logarithm).
        Lawless (1994), "Adjustments for reporting delays and the prediction of occurred but not reported events",
        Canadian Journal of Statistics 22(1).

        >>> curve = delay_curve(np.repeat([2, 8, 9], [50, 50, 900]), np.arange(1000) < 100, horizon=9)
        >>> rate = LabelClock(curve, {}).corrected_rate(np.arange(1000) < 50, np.full(1000, 4))
        >>> round(rate.estimate, 3), round(rate.low, 3), round(rate.high, 3)
        (0.1, 0.072, 0.14)
        """
        names = np.full(age.size, "", dtype=object) if segments is None else segments
        own = [(names == name, curve) for name, curve in self.segments.items()]
        others = ~np.logical_or.reduce([rows for rows, _ in own]) if own else np.ones(age.size, dtype=bool)
        total = below = above = 0.0
        for rows, curve in [(others, self.pooled), *own]:
            if rows.any():
                share, part = float(rows.mean()), _corrected(curve, int(positive[rows].sum()), age[rows])
                total += share * part.estimate
                below += (share * (part.estimate - part.low)) ** 2
                above += (share * (part.high - part.estimate)) ** 2
        # The interval of a sum from those of its parts: Zou and Donner (2008), Statistics in Medicine 27(10).
        return Rate(total, max(total - math.sqrt(below), 0.0), total + math.sqrt(above))

    def to_dict(self) -> dict[str, Any]:
        """The feedback loop's length as JSON-like data: of all decisions, and of each segment."""
        return {
            "all": loop_length(self.pooled),
            "segments": {name: loop_length(each) for name, each in self.segments.items()},
        }


def _corrected(curve: DelayCurve, positives: int, age: Ints) -> Rate:
    known, variance = curve.expected(age)
    if not known > 0:
        return Rate(float("nan"), float("nan"), float("nan"))
    n = age.size
    if positives == 0:
        return Rate(0.0, 0.0, float(wilson(0.0, n, level=curve.level)[1]) / known)
    rate = positives / (n * known)
    spread = normal_quantile(curve.level) * math.sqrt((1 - positives / n) / positives + variance / known**2)
    return Rate(rate, rate * math.exp(-spread), rate * math.exp(spread))


def loop_length(curve: DelayCurve) -> dict[str, Any]:
    """How long the feedback loop is: the ages by which shares of all positives are known, each with its interval.

    The bounds are the ages at which those of the curve reach the share (Brookmeyer and Crowley 1982, "A Confidence
    Interval for the Median Survival Time", Biometrics 38(1)), None where they do not.
    """
    found = []
    for share in SHARES if curve.complete else ():
        wanted = share * curve.rate
        early, late = (np.flatnonzero(bound >= wanted) for bound in (curve.high, curve.low))
        found.append(
            {
                "share": share,
                "age": curve.age_of(share),
                "low": int(curve.age[early[0]]) if early.size else None,
                "high": int(curve.age[late[0]]) if late.size else None,
            }
        )
    return {"decisions": curve.n, "positives": curve.positives, "horizon": curve.horizon, "known_by": found}


def label_clock(
    labels: Labels,
    at: Ints,
    ends: Ints,
    *,
    as_of: int,
    delay: int = 0,
    segments: Array | None = None,
    every: bool = False,
) -> LabelClock:
    """How late positives come, from decisions of every age: the old ones were watched to the end, the young in part.

    `ends` is when each decision's time is over, `delay` how much later its source can say so. Void and censored
    decisions are left out, and those whose label is unknown although its time is over. With `every`, known labels of
    both values count as positives do: where absence is void, each of them is an event that came.

    >>> state, value = np.array([1, 1, 0], dtype=np.int8), np.array([1.0, 0.0, np.nan])
    >>> labels = Labels(state, value, np.array([4, 10, 0]), np.array([True, True, False]), {})
    >>> label_clock(labels, np.array([0, 0, 8]), np.array([10, 10, 18]), as_of=11).pooled.rate
    0.5
    """
    came = (labels.state == KNOWN) & ((labels.value == 1.0) | every)
    age, own = as_of - at, ends - at + delay
    horizon = int(own.max()) if own.size else 0
    waited = np.where(came, labels.settled_at - at, np.where(age >= own, horizon, age))
    waited = np.minimum(waited, horizon)
    taken = (came | (labels.state == KNOWN) | ((labels.state == UNKNOWN) & (age < own))) & (age >= 0)
    pooled = delay_curve(waited[taken], came[taken], horizon=horizon)
    curves = {}
    for name in [] if segments is None else sorted({str(each) for each in segments[taken] if each is not None}):
        ours = taken & (segments == name)
        if int(came[ours].sum()) >= LEAST_POSITIVES:
            curve = delay_curve(np.minimum(waited[ours], own[ours]), came[ours], horizon=int(own[ours].max()))
            if curve.complete:
                curves[name] = curve
    return LabelClock(pooled, curves)


def cohort_rates(
    labels: Labels, at: Ints, clock: LabelClock, *, as_of: int, segments: Array | None = None, length: int = DAY
) -> pa.Table:
    """The rate of positives of each cohort, as it looks now and corrected for the labels that have not come.

    A cohort are the decisions of a day, or of another `length`: `start`, `decisions`, mean `age`, `naive` (unknown
    taken for negative), `rate` with `low` and `high`, and `known`, the share of its positives expected to be known.

    >>> clock = LabelClock(delay_curve(np.repeat([1, 9], 50) * DAY, np.arange(100) < 50, horizon=9 * DAY), {})
    >>> state, value = np.full(40, KNOWN, np.int8), np.repeat([1.0, 0.0], 20)
    >>> labels = Labels(state, value, np.full(40, DAY), np.full(40, True), {})
    >>> found = cohort_rates(labels, np.repeat([0, 5 * DAY], 20), clock, as_of=9 * DAY)
    >>> found.select(["decisions", "naive", "rate"]).to_pydict()
    {'decisions': [20, 20], 'naive': [1.0, 0.0], 'rate': [1.0, 0.0]}
    """
    possible = np.flatnonzero(((labels.state == KNOWN) | (labels.state == UNKNOWN)) & (at <= as_of))
    positive = (labels.state == KNOWN) & (labels.value == 1.0)
    starts, place = np.unique(at[possible] // length, return_inverse=True)
    order = np.argsort(place, kind="stable")
    rows: list[dict[str, Any]] = []
    for start, members in zip(starts, np.split(possible[order], np.cumsum(np.bincount(place))[:-1]), strict=True):
        age = as_of - at[members]
        theirs = None if segments is None else segments[members]
        rate = clock.corrected_rate(positive[members], age, theirs)
        rows.append(
            {
                "start": int(start) * length,
                "decisions": int(members.size),
                "age": int(age.mean()),
                "naive": float(positive[members].mean()),
                "rate": rate.estimate,
                "low": rate.low,
                "high": rate.high,
                "known": float(clock.come_by(age, theirs).mean()),
            }
        )
    return pa.Table.from_pylist(rows, schema=_COHORTS)


_COHORTS = pa.schema(
    [
        ("start", pa.int64()),
        ("decisions", pa.int64()),
        ("age", pa.int64()),
        *[(name, pa.float64()) for name in ("naive", "rate", "low", "high", "known")],
    ]
)
