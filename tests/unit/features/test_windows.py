"""Windows of a calendar against zoneinfo, day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from setpoint.core.times import DAY, HOUR
from setpoint.declare.window import CALENDAR_HOP
from setpoint.features.needs import Window
from setpoint.features.windows import FAR_PAST, start_of, window_start

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks jumped over midnight, and back to before it
    "Asia/Beirut",  # clocks jump over midnight
    "America/St_Johns",  # clocks went back at one minute past midnight
    "Pacific/Apia",  # a day was left out
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
]
moments = st.integers(-20 * 365 * DAY, 60 * 365 * DAY)


def micros(day: date, zone: str) -> int:
    """When a day begins on the clocks of a zone."""
    return (datetime.combine(day, time(), ZoneInfo(zone)) - EPOCH) // timedelta(microseconds=1)


def begin(at: int, unit: str, units: int, zone: str) -> int:
    """The start of the newest day that has begun, taken to its unit, and units before it, one after another."""
    day = (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    while micros(day, zone) > at:
        day -= timedelta(days=1)
    if unit == "week":
        day -= timedelta(days=day.weekday())
    if unit == "month":
        day = day.replace(day=1)
    for _ in range(units - 1):
        day -= timedelta(days={"day": 1, "week": 7, "month": 1}[unit])
        if unit == "month":
            day = day.replace(day=1)
    return micros(day, zone)


@given(
    st.lists(moments, min_size=1, max_size=4), st.sampled_from(["day", "week", "month"]), st.integers(1, 14),
    st.sampled_from(ZONES),
)  # fmt: skip
def test_units_begin_when_their_first_midnight_is_shown(at: list[int], unit: str, units: int, zone: str) -> None:
    """Days of 23 or 25 hours, weeks from Monday and months of any length are what the clocks of the zone show."""
    found = window_start(np.array(at), Window(units, 1, unit, zone)).tolist()
    assert found == [begin(one, unit, units, zone) for one in at]
    assert [start_of(one, Window(units, 1, unit, zone)) for one in at] == found


@given(moments, st.sampled_from(ZONES))
@example(micros(date(2018, 11, 4), "America/Sao_Paulo"), "America/Sao_Paulo")
@example(micros(date(2006, 10, 29), "America/St_Johns"), "America/St_Johns")
@example(micros(date(2011, 12, 31), "Pacific/Apia"), "Pacific/Apia")
def test_a_running_unit_never_goes_back(at: int, zone: str) -> None:
    """As time goes on the start of the running day does not move towards the past, and is not in the future."""
    times = at + np.arange(-4 * HOUR, 4 * HOUR, HOUR // 4)
    found = window_start(times, Window(1, 1, "day", zone))
    assert (np.diff(found) >= 0).all()
    assert (found <= times).all()


def test_today_is_longer_when_clocks_go_back() -> None:
    """A local day at the end of October has 25 hours."""
    noon = int(np.datetime64("2026-10-25T22:59:59", "us").astype(np.int64))
    assert noon - start_of(noon, Window(1, 1, "day", "Europe/Berlin")) == 25 * HOUR - 1_000_000


def test_a_calendar_is_floored_to_its_hop() -> None:
    """Kathmandu is 5:45 ahead, so an hourly hop begins a quarter before its midnight."""
    assert start_of(0, Window(1, 1, "day", "Asia/Kathmandu")) == -int(5.5 * HOUR)
    assert start_of(0, Window(1, HOUR, "day", "Asia/Kathmandu")) == -6 * HOUR


@pytest.mark.parametrize("window", [Window(1, 1, "month", "Europe/Berlin"), Window(5, 2), Window(0, 1)])
def test_no_decisions_have_no_windows(window: Window) -> None:
    """An empty array gives an empty one."""
    assert window_start(np.zeros(0, dtype=np.int64), window).tolist() == []


def test_all_time_has_no_start() -> None:
    """`last` 0 reaches back before every time a row can have."""
    assert window_start(np.array([5]), Window(0, 1))[0] == start_of(5, Window(0, 1)) == FAR_PAST


@pytest.mark.parametrize(
    ("at", "last", "hop", "start"),
    [
        (10 * DAY, DAY, HOUR, 9 * DAY),
        (10 * DAY + 1, DAY, HOUR, 9 * DAY),
        (10 * DAY - 1, DAY, HOUR, 9 * DAY - HOUR),
        (5, 10, 4, -8),
        (-5, 10, 1, -15),
        (2, 1, 1, 1),
    ],
)
def test_a_window_begins_on_a_multiple_of_its_hop(at: int, last: int, hop: int, start: int) -> None:
    """The far edge is floored towards the past, before the epoch too, for one decision as for many."""
    assert window_start(np.array([at, at]), Window(last, hop)).tolist() == [start, start]
    assert start_of(at, Window(last, hop)) == start


@given(
    st.integers(0, 60 * 365 * DAY), st.sampled_from(["day", "week", "month"]), st.integers(1, 5),
    st.sampled_from([*ZONES, "Antarctica/Troll", "Antarctica/Casey", "Antarctica/Vostok"]),
)  # fmt: skip
@example(micros(date(2026, 10, 26), "Antarctica/Troll") - 1, "day", 1, "Antarctica/Troll")
@example(micros(date(2023, 3, 10), "Antarctica/Casey") - 1, "day", 2, "Antarctica/Casey")
@example(micros(date(1994, 2, 1), "Antarctica/Vostok") - 1, "month", 1, "Antarctica/Vostok")
def test_no_window_looks_further_back_than_it_says(at: int, unit: str, units: int, zone: str) -> None:
    """What is kept for as long as a calendar window reaches is enough, by however much clocks go back."""
    window = Window(units, CALENDAR_HOP, unit, zone)
    assert at - start_of(at, window) <= (window.reach or 0)
