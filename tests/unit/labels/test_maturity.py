"""Maturity by day, week and month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.core.times import DAY, time
from setpoint.data.arrays import NULL_TIME
from setpoint.labels.join import CENSORED, KNOWN, UNKNOWN, VOID, Labels
from setpoint.labels.maturity import maturity


def labels(*states: int, mature: list[bool] | None = None) -> Labels:
    """Labels in these states, all mature unless said otherwise."""
    state = np.array(states, dtype=np.int8)
    value = np.where(state == KNOWN, 1.0, np.nan)
    settled_at = np.where(state == UNKNOWN, NULL_TIME, 0)
    return Labels(state, value, settled_at, np.array(mature or [True] * state.size, dtype=bool), {})


def test_decisions_are_counted_by_day() -> None:
    """Days without a decision are left out; coverage leaves out what can have no truth."""
    start = time("2013-01-01")
    at = start + np.array([0, 1, DAY - 1, 3 * DAY, 3 * DAY, 3 * DAY, 3 * DAY])
    found = maturity(labels(KNOWN, VOID, UNKNOWN, KNOWN, KNOWN, CENSORED, UNKNOWN), at).to_table()
    assert found.to_pylist() == [
        {
            "start": start,
            "decisions": 3,
            "settled": 2,
            "mature": 3,
            "known": 1,
            "void": 1,
            "censored": 0,
            "usable": 1,
            "coverage": 0.5,
        },
        {
            "start": start + 3 * DAY,
            "decisions": 4,
            "settled": 3,
            "mature": 4,
            "known": 2,
            "void": 0,
            "censored": 1,
            "usable": 2,
            "coverage": 2 / 3,
        },
    ]


def test_what_is_known_early_covers_nothing() -> None:
    """Coverage is of mature decisions; without one that can have a truth there is none."""
    at = np.array([0, 0, DAY, 2 * DAY])
    found = maturity(labels(KNOWN, KNOWN, KNOWN, VOID, mature=[True, False, False, True]), at)
    assert found.known.tolist() == [2, 1, 0]
    assert found.usable.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(found.coverage, [1.0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("by", "moments", "starts"),
    [
        (
            "day",
            ["2013-02-28T23:59:59Z", "2013-03-01", "1969-12-31T12:00:00Z"],
            ["1969-12-31", "2013-02-28", "2013-03-01"],
        ),
        (
            "week",
            ["2013-03-04", "2013-03-10T23:00:00Z", "2013-03-11", "1969-12-28"],
            ["1969-12-22", "2013-03-04", "2013-03-11"],
        ),
        (
            "month",
            ["2013-02-28T23:59:59Z", "2013-03-01", "2013-03-31", "1969-12-31"],
            ["1969-12-01", "2013-02-01", "2013-03-01"],
        ),
    ],
)
def test_periods_begin_where_the_calendar_says(by: str, moments: list[str], starts: list[str]) -> None:
    """In UTC; weeks on Mondays; also before 1970."""
    at = np.array([time(moment) for moment in moments])
    found = maturity(labels(*[KNOWN] * at.size), at, by=by)
    assert found.start.tolist() == [time(start) for start in starts]
    assert found.decisions.sum() == at.size


def test_no_decisions_have_no_periods() -> None:
    """All counts are empty."""
    found = maturity(labels(), np.array([], dtype=np.int64), by="month")
    assert found.to_table().num_rows == 0


def test_an_unknown_period_is_refused() -> None:
    """With those there are."""
    wrong: Any = "year"
    with pytest.raises(DataError, match=r"by 'year'.*day, week, month"):
        maturity(labels(KNOWN), np.array([0]), by=wrong)
