"""Windows: the stretch of time before a decision that a feature folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType, did_you_mean

_HOPS = tuple(times.duration(step) for step in ("1s", "5s", "15s", "1m", "5m", "15m", "1h", "3h", "6h", "1d"))

UNITS = {"day": times.DAY, "week": times.WEEK, "month": 31 * times.DAY}
"""The units of calendar windows and how long one can be by the calendar, in microseconds."""

CLOCKS_BACK = 7 * times.HOUR
"""How far clocks have gone back over any number of days since 1970, in any zone: Antarctica/Vostok in 1994."""

CALENDAR_HOP = 15 * times.MINUTE
"""The step of a calendar window: every zone of today is a whole number of quarter hours from UTC."""

EXACT = 1
"""The hop of a window whose far edge moves with every microsecond."""


class Window(NamedTuple):
    """A stretch of time before a decision, in microseconds; `last` 0 is all time.

    With a calendar `unit` of a `zone`, `last` counts units, the running one included.
    """

    last: int
    hop: int
    unit: str = ""
    zone: str = ""

    @property
    def reach(self) -> int | None:
        """How far back it can see at most, in microseconds; None for all time."""
        if self.last == 0:
            return None
        length = self.last * UNITS[self.unit] + CLOCKS_BACK if self.unit else self.last
        return length + self.hop - 1


@dataclass(frozen=True)
class Calendar:
    """So many days, weeks or months on the clocks of a zone, the running one included."""

    unit: str
    zone: str
    count: int = 1

    def __str__(self) -> str:
        count = "" if self.count == 1 else f", count={self.count}"
        return f"calendar({self.unit!r}, zone={self.zone!r}{count})"


Span: TypeAlias = str | timedelta | Calendar | None
"""One window: a length such as "3d", calendar units, or None for all time."""

Last: TypeAlias = Span | Sequence[Span]
"""One window, or several at once."""


def calendar(unit: str, *, zone: str = "", count: int = 1) -> Calendar:
    """A window of whole calendar units: since midnight, Monday or the first of the month on the clocks of a zone.

    The running unit is included, so `count=1` is "today so far" and `count=2` "yesterday and today so far".

    >>> calendar("day", zone="America/New_York")
    Calendar(unit='day', zone='America/New_York', count=1)
    """
    if unit not in UNITS:
        raise DeclarationError(
            f"A calendar window counts {unit!r}.",
            expected=f"one of {', '.join(UNITS)}",
            hint=did_you_mean(str(unit), UNITS),
        )
    if not isinstance(zone, str) or not zone:
        raise DeclarationError(
            f"calendar({unit!r}) names no time zone (zone={zone!r}).",
            expected='zone="America/New_York" or the like',
            hint=f'When a {unit} begins depends on the clocks it is read from; zone="UTC" is one choice.',
        )
    known_zone(zone)
    most = times.LONGEST // UNITS[unit]
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise DeclarationError(f"calendar({unit!r}) has count={count!r}.", expected=f"a whole number from 1 to {most}")
    return Calendar(unit, zone, count)


@lru_cache(maxsize=1 << 10)
def known_zone(name: str) -> str:
    """The name of a time zone, given back where there is such a zone.

    >>> known_zone("Europe/Paris")
    'Europe/Paris'
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DeclarationError(
            f"There is no time zone {name!r}.",
            expected='a name such as "America/New_York"',
            hint=did_you_mean(name, available_timezones()),
        ) from None
    return name


def default_hop(last: int) -> int:
    """The step of a window's far edge: about a 240th of its length, so its length is off by 1/240 at most.

    >>> times.spell(default_hop(times.duration("30d")))
    '3h'
    """
    fitting = [step for step in _HOPS if step <= last // 240]
    return fitting[-1] if fitting else EXACT


def window(last: Span, hop: str | timedelta | None, *, what: str) -> Window:
    """The window that `last=` and `hop=` declare; `what` names the fold in errors.

    >>> window("3d", None, what="count(purchases)")
    Window(last=259200000000, hop=900000000, unit='', zone='')
    """
    if isinstance(last, Calendar):
        found = Window(last.count, CALENDAR_HOP, last.unit, last.zone)
        longest, words = times.DAY, "more than zero and at most a day"
    else:
        length = 0 if last is None else _length(last, what)
        found = Window(length, default_hop(length) if length else EXACT)
        longest, words = length or EXACT, 'more than zero and at most the window, or "exact"'
    if hop is None:
        return found
    step = EXACT if hop == "exact" else duration_of(f"{what} has hop={hop!r}", hop, or_else=', or "exact"')
    if not 0 < step <= longest:
        raise DeclarationError(f"{what} has hop={hop!r}.", expected=words)
    return found._replace(hop=step)


def duration_of(what: str, value: str | timedelta, *, or_else: str = "") -> int:
    """Microseconds of a duration; `what` begins the message where it is none, and `or_else` says what else may be.

    >>> duration_of("The window", "1h")
    3600000000
    """
    try:
        return times.duration(value)
    except WrongType as error:
        raise WrongType(f"{what}: {error.problem}", expected=f"{error.expected}{or_else}", hint=error.hint) from None


def _length(last: str | timedelta, what: str) -> int:
    if not isinstance(last, (str, timedelta)):
        raise WrongType(
            f"{what} has the window last={last!r}.",
            expected='a duration such as "3d", sp.calendar("day", zone=...), or a list of these',
        )
    length = duration_of(f"{what} has the window last={last!r}", last)
    if length <= 0:
        raise DeclarationError(f"{what} has the window last={last!r}.", expected="a positive duration")
    return length


def label(last: Span) -> str:
    """The name of a window in a family: as it was written where that can end a name.

    >>> label("1h"), label("1h 30m"), label(timedelta(days=7)), label(None), label(calendar("day", zone="UTC"))
    ('1h', '1h30m', '7d', 'all', 'day')
    """
    if last is None:
        return "all"
    if isinstance(last, Calendar):
        return last.unit if last.count == 1 else f"{last.count}{last.unit}s"
    written = "".join(last.split()) if isinstance(last, str) else ""
    return written if written.isalnum() else times.spell(times.duration(last)).replace(" ", "")


def name_of(found: Window) -> str:
    """The name that a window has in a family, unless it was written otherwise.

    >>> name_of(Window(90 * times.MINUTE, 1)), name_of(Window(2, CALENDAR_HOP, "day", "UTC")), name_of(Window(0, 1))
    ('1h30m', '2days', 'all')
    """
    if found.unit:
        return label(Calendar(found.unit, found.zone, found.last))
    return label(timedelta(microseconds=found.last) if found.last else None)


def is_named(found: Window, name: str) -> bool:
    """Whether a name, however its length is written, is that of a window.

    >>> is_named(Window(times.HOUR, 1), "60m"), is_named(Window(times.HOUR, 1), "1d")
    (True, False)
    """
    name = "".join(name.split())
    try:
        return name == name_of(found) or (not found.unit and times.duration(name) == found.last)
    except WrongType:
        return False


def spell(found: Window) -> str:
    """The arguments that declare a window, each after a comma; nothing for all time.

    >>> spell(Window(times.DAY, 300 * times.SECOND)), spell(Window(times.DAY, 1)), spell(Window(0, 1))
    (", last='1d'", ", last='1d', hop='exact'", '')
    """
    if found.unit:
        last = str(Calendar(found.unit, found.zone, found.last))
        usual = CALENDAR_HOP
    else:
        last = repr(times.spell(found.last))
        usual = default_hop(found.last)
    if found.last == 0:
        return ""
    hop = "exact" if found.hop == EXACT else times.spell(found.hop)
    return f", last={last}" + ("" if found.hop == usual else f", hop={hop!r}")
