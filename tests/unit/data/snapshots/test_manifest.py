"""Snapshots stored by content: the same id, the same bytes; blocks once; damage told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.core.errors import DataError, NameUnknown, NothingYet
from setpoint.core.times import DAY, time
from setpoint.data.rows import KNOWN_AT, known_rows
from setpoint.data.snapshots.manifest import (
    NOUN,
    SNAPSHOTS,
    Manifest,
    Provenance,
    load_snapshot,
    manifest_of,
    store_snapshot,
    stored_snapshots,
)
from setpoint.data.snapshots.snapshot import Snapshot, take_snapshot
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import days, moments, sales, taken

FIRST = time("2013-01-01")
RAW = pa.table({"id": list("abcde"), "ts": days(5), "price": [1, 2, None, 4, 5], "note": ["x", None, "", "y", "x"]})
CORRECTED = pa.table(
    {
        "id": ["a", "b", "a", "b", "a", "c"],
        "ts": moments(*[FIRST + day * DAY for day in (0, 1, 0, 1, 2, 2)]),
        "seen": moments(*[FIRST + day * DAY for day in (1, 1, 2, 3, 3, 4)]),
        "v": [1, 1, 2, 2, 3, 1],
        "gone": [False, False, False, True, False, False],
        "price": [1.5, 2.0, 3.0, 2.0, 4.0, 7.0],
    }
)


class Store:
    """Tables and metadata in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tables = folder, ParquetTables(folder / "tables")
        self.metadata = SqlMetadata(f"sqlite:///{folder / 'metadata.db'}")

    def put(self, snapshot: Snapshot, now: int = 0, **more: Provenance) -> Manifest:
        return store_snapshot(snapshot, self.tables, metadata=self.metadata, now=now, provenance=more)

    def get(self, digest: str) -> Snapshot:
        return load_snapshot(self.tables, self.metadata, snapshot=digest)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "tables" / SNAPSHOTS).glob("*.parquet")}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path)


def of(raw: pa.Table, source: SourceInfo | None = None, *, as_of: int = 2**60) -> Snapshot:
    """The snapshot of one source."""
    return take_snapshot({"sales": taken(source or sales(id="id"), raw).rows}, as_of)


def test_a_snapshot_is_read_back_as_it_was(store: Store) -> None:
    """Rows, types, order of columns and digest."""
    snapshot = of(RAW, as_of=FIRST + 3 * DAY)
    manifest = store.put(snapshot, now=7, sales=Provenance(contract="c1", files={"sales.parquet": "f1"}))
    read = store.get(snapshot.digest)
    assert read.rows["sales"].equals(snapshot.rows["sales"])
    assert (read.digest, read.as_of) == (snapshot.digest, FIRST + 3 * DAY)
    assert manifest == manifest_of(store.metadata, snapshot.digest)
    assert (manifest.rows, manifest.used_at, manifest.sources[0].provenance.files) == (4, 7, {"sales.parquet": "f1"})
    assert manifest.bytes == sum(map(len, store.files().values()))


def test_the_same_content_has_the_same_digest_and_the_same_bytes(tmp_path: Path) -> None:
    """In another place, delivered in another order, as floats instead of integers, with other chunks."""
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    other = RAW.set_column(2, "price", pa.array([1.0, 2.0, None, 4.0, 5.0])).take(pa.array([4, 2, 0, 1, 3]))
    first, second = one.put(of(RAW)), two.put(of(other))
    assert first.snapshot == second.snapshot
    assert one.files() == two.files()
    assert one.get(first.snapshot).rows["sales"]["price"].type == pa.int64()
    assert two.get(first.snapshot).rows["sales"]["price"].type == pa.float64()


def test_rows_are_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later snapshot adds the blocks that are new or have grown; an equal one nothing at all."""
    for place in ("snapshot", "manifest"):
        monkeypatch.setattr(f"setpoint.data.snapshots.{place}.BLOCK", 100)
    monkeypatch.setattr("setpoint.data.snapshots.manifest.PIECE", 30)
    rows = pa.table({"n": np.arange(1000), KNOWN_AT: np.arange(1000)})
    # 2 blocks and 2 pieces of 30 and 20 rows; another of 30 and of 10; 2 blocks; 6 blocks; nothing
    for as_of, blocks in ((249, 4), (249, 4), (269, 6), (399, 8), (999, 14), (199, 14)):
        store.put(take_snapshot({"s": rows}, as_of), now=as_of)
        assert len(store.files()) == blocks
    written = {name: (store.folder / "tables" / SNAPSHOTS / name).stat().st_mtime_ns for name in store.files()}
    again = store.put(take_snapshot({"s": rows}, 999), now=5000)
    assert written == {name: (store.folder / "tables" / SNAPSHOTS / name).stat().st_mtime_ns for name in store.files()}
    assert again.used_at == 5000
    assert [each.rows for each in stored_snapshots(store.metadata)] == [250, 270, 400, 1000, 200]
    for each in stored_snapshots(store.metadata):
        assert store.get(each.snapshot).rows["s"].equals(rows.slice(0, each.rows))


def test_corrections_are_read_back_as_of_every_time(store: Store) -> None:
    """What stood when, from one stored snapshot; a snapshot taken before shares what it had."""
    source = sales(id="id", known_at="seen", delay=None, version="v", retracted="gone")
    whole = of(CORRECTED, source)
    store.put(whole)
    read = store.get(whole.digest)
    assert read.rows["sales"].equals(whole.rows["sales"])
    for as_of in range(FIRST, FIRST + 6 * DAY, DAY):
        early = take_snapshot(whole.rows, as_of)
        assert take_snapshot(read.rows, as_of).digest == early.digest
        store.put(early)
        stood = known_rows(store.get(early.digest).rows["sales"], as_of).drop_columns(["__ends"])
        assert stood.equals(known_rows(whole.rows["sales"], as_of).drop_columns(["__ends"]))


def test_every_kind_of_column_comes_back_with_its_type(store: Store) -> None:
    """Whole and broken numbers, texts in any layout, bytes, truth values, nothing, and numbers that no float holds."""
    table = pa.table(
        {
            KNOWN_AT: [1, 2, 3],
            "whole": pa.array([1.0, None, -3.0]),
            "zero": pa.array([-0.0, 0.0, 1.0]),
            "not a number": pa.array([float("nan"), None, 1.0]),
            "large": pa.array([2**62, -(2**62), None]),
            "small": pa.array([1, None, -1], pa.int8()),
            "codes": pa.array(["a", None, "a"]).dictionary_encode(),
            "text": pa.array(["", None, "ü"], pa.large_string()),
            "bytes": pa.array([b"", None, b"\x00\xff"]),
            "truth": pa.array([True, None, False]),
            "nothing": pa.nulls(3),
            "at": moments(0, None, 5),
        }
    )
    snapshot = take_snapshot({"s": table, "none": table.slice(0, 0)}, 9)
    store.put(snapshot)
    read = store.get(snapshot.digest)
    for name in ("s", "none"):
        assert read.rows[name].schema.equals(snapshot.rows[name].schema)
        assert repr(read.rows[name].to_pylist()) == repr(snapshot.rows[name].to_pylist())


def test_a_snapshot_without_sources_or_rows_is_one_too(store: Store) -> None:
    """Nothing is stored, and read as nothing."""
    empty = take_snapshot({}, 5)
    store.put(empty)
    assert store.get(empty.digest).rows == {}


@pytest.mark.parametrize("damage", ["changed", "shorter", "deleted", "renamed"])
def test_damage_is_told_and_never_read(store: Store, damage: str) -> None:
    """Rows that are not those that were stored are refused, with the part."""
    snapshot = of(RAW)
    (block,) = store.put(snapshot).sources[0].blocks
    rows = store.tables.read(SNAPSHOTS, parts=[block.part])
    if damage == "deleted":
        store.tables.delete(SNAPSHOTS, block.part)
    elif damage == "shorter":
        store.tables.write(SNAPSHOTS, block.part, rows.slice(1))
    elif damage == "renamed":
        store.tables.write(SNAPSHOTS, block.part, rows.rename_columns({"price": "note", "note": "price"}))
    else:
        changed = rows.set_column(rows.column_names.index("price"), "price", pa.array([1, 2, None, 4, 6]))
        store.tables.write(SNAPSHOTS, block.part, changed)
    with pytest.raises(DataError, match=block.part):
        store.get(snapshot.digest)


def test_what_is_deleted_is_stored_again(store: Store) -> None:
    """Storing a snapshot whose manifest says that all is there looks whether it is."""
    snapshot = of(RAW)
    (block,) = store.put(snapshot).sources[0].blocks
    store.tables.delete(SNAPSHOTS, block.part)
    store.put(snapshot)
    assert store.get(snapshot.digest).digest == snapshot.digest


def test_what_was_not_stored_to_its_end_cannot_be_read(store: Store) -> None:
    """A crash leaves a draft; storing again ends it. An unknown digest is told with those that there are."""
    snapshot = of(RAW)
    done = store.put(snapshot).to_dict()
    store.metadata.put(NOUN, snapshot.digest, {**done, "state": "draft"})
    with pytest.raises(NothingYet, match="was not stored to its end"):
        store.get(snapshot.digest)
    store.put(snapshot)
    assert store.get(snapshot.digest).digest == snapshot.digest
    with pytest.raises(NameUnknown, match=f"no snapshot 'x'.* {snapshot.digest}"):
        store.get("x")


def test_a_column_that_cannot_be_stored_is_refused(store: Store) -> None:
    """Rows under contract never have one."""
    with pytest.raises(DataError, match="column 'x' of 's' holds date32"):
        store.put(take_snapshot({"s": pa.table({"x": pa.array([1], pa.date32()), KNOWN_AT: [1]})}, 2))
