"""Where windows begin: a stretch of time before a decision, or the units of a calendar up to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from setpoint.core.times import DAY
from setpoint.data.arrays import Array
from setpoint.features.needs import Window

FAR_PAST = -(2**63) + 1
"""The start of a window that has none: before every time a row can have."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (clocks of whatever zone)
_FIRST_DAY = (datetime(2, 1, 1) - _EPOCH).days  # noqa: DTZ001
_LAST_DAY = (datetime(9998, 1, 1) - _EPOCH).days  # noqa: DTZ001


def window_start(at: Array, window: Window) -> Array:
    """The first time inside the window of a decision at each time.

    `at - last`; of a calendar, the start of the running day, week (from Monday) or month on the clocks of the zone and
    `last - 1` units before it. Floored to a multiple of `hop`.

    >>> window_start(np.array([105, -1]), Window(10, 4))
    array([ 92, -12])
    >>> noon = np.datetime64("2026-03-29T12:00", "us").astype(np.int64)
    >>> window_start(np.array([noon]), Window(1, 1, "day", "Europe/Berlin")).view("datetime64[us]").astype(str).tolist()
    ['2026-03-28T23:00:00.000000']
    """
    if window.unit:
        return _calendar(np.asarray(at, dtype=np.int64), window) // window.hop * window.hop
    if not window.last:
        return np.full(at.shape, FAR_PAST, dtype=np.int64)
    return (at - window.last) // window.hop * window.hop


def start_of(at: int, window: Window) -> int:
    """`window_start` of one decision.

    >>> start_of(105, Window(10, 4))
    92
    """
    if window.unit:
        return int(window_start(np.array([at]), window)[0])
    return (at - window.last) // window.hop * window.hop if window.last else FAR_PAST


def _calendar(at: Array, window: Window) -> Array:
    """The start of the running unit, the newest that has begun, and the units before it that belong to the window."""
    utc, places = np.unique(at // DAY, return_inverse=True)
    near = np.unique(utc[:, None] + np.arange(-2, 3))
    begun = near[np.searchsorted(_midnights(near, window.zone), at, side="right") - 1]
    days, places = np.unique(begun, return_inverse=True)
    return _midnights(_UNITS[window.unit](days, window.last - 1), window.zone)[places]


def _midnights(days: Array, zone: str) -> Array:
    return np.array([_midnight(day, zone) for day in days.tolist()], dtype=np.int64)


@lru_cache(maxsize=1 << 16)
def _midnight(day: int, zone: str) -> int:
    """When a day (counted from 1970-01-01) begins on the clocks of a zone.

    Where clocks show midnight twice it is the first; where they jump over it, the moment at which they do.
    """
    shown = _EPOCH + timedelta(days=min(max(day, _FIRST_DAY), _LAST_DAY))
    since = shown.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None) - _EPOCH
    return since // timedelta(microseconds=1)


def _months_before(days: Array, units: int) -> Array:
    months = days.view("datetime64[D]").astype("datetime64[M]") - units
    return months.astype("datetime64[D]").view(np.int64)


_UNITS: Mapping[str, Callable[[Array, int], Array]] = {
    "day": lambda days, units: days - units,
    "week": lambda days, units: days - (days + 3) % 7 - 7 * units,
    "month": _months_before,
}
"""The first day of the unit that holds a day, and so many units before."""
