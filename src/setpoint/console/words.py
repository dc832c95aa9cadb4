"""Numbers, times and names in the words of a report; what is not known is a dash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from setpoint.core import times

DASH = "–"
MINUS = "−"
NARROW = "\u202f"
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed number of decimals.

    >>> number(0.73912), number(-1234.5, 0), number(None)
    ('0.739', '−1,234', '–')
    """
    if value is None:
        return DASH
    text = f"{abs(value):,.{digits}f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) != 0 else text


def count(value: int | None) -> str:
    """A whole number.

    >>> count(1234), count(None)
    ('1,234', '–')
    """
    return number(value, 0)


def amount(value: float | None) -> str:
    """A number of any size with the decimals that matter at its size.

    >>> amount(12345.6), amount(12.34), amount(0.1234), amount(1.2), amount(0)
    ('12,346', '12.3', '0.123', '1.2', '0')
    """
    if value is None:
        return DASH
    if float(value).is_integer():
        return number(value, 0)
    if abs(value) >= 100:
        return number(value, 0)
    return number(value, 1) if abs(value) >= 10 else number(value, 3).rstrip("0").rstrip(".")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign.

    >>> signed(0.05), signed(-0.05, 2), signed(0.0, 1)
    ('+0.050', '−0.05', '0.0')
    """
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 and any(c in text for c in "123456789") else text


def share(value: float | None, digits: int = 1) -> str:
    """A share in per cent.

    >>> share(0.2371), share(1.0, 0)
    ('23.7\u202f%', '100\u202f%')
    """
    return DASH if value is None else f"{number(100 * value, digits)}{NARROW}%"


def between(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval.

    >>> between(0.7, 0.75)
    '0.700–0.750'
    >>> between(-0.1, 0.2, 1)
    '−0.1 to 0.2'
    """
    if low is None or high is None:
        return DASH
    joint = DASH if low >= 0 else " to "
    return f"{number(low, digits)}{joint}{number(high, digits)}"


def plural(many: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "alarm"), plural(0, "alarm"), plural(1200, "watch")
    ('1 alarm', 'no alarms', '1,200 watches')
    """
    ending = "" if many == 1 else "es" if noun.endswith(("ch", "s", "x")) else "s"
    return f"{'no' if many == 0 else f'{many:,}'} {noun}{ending}"


def listed(names: Sequence[str]) -> str:
    """Names as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else DASH


def date(text: str | None, *, year: bool = True, whole: bool = False) -> str:
    """The day of an ISO time (UTC); `whole` spells the month out.

    >>> date("2013-07-04T12:00:00Z"), date("2013-07-04", year=False)
    ('4 Jul 2013', '4 Jul')
    """
    if text is None:
        return DASH
    moment = moment_of(text)
    name = MONTHS[moment.month - 1]
    return f"{moment.day} {name if whole else name[:3]}" + (f" {moment.year}" if year else "")


def days(first: str | None, last: str | None) -> str:
    """A span of days, the year said once where it is the same.

    >>> days("2013-02-01", "2013-03-12"), days("2013-12-07", "2014-01-02"), days("2013-12-07", None)
    ('1 Feb – 12 Mar 2013', '7 Dec 2013 – 2 Jan 2014', 'since 7 Dec 2013')
    """
    if first is None:
        return DASH
    if last is None:
        return f"since {date(first)}"
    return f"{date(first, year=first[:4] != last[:4])} {DASH} {date(last)}"


def clock(text: str | None) -> str:
    """The day and the time of day of an ISO time (UTC).

    >>> clock("2013-07-04T12:05:00Z")
    '4 Jul 2013, 12:05'
    """
    return DASH if text is None else f"{date(text)}, {moment_of(text):%H:%M}"


def month(text: str, *, year: bool = False) -> str:
    """The name of a month.

    >>> month("2013-07"), month("2013-07", year=True)
    ('July', 'July 2013')
    """
    name = MONTHS[int(text[5:7]) - 1]
    return f"{name} {text[:4]}" if year else name


def hours(many: float) -> str:
    """An age in hours or, from two days on, in days.

    >>> hours(1), hours(5), hours(48)
    ('1 hour', '5 hours', '2 days')
    """
    if many >= 48:
        return plural_number(many / 24, "day")
    return plural_number(many, "hour")


def plural_number(many: float, noun: str) -> str:
    """A number that need not be whole with its noun.

    >>> plural_number(2.5, "day"), plural_number(0, "hour")
    ('2.5 days', '0 hours')
    """
    return f"{many:g} {noun}{'' if many == 1 else 's'}"


def short(digest: str | None) -> str:
    """A digest cut to what tells it from others; the rule's name is left whole.

    >>> short("0123456789abcdef"), short("rule"), short(None)
    ('01234567', 'rule', '–')
    """
    return DASH if digest is None else digest[:8]


def moment_of(text: str) -> datetime:
    """An ISO time as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=times.time(text))


def moment_at(at: int) -> datetime:
    """A time in microseconds as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)
