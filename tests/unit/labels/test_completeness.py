"""How complete a label's sources are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.contract import contract, fresh
from setpoint.labels.completeness import complete_to, completeness, stale_sources
from setpoint.labels.join import UNKNOWN, resolve

RETURNS = sp.events("returns", "returns.parquet", at="ts", delay="0s")
CALLS = sp.events("calls", "calls.parquet", at="ts", delay="1d")
EITHER = sp.label((sp.count(RETURNS) > 0) | (sp.count(CALLS) > 0), on="order", within="20d")
NOW = 60 * DAY


def log(order: np.ndarray, at: np.ndarray, late: int = 0) -> pa.Table:
    """Rows of a source in the order in which they became known."""
    rank = np.argsort(at, kind="stable")
    return pa.table({"order": pa.array([f"o{n}" for n in order[rank]]), AT: at[rank], KNOWN_AT: at[rank] + late})


def world(seed: int, *, lost_since: int | None = None) -> tuple[pa.Array, np.ndarray, dict[str, pa.Table]]:
    """300 orders a day; a fifth come back after 4 days on average, a tenth call. Some returns may get lost."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, NOW, 300 * 60))
    order = np.arange(at.size)
    sources = {}
    for name, share, late in (("returns", 0.2, 0), ("calls", 0.1, DAY)):
        happened = at + rng.exponential(4 * DAY, at.size).astype(np.int64)
        there = (rng.random(at.size) < share) & (happened + late <= NOW)
        if name == "returns" and lost_since is not None:
            there &= (happened < lost_since) | (rng.random(at.size) < 0.7)
        sources[name] = log(order[there], happened[there], late)
    return pa.array([f"o{n}" for n in order]), at, sources


def test_a_source_that_delivers_as_ever_is_complete() -> None:
    """Each source by itself, with an interval around one."""
    keys, at, rows = world(1)
    for found in completeness(EITHER, keys, at, rows, NOW):
        assert found.fresh
        assert found.share == pytest.approx(1.0, abs=0.1)
        assert found.low < 1 < found.high
        assert not found.behind


def test_a_source_that_loses_a_third_of_its_events_is_behind() -> None:
    """And the other is not."""
    keys, at, rows = world(2, lost_since=50 * DAY)
    returns, calls = completeness(EITHER, keys, at, rows, NOW)
    assert returns.behind
    assert 0.65 < returns.share < 0.9
    assert not calls.behind
    assert returns.to_dict()["behind"] is True


def test_the_alarm_is_false_as_rarely_as_the_interval_says() -> None:
    """One-sided, one of forty systems that deliver as ever; 60 of them are looked at."""
    behind = [completeness(EITHER, *world(seed), NOW)[0].behind for seed in range(100, 160)]
    assert np.mean(behind) <= 0.1


def test_completeness_is_frozen_while_the_source_is_not_fresh() -> None:
    """A delivery that stopped is judged as of its last row: nothing is missing from before."""
    keys, at, rows = world(3)
    stopped = 55 * DAY
    rows["returns"] = rows["returns"].filter(pa.array(rows["returns"][KNOWN_AT].to_numpy() <= stopped))
    returns, calls = completeness(EITHER, keys, at, rows, NOW, limits={"returns": 6 * HOUR, "calls": 6 * HOUR})
    assert not returns.fresh
    assert returns.complete_to == rows["returns"][KNOWN_AT][-1].as_py() <= stopped
    assert not returns.behind
    assert calls.complete_to == rows["calls"][KNOWN_AT][-1].as_py()  # its newest row is a day old when it is known
    unguarded, _ = completeness(EITHER, keys, at, rows, NOW)
    assert unguarded.behind


def test_absence_that_a_stale_source_would_tell_is_no_label() -> None:
    """What is complete goes into resolving: those decisions stay unknown."""
    keys, at, rows = world(4)
    stopped = 55 * DAY
    rows["returns"] = rows["returns"].filter(pa.array(rows["returns"][KNOWN_AT].to_numpy() <= stopped))
    label = sp.label(sp.count(RETURNS) > 0, on="order", within="20d")
    until = {"returns": complete_to(rows["returns"], NOW, limit=6 * HOUR)}
    careless, careful = (resolve(label, keys, at, rows, NOW, complete_to=told) for told in (None, until))
    doubtful = (careless.value == 0.0) & (at + 20 * DAY > until["returns"])
    assert doubtful.sum() > 500
    assert (careful.state[doubtful] == UNKNOWN).all()
    assert (careful.value[~doubtful & (careless.value == 0.0)] == 0.0).all()


def test_a_contract_of_freshness_says_which_sources_are_stale() -> None:
    """Only sources of the label count, and only those that promise to be fresh."""
    orders = sp.events("orders", "orders.parquet", key="order", at="ts")
    system = sp.System(
        "shop",
        decide=sp.decide(orders, fields=["total"]),
        features={"total": sp.field("total")},
        label=EITHER,
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("offer"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("2d"), fallback=sp.rule(sp.field("total") > 5)),
        contracts=[contract(RETURNS, fresh("6h")), contract(orders, fresh("1h"))],
    )
    _, _, rows = world(3)
    assert stale_sources(system, rows, NOW) == {}
    rows["returns"] = rows["returns"].filter(pa.array(rows["returns"][KNOWN_AT].to_numpy() <= 50 * DAY))
    assert stale_sources(system, rows, NOW) == {"returns": rows["returns"][KNOWN_AT][-1].as_py()}


def test_nothing_is_expected_before_decisions_were_watched_to_the_end() -> None:
    """A young system has no share, and no alarm."""
    keys, at, rows = world(5)
    early = at < 10 * DAY
    found, _ = completeness(EITHER, keys.filter(pa.array(early)), at[early], rows, 10 * DAY)
    assert np.isnan(found.share)
    assert not found.behind
    assert found.to_dict()["share"] is None


def test_no_event_where_many_are_expected_is_behind() -> None:
    """The bound of none is Garwood's: 3.7 events."""
    keys, at, rows = world(6)
    rows["returns"] = rows["returns"].filter(pa.array(rows["returns"][AT].to_numpy() < 40 * DAY))
    young = (at > 41 * DAY) | (at < 20 * DAY)
    found = completeness(EITHER, keys.filter(pa.array(young)), at[young], rows, NOW)[0]
    assert (found.come, found.share, found.low) == (0, 0.0, 0.0)
    assert found.high == pytest.approx(3.689 / found.expected, rel=1e-3)
