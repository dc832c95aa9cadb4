"""What differs between two snapshots: columns and rows, counted exactly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY, time
from setpoint.data.rows import ID, KNOWN_AT
from setpoint.data.snapshots.diff import ColumnChange, diff_rows, diff_snapshots
from setpoint.data.snapshots.snapshot import take_snapshot
from tests.unit.data.make import moments, sales, taken

FIRST = time("2013-01-01")


def rows(ids: str, **columns: object) -> pa.Table:
    """Rows with these one-letter identities."""
    return pa.table({ID: list(ids), KNOWN_AT: list(range(len(ids))), **columns})


def test_rows_are_added_removed_and_changed_by_their_identity() -> None:
    """Whatever their order; each sort is counted, and shown with what it holds."""
    before = rows("abcd", price=[1, 2, None, 4], note=["x", "y", "z", None])
    after = rows("ecba", price=[5, 3, 2, 1], note=["n", "z", "Y", "x"])
    found = diff_rows("sales", before, after)
    assert (found.added, found.removed, found.changed, found.same) == (1, 1, 2, False)
    assert found.changed_by_column == {"price": 1, "note": 1}
    assert list(found.examples) == [
        {"change": "added", "id": "e", "columns": {"price": 5, "note": "n"}},
        {"change": "removed", "id": "d", "columns": {"price": 4, "note": None}},
        {"change": "changed", "id": "c", "columns": {"price": {"before": None, "after": 3}}},
        {"change": "changed", "id": "b", "columns": {"note": {"before": "y", "after": "Y"}}},
    ]


def test_columns_that_come_go_or_hold_another_kind_are_named() -> None:
    """A column of another kind says something else in every row that is not NULL in both."""
    before = rows("ab", gone=[1, 2], turned=[1, None], kept=["x", "y"])
    after = rows("ab", turned=["1", None], kept=["x", "y"], new=[True, False])
    found = diff_rows("sales", before, after)
    assert found.columns == (
        ColumnChange("gone", "removed", "number", None),
        ColumnChange("turned", "kind", "number", "text"),
        ColumnChange("new", "added", None, "bool"),
    )
    assert found.changed_by_column == {"turned": 1}


def test_the_same_values_in_another_layout_do_not_differ() -> None:
    """Whole numbers as floats, texts as codes, other chunks, NaN beside NaN, and when a row became known."""
    before = rows("abc", n=[1, 2, None], x=[float("nan"), 1.0, 0.0], t=["a", None, "b"])
    other = rows(
        "abc", n=[1.0, 2.0, None], x=[float("nan"), 1.0, 0.0], t=pa.array(["a", None, "b"]).dictionary_encode()
    )
    after = pa.concat_tables([other.slice(0, 1), other.slice(1)]).set_column(1, KNOWN_AT, pa.array([7, 8, 9]))
    assert diff_rows("sales", before, after).same


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_a_plain_comparison(seed: int) -> None:
    """Row by row in plain Python, on random rows of which some are corrected."""
    rng = np.random.default_rng(seed)

    def made(size: int) -> pa.Table:
        ids = [f"r{number}" for number in rng.permutation(400)[:size]]
        price = pa.array(rng.integers(0, 3, size).astype(float), mask=rng.random(size) < 0.1)
        return pa.table({ID: ids, KNOWN_AT: range(size), "price": price, "by": rng.choice(["a", "b"], size)})

    before, after = made(300), made(250)
    old, new = ({row[ID]: row for row in table.drop_columns([KNOWN_AT]).to_pylist()} for table in (before, after))
    found = diff_rows("s", before, after, examples=1000)
    both = old.keys() & new.keys()
    assert (found.added, found.removed) == (len(new.keys() - old.keys()), len(old.keys() - new.keys()))
    assert found.changed == sum(old[name] != new[name] for name in both)
    assert found.changed_by_column == {
        column: sum(old[name][column] != new[name][column] for name in both) for column in ("price", "by")
    }
    assert {row["id"] for row in found.examples if row["change"] == "changed"} == {
        name for name in both if old[name] != new[name]
    }


def test_only_what_stands_at_the_time_of_a_snapshot_is_compared() -> None:
    """A correction is a change, a retraction a removal; the rows that take others back are no rows."""
    raw = pa.table(
        {
            "id": ["a", "b", "a", "b"],
            "ts": moments(FIRST, FIRST, FIRST, FIRST),
            "seen": moments(*[FIRST + day * DAY for day in (1, 1, 2, 3)]),
            "v": [1, 1, 2, 2],
            "gone": [False, False, False, True],
            "price": [1.0, 2.0, 3.0, 2.0],
        }
    )
    source = sales(id="id", known_at="seen", delay=None, version="v", retracted="gone")
    log = {"sales": taken(source, raw).rows, "other": rows("x")}
    one, two, three = (take_snapshot(log, FIRST + day * DAY) for day in (1, 2, 3))
    (_, first), (_, second) = diff_snapshots(one, two), diff_snapshots(two, three)
    assert (first.added, first.removed, first.changed) == (0, 0, 1)
    assert first.changed_by_column == {"seen": 1, "v": 1, "price": 1}
    assert (second.added, second.removed, second.changed) == (0, 1, 0)
    assert (second.rows_before, second.rows_after) == (2, 1)


def test_a_source_that_one_snapshot_lacks_has_no_rows_there() -> None:
    """All of its rows and columns were added, or removed."""
    with_it, without = take_snapshot({"s": rows("ab", price=[1, 2])}, 9), take_snapshot({}, 9)
    (added,), (removed,) = diff_snapshots(without, with_it), diff_snapshots(with_it, without)
    assert (added.added, added.columns[0].change) == (2, "added")
    assert (removed.removed, removed.columns[0].change) == (2, "removed")
