"""How long the feedback loop is, in data and in words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.labels import KNOWN, VOID
from setpoint.declare.label import Label
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.watch.feedback_loop import about, feedback_loop, told_loop

RETURNS = sp.events("returns", "returns.parquet", at="ts", delay="6h")
SCHEMAS = {
    "orders": {"order": "text", "ts": "time", "channel": "text"},
    "returns": {"order": "text", "ts": "time", "n": "number"},
}


def plan(label: Label) -> Plan:
    """The plan of a system with a label."""
    system = sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order", at="ts"), fields=["channel"]),
        features={"channel": sp.field("channel")},
        label=label,
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("offer"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("2d"), fallback=sp.rule(sp.field("channel") == "web")),
    )
    return make_plan(system, SCHEMAS, Profile({"orders": 100, "returns": 100}, 10.0))


def matured(size: int = 4000) -> pa.Table:
    """Decisions of which a quarter is positive, known one day late on average on the web and four in the shop."""
    rng = np.random.default_rng(2)
    channel = rng.choice(["web", "shop"], size)
    wait = np.minimum(rng.exponential(np.where(channel == "web", 1, 4) * DAY), 9 * DAY).astype(np.int64)
    positive = rng.random(size) < 0.25
    at = np.sort(rng.integers(0, 50 * DAY, size))
    return pa.table(
        {
            "at": at,
            "state": np.full(size, KNOWN, dtype=np.int8),
            "value": positive.astype(np.float64),
            "settled_at": np.where(positive, at + wait, at + 10 * DAY + 6 * HOUR),
            "field.channel": channel,
        }
    )


def test_positives_are_timed_where_absence_is_negative() -> None:
    """Of each segment too; a decision is usable its time and the source's delay later."""
    label = sp.label(RETURNS.n > 0, on="order", within={"web": "9d", "shop": "10d"}, by="channel")
    found = feedback_loop(plan(label), matured())
    assert found["of"] == "positives"
    assert found["usable_after"] == {"": 10 * DAY + 6 * HOUR, "web": 9 * DAY + 6 * HOUR, "shop": 10 * DAY + 6 * HOUR}
    assert found["all"]["positives"] == pytest.approx(1000, abs=100)
    halves = {name: each["known_by"][0]["age"] / DAY for name, each in found["segments"].items()}
    assert halves["web"] == pytest.approx(np.log(2), rel=0.15)
    assert halves["shop"] == pytest.approx(4 * np.log(2), rel=0.15)
    told = told_loop(found)
    assert told["half of positives, web"].startswith("known after ")
    assert told["decisions usable, web"] == "after 9d 6h"


def test_all_labels_are_timed_where_absence_is_void() -> None:
    """There, a negative is an event that comes as late as a positive."""
    label = sp.label(RETURNS.n > 0, on="order", within="10d", absent="void")
    table = matured().drop_columns(["field.channel"])
    state = np.where(table["value"].to_numpy() == 1.0, KNOWN, VOID).astype(np.int8)
    found = feedback_loop(plan(label), table.set_column(1, "state", pa.array(state)))
    assert found["of"] == "labels"
    assert found["all"]["decisions"] == found["all"]["positives"]
    assert "50% of labels" in told_loop(found)


def test_nothing_is_timed_before_a_positive_came() -> None:
    """Then only how long a decision waits is told."""
    label = sp.label(RETURNS.n > 0, on="order", within="10d")
    assert told_loop(feedback_loop(plan(label), matured().slice(0, 0))) == {"decisions usable": "after 10d 6h"}


def test_ages_are_told_to_three_digits() -> None:
    """In days, hours, minutes or seconds."""
    assert [about(length) for length in (0, 90 * 60_000_000, 100 * HOUR)] == ["0 s", "1.5 h", "4.17 d"]


def test_bounds_that_do_not_exist_are_not_told() -> None:
    """Where every label takes the same time there is no bound on either side."""
    label = sp.label(RETURNS.n > 0, on="order", within="10d", absent="void")
    found = feedback_loop(plan(label), matured().drop_columns(["field.channel"]))
    for low, high, words in [
        (None, None, "known after 10.2 d"),
        (3 * DAY, None, "known after 10.2 d (at least 3 d)"),
        (None, 4 * DAY, "known after 10.2 d (at most 4 d)"),
        (3 * DAY, 4 * DAY, "known after 10.2 d (3 d to 4 d)"),
    ]:
        found["all"]["known_by"] = [{"share": 0.5, "age": 10 * DAY + 5 * HOUR, "low": low, "high": high}]
        assert told_loop(found)["50% of labels"] == words
