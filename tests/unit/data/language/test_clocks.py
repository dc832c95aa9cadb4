"""Calendars by whole numbers, and times at the ends of what can be counted."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

import setpoint as sp
from setpoint.core.times import DAY, time
from setpoint.data.arrays import NULL_TIME
from setpoint.data.language import clocks
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.features.on_demand import Given, compile_one

t = sp.field("t")


def test_every_day_of_eight_centuries_has_its_date() -> None:
    """For arrays and for one: leap years, centuries, and the days before 1970."""
    first = date(1600, 1, 1)
    days = np.arange((date(2400, 3, 2) - first).days)
    shown = (days + (first - date(1970, 1, 1)).days) * DAY
    year, month, day = clocks.date(shown)
    expected = [first + timedelta(days=int(number)) for number in days]
    assert list(zip(year.tolist(), month.tolist(), day.tolist(), strict=True)) == [
        (one.year, one.month, one.day) for one in expected
    ]
    assert [clocks.date(int(one)) for one in shown[::977]] == [(e.year, e.month, e.day) for e in expected[::977]]


def test_a_clock_shows_the_day_of_its_zone() -> None:
    """Midnight in one place is yesterday in another."""
    moment = np.array([time("2024-01-01T03:30:00Z"), NULL_TIME])
    shown = [t.year(zone="America/New_York"), t.month(zone="America/New_York"), t.day(zone="America/New_York")]
    found = [evaluate(expr, Inputs(2, fields={"t": moment})) for expr in (*shown, t.minute(zone="Asia/Kolkata"))]
    assert [values.tolist()[0] for values in found] == [2023.0, 12.0, 31.0, 0.0]
    assert all(np.isnan(values[1]) for values in found)


def test_a_time_moved_out_of_what_can_be_counted_is_null() -> None:
    """Instead of coming back at the other end of 64 bits."""
    last = 2**62
    exprs = [t + "1us", t - "1us"]
    for moment, expected in ((last, [NULL_TIME, last - 1]), (-last, [1 - last, NULL_TIME])):
        inputs = Inputs(1, fields={"t": np.array([moment])})
        assert [evaluate(expr, inputs).tolist()[0] for expr in exprs] == expected
        assert compile_one(exprs)(Given(fields={"t": moment})) == expected
