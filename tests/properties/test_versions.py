"""Corrections and retractions against a reference in pure Python: what stands of each id, at each time."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.errors import SourceEmpty
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN, known_rows
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.data.versions import unfold
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import moments, sales

CORRECTED = sales(id="id", known_at="seen", delay=None, version="v", retracted="gone")


class Told(NamedTuple):
    """A row as it was delivered: a version of an id, or a retraction."""

    id: str
    v: int
    seen: int
    ts: int
    gone: bool
    x: int


tellings = st.lists(
    st.builds(
        Told,
        st.sampled_from(("a", "b", "c")),
        st.integers(1, 4),
        st.integers(0, 6),
        st.integers(0, 3),
        st.sampled_from((False, False, True, None)),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


def raw(told: list[Told]) -> pa.Table:
    """The rows as a file would have them; a retraction says nothing but which row, and since when."""
    return pa.table(
        {
            "id": pa.array([row.id for row in told], pa.string()),
            "v": pa.array([row.v for row in told], pa.int64()),
            "seen": moments(*[row.seen for row in told]),
            "ts": moments(*[None if row.gone else row.ts for row in told]),
            "gone": pa.array([row.gone for row in told], pa.bool_()),
            "x": pa.array([None if row.gone else row.x for row in told], pa.int64()),
        }
    )


def taken(told: list[Told], source: SourceInfo = CORRECTED) -> Ingested | None:
    """What is taken in; None when there is nothing."""
    table = raw(told)
    try:
        return ingest(source, table, replace(infer_contract(source, table), refuse_above=1.0))
    except SourceEmpty:
        return None


def same(one: Told, other: Told) -> bool:
    """Whether two rows of one identity say the same."""
    if one.gone or other.gone:
        return bool(one.gone) == bool(other.gone)
    # A flag that is empty is not one that says no.
    return (one.ts, one.x, one.gone) == (other.ts, other.x, other.gone)


def accepted(told: list[Told]) -> list[Told]:
    """Each identity once, as it was first known; what contradicts it is not taken in."""
    first: dict[tuple[str, int], Told] = {}
    for row in sorted(told, key=lambda row: row.seen):
        first.setdefault((row.id, row.v), row)
    return list(first.values())


def standing(told: list[Told], as_of: int) -> set[tuple[str, int, int, int]]:
    """What stands at a time: of each id the highest version known by then, unless that takes it back."""
    highest: dict[str, Told] = {}
    for row in accepted(told):
        if row.seen <= as_of and (row.id not in highest or row.v > highest[row.id].v):
            highest[row.id] = row
    return {(row.id, row.v, row.ts, row.x) for row in highest.values() if not row.gone}


def content(rows: pa.Table) -> set[tuple[str, int, int, int]]:
    """Id, version, time and value of rows."""
    columns = [rows[name].to_pylist() for name in (ID, "v", AT, "x")]
    return set(zip(*columns, strict=True))


@settings(max_examples=300)
@given(tellings)
def test_what_stands_is_the_highest_version_known(told: list[Told]) -> None:
    """At every time, of every id; and no row is there twice, or set aside without contradicting another."""
    done = taken(told)
    if done is None:
        return
    for as_of in range(-1, 8):
        seen = known_rows(done.rows, as_of)
        assert content(seen) == standing(told, as_of), as_of
        assert seen.num_rows == len(standing(told, as_of))
    kept = {(row.id, row.v): row for row in accepted(told)}
    assert done.quarantined.num_rows == sum(not same(row, kept[row.id, row.v]) for row in told)


@settings(max_examples=300)
@given(tellings)
def test_rows_are_a_log_in_which_each_end_is_a_row(told: list[Told]) -> None:
    """Positions count the order (known_at, at, id, sign); what takes a row back repeats it and comes after it."""
    done = taken(told)
    if done is None:
        return
    rows = done.rows.to_pylist()
    keys = [(row[KNOWN_AT], row[AT], row[ID], row[SIGN]) for row in rows]
    assert keys == sorted(keys)
    assert [row[POSITION] for row in rows] == list(range(len(rows)))
    ended = {row[ENDS] for row in rows} - {NEVER}
    assert ended == {row[POSITION] for row in rows if row[SIGN] < 0}
    for row in rows:
        assert row[SIGN] in (1, -1)
        if row[ENDS] != NEVER:
            end = rows[row[ENDS]]
            assert end[SIGN] == -1
            assert end[KNOWN_AT] > row[KNOWN_AT]
            assert [end[name] for name in (AT, ID, "v", "x", "gone")] == [
                row[name] for name in (AT, ID, "v", "x", "gone")
            ]
    useful = sum(row[SIGN] > 0 for row in rows)
    assert useful + done.superseded + done.repeated + done.quarantined.num_rows <= len(told)


@settings(max_examples=150)
@given(tellings, st.integers(0, 6))
def test_a_correction_that_comes_later_changes_no_earlier_snapshot(told: list[Told], as_of: int) -> None:
    """The digest of what was said by a time is the same with and without what came after it."""
    whole, early = taken(told), taken([row for row in told if row.seen <= as_of])
    if whole is None or early is None:
        return
    one, other = (take_snapshot({"s": done.rows}, as_of) for done in (whole, early))
    assert one.digest == other.digest
    assert content(known_rows(one.rows["s"], as_of)) == content(known_rows(other.rows["s"], as_of))


@settings(max_examples=200)
@given(tellings, st.integers(0, 6))
def test_deliveries_unfold_the_same_at_once_and_one_time_after_the_other(told: list[Told], cut: int) -> None:
    """What comes later is unfolded behind what is there, given the earlier deliveries of the same ids."""
    done = taken(told)
    if done is None:
        return
    known_at = done.delivered[KNOWN_AT].to_numpy()
    first, second = (done.delivered.filter(pa.array(mask)) for mask in (known_at <= cut, known_at > cut))
    before = unfold(CORRECTED, first)
    after = unfold(CORRECTED, pa.concat_tables([first, second]), fresh=first.num_rows, start=before.rows.num_rows)
    ends = before.rows[ENDS].to_numpy().copy()
    ends[before.place[after.ended]] = after.ends
    rows = pa.concat_tables([before.rows, after.rows])
    ends = np.concatenate([ends, after.rows[ENDS].to_numpy()])
    assert rows.drop_columns([ENDS]).equals(done.rows.drop_columns([ENDS]))
    assert ends.tolist() == done.rows[ENDS].to_pylist()
    assert before.superseded + after.superseded == done.superseded


@settings(max_examples=100)
@given(tellings, st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_delivery(told: list[Told], shuffle: object) -> None:
    """Any order of versions that do not contradict each other gives the same log."""
    plain = accepted(told)
    turned = list(plain)
    shuffle.shuffle(turned)  # type: ignore[attr-defined]
    one, other = taken(plain), taken(turned)
    assert one is not None
    assert other is not None
    assert one.rows.equals(other.rows)
