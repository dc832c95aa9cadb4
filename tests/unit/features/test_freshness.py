from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.data.rows import ALWAYS, AT, KNOWN_AT
from setpoint.features.freshness import age_of, freshness_of
from tests.unit.features.small import buys, plan_of, users

START = 16_000 * DAY


def hourly(days: int, *, delay: int = 10 * MINUTE, nights: bool = True) -> pa.Table:
    """A source with an event every hour (none at night), each known a little later."""
    at = START + HOUR * np.arange(24 * days)
    at = at[(at // HOUR % 24 >= 8)] if nights else at
    return pa.table({AT: at, KNOWN_AT: at + delay})


def test_an_age_is_since_the_newest_event_that_was_known() -> None:
    """An event that has happened and is not known yet does not make a source younger; a late old one neither."""
    rows = pa.table({AT: [0, 60, 30, 90], KNOWN_AT: [1, 61, 80, 200]})
    found = age_of("buys", rows, 100)
    assert (found.newest_at, found.newest_known_at, found.age, found.rows) == (60, 80, 40, 3)


def test_an_event_of_the_future_makes_no_source_younger() -> None:
    """One event whose clock is a year ahead does not hide that a source fell silent; nor does one make it of no age."""
    rows, late = hourly(40), START + 44 * DAY
    wrong = pa.table({AT: [late + 365 * DAY], KNOWN_AT: [START + 40 * DAY]})
    assert age_of("buys", pa.concat_tables([rows, wrong]), late) == replace(
        age_of("buys", rows, late), rows=641, newest_known_at=START + 40 * DAY
    )
    assert age_of("buys", wrong, late).age is None


def test_what_is_announced_is_as_old_as_what_has_happened_of_it() -> None:
    """A timetable that is known a day ahead is never stale while it goes on, and is when it ends."""
    timetable, now = hourly(40, delay=-DAY, nights=False), START + 30 * DAY + 30 * MINUTE
    plan = plan_of(n=sp.count(buys, by="user", last="1d"))
    found = [freshness_of(plan, {"buys": timetable}, now + days * DAY)[0] for days in (0, 20)]
    assert [(each.age, each.limit, each.stale) for each in found] == [
        (30 * MINUTE, 2 * HOUR, False),
        (20 * DAY - 10 * DAY + 90 * MINUTE, 2 * HOUR, True),
    ]


def test_what_has_not_arrived_does_not_count() -> None:
    """A source is as old as what the online state has of it."""
    rows = pa.table({AT: [0, 60], KNOWN_AT: [1, 61]})
    assert age_of("buys", rows, 100, arrived=1).age == 100


def test_the_limit_is_twice_the_greatest_usual_age() -> None:
    """A source that rests every night from 23:00 to 8:00 may be twice nine hours and ten minutes old."""
    rows, now = hourly(40), START + 40 * DAY
    assert age_of("buys", rows, now).usual == 9 * HOUR + 10 * MINUTE
    plan = plan_of(n=sp.count(buys, by="user", last="1d"))
    found = freshness_of(plan, {"buys": rows}, now)[0]
    assert (found.limit, found.declared, found.stale) == (18 * HOUR + 20 * MINUTE, False, False)


@pytest.mark.parametrize(("silent", "stale"), [(17 * HOUR, False), (19 * HOUR, True), (3 * DAY, True)])
def test_a_source_that_stops_is_stale_after_its_limit(silent: int, stale: bool) -> None:
    """The silence itself does not become usual."""
    rows = hourly(40)
    newest = int(rows[AT].to_numpy().max())
    plan = plan_of(n=sp.count(buys, by="user", last="1d"))
    assert freshness_of(plan, {"buys": rows}, newest + silent)[0].stale is stale


def test_events_that_are_delivered_and_old_are_stale() -> None:
    """A pipeline that delivers yesterday's events again and again is found, though something comes every hour."""
    rows = hourly(40, nights=False)
    last = int(rows[KNOWN_AT].to_numpy().max())
    again = pa.table({AT: np.full(48, START), KNOWN_AT: last + HOUR * np.arange(1, 49)})
    plan = plan_of(n=sp.count(buys, by="user", last="1d"))
    known = pa.concat_tables([rows, again])
    assert [freshness_of(plan, {"buys": known}, last + hours * HOUR)[0].stale for hours in (1, 8)] == [False, True]


def test_a_source_that_died_long_ago_is_still_stale() -> None:
    """What was usual is what it delivered when it did."""
    plan = plan_of(n=sp.count(buys, by="user", last="1d"))
    assert freshness_of(plan, {"buys": hourly(40)}, START + 400 * DAY)[0].stale


def test_there_is_no_derived_limit_before_something_is_usual() -> None:
    """A source of ten days, and one that holds at all times, have none; a declared one holds from the start."""
    plan = plan_of(n=sp.count(buys, by="user", last="1d"), tier=users.tier)
    always = pa.table({AT: [ALWAYS], KNOWN_AT: [ALWAYS]})
    found = freshness_of(plan, {"buys": hourly(10), "users": always}, START + 30 * DAY)
    assert [(each.feature, each.limit, each.stale) for each in found] == [("n", None, False), ("tier", None, False)]


def test_a_declared_limit_goes_first() -> None:
    """It says how old what is behind this feature may be; the others of the source keep what is usual."""
    plan = plan_of(n=sp.count(buys, by="user", last="1d"), m=sp.count(buys, by="user", last="2d"), limits={"n": "2h"})
    rows = hourly(40)
    found = freshness_of(plan, {"buys": rows}, int(rows[AT].to_numpy().max()) + 3 * HOUR)
    assert [(each.feature, each.limit, each.declared, each.stale) for each in found] == [
        ("n", 2 * HOUR, True, True),
        ("m", 18 * HOUR + 20 * MINUTE, False, False),
    ]


def test_a_feature_of_the_request_has_no_freshness() -> None:
    """It is as new as the request."""
    assert freshness_of(plan_of(who=sp.field("user")), {}, START) == ()
