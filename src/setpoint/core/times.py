"""Times and durations as whole microseconds: the only representation between parts.

A time is microseconds since 1970-01-01T00:00:00Z, a duration is microseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from setpoint.core.errors import NaiveTime, WrongType

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

LONGEST = 36_525 * DAY
"""The longest duration: a century, so that a time plus or minus one is a time."""

_UNITS = {"us": 1, "ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d|w)\s*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(value: str | int | timedelta) -> int:
    """Microseconds of a duration such as "90s", "20ms", "3d" or "1h 30m".

    Raises WrongType for anything else; of plain numbers only 0 says how long it is. None is longer than a century.

    >>> duration("3d") == 3 * DAY
    True
    >>> duration("1h 30m") == 90 * MINUTE
    True
    """
    length = _length(value)
    if length is None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        raise WrongType(
            f"{value!r} is not a duration.",
            expected='a number and a unit, such as "90s", "20ms", "3d" or "1h 30m"',
            hint=f'Write "{value}s" if it is seconds.' if number else None,
        )
    if abs(length) > LONGEST:
        raise WrongType(
            f"{value!r} is longer than a duration can be.",
            expected=f"at most {spell(LONGEST)}, a century",
            hint="What has no end is left out, such as last= or ttl=.",
        )
    return length


def _length(value: object) -> int | None:
    """The length of a duration; None for what is none."""
    if isinstance(value, timedelta):
        return round(value / timedelta(microseconds=1))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0:
        return 0
    if isinstance(value, str) and value.strip():
        position, total = 0, 0.0
        while position < len(value):
            match = _DURATION.match(value, position)
            if match is None:
                return None
            total += float(match[1]) * _UNITS[match[2]]
            position = match.end()
        return round(min(total, 2.0 * LONGEST))
    return None


def time(value: str | int | datetime) -> int:
    """Microseconds since the epoch of an ISO 8601 text or datetime that names its zone.

    Raises NaiveTime for a time without a zone and WrongType for anything else. A bare date means
    midnight UTC.

    >>> time("1970-01-02")
    86400000000
    >>> time("1970-01-01T01:00:00+01:00")
    0
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise WrongType(
                f"{value!r} is not a time.", expected='ISO 8601 with a zone, such as "2013-07-01T06:00:00Z"'
            ) from None
        if len(text) == 10:
            moment = moment.replace(tzinfo=UTC)
        value = moment
    if not isinstance(value, datetime):
        raise WrongType(f"{value!r} is not a time.", expected="an ISO 8601 text or a datetime with a zone")
    if value.tzinfo is None:
        raise NaiveTime(
            f"The time {value.isoformat()} has no zone.",
            expected="a time that names its zone",
            hint=f'Write "{value.isoformat()}Z" if it is UTC.',
        )
    return (value - _EPOCH) // timedelta(microseconds=1)


def iso(moment: int) -> str:
    """The time as ISO 8601 text in UTC, without needless zeros.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    text = (_EPOCH + timedelta(microseconds=moment)).isoformat()
    return text.replace("+00:00", "Z")


def spell(length: int) -> str:
    """A duration in its shortest exact words.

    >>> spell(3 * DAY), spell(90 * MINUTE), spell(0)
    ('3d', '1h 30m', '0s')
    """
    if length == 0:
        return "0s"
    words, rest = [], abs(length)
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            words.append(f"{count}{unit}")
    return ("-" if length < 0 else "") + " ".join(words)
