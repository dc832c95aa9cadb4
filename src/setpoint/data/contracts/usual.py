"""What is usual of a source: bounds on how many rows happen, and on how old its newest one gets, from its history.

Bounds are Tukey's outer fences, three quartile ranges beyond the quartiles (Tukey 1977, "Exploratory Data Analysis"),
of counts on the scale on which those of independent rows have the standard deviation 1 (Anscombe 1948, "The
transformation of Poisson, binomial and negative-binomial data"), and of ages on the scale of their logarithm. Quartiles
do not move with an outage in the past. What has a rhythm that a bound of all stretches cannot hold, such as quiet
nights, is judged over longer ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.data.contracts.source_rules import MONDAY
from setpoint.data.rows import AT, KNOWN_AT, known_prefix, times_of
from setpoint.declare.contract import Fresh, Volume
from setpoint.declare.source import EVENTS, SourceInfo

LEAST_STRETCHES, LEAST_WEEKS = 28, 12
"""From fewer stretches of time, or whole weeks, nothing is concluded."""

FENCE = 3.0
"""So many quartile ranges beyond the quartiles a bound lies."""

BROKEN = 0.01
"""Of the past at most this share, or one stretch, may break a bound."""

_SPREAD = 1.349
"""The quartile range of a normal distribution of standard deviation 1: counts of independent rows have no less."""

_LEAST_RATIO = 1.25
"""Ages at the upper quartile are taken to be at least so many times those at the lower one."""

_STRETCHES = (HOUR, 6 * HOUR, DAY, 7 * DAY)
_LIMITS = tuple(
    count * unit
    for unit, counts in (
        (MINUTE, (1, 2, 5, 10, 15, 20, 30, 45)),
        (HOUR, (1, 2, 3, 4, 6, 8, 12, 18)),
        (DAY, (1, 2, 3, 4, 5, 7, 10, 14, 21, 30)),
    )
    for count in counts
)

_Ints = npt.NDArray[np.int64]


def usual_volume(info: SourceInfo, rows: pa.Table, now: int) -> Volume | None:
    """How many rows happen in each hour, quarter of a day, day or week, with room for chance: the shortest that works.

    A stretch in which nothing came breaks the rule, and so does a flood. None where too little is known, or the past up
    to now does not keep any such rule.

    >>> from setpoint.declare.source import events, info
    >>> at = np.arange(0, 60 * DAY, DAY // 400)
    >>> sales = info(events("sales", "sales.parquet", at="ts", delay="0s"))
    >>> usual_volume(sales, pa.table({AT: at, KNOWN_AT: at}), 60 * DAY).name
    "volume(every='1h', at_least=3, at_most=38)"
    """
    at = _happened(info, rows, now)
    for every in _STRETCHES if at.size else ():
        counts = _counts(at, every, until=now - (info.delay or 0))
        if counts.size < _least(every):
            continue
        lower, upper = np.quantile(2 * np.sqrt(counts + 0.375), [0.25, 0.75])
        room = FENCE * max(upper - lower, _SPREAD)
        least = int(np.floor((max(lower - room, 0.0) / 2) ** 2 - 0.375))
        most = int(np.ceil(((upper + room) / 2) ** 2 - 0.375))
        if least >= 1 and _is_kept((counts < least) | (counts > most)):
            return Volume(every, least, most)
    return None


def usual_age(info: SourceInfo, rows: pa.Table, now: int) -> Fresh | None:
    """How old the newest row may get, with room for chance; None where too little is known, or it is older now.

    >>> from setpoint.declare.source import events, info
    >>> at = np.arange(0, 60 * DAY, 10 * MINUTE)
    >>> sales = info(events("sales", "sales.parquet", at="ts", delay="5m"))
    >>> rows = pa.table({AT: at, KNOWN_AT: at + 5 * MINUTE})
    >>> usual_age(sales, rows, 60 * DAY).name, usual_age(sales, rows, 61 * DAY)
    ("fresh('30m')", None)
    """
    at = _happened(info, rows, now)
    if not at.size:
        return None
    newest = np.maximum.accumulate(at)
    seen = np.append(times_of(known_prefix(rows, now), KNOWN_AT)[: at.size][1:], now)
    ages = np.maximum(seen - newest, 1)
    for every in (DAY, 7 * DAY):
        peaks = _peaks(ages, (seen - MONDAY) // every)
        if peaks.size < _least(every):
            continue
        lower, upper = np.quantile(np.log(peaks), [0.25, 0.75])
        bound = np.exp(upper + FENCE * max(upper - lower, np.log(_LEAST_RATIO)))
        limit = next((each for each in _LIMITS if each >= bound), None)
        if limit is not None and ages[-1] <= limit and _is_kept(peaks > limit):
            return Fresh(limit)
    return None


def _happened(info: SourceInfo, rows: pa.Table, now: int) -> _Ints:
    """When rows happened that are known by a time, in the order in which they became known; none for a table."""
    if info.kind != EVENTS or AT not in rows.column_names:
        return np.array([], dtype=np.int64)
    return np.minimum(times_of(known_prefix(rows, now), AT), now)


def _least(every: int) -> int:
    """How many stretches of a length are needed."""
    return LEAST_WEEKS if every > DAY else LEAST_STRETCHES


def _counts(at: _Ints, every: int, *, until: int) -> _Ints:
    """How many rows happened in each whole stretch from the first row on."""
    first, end = -((MONDAY - int(at.min())) // every), (until - MONDAY) // every
    number = (at - MONDAY) // every - first
    size = max(0, end - first)
    return np.bincount(number[(number >= 0) & (number < size)], minlength=size)


def _peaks(values: _Ints, stretch: _Ints) -> _Ints:
    """The largest value of each stretch that has one."""
    starts = np.flatnonzero(np.r_[True, stretch[1:] != stretch[:-1]])
    return np.maximum.reduceat(values, starts)


def _is_kept(broken: npt.NDArray[np.bool_]) -> bool:
    """Whether the past keeps a bound, but for a few stretches at most."""
    return bool(broken.sum() <= max(1, BROKEN * broken.size))
