from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.declare.expr import Aggregate, Family
from setpoint.declare.window import CALENDAR_HOP, CLOCKS_BACK, Window, default_hop, label
from tests.unit.declare.conftest import arrivals


def _counted(**window: Any) -> Aggregate:
    found = sp.count(arrivals, by="carrier", **window)
    assert isinstance(found, Aggregate)
    return found


@given(st.integers(1, 3650 * DAY))
def test_the_far_edge_moves_in_steps_of_at_most_a_240th_of_the_window(last: int) -> None:
    """A window is longer than declared by less than 1/240 of its length."""
    hop = default_hop(last)
    assert hop >= 1
    assert hop == 1 or hop * 240 <= last


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"last": "1d"}, Window(DAY, 5 * MINUTE)),
        ({"last": timedelta(days=1), "hop": "1h"}, Window(DAY, HOUR)),
        ({"last": "1d", "hop": "exact"}, Window(DAY, 1)),
        ({}, Window(0, 1)),
        ({"last": sp.calendar("day", zone="America/New_York")}, Window(1, 15 * MINUTE, "day", "America/New_York")),
        ({"last": sp.calendar("month", zone="UTC", count=3), "hop": "1h"}, Window(3, HOUR, "month", "UTC")),
    ],
)
def test_a_window_is_a_length_calendar_units_or_all_time(window: dict[str, Any], expected: Window) -> None:
    """The hop belongs to the definition, declared or not."""
    assert _counted(**window).window == expected


@pytest.mark.parametrize(
    ("window", "reach"),
    [
        (Window(DAY, HOUR), DAY + HOUR - 1),
        (Window(DAY, 1), DAY),
        (Window(1, 1, "day", "UTC"), DAY + CLOCKS_BACK),
        (Window(2, 1, "month", "UTC"), 2 * 31 * DAY + CLOCKS_BACK),
        (Window(0, 1), None),
    ],
)
def test_a_window_reaches_back_by_its_hop_too(window: Window, reach: int | None) -> None:
    """Clocks that go back make a day longer, of several days once."""
    assert window.reach == reach


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: sp.calendar("day"), DeclarationError, "names no time zone"),
        (lambda: sp.calendar("day", zone="America/New_Yrok"), DeclarationError, "Did you mean 'America/New_York'"),
        (lambda: sp.calendar("day", zone="America"), DeclarationError, "There is no time zone"),
        (lambda: sp.calendar("days", zone="UTC"), DeclarationError, "Did you mean 'day'"),
        (lambda: sp.calendar("week", zone="UTC", count=0), DeclarationError, "a whole number from 1 to 5217"),
        (lambda: _counted(last="0s"), DeclarationError, "a positive duration"),
        (lambda: _counted(last="a week"), WrongType, "is not a duration"),
        (lambda: _counted(last=7), WrongType, "sp.calendar"),
        (lambda: _counted(last="200000d"), WrongType, "What has no end is left out, such as last="),
        (lambda: _counted(last="1d", hop="2d"), DeclarationError, "at most the window"),
        (lambda: _counted(last="1mo"), WrongType, "has the window last='1mo': '1mo' is not a duration"),
        (lambda: _counted(last="1d", hop="exakt"), WrongType, 'has hop=.exakt.: .* such as .*, or "exact"'),
        (lambda: _counted(last="1d", hop=3600), WrongType, 'Write "3600s" if it is seconds'),
        (lambda: sp.latest(arrivals.arr_delay, by="carrier", ttl=3600), WrongType, 'Write "3600s"'),
        (lambda: sp.rate(arrivals, by="carrier", last="1d", per=3600), WrongType, 'Write "3600s"'),
        (lambda: _counted(last="1d", hop="0s"), DeclarationError, "more than zero"),
        (lambda: _counted(last=sp.calendar("day", zone="UTC"), hop="2d"), DeclarationError, "at most a day"),
        (lambda: _counted(last=[]), DeclarationError, "an empty list of windows"),
        (lambda: _counted(last=["1d", "1 d"]), DeclarationError, "two windows named '1d'"),
        (lambda: sp.rate(arrivals, by="carrier", last=None), DeclarationError, "a window of one length"),
        (lambda: sp.rate(arrivals, by="carrier", last="1d", per="0s"), DeclarationError, "a positive duration"),
    ],
)
def test_a_window_that_means_nothing_is_refused(build: Any, error: type[Exception], words: str) -> None:
    """A day needs a zone, a length is more than zero, a hop fits into its window."""
    with pytest.raises(error, match=words):
        build()


def test_midnight_is_at_a_whole_quarter_hour_in_every_zone() -> None:
    """So the hop of a calendar window cuts nothing off, and lets nothing in."""
    seasons = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 7)]
    odd = [
        zone
        for zone in available_timezones()
        for moment in seasons
        if (moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()) % timedelta(microseconds=CALENDAR_HOP)
    ]
    assert odd == []


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ("90s", "90s"),
        ("1h 30m", "1h30m"),
        ("1.5h", "1h30m"),
        (timedelta(days=2), "2d"),
        (None, "all"),
        (sp.calendar("week", zone="UTC"), "week"),
        (sp.calendar("day", zone="UTC", count=7), "7days"),
    ],
)
def test_a_window_of_a_family_is_named_as_it_was_written(last: Any, name: str) -> None:
    """Its name ends the name of a feature."""
    assert label(last) == name
    assert f"n_{name}".isidentifier()


def test_several_windows_are_a_family_of_aggregates() -> None:
    """Each member is the aggregate of its window."""
    family = sp.count(arrivals, by="carrier", last=["1h", "1d", None])
    assert isinstance(family, Family)
    assert family.labels == ("1h", "1d", "all")
    assert str(family["1d"]) == str(_counted(last="1d"))
    assert str(family["all"]) == str(_counted())
    with pytest.raises(KeyError, match="has no window '2d'"):
        family["2d"]


def test_code_need_not_know_whether_there_is_one_window_or_several() -> None:
    """An aggregate of one window answers like a family of one."""
    alone = _counted(last="1d")
    assert alone["1d"] is alone
    assert alone["24h"] is alone
    for wrong in ("1h", "all", "day"):
        with pytest.raises(KeyError, match=f"has no window '{wrong}'"):
            alone[wrong]
    today = _counted(last=sp.calendar("day", zone="UTC"))
    assert today["day"] is today


def test_a_rate_is_a_count_over_the_length_of_the_window() -> None:
    """It is an expression, so that every reader knows it."""
    assert (
        str(sp.rate(arrivals, by="carrier", last="7d", per="1d")) == "(count(arrivals, by=[carrier], last='7d') / 7.0)"
    )
    family = sp.rate(arrivals, by="carrier", last=["1h", "1d"])
    assert isinstance(family, Family)
    assert str(family["1d"]) == "(count(arrivals, by=[carrier], last='1d') / 24.0)"
