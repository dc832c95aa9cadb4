from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.console.scale import Scale, calendar_ticks, domain, step_of, tick_label, ticks
from setpoint.core.times import DAY, time

FINITE = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 6))


def test_a_scale_may_run_downwards() -> None:
    """Greater values stand higher on a picture, where y grows downwards."""
    y = Scale(0.5, 1.0, 200, 0)
    assert [y(0.5), y(0.75), y(1.0)] == [200, 100, 0]


def test_a_scale_of_one_value_puts_it_in_the_middle() -> None:
    """A domain without width does not divide by zero."""
    assert Scale(3, 3, 0, 10)(3) == 5


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.65, 0.8, 6, [0.65, 0.7, 0.75, 0.8]),
        (-300, 2100, 8, [0, 500, 1000, 1500, 2000]),
        (0, 7, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (0.6831, 0.6834, 5, [0.6831, 0.6832, 0.6833, 0.6834]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, expected: list[float]) -> None:
    """Ticks stand at steps of 1, 2 or 5 times a power of ten."""
    assert ticks(low, high, most=most) == pytest.approx(expected)


@given(st.lists(FINITE, min_size=1, max_size=5), st.integers(3, 12))
def test_a_domain_holds_its_values_and_begins_and_ends_at_a_tick(values: list[float], most: int) -> None:
    """No value is drawn outside the axis, and the axis has a number at both ends."""
    low, high = domain(values, most=most)
    room = 1e-6 * (high - low)
    assert low - room <= min(values)
    assert max(values) <= high + room
    drawn = ticks(low, high, most=most)
    assert len(drawn) <= most
    assert [drawn[0], drawn[-1]] == pytest.approx([low, high], abs=room)


@given(FINITE, FINITE, st.integers(2, 12))
def test_a_step_is_one_two_or_five(low: float, high: float, most: int) -> None:
    """A step's first digit is 1, 2 or 5 and all others are zero."""
    step = step_of(min(low, high), max(low, high), most=most)
    assert f"{step:e}".replace("0", "")[0] in "125"
    assert float(f"{step:.0e}") == pytest.approx(step)


def test_a_tick_has_the_decimals_of_its_step() -> None:
    """Neighbouring numbers of an axis have the same number of decimals."""
    assert [tick_label(value, 0.05) for value in (0.65, 0.7)] == ["0.65", "0.70"]


@pytest.mark.parametrize(
    ("start", "end", "most", "expected"),
    [
        ("2013-01-01", "2013-01-08", 12, ["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan", "7 Jan"]),
        ("2013-01-01", "2014-01-01", 6, ["Jan", "Mar", "May", "Jul", "Sep", "Nov"]),
        ("2012-06-15", "2014-06-15", 8, ["Jul", "Oct", "Jan", "Apr", "Jul", "Oct", "Jan", "Apr"]),
        ("1990-01-01", "2020-01-01", 6, ["1990", "1995", "2000", "2005", "2010", "2015"]),
    ],
)
def test_the_calendar_is_ticked_at_round_days_months_or_years(
    start: str, end: str, most: int, expected: list[str]
) -> None:
    """The longer the span, the coarser the ticks."""
    assert [tick.label for tick in calendar_ticks(time(start), time(end), most=most)] == expected


def test_a_year_is_written_where_it_begins() -> None:
    """The first tick and every January name their year."""
    years = [tick.year for tick in calendar_ticks(time("2012-10-01"), time("2013-04-01"))]
    assert years == ["2012", None, None, "2013", None, None]


@given(st.integers(0, 40_000), st.integers(1, 40_000), st.integers(2, 12))
def test_ticks_of_the_calendar_stay_within_their_span(first: int, days: int, most: int) -> None:
    """Ticks are in order, inside the span, and never too many."""
    start, end = first * DAY, (first + days) * DAY
    at = [tick.at for tick in calendar_ticks(start, end, most=most)]
    assert len(at) <= most
    assert at == sorted(at)
    assert all(start <= moment < end for moment in at)
