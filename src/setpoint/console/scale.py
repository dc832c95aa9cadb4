"""From values to places on a picture: scales, round ticks, ticks of the calendar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from setpoint.console.words import MONTHS, moment_at
from setpoint.core.times import DAY


@dataclass(frozen=True)
class Scale:
    """A straight map from values to pixels.

    >>> Scale(0, 10, 100, 200)(2.5)
    125.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        width = self.high - self.low
        part = (value - self.low) / width if width else 0.5
        return self.start + part * (self.end - self.start)


@dataclass(frozen=True)
class TimeTick:
    """A tick of the calendar; `year` is written below it where a year begins."""

    at: int
    label: str
    year: str | None


def step_of(low: float, high: float, *, most: int = 6) -> float:
    """The smallest round step (1, 2 or 5 times a power of ten) that needs at most so many ticks.

    >>> step_of(0, 10), step_of(0.68, 0.77, most=5), step_of(0, 10, most=2)
    (2.0, 0.02, 10.0)
    """
    if high <= low:
        return 1.0
    power = math.floor(math.log10((high - low) / most)) - 1
    while True:
        for times in (1, 2, 5):
            step = float(times * 10**power) if power >= 0 else times / 10**-power
            if math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) < most:
                return step
        power += 1


def ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, at steps of 1, 2 or 5.

    >>> ticks(0.68, 0.77, most=6)
    [0.68, 0.7, 0.72, 0.74, 0.76]
    """
    step = step_of(low, high, most=most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def domain(values: Iterable[float | None], *, include: Sequence[float] = (), most: int = 6) -> tuple[float, float]:
    """Round ends that hold all values, with room around a single one; `most` ticks, at least 3, will fit.

    >>> domain([0.683, None, 0.771])
    (0.68, 0.78)
    >>> domain([])
    (0.0, 1.0)
    """
    known = [value for value in (*values, *include) if value is not None]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if low == high:
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    while True:
        step = step_of(low, high, most=most)
        wider = (
            round(math.floor(low / step + 1e-9) * step, 12),
            round(math.ceil(high / step - 1e-9) * step, 12),
        )
        if wider == (low, high):
            return wider
        low, high = wider


def tick_label(value: float, step: float) -> str:
    """A tick's number with the decimals that its step needs.

    >>> tick_label(0.7, 0.02), tick_label(2000, 500), tick_label(-5, 5)
    ('0.70', '2,000', '−5')
    """
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{digits}f}".replace("-", "−")


def calendar_ticks(start: int, end: int, *, most: int = 12) -> list[TimeTick]:
    """Ticks at round days, weeks, months or years, at most so many, from `start` to before `end`.

    >>> from setpoint.core.times import time
    >>> [tick.label for tick in calendar_ticks(time("2013-01-01"), time("2013-07-01"), most=6)]
    ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun']
    """
    found: list[datetime] = []
    for days in (1, 2, 7, 14):
        if (end - start) / DAY / days <= most:
            found, form = list(_days(start, end, days)), "day"
            break
    else:
        for months in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200):
            found, form = list(_months(start, end, months)), "month" if months < 12 else "year"
            if len(found) <= most:
                break
    return [
        TimeTick(_microseconds(moment), _label(moment, form), _year(moment, form, first=index == 0))
        for index, moment in enumerate(found)
    ]


def _label(moment: datetime, form: str) -> str:
    name = MONTHS[moment.month - 1][:3]
    return {"day": f"{moment.day} {name}", "month": name, "year": str(moment.year)}[form]


def _year(moment: datetime, form: str, *, first: bool) -> str | None:
    begins = moment.month == 1 and (form == "month" or moment.day == 1)
    return str(moment.year) if form != "year" and (first or begins) else None


def _days(start: int, end: int, step: int) -> Iterator[datetime]:
    day = -(-start // DAY)
    while day * DAY < end:
        yield moment_at(day * DAY)
        day += step


def _months(start: int, end: int, step: int) -> Iterator[datetime]:
    first = moment_at(start)
    number = (first.year * 12 + first.month - 1) // step * step
    while True:
        if number >= 9999 * 12:
            return
        at = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if _microseconds(at) >= end:
            return
        if _microseconds(at) >= start:
            yield at
        number += step


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
