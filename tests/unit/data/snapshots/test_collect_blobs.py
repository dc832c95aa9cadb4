"""Collecting blobs: what nothing names goes after a day, and what anything names never does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pyarrow as pa
import pytest

from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.core.clock import SimulatedClock
from setpoint.core.times import DAY
from setpoint.data.snapshots.collect_blobs import collect_blobs, find_blobs, named_in_rows, named_in_texts

LATER = 30 * DAY


@pytest.fixture
def clock() -> SimulatedClock:
    """It stands at the beginning."""
    return SimulatedClock(0)


@pytest.fixture
def store(tmp_path: Path, clock: SimulatedClock) -> Iterator[SqliteBlobs]:
    """An empty store."""
    opened = SqliteBlobs(tmp_path / "blobs.db", clock=clock)
    yield opened
    opened.close()


def test_what_is_named_or_young_stays(store: SqliteBlobs, clock: SimulatedClock) -> None:
    """One is named, one was put today, one was put again today; the other goes, and is told before it does."""
    store.put({"named": b"1", "again": b"22", "gone": b"333"})
    clock.advance_to(LATER - DAY + 1)
    store.put({"young": b"1", "again": b"22"})

    def named(digests: AbstractSet[str]) -> AbstractSet[str]:
        assert digests == {"named", "gone"}
        return {"named", "other"}

    assert find_blobs(store, named=named, now=LATER) == {"gone": 3}
    assert collect_blobs(store, named=named, now=LATER) == {"gone": 3}
    assert store.get(["named", "again", "young", "gone"]) == [b"1", b"22", b"1", None]
    assert collect_blobs(store, named=lambda digests: digests, now=LATER + 2 * DAY) == {}


def test_nobody_is_asked_where_nothing_is_old(store: SqliteBlobs, clock: SimulatedClock) -> None:
    """Looking for names reads all that is stored."""
    clock.advance_to(LATER)
    store.put({"young": b"1"})

    def named(digests: AbstractSet[str]) -> AbstractSet[str]:
        raise AssertionError("it was asked")

    assert find_blobs(store, named=named, now=LATER) == {}


def test_a_blob_that_is_named_between_the_look_and_the_removal_stays(store: SqliteBlobs, clock: SimulatedClock) -> None:
    """Whoever names an old blob anew has put it again."""
    store.put({"a": b"1", "b": b"2"})
    clock.advance_to(LATER)

    def named(digests: AbstractSet[str]) -> AbstractSet[str]:
        store.put({"a": b"1"})  # after the store was asked what is old, and before it removes
        return set()

    assert collect_blobs(store, named=named, now=LATER) == {"b": 1}
    assert store.get(["a"]) == [b"1"]


def test_others_may_write_meanwhile(tmp_path: Path, clock: SimulatedClock) -> None:
    """A thousand old blobs, of which every third is brought anew while collections run: each of them is there."""
    first = SqliteBlobs(tmp_path / "blobs.db", clock=clock)
    every = {f"{number:032x}": str(number).encode() for number in range(999)}
    first.put(every)
    clock.advance_to(LATER)
    named: set[str] = set()
    done = threading.Event()

    def write() -> None:
        writer = SqliteBlobs(tmp_path / "blobs.db", clock=clock)
        for digest in list(every)[::3]:
            writer.put({digest: every[digest]})
            named.add(digest)
        writer.close()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    removed: dict[str, int] = {}
    while True:
        last = done.is_set()
        removed |= collect_blobs(first, named=lambda digests: set(named), now=LATER)
        if last:
            break
    thread.join()
    assert None not in first.get(sorted(named))
    assert len(named) == 333
    assert set(removed) >= set(every) - named
    first.close()


def test_a_file_of_before_the_times_were_kept_is_read(tmp_path: Path, clock: SimulatedClock) -> None:
    """Its blobs count as put long ago; putting one again makes it young."""
    path = tmp_path / "blobs.db"
    first = SqliteBlobs(path, clock=clock)
    first.put({"a": b"1", "b": b"2"})
    first._connection.execute("DROP TABLE put_last")
    first.close()
    clock.advance_to(LATER)
    again = SqliteBlobs(path, clock=clock)
    assert again.sizes(before=LATER - DAY) == {"a": 1, "b": 1}
    again.put({"a": b"1"})
    assert collect_blobs(again, named=lambda digests: set(), now=LATER) == {"b": 1}
    again.close()


def test_the_file_becomes_smaller(store: SqliteBlobs, tmp_path: Path) -> None:
    """Its pages go back to the disk."""
    store.put({f"{number}": bytes(100_000) for number in range(50)})
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (tmp_path / "blobs.db").stat().st_size
    collect_blobs(store, named=lambda digests: {"1"}, now=LATER)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "blobs.db").stat().st_size < before / 10


def test_names_are_found_in_rows_and_texts() -> None:
    """In columns of texts of any form, and inside of JSON; only digests that were asked for."""
    one, two, three = ("0a" * 16, "1b" * 16, "2c" * 16)
    rows = pa.table(
        {
            "plain": [one, None, "x"],
            "coded": pa.array([two, two, "y"]).dictionary_encode(),
            "large": pa.array([three, None, None], pa.large_string()),
            "number": [1, 2, 3],
        }
    )
    assert named_in_rows(rows, pa.array([one, two, three, "4d" * 16])) == {one, two, three}
    assert named_in_rows(rows.slice(1), pa.array([one])) == set()
    assert named_in_texts([f'{{"scan": "{one}"}}', two, f"see {three}!"], {one, three, "5e" * 16}) == {one, three}
