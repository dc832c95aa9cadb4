"""What the clocks and calendars of a zone show at a time, for arrays of times and for one, by the same whole numbers.

NULL_TIME is given to these functions like any time; what they answer for it means nothing and is for the caller to
replace.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from setpoint.core.errors import DeclarationError, did_you_mean
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.data.arrays import Array, null_mask

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_HOUR = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_LAST_HOUR = (datetime(9998, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_DENSE = 1 << 21
_CHANGES = 2**62

Whole = TypeVar("Whole", Array, int)
"""Whole numbers: an array of int64, or one int."""


def local(values: Array, zone: str) -> Array:
    """Times as the clocks of a zone show them, counted as if they were UTC.

    >>> local(np.array([0]), "Asia/Kolkata") // 60_000_000
    array([330])
    """
    return values + offsets(zone, values)


def local_one(moment: int, zone: str) -> int:
    """`local` of one time.

    >>> local_one(0, "Asia/Kolkata") // 60_000_000
    330
    """
    return moment + offset(zone, moment)


def minute_of_day(shown: Whole) -> Whole:
    """The minute of the day, 0 to 1439, of what clocks show."""
    return shown % DAY // MINUTE


def weekday(shown: Whole) -> Whole:
    """The day of the week, Monday 0 to Sunday 6, of what clocks show."""
    return (shown // DAY + 3) % 7


def date(shown: Whole) -> tuple[Whole, Whole, Whole]:
    """The day of the Gregorian calendar of what clocks show: its year, month and day, counted from 1.

    By whole numbers only: H. Hinnant, "chrono-compatible low-level date algorithms" (2013), `civil_from_days`.

    >>> date(-1)
    (1969, 12, 31)
    """
    days = shown // DAY + 719468
    era = days // 146097
    in_era = days - era * 146097
    year = (in_era - in_era // 1460 + in_era // 36524 - in_era // 146096) // 365
    in_year = in_era - (365 * year + year // 4 - year // 100)
    part = (5 * in_year + 2) // 153
    month = (part + 2) % 12 + 1
    early: Any = month <= 2
    return year + era * 400 + early, month, in_year - (153 * part + 2) // 5 + 1


def offsets(zone: str, values: Array) -> Array | int:
    """Microseconds to add to each time for the clocks of a zone; anything at all for a NULL."""
    if zone == "UTC":
        return 0
    if values.size == 1:
        return offset(zone, int(values[0]))
    hours = np.clip(values // HOUR, _FIRST_HOUR, _LAST_HOUR)
    real = ~null_mask(values)
    hours[~real] = hours[real][0] if real.any() else 0
    first = int(hours.min(initial=_LAST_HOUR))
    span = int(hours.max(initial=_FIRST_HOUR)) - first + 1
    if 0 < span <= _DENSE:
        index = hours - first
        present = np.zeros(span, dtype=bool)
        present[index] = True
        distinct = np.flatnonzero(present) + first
        table = np.zeros(span, dtype=np.int64)
        slots = distinct - first
    else:
        distinct, index = np.unique(hours, return_inverse=True)
        table = np.zeros(distinct.size, dtype=np.int64)
        slots = np.arange(distinct.size)
    constant = [_hour_offset(zone, hour) for hour in distinct.tolist()]
    table[slots] = [_CHANGES if offset is None else offset for offset in constant]
    found: Array = table[index]
    for place in np.flatnonzero((found == _CHANGES) & real):
        found[place] = offset(zone, int(values[place]))
    return found


def offset(zone: str, moment: int) -> int:
    """Microseconds to add to one time for the clocks of a zone.

    Raises DeclarationError for a zone that does not exist.

    >>> offset("America/New_York", 0) // 3_600_000_000
    -5
    """
    if zone == "UTC":
        return 0
    hour = min(max(moment // HOUR, _FIRST_HOUR), _LAST_HOUR)
    constant = _hour_offset(zone, hour)
    if constant is not None:
        return constant
    return _shown(zone, timedelta(microseconds=moment))


@lru_cache(maxsize=1 << 12)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise DeclarationError(
            f"There is no time zone {name!r}.",
            expected='a name such as "America/New_York"',
            hint=did_you_mean(name, available_timezones()),
        ) from None


@lru_cache(maxsize=1 << 18)
def _hour_offset(zone: str, hour: int) -> int | None:
    """The offset of a whole hour UTC, or None when clocks change within it."""
    first = _shown(zone, timedelta(hours=hour))
    last = _shown(zone, timedelta(hours=hour + 1, microseconds=-1))
    return first if first == last else None


def _shown(zone: str, since_epoch: timedelta) -> int:
    shown = (_EPOCH + since_epoch).astimezone(_zone(zone)).utcoffset() or timedelta()
    return shown // timedelta(microseconds=1)
