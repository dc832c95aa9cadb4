"""What is known of decisions whose label's time is not over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.parquet import ParquetTables
from setpoint.core.ports import Tables
from setpoint.core.times import DAY
from setpoint.data.log.decisions import DECISIONS, part_name
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.contract import contract, fresh
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.watch.young_labels import told_young, young_labels

NOW, RATE = 70 * DAY, 0.2
RETURNS = sp.events("returns", "returns.parquet", at="ts", delay="0s")
SCHEMAS = {"orders": {"order": "text", "ts": "time", "channel": "text"}, "returns": {"order": "text", "ts": "time"}}


def plan(*, absent: str = "negative") -> Plan:
    """The plan of a system whose returns take up to twenty days, by channel."""
    system = sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order", at="ts"), fields=["channel"]),
        features={"channel": sp.field("channel")},
        label=sp.label(
            sp.count(RETURNS) > 0, on="order", within={"web": "10d", "shop": "20d"}, by="channel", absent=absent
        ),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("offer"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("2d"), fallback=sp.rule(sp.field("channel") == "web")),
        contracts=[contract(RETURNS, fresh("1d"))],
    )
    return make_plan(system, SCHEMAS, Profile({"orders": 100, "returns": 100}, 10.0))


@pytest.fixture
def decided(tmp_path: Path) -> tuple[Tables, pa.Table]:
    """Decisions of seventy days, a part a day, and the returns of a fifth of them."""
    rng, tables, returns = np.random.default_rng(4), ParquetTables(tmp_path), []
    for day in range(70):
        at = day * DAY + np.sort(rng.integers(0, DAY, 300))
        keys, channel = [f"o{day}-{n}" for n in range(300)], rng.choice(["web", "shop"], 300)
        part = {"key": keys, "at": at, "acted": np.zeros(300, dtype=bool), "field.channel": channel}
        tables.write(DECISIONS, part_name(day), pa.table(part))
        late = np.minimum(rng.exponential(np.where(channel == "web", 1, 5) * DAY), 9 * DAY).astype(np.int64)
        came = (rng.random(300) < RATE) & (at + late <= NOW)
        returns += [(int(moment), key) for moment, key, there in zip(at + late, keys, came, strict=True) if there]
    moments, returned = zip(*sorted(returns), strict=True)
    return tables, pa.table({"order": returned, AT: moments, KNOWN_AT: moments})


def test_the_rate_to_expect_stands_beside_the_one_it_looks_like(decided: tuple[Tables, pa.Table]) -> None:
    """Of all decisions that are not mature, each in the time of its channel."""
    tables, returns = decided
    found = young_labels(plan(), tables, {"returns": returns}, NOW)
    assert found["decisions"] == pytest.approx(150 * 10 + 150 * 20, abs=150)
    assert found["naive"] < 0.9 * RATE
    assert found["low"] < RATE < found["high"]
    assert found["rate"] == pytest.approx(RATE, abs=0.02)
    (source,) = found["sources"]
    assert source["fresh"]
    assert not source["behind"]
    told = told_young(found)
    assert "positive so far" in told["decisions not mature"]
    assert "of the events expected by now" in told["source returns"]


def test_a_source_that_stopped_is_told_of(decided: tuple[Tables, pa.Table]) -> None:
    """Its contract of freshness says so, and what is complete ends there."""
    tables, returns = decided
    stopped = returns.filter(pa.array(returns[KNOWN_AT].to_numpy() <= 66 * DAY))
    told = told_young(young_labels(plan(), tables, {"returns": stopped}, NOW))
    assert "STALE, complete to 1970-03-07" in told["source returns"]
    assert "BEHIND" not in told["source returns"]


def test_no_rate_is_expected_where_absence_is_void(decided: tuple[Tables, pa.Table]) -> None:
    """Nor anything of a system that has decided nothing."""
    tables, returns = decided
    assert "rate" not in young_labels(plan(absent="void"), tables, {"returns": returns}, NOW)
    assert told_young(young_labels(plan(), tables, {"returns": returns}, 10**6 * DAY)) == {}
