from __future__ import annotations

import pyarrow as pa

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.rows import AT
from setpoint.watch.finding import FEATURE, PAGE
from setpoint.watch.incidents import merge
from setpoint.watch.staleness import check_freshness
from tests.unit.features.small import buys, plan_of
from tests.unit.features.test_freshness import hourly

PLAN = plan_of(n=sp.count(buys, by="user", last="1d"), m=sp.count(buys, by="user", last="2d"), who=sp.field("user"))
ROWS = {"buys": hourly(40)}
NEWEST = int(ROWS["buys"][AT].to_numpy().max())


def decided(*at: int, position: int | None = None) -> pa.Table:
    """Rows of the decision log with these times, having seen the source up to a position."""
    return pa.table({"at": pa.array(at, pa.int64()), "position.buys": pa.array([position] * len(at), pa.int64())})


def test_decisions_on_a_source_that_died_open_one_incident() -> None:
    """It names the features, says that they are stale, and the source; features of the request are not among them."""
    findings = check_freshness(PLAN, ROWS, decided(NEWEST, NEWEST + DAY))
    assert [(each.subject, each.monitor, each.cause) for each in findings] == [
        ("n", "stale", "buys"),
        ("m", "stale", "buys"),
    ]
    assert {(each.level, each.severity) for each in findings} == {(FEATURE, PAGE)}
    assert findings[0].at == NEWEST + findings[0].evidence["limit"]
    opened = merge([], findings, NEWEST + DAY)[1]
    assert [incident.title for incident in opened] == ["m, n: stale (buys)"]
    assert "setpoint status" in opened[0].next_step


def test_a_stream_that_lags_is_found_like_a_source_that_died() -> None:
    """What counts is what the decision had seen, not what somebody could have known."""
    on_time = check_freshness(PLAN, ROWS, decided(NEWEST + HOUR))
    behind = check_freshness(PLAN, ROWS, decided(NEWEST + HOUR, position=100))
    assert (on_time, [each.subject for each in behind]) == ([], ["n", "m"])


def test_without_decisions_nothing_is_stale() -> None:
    """Nothing rested on anything: a history that ends raises no alarm."""
    assert check_freshness(PLAN, ROWS, decided()) == []
