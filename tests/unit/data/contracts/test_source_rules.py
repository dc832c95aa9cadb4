"""Rules of a source as a whole: when its newest row happened, and how many did in each stretch of time."""

from __future__ import annotations

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR, WEEK, time
from setpoint.data.contracts.source_rules import AMOUNT, STALE, Breach, source_breaches
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.source import info

SALES = info(sp.events("sales", "sales.parquet", at="ts", delay="1h"))
START = time("2026-01-05")  # a Monday


def rows(*at: int, late: int = 0) -> pa.Table:
    """Rows that happened then, each known so much later."""
    return pa.table({AT: pa.array(at, pa.int64()), KNOWN_AT: pa.array([each + late for each in at], pa.int64())})


def hourly(days: int) -> list[int]:
    """The hours of so many days."""
    return [START + HOUR * hour for hour in range(24 * days)]


def breaches(rule: sp.Expr | object, table: pa.Table, now: int, **options: int) -> list[Breach]:
    """What is broken of one rule."""
    return source_breaches(SALES, [rule], table, now, **options)  # type: ignore[list-item]


def test_a_source_is_fresh_up_to_its_limit() -> None:
    """The newest row that has happened, and is known, counts: not one that is announced, and not one still to come."""
    rule = sp.fresh("2h")
    assert breaches(rule, rows(START), START + 2 * HOUR) == []
    (found,) = breaches(rule, rows(START, START + 9 * HOUR), START + 3 * HOUR)
    assert (found.kind, found.since, found.times) == (STALE, START + 2 * HOUR, 1.5)
    assert len(breaches(rule, rows(START + 3 * HOUR, late=HOUR), START + 3 * HOUR)) == 1
    assert breaches(rule, rows(), START)[0].words.startswith("No row of 'sales' has happened by 2026-01-05T00:00:00Z")


def test_whole_stretches_are_counted_once_they_have_ended() -> None:
    """Not the first, which may have begun before the source did, and not one whose rows may still come."""
    rule = sp.volume(every="1d", at_least=24, at_most=24)
    good = hourly(3)
    assert breaches(rule, rows(*good), START + 3 * DAY + HOUR) == []
    assert breaches(rule, rows(*good[3:]), START + 3 * DAY + HOUR) == []
    assert breaches(rule, rows(*good[:-1]), START + 3 * DAY + HOUR - 1) == []
    (found,) = breaches(rule, rows(*good[:-1]), START + 3 * DAY + HOUR)
    assert (found.kind, found.since) == (AMOUNT, START + 2 * DAY)
    assert found.words == (
        "Of 'sales' 23 rows happened in the 1d from 2026-01-07T00:00:00Z; expected at least 24 and at most 24."
    )
    (found,) = breaches(rule, rows(*good, *good), START + 3 * DAY + HOUR)
    assert (found.times, found.words.split("; ")[1]) == (
        2.0,
        "expected at least 24 and at most 24. So it is in 3 of 3 such stretches, the first from 2026-01-05T00:00:00Z.",
    )
    assert breaches(sp.volume(every="1d", at_least=1), rows(), START) == []


def test_a_week_begins_on_monday_and_parts_of_a_day_at_midnight() -> None:
    """Whatever the source's first row is."""
    week = sp.volume(every="1w", at_least=169)
    assert breaches(week, rows(*hourly(14)), START + 2 * WEEK + HOUR)[0].since == START
    part = sp.volume(every="6h", at_most=5, after="0s")
    assert breaches(part, rows(*hourly(1)[5:12]), START + 12 * HOUR)[0].since == START + 6 * HOUR


@pytest.mark.parametrize("step", [HOUR, 5 * HOUR, DAY, 3 * DAY])
def test_each_stretch_is_judged_once_however_often_one_looks(step: int) -> None:
    """By ticks, each after the one before."""
    rule = sp.volume(every="1d", at_least=20)
    table = rows(*[each for each in hourly(9) if (each - START) // DAY not in (3, 5)])
    found = [
        breach.since
        for now in range(START, START + 12 * DAY + 1, step)
        for breach in breaches(rule, table, now, after=now - step)
    ]
    whole = [START + 3 * DAY, START + 5 * DAY, *[START + day * DAY for day in (9, 10)]]
    assert found == whole if step <= DAY else set(found) <= set(whole)
