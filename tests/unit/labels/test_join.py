"""Labels: which event is the truth of a decision, and from when it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME
from setpoint.data.rows import AT, ID, KNOWN_AT
from setpoint.declare.label import Label
from setpoint.labels.join import CENSORED, KNOWN, STATES, UNKNOWN, VOID, Labels, resolve

RETURNS = sp.events("returns", "returns.parquet", id="n", at="ts", known_at="seen")
CANCELS = sp.events("cancels", "cancels.parquet", id="n", at="ts", known_at="seen")
WITHIN = 100

Row = tuple[Any, int, int, Any]
"""Key, at, known_at and value of an event."""


def table(*events: Row) -> pa.Table:
    """Rows of a source, in the order in which they became known; the id is the place in the list."""
    numbered = [(known, at, f"{place:02d}", key, value) for place, (key, at, known, value) in enumerate(events)]
    known, at, ids, key, value = (
        (list(column) for column in zip(*sorted(numbered), strict=True)) if events else [[]] * 5
    )
    keys = pa.array(key, pa.string() if all(isinstance(one, str | None) for one in key) else None)
    return pa.table(
        {
            "k": keys,
            "amount": pa.array(value, pa.float64()),
            AT: pa.array(at, pa.int64()),
            KNOWN_AT: pa.array(known, pa.int64()),
            ID: pa.array(ids, pa.string()),
        }
    )


def label(**options: Any) -> Label:
    """Whether the amount is over five, within 100 microseconds."""
    return sp.label(RETURNS.amount > 5, **{"on": "k", "within": "100us", **options})


def settle(
    declared: Label,
    decisions: Sequence[tuple[Any, int]],
    events: Sequence[Row] = (),
    *,
    as_of: int,
    cancels: Sequence[Row] = (),
    actions: Sequence[str] | None = None,
    outcome: Sequence[str] = (),
) -> Labels:
    """The labels of decisions given as (key, time)."""
    keys = [key for key, _ in decisions]
    return resolve(
        declared,
        pa.array(keys, pa.string() if all(isinstance(key, str | None) for key in keys) else None),
        np.array([at for _, at in decisions], dtype=np.int64),
        {"returns": table(*events), "cancels": table(*cancels)},
        as_of,
        actions=None if actions is None else pa.array(actions),
        outcome_columns=outcome,
    )


def one(labels: Labels) -> tuple[str, float | None, int | None]:
    """State, value and time of settling of a single decision."""
    value, settled = float(labels.value[0]), int(labels.settled_at[0])
    return STATES[labels.state[0]], None if np.isnan(value) else value, None if settled == NULL_TIME else settled


@pytest.mark.parametrize(("amount", "value"), [(6.0, 1.0), (5.0, 0.0)])
def test_an_event_of_the_decisions_key_is_its_truth(amount: float, value: float) -> None:
    """From the moment the event is known."""
    events = [("a", 1010, 1050, amount)]
    assert one(settle(label(), [("a", 1000)], events, as_of=1049)) == ("unknown", None, None)
    assert one(settle(label(), [("a", 1000)], events, as_of=1050)) == ("known", value, 1050)


@pytest.mark.parametrize(
    ("at", "counts"), [(999, False), (1000, True), (1001, True), (1099, True), (1100, True), (1101, False)]
)
def test_only_events_within_the_labels_time_count(at: int, counts: bool) -> None:
    """From the decision's own time up to and with `within` after it."""
    found = one(settle(label(), [("a", 1000)], [("a", at, at, 9.0)], as_of=5000))
    assert found == (("known", 1.0, at) if counts else ("known", 0.0, 1100))


@pytest.mark.parametrize(("absent", "found"), [("negative", ("known", 0.0, 1100)), ("void", ("void", None, 1100))])
def test_absence_counts_once_the_time_has_passed(absent: str, found: tuple[str, float | None, int]) -> None:
    """Not a microsecond before; then it is negative or void, as declared."""
    assert one(settle(label(absent=absent), [("a", 1000)], as_of=1099)) == ("unknown", None, None)
    assert one(settle(label(absent=absent), [("a", 1000)], as_of=1100)) == found


def test_absence_waits_for_the_sources_delay() -> None:
    """A source that is known a second late is complete a second late, and so is the decision mature."""
    late = sp.events("returns", "returns.parquet", id="n", at="ts", delay="7us")
    declared = sp.label(late.amount > 5, on="k", within="100us")
    for as_of, state, mature in (
        (1099, UNKNOWN, False),
        (1100, UNKNOWN, False),
        (1106, UNKNOWN, False),
        (1107, KNOWN, True),
    ):
        labels = settle(declared, [("a", 1000)], as_of=as_of)
        assert (labels.state[0], labels.mature[0]) == (state, mature)
        assert labels.usable[0] == (state == KNOWN)


def test_a_label_known_early_is_not_mature() -> None:
    """What is known before its time is a biased sample."""
    labels = settle(label(), [("a", 1000), ("b", 1000)], [("a", 1010, 1020, 9.0)], as_of=1050)
    assert labels.state.tolist() == [KNOWN, UNKNOWN]
    assert labels.mature.tolist() == labels.usable.tolist() == [False, False]


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    """The last known by then, and of those known at once the one that happened last."""
    events = [("a", 1010, 1020, 9.0), ("a", 1005, 1030, 8.0), ("a", 1008, 1030, 2.0)]
    assert one(settle(label(), [("a", 1000)], events, as_of=1029)) == ("known", 1.0, 1020)
    assert one(settle(label(), [("a", 1000)], events, as_of=1030)) == ("known", 0.0, 1030)
    assert one(settle(label(), [("a", 1000)], events[:2], as_of=1030)) == ("known", 1.0, 1030)


def test_events_of_one_time_that_contradict_each_other_are_no_truth() -> None:
    """The label is unknown, also when its time is over, until something newer settles it."""
    events = [("a", 1008, 1030, 8.0), ("a", 1008, 1030, 2.0)]
    assert one(settle(label(), [("a", 1000)], events, as_of=1500)) == ("unknown", None, None)
    assert one(settle(label(), [("a", 1000)], [*events, ("a", 1008, 1040, 1.0)], as_of=1500)) == ("known", 0.0, 1040)
    agreeing = [("a", 1008, 1030, 8.0), ("a", 1008, 1030, 7.0)]
    assert one(settle(label(), [("a", 1000)], agreeing, as_of=1500)) == ("known", 1.0, 1030)


def test_a_later_event_outside_the_time_corrects_nothing() -> None:
    """The truth stays the last event within it."""
    events = [("a", 1010, 1020, 9.0), ("a", 1200, 1210, 1.0), ("a", 900, 1220, 1.0)]
    assert one(settle(label(), [("a", 1000)], events, as_of=5000)) == ("known", 1.0, 1020)


def test_an_event_can_be_taken_back() -> None:
    """A correction without a value leaves the decision as if nothing had come."""
    events = [("a", 1010, 1020, 9.0), ("a", 1010, 1150, None)]
    assert one(settle(label(), [("a", 1000)], events, as_of=1149)) == ("known", 1.0, 1020)
    assert one(settle(label(), [("a", 1000)], events, as_of=1150)) == ("known", 0.0, 1150)
    assert one(settle(label(absent="void"), [("a", 1000)], events, as_of=1150)) == ("void", None, 1150)
    early = [("a", 1010, 1020, None)]
    assert one(settle(label(), [("a", 1000)], early, as_of=1099)) == ("unknown", None, None)
    assert one(settle(label(), [("a", 1000)], early, as_of=1100)) == ("known", 0.0, 1100)


def test_decisions_of_one_key_each_have_their_own_time() -> None:
    """An event can be the truth of several, and each looks at its own stretch of time."""
    events = [("a", 1050, 1050, 9.0), ("a", 1150, 1150, 1.0)]
    labels = settle(label(), [("a", 1000), ("a", 1050), ("a", 1100), ("a", 1151)], events, as_of=5000)
    assert labels.value.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert labels.settled_at.tolist() == [1050, 1150, 1150, 1251]


VOIDED: dict[str, Any] = {"void_when": CANCELS.amount > 0}


def test_a_void_event_makes_void_at_once() -> None:
    """Before the time has passed, and also where an event with a value has come."""
    cancels = [("a", 1020, 1030, 1.0), ("a", 1025, 1040, 1.0)]
    for events in ([], [("a", 1010, 1015, 9.0)], [("a", 1010, 1060, 9.0)]):
        labels = settle(label(**VOIDED), [("a", 1000)], events, as_of=1060, cancels=cancels)
        assert one(labels) == ("void", None, 1030)
    assert one(settle(label(**VOIDED), [("a", 1000)], [], as_of=1029, cancels=cancels)) == ("unknown", None, None)


@pytest.mark.parametrize(
    "cancel",
    [
        ("a", 999, 999, 1.0),
        ("a", 1101, 1101, 1.0),
        ("a", 1020, 1020, 0.0),
        ("b", 1020, 1020, 1.0),
        ("a", 1020, 1020, None),
    ],
)
def test_what_does_not_meet_void_when_voids_nothing(cancel: Row) -> None:
    """Another key, another time, a condition that does not hold or is NULL."""
    events = [("a", 1010, 1015, 9.0)]
    assert one(settle(label(**VOIDED), [("a", 1000)], events, as_of=5000, cancels=[cancel])) == ("known", 1.0, 1015)


def test_void_when_may_read_the_labels_own_source() -> None:
    """One source can carry both truths."""
    declared = label(void_when=RETURNS.amount < 0)
    assert one(settle(declared, [("a", 1000)], [("a", 1010, 1020, -1.0)], as_of=1020)) == ("void", None, 1020)


def test_an_action_censors() -> None:
    """From the decision on, whatever came; an action that does not censor changes nothing."""
    declared = label(censored_when=sp.action == "block", **VOIDED)
    decisions = [("a", 1000), ("b", 1000), ("c", 1000)]
    events = [(key, 1010, 1015, 9.0) for key in "abc"]
    cancels = [("c", 1010, 1015, 1.0)]
    labels = settle(declared, decisions, events, as_of=1050, cancels=cancels, actions=["block", "pass", "block"])
    assert labels.state.tolist() == [CENSORED, KNOWN, CENSORED]
    assert labels.settled_at.tolist() == [1000, 1015, 1000]
    assert np.isnan(labels.value[[0, 2]]).all()
    unknown = settle(declared, decisions, events, as_of=1050, cancels=cancels)
    assert unknown.state.tolist() == [KNOWN, KNOWN, VOID]


def test_the_outcome_comes_with_the_event() -> None:
    """Columns of the event that carried the label; NaN where none did or it no longer counts."""
    declared = label(censored_when=sp.action == "block", **VOIDED)
    decisions = [("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000), ("e", 1000)]
    events = [("a", 1010, 1015, 9.0), ("a", 1010, 1016, 3.0), ("c", 1010, 1015, 7.0), ("d", 1010, 1015, 8.0)]
    labels = settle(
        declared,
        decisions,
        [*events, ("e", 1010, 1015, None)],
        as_of=5000,
        cancels=[("c", 1010, 1010, 1.0)],
        actions=["", "", "", "block", ""],
        outcome=["amount"],
    )
    np.testing.assert_array_equal(labels.outcome["amount"], [3.0, np.nan, np.nan, np.nan, np.nan])
    assert labels.state.tolist() == [KNOWN, KNOWN, VOID, CENSORED, KNOWN]


@pytest.mark.parametrize(("column", "words"), [("k", "is a text"), ("prize", "is no column of the source")])
def test_an_outcome_must_be_a_number_of_the_labels_source(column: str, words: str) -> None:
    """Otherwise the error names it."""
    with pytest.raises(DataError, match=words):
        settle(label(), [("a", 1000)], [("a", 1010, 1015, 9.0)], as_of=5000, outcome=[column])


def test_keys_meet_as_numbers_or_as_texts() -> None:
    """Whole numbers of any width meet, a number and a text do not; NULL meets nothing."""
    events = [(1, 1010, 1010, 9.0), (2, 1010, 1010, 9.0)]
    labels = settle(label(), [(1, 1000), (3, 1000)], events, as_of=5000)
    assert labels.value.tolist() == [1.0, 0.0]
    narrow = resolve(label(), pa.array([2.0, None]), np.array([1000, 1000]), {"returns": table(*events)}, 5000)
    assert narrow.value.tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match=r"keys are string and returns\.k is int64"):
        settle(label(), [("1", 1000)], events, as_of=5000)
    nothing = settle(
        label(), [(None, 1000), ("a", 1000)], [(None, 1010, 1010, 9.0), ("a", 1010, 1010, 9.0)], as_of=5000
    )
    assert nothing.value.tolist() == [0.0, 1.0]


def test_no_decisions_have_no_labels() -> None:
    """And a source without events settles by absence."""
    empty = settle(label(), [], [("a", 1010, 1010, 9.0)], as_of=5000, outcome=["amount"])
    assert (empty.state.size, empty.outcome["amount"].size, empty.usable.size) == (0, 0, 0)
    assert one(settle(label(**VOIDED), [("a", 1000)], as_of=5000, outcome=["amount"])) == ("known", 0.0, 1100)


def test_a_condition_that_is_null_is_no_value() -> None:
    """A comparison with NULL says nothing."""
    declared = sp.label(RETURNS.amount.fill(0) / RETURNS.amount > 0, on="k", within="100us")
    assert one(settle(declared, [("a", 1000)], [("a", 1010, 1010, 0.0)], as_of=1050)) == ("unknown", None, None)


def test_a_slice_of_the_rows_gives_the_same_labels() -> None:
    """When it holds every event that the decisions can meet."""
    events = [("a", 900, 905, 9.0), ("a", 1010, 1020, 1.0), ("b", 1050, 1060, 9.0), ("c", 1090, 1190, 9.0)]
    rows = table(*events)
    keys, at = pa.array(["a", "b", "c"]), np.array([1000] * 3)
    whole = resolve(label(), keys, at, {"returns": rows}, 1100)
    part = resolve(label(), keys, at, {"returns": pa.concat_tables([rows.slice(1, 1), rows.slice(2)])}, 1100)
    assert whole.state.tolist() == part.state.tolist() == [KNOWN] * 3
    assert whole.value.tolist() == part.value.tolist() == [0.0, 1.0, 0.0]
