"""Labels that several events tell: from when they are known, and whose an event is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN
from setpoint.declare.expr import Expr
from setpoint.declare.label import Label
from setpoint.labels.join import STATES, Labels, resolve
from setpoint.labels.settle import settle

REFUNDS = sp.events("refunds", "refunds.parquet", id="n", at="ts", known_at="seen")
DISPUTES = sp.events("disputes", "disputes.parquet", id="n", at="ts", delay="5us")

Row = tuple[str, int, int, float]
"""Key, at, known_at and amount of an event."""


def table(*events: Row) -> pa.Table:
    """Rows of a source, in the order in which they became known."""
    ordered = sorted(events, key=lambda row: (row[2], row[1]))
    return pa.table(
        {
            "order": pa.array([row[0] for row in ordered], pa.string()),
            "amount": pa.array([row[3] for row in ordered], pa.float64()),
            AT: pa.array([row[1] for row in ordered], pa.int64()),
            KNOWN_AT: pa.array([row[2] for row in ordered], pa.int64()),
            ID: pa.array([f"{place:02d}" for place in range(len(ordered))], pa.string()),
        }
    )


def found(
    declared: Label,
    *,
    as_of: int,
    refunds: Sequence[Row] = (),
    disputes: Sequence[Row] = (),
    decisions: Sequence[tuple[str, int]] = (("a", 1000),),
    **options: Any,
) -> Labels:
    """The labels of decisions, by default of one at 1000."""
    rows = {"refunds": table(*refunds), "disputes": table(*disputes)}
    keys, at = pa.array([key for key, _ in decisions]), np.array([moment for _, moment in decisions])
    return resolve(declared, keys, at, rows, as_of, **options)


def one(labels: Labels, place: int = 0) -> tuple[str, float | None, int | None]:
    """State, value and time of settling of a decision."""
    value, settled = float(labels.value[place]), int(labels.settled_at[place])
    return STATES[labels.state[place]], None if np.isnan(value) else value, None if settled == NULL_TIME else settled


def label(value: Expr, **options: Any) -> Label:
    """A label of 100 microseconds."""
    return sp.label(value, **{"on": "order", "within": "100us", **options})


def test_a_second_refund_settles_that_there_were_two() -> None:
    """Positive as soon as it is known, unknown before, negative only once the time has passed without it."""
    declared = label(sp.count(REFUNDS) >= 2)
    refunds = [("a", 1010, 1020, 5.0), ("a", 1030, 1045, 5.0)]
    assert one(found(declared, as_of=1044, refunds=refunds)) == ("unknown", None, None)
    assert one(found(declared, as_of=1045, refunds=refunds)) == ("known", 1.0, 1045)
    assert one(found(declared, as_of=1099, refunds=refunds[:1])) == ("unknown", None, None)
    assert one(found(declared, as_of=1100, refunds=refunds[:1])) == ("known", 0.0, 1100)


def test_a_condition_that_more_events_can_undo_waits_for_the_end() -> None:
    """Exactly one refund is only known to be the truth when no other can come."""
    declared = label(sp.count(REFUNDS) == 1)
    refunds = [("a", 1010, 1020, 5.0), ("a", 1030, 1045, 5.0)]
    assert one(found(declared, as_of=1044, refunds=refunds)) == ("unknown", None, None)
    assert one(found(declared, as_of=1100, refunds=refunds[:1])) == ("known", 1.0, 1100)
    assert one(found(declared, as_of=1045, refunds=refunds)) == ("known", 0.0, 1045)


def test_any_and_all_of_several_sources() -> None:
    """`|` is settled by the first to come, `&` by the last; absence waits for the slowest source."""
    either, both = (
        (sp.count(REFUNDS) > 0) | (sp.count(DISPUTES) > 0),
        (sp.count(REFUNDS) > 0) & (sp.count(DISPUTES) > 0),
    )
    events: dict[str, Any] = {"refunds": [("a", 1010, 1020, 5.0)], "disputes": [("a", 1030, 1035, 5.0)]}
    assert one(found(label(either), as_of=1050, **events)) == ("known", 1.0, 1020)
    assert one(found(label(both), as_of=1050, **events)) == ("known", 1.0, 1035)
    assert one(found(label(either), as_of=1104)) == ("unknown", None, None)
    assert one(found(label(either), as_of=1105)) == ("known", 0.0, 1105)


def test_a_sequence_of_events() -> None:
    """A refund that a dispute follows in time; one at its end cannot have gone without."""
    followed = label(sp.followed(REFUNDS.amount > 3, DISPUTES, within="20us"))
    events: dict[str, Any] = {"refunds": [("a", 1010, 1012, 5.0)], "disputes": [("a", 1030, 1035, 1.0)]}
    assert one(found(followed, as_of=1040, **events)) == ("known", 1.0, 1035)
    events["disputes"] = [("a", 1010, 1015, 1.0), ("a", 1031, 1036, 1.0)]
    assert one(found(followed, as_of=1200, **events)) == ("known", 0.0, 1105)
    unfollowed = label(sp.unfollowed(REFUNDS, DISPUTES, within="20us"))
    assert one(found(unfollowed, as_of=1200, **events)) == ("known", 1.0, 1105)
    assert one(found(unfollowed, as_of=1200, refunds=[("a", 1081, 1082, 5.0)])) == ("known", 0.0, 1105)


def test_an_event_that_is_taken_back_counts_until_then() -> None:
    """From when that is known the label is what is left: unknown again, or another."""
    declared = label(sp.count(REFUNDS) >= 2)
    refunds = table(("a", 1010, 1020, 5.0), ("a", 1030, 1040, 5.0), ("a", 1030, 1070, 5.0))
    for name, values in ((POSITION, [0, 1, 2]), (SIGN, [1, 1, -1]), (ENDS, [NEVER, 2, NEVER])):
        refunds = refunds.append_column(name, pa.array(values))
    told = []
    for as_of in (1040, 1069, 1070, 1100):
        labels = resolve(declared, pa.array(["a"]), np.array([1000]), {"refunds": refunds}, as_of)
        told.append(one(labels)[:2])
    assert told == [("known", 1.0), ("known", 1.0), ("unknown", None), ("known", 0.0)]


def test_no_decision_younger_than_its_time_is_a_negative_by_absence() -> None:
    """Over every age of decisions without an event, for a label of one event and one of several."""
    decisions = [(f"k{age}", 1000 - age) for age in range(120)]
    for declared in (label(REFUNDS.amount > 3), label(sp.count(REFUNDS) >= 1), label(sp.sum(REFUNDS.amount) > 3)):
        labels = found(declared, as_of=1000, decisions=decisions)
        young = np.array([age < 100 for age in range(120)])
        assert (labels.state[young] == 0).all()
        assert np.isnan(labels.value[young]).all()
        assert (labels.value[~young] == 0.0).all()


def test_each_segment_has_its_own_time() -> None:
    """What a segment's customers did is over sooner; values without a time of their own have the longest."""
    declared = label(sp.count(REFUNDS) > 0, within={"web": "100us", "shop": "10us"}, by="channel")
    decisions = [("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000)]
    channels = pa.array(["web", "shop", "phone", None])
    refunds = [("a", 1050, 1050, 1.0), ("b", 1050, 1050, 1.0), ("c", 1050, 1050, 1.0)]
    labels = found(declared, as_of=1060, refunds=refunds, decisions=decisions, segments=channels)
    assert [one(labels, place)[:2] for place in range(4)] == [
        ("known", 1.0),
        ("known", 0.0),
        ("known", 1.0),
        ("unknown", None),
    ]
    assert labels.mature.tolist() == [False, True, False, False]
    with pytest.raises(DataError, match="'channel'"):
        found(declared, as_of=1060, decisions=decisions)


@pytest.mark.parametrize(
    ("whose", "values"), [("each", [1.0, 1.0, 0.0]), ("last", [0.0, 1.0, 0.0]), ("first", [1.0, 0.0, 0.0])]
)
def test_an_event_is_each_decisions_or_one_decisions(whose: str, values: list[float]) -> None:
    """Of the decisions before it whose time it falls in: all, the last one or the first one."""
    decisions = [("a", 1000), ("a", 1040), ("a", 1060)]
    for value in (REFUNDS.amount > 3, sp.count(REFUNDS) > 0):
        declared = label(value, attribute=whose)
        labels = found(declared, as_of=2000, refunds=[("a", 1050, 1055, 5.0)], decisions=decisions)
        assert labels.value.tolist() == values


@pytest.mark.parametrize("whose", ["each", "last", "first"])
def test_settling_tick_by_tick_gives_the_labels_of_all_at_once(whose: str) -> None:
    """Decisions that compete for an event may settle at other ticks than it does."""
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(0, 300, 60))
    users, channels = rng.choice(["u", "v", "w"], 60), rng.choice(["web", "shop"], 60)
    happened = rng.integers(0, 400, 40)
    refunds = table(*[(str(rng.choice(["u", "v", "w"])), int(t), int(t), 1.0) for t in happened])
    within = {"web": "30us", "shop": "80us"}
    declared = label(sp.count(REFUNDS) > 0, attribute=whose, within=within, by="channel")
    decisions = pa.table({"key": [f"d{n}" for n in range(60)], "at": at, "user": users, "channel": channels})
    everything = resolve(declared, pa.array(users), at, {"refunds": refunds}, 1000, segments=pa.array(channels))

    parts: list[pa.Table] = []
    pending = decisions.slice(0, 0)
    for now in range(20, 1001, 20):
        fresh = decisions.filter(pa.array((at > now - 20) & (at <= now)) if now > 20 else pa.array(at <= now))
        waiting = pa.concat_tables([pending, fresh])
        columns: dict[str, Any] = {"on": "user", "by": "channel"}
        earlier = pa.concat_tables(parts) if parts else None
        settled = settle(declared, waiting, {"refunds": refunds}, as_of=now, earlier=earlier, **columns)
        pending = settled.pending
        parts.append(settled.matured)
    assert pending.num_rows == 0
    told = dict(zip(*(pa.concat_tables(parts)[name].to_pylist() for name in ("key", "value")), strict=True))
    assert [told[f"d{n}"] for n in range(60)] == everything.value.tolist()


def test_a_decision_settles_once_its_source_has_said_all() -> None:
    """The delay of the slowest source after its time, and later while one is not fresh."""
    declared = label((sp.count(REFUNDS) > 0) | (sp.count(DISPUTES) > 0))
    decisions = pa.table({"key": ["a", "b"], "at": [1000, 1003]})
    rows = {"refunds": table(("a", 1010, 1010, 1.0)), "disputes": table(("b", 1050, 1055, 1.0))}
    for as_of, settled in ((1104, []), (1105, ["a"]), (1108, ["a", "b"])):
        assert settle(declared, decisions, rows, as_of=as_of).matured["key"].to_pylist() == settled
    waiting = settle(declared, decisions, rows, as_of=2000, complete_to={"disputes": 1107})
    assert waiting.matured.select(["key", "value"]).to_pylist() == [{"key": "a", "value": 1.0}]
    assert waiting.pending["key"].to_pylist() == ["b"]


def test_absence_does_not_count_while_the_source_is_stale() -> None:
    """It is complete only up to the time until which it was fresh."""
    declared = label(REFUNDS.amount > 3)
    assert one(found(declared, as_of=2000, complete_to={"refunds": 1099})) == ("unknown", None, None)
    assert one(found(declared, as_of=2000, complete_to={"refunds": 1100})) == ("known", 0.0, 1100)
    assert one(found(declared, as_of=2000, complete_to={"others": 0})) == ("known", 0.0, 1100)
