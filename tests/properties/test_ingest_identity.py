"""Identity of delivered rows against a reference in pure Python."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.errors import SourceEmpty
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import moments, sales

IDENTIFIED = sales(id="id", known_at="seen", delay=None, null_at="skip")
NAMELESS = sales(columns=["x", "word"], known_at="seen", delay=None, null_at="skip")


class Row(NamedTuple):
    """A delivered row."""

    id: str | None
    ts: int | None
    seen: int | None
    x: float | None
    word: str | None


class Kept(NamedTuple):
    """A row that was taken in."""

    known_at: int
    at: int
    id: str
    x: float | None
    word: str | None


rows = st.lists(
    st.builds(
        Row,
        st.sampled_from(("a", "b", "c", None)),
        st.sampled_from((0, 1, 2, None)),
        st.sampled_from((0, 1, 2, 3, None)),
        st.sampled_from((None, 0.0, 1.0, float("inf"))),
        st.sampled_from((None, "", "x")),
    ),
    min_size=1,
    max_size=12,
)


def raw(delivered: list[Row]) -> pa.Table:
    """The rows as a file would have them."""
    return pa.table(
        {
            "id": pa.array([row.id for row in delivered], pa.string()),
            "ts": moments(*[row.ts for row in delivered]),
            "seen": moments(*[row.seen for row in delivered]),
            "x": pa.array([row.x for row in delivered], pa.float64()),
            "word": pa.array([row.word for row in delivered], pa.string()),
        }
    )


def contract(source: SourceInfo, table: pa.Table) -> Contract:
    """A contract under which no batch is refused whole."""
    return replace(infer_contract(source, table), refuse_above=1.0)


def taken(source: SourceInfo, delivered: list[Row]) -> Ingested | None:
    """What is taken in; None when there is nothing."""
    table = raw(delivered)
    try:
        return ingest(source, table, contract(source, table))
    except SourceEmpty:
        return None


def kept(done: Ingested | None) -> list[Kept]:
    """The rows taken in, in their order."""
    if done is None:
        return []
    columns = [done.rows[name].to_pylist() for name in (KNOWN_AT, AT, ID, "x", "word")]
    return [Kept(*values) for values in zip(*columns, strict=True)]


def faulty(row: Row, *, needs_id: bool) -> bool:
    """Whether a row breaks a rule on its own."""
    if row.x == float("inf") or (needs_id and row.id is None):
        return True
    return row.ts is not None and row.seen is None


@settings(max_examples=60)
@given(rows)
def test_a_row_with_an_id_is_there_once_and_contradictions_are_set_aside(delivered: list[Row]) -> None:
    """Same id and content: once, with the smallest known_at. Same id, other content: set aside. Nothing is lost."""
    bad = {n for n, row in enumerate(delivered) if faulty(row, needs_id=True)}
    skipped = {n for n, row in enumerate(delivered) if n not in bad and row.ts is None}
    first: dict[str, Row] = {}
    stays, repeated = [], 0
    usable = [n for n in range(len(delivered)) if n not in bad | skipped]
    for n in sorted(usable, key=lambda n: (delivered[n].seen, n)):
        row = delivered[n]
        known = first.setdefault(str(row.id), row)
        if known is row:
            stays.append(row)
        elif known._replace(seen=None) == row._replace(seen=None):
            repeated += 1
        else:
            bad.add(n)
    done = taken(IDENTIFIED, delivered)
    assert kept(done) == sorted(
        (Kept(int(row.seen or 0), int(row.ts or 0), str(row.id), row.x, row.word) for row in stays),
        key=lambda row: row[:3],
    )
    if done is not None:
        assert (done.repeated, done.skipped) == (repeated, len(skipped))
        assert [place - 1 for place in done.quarantined["__row"].to_pylist()] == sorted(bad)
        assert done.rows[POSITION].to_pylist() == list(range(done.rows.num_rows))


@settings(max_examples=100)
@given(rows)
def test_a_row_without_an_id_is_never_dropped(delivered: list[Row]) -> None:
    """Each delivered row that keeps the contract is there, with an identity that no other has."""
    good = [row for row in delivered if row.ts is not None and not faulty(row, needs_id=False)]
    found = kept(taken(NAMELESS, delivered))
    content = [(row.known_at, row.at, row.x, row.word) for row in found]
    expected = [(int(row.seen or 0), int(row.ts or 0), row.x, row.word) for row in good]
    assert sorted(content, key=repr) == sorted(expected, key=repr)
    assert [row[:3] for row in found] == sorted(row[:3] for row in found)
    assert len({row.id for row in found}) == len(found)
    by_content: dict[tuple[object, ...], set[str]] = {}
    for row in found:
        by_content.setdefault((row.at, row.x, row.word), set()).add(row.id[:16])
    assert all(len(hashes) == 1 for hashes in by_content.values())
    assert len({next(iter(hashes)) for hashes in by_content.values()}) == len(by_content)


@settings(max_examples=60)
@given(rows, st.randoms(use_true_random=False))
def test_rows_without_an_id_do_not_depend_on_the_order_of_delivery(delivered: list[Row], shuffle: object) -> None:
    """Any order of the file gives the same rows with the same identities."""
    turned = list(delivered)
    shuffle.shuffle(turned)  # type: ignore[attr-defined]
    assert kept(taken(NAMELESS, turned)) == kept(taken(NAMELESS, delivered))


@settings(max_examples=100)
@given(rows, st.sampled_from((IDENTIFIED, NAMELESS)), st.integers(-1, 4))
def test_a_snapshot_does_not_know_what_came_after_it(delivered: list[Row], source: SourceInfo, as_of: int) -> None:
    """Taking in everything and looking back gives what taking in only the earlier rows gives."""
    everything = taken(source, delivered)
    early = taken(
        source,
        [row for row in delivered if row.seen is not None and row.seen <= as_of]
        or [delivered[0]._replace(ts=None, x=None)],
    )
    if everything is None:
        assert early is None
        return
    snapshot = take_snapshot({"s": everything.rows}, as_of)
    if early is None:
        assert snapshot.rows["s"].num_rows == 0
    else:
        assert snapshot.digest == take_snapshot({"s": early.rows}, as_of).digest


@settings(max_examples=40)
@given(rows, st.integers(0, 3))
def test_nothing_is_known_before_it_arrived(delivered: list[Row], arrived_at: int) -> None:
    """A later batch moves known_at to its arrival and changes nothing else."""
    table = raw(delivered)
    before = taken(IDENTIFIED, delivered)
    if before is None:
        return
    after = ingest(IDENTIFIED, table, contract(IDENTIFIED, table), arrived_at=arrived_at)
    expected = sorted(row._replace(known_at=max(row.known_at, arrived_at)) for row in kept(before))
    assert [row[:3] for row in kept(after)] == [row[:3] for row in expected]
    assert np.min(after.rows[KNOWN_AT].to_numpy()) >= arrived_at
