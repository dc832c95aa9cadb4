"""What was told of decisions becomes their label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DeclarationError
from setpoint.data.rows import ID, KNOWN_AT
from setpoint.data.snapshots.diff import diff_snapshots
from setpoint.data.snapshots.snapshot import Snapshot, take_snapshot
from setpoint.declare.label import label
from setpoint.declare.source import events
from setpoint.labels.hand_labels import HandLabel, hand_rows
from setpoint.labels.join import KNOWN, UNKNOWN, Labels
from setpoint.labels.told import HAND, OUTCOME, TOLD, beside_sources, told_rows, with_told

LABEL = label(events("sales", "sales.parquet", at="ts", delay="0s").price > 5, on="id", within="1d")
KEYS, AT = pa.array(["a", "b", "c"]), np.array([0, 0, 15])
SALES = {"sales": pa.table({"price": [5, 6], ID: ["s1", "s2"], KNOWN_AT: [1, 2]})}


def unknown(size: int = 3) -> Labels:
    """Decisions of which nothing is known."""
    nothing = np.full(size, np.nan)
    return Labels(np.full(size, UNKNOWN, np.int8), nothing, np.full(size, -1), np.ones(size, bool), {})


def told(*rows: tuple[str, float | None, int, int | None]) -> pa.Table:
    """Told labels: key, value, known_at, version; an outcome has none."""
    said = [
        {"id": f"{by}/{key}", "by": by, "key": key, "value": value, "version": version or 1, "at": at, "known_at": at}
        for key, value, at, version in rows
        for by in [OUTCOME if version is None else HAND]
    ]
    found = told_rows(pa.Table.from_pylist(said))
    assert found is not None
    return found


def values(table: pa.Table, as_of: int) -> list[Any]:
    """The value of each decision's label; None where nothing is known."""
    found = with_told(unknown(), KEYS, AT, table, label=LABEL, as_of=as_of)
    return [value if state == KNOWN else None for state, value in zip(found.state, found.value, strict=True)]


def snapshot(table: pa.Table | None, as_of: int) -> Snapshot:
    """The sales, and what was told, as they were known at a time."""
    return take_snapshot(beside_sources(SALES, table, as_of), as_of)


def test_the_last_version_that_was_known_by_then_is_the_label() -> None:
    """A later version changes later training sets, and no earlier one."""
    table = told(("a", 1.0, 10, 1), ("a", 0.0, 20, 2))
    assert [values(table, as_of)[0] for as_of in (5, 10, 19, 20, 99)] == [None, 1.0, 1.0, 0.0, 0.0]


def test_a_version_without_a_value_takes_the_label_back() -> None:
    """Where annotators came to disagree, nothing is told any more, until they agree again."""
    table = told(("a", 1.0, 10, 1), ("a", None, 20, 2), ("a", 0.0, 30, 3))
    assert [values(table, as_of)[0] for as_of in (10, 20, 30)] == [1.0, None, 0.0]


def test_what_the_product_observed_stands_before_the_labels_of_hand() -> None:
    """An outcome that the product observed outweighs a judgement, from the time when it was told."""
    table = told(("a", 1.0, 10, 1), ("a", 0.0, 15, None), ("a", 1.0, 20, 2))
    assert [values(table, as_of)[0] for as_of in (10, 15, 20)] == [1.0, 0.0, 0.0]


def test_when_a_told_label_was_known_is_when_it_was_settled() -> None:
    """Its decision's label is settled from then on, or from the decision where that came later."""
    found = with_told(unknown(), KEYS, AT, told(("b", 1.0, 12, None), ("c", 1.0, 13, None)), label=LABEL, as_of=99)
    assert found.settled_at.tolist() == [-1, 12, 15]


def test_labels_of_hand_find_their_decisions_by_key() -> None:
    """A label of an item that is no decision's key tells nothing; keys may be numbers."""
    labels = [HandLabel(item, 1, value, 1.0, "majority", 3, 4, ()) for item, value in (("7", "fine"), ("x", "fraud"))]
    found = with_told(
        unknown(2), pa.array([7, 8]), AT[:2], told_rows(hand_rows(labels, positive="fraud")), label=LABEL, as_of=9
    )
    assert (found.state.tolist(), found.value[0]) == ([KNOWN, UNKNOWN], 0.0)


def test_a_snapshot_before_anything_was_told_is_that_of_the_sources_alone() -> None:
    """What is told later changes no digest of an earlier time, and none of a system of which nothing is told."""
    table = told(("a", 1.0, 10, None))
    assert snapshot(table, 9).digest == snapshot(None, 9).digest == take_snapshot(SALES, 9).digest
    assert snapshot(table, 10).digest != snapshot(None, 10).digest


def test_snapshots_with_other_told_labels_have_other_digests() -> None:
    """Two trainings that learn from other labels do not claim to have learned from the same rows."""
    assert snapshot(told(("a", 1.0, 10, None)), 20).digest != snapshot(told(("a", 0.0, 10, None)), 20).digest


def test_what_is_told_later_changes_no_earlier_snapshot() -> None:
    """Whoever tells next, and whatever is corrected, the snapshot of a time stays what it was."""
    first, hand = [("a", 1.0, 10, 1)], ("b", 1.0, 30, 1)
    before = snapshot(told(*first), 20).digest
    for later in (("a", 0.0, 30, 2), ("a", None, 30, 2), ("a", 0.0, 30, None), hand):
        assert snapshot(told(*first, later), 20).digest == before
        assert snapshot(told(*first, later), 30).digest != before


def test_the_difference_of_two_snapshots_shows_what_was_told_between_them() -> None:
    """A label that is new is a row more, and one that was corrected a row that changed, with both values."""
    table = told(("a", 1.0, 10, 1), ("b", 0.0, 20, None), ("a", 0.0, 20, 2))
    before, after = snapshot(table, 10), snapshot(table, 20)
    found = {each.source: each for each in diff_snapshots(before, after)}[TOLD]
    assert (found.added, found.removed, found.changed) == (1, 0, 1)
    changed = found.examples[1]
    assert changed["id"] == "hand/a"
    assert changed["columns"]["value"] == {"before": 1.0, "after": 0.0}


def test_no_source_may_be_called_as_what_was_told() -> None:
    """A snapshot keeps what was told under a name of its own."""
    with pytest.raises(DeclarationError, match="'told labels'"):
        events(TOLD, "told.csv", at="ts", delay="0s")
