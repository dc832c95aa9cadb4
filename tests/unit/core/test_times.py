from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from setpoint.core import times
from setpoint.core.clock import SimulatedClock, SystemClock
from setpoint.core.errors import NaiveTime, WrongType


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90 * times.SECOND),
        ("20ms", 20_000),
        ("1.5h", 90 * times.MINUTE),
        ("1d 2h", 26 * times.HOUR),
        ("2w", 14 * times.DAY),
    ],
)
def test_a_duration_is_read_in_its_units(text: str, expected: int) -> None:
    """Durations are numbers with units, added up."""
    assert times.duration(text) == expected


@pytest.mark.parametrize("value", ["", "3", "d", "3 fortnights", "1h and more", None, 2.5, True, False, 3600])
def test_what_is_no_duration_is_refused(value: object) -> None:
    """Anything else is refused with an example of what is meant."""
    with pytest.raises(WrongType, match="is not a duration"):
        times.duration(value)  # type: ignore[arg-type]


def test_a_number_of_seconds_is_no_duration_but_nothing_is() -> None:
    """3600 could be seconds or microseconds, and the message says what to write; zero is zero in any unit."""
    with pytest.raises(WrongType, match='Write "3600s" if it is seconds'):
        times.duration(3600)
    assert times.duration(0) == 0


@pytest.mark.parametrize("value", ["36526d", "99999999999d", "9" * 400 + "s", timedelta.max, timedelta.min])
def test_no_duration_is_longer_than_a_century(value: str | timedelta) -> None:
    """A time plus or minus one is a time, so one without end has to be left out."""
    assert times.duration("36525d") == times.LONGEST
    with pytest.raises(WrongType, match="What has no end is left out"):
        times.duration(value)


@pytest.mark.parametrize("length", [1, 1000, times.SECOND, 90 * times.MINUTE, 3 * times.DAY + 7, 0])
def test_a_spelled_duration_reads_back(length: int) -> None:
    """Spelling a duration loses nothing."""
    assert times.duration(times.spell(length)) == length


def test_a_time_without_a_zone_is_refused_with_the_way_out() -> None:
    """A naive time says what to write instead."""
    with pytest.raises(NaiveTime, match='Write "2013-07-01T06:00:00Z" if it is UTC'):
        times.time("2013-07-01T06:00:00")


def test_times_in_other_zones_are_the_same_instant() -> None:
    """An offset is taken into account, and a datetime counts like its text."""
    instant = times.time("2013-07-01T06:00:00-04:00")
    assert instant == times.time("2013-07-01T10:00:00Z") == times.time(datetime(2013, 7, 1, 10, tzinfo=UTC))
    assert times.iso(instant) == "2013-07-01T10:00:00Z"


def test_timedeltas_count_as_durations() -> None:
    """The standard library's durations are accepted."""
    assert times.duration(timedelta(days=3)) == 3 * times.DAY


def test_a_simulated_clock_cannot_be_turned_back() -> None:
    """Replay moves time forward only."""
    clock = SimulatedClock(100)
    clock.advance_to(200)
    with pytest.raises(WrongType, match="cannot go back"):
        clock.advance_to(150)
    assert clock.now() == 200


def test_the_system_clock_never_runs_backwards() -> None:
    """Later readings are never smaller."""
    clock = SystemClock()
    readings = [clock.now() for _ in range(1000)]
    assert readings == sorted(readings)
