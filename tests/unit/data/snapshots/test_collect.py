"""Collecting stored snapshots: nothing that is needed goes, whatever is stored, and whoever dies, meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.conformance.child import child
from setpoint.core.errors import NameUnknown, NothingYet
from setpoint.core.times import DAY
from setpoint.data.rows import KNOWN_AT
from setpoint.data.snapshots.collect import Garbage, collect, find_garbage, mark, sweep
from setpoint.data.snapshots.hold import end_hold, held_under, hold_snapshot, holds
from setpoint.data.snapshots.manifest import NOUN, SNAPSHOTS, load_snapshot, manifests, store_snapshot
from setpoint.data.snapshots.snapshot import Snapshot, take_snapshot

LATER = 30 * DAY


class Store:
    """Tables and metadata in a folder, and what is said to be needed."""

    def __init__(self, folder: Path) -> None:
        self.tables = ParquetTables(folder / "tables")
        self.metadata = SqlMetadata(f"sqlite:///{folder / 'metadata.db'}")
        self.needed: dict[str, str] = {}

    def put(self, number: int, now: int = 0) -> str:
        """Store the snapshot of some rows; gives its digest."""
        return store_snapshot(made(number), self.tables, metadata=self.metadata, now=now).snapshot

    def get(self, digest: str) -> Snapshot:
        return load_snapshot(self.tables, self.metadata, snapshot=digest)

    def look(self, now: int = LATER) -> Garbage:
        return find_garbage(self.tables, self.metadata, needs=lambda: self.needed, now=now)

    def collect(self, now: int = LATER) -> Garbage:
        return collect(self.tables, self.metadata, needs=lambda: self.needed, now=now)


def made(number: int) -> Snapshot:
    """A snapshot of 300 rows of its own, and of one source that all have."""
    own = pa.table({"n": np.arange(300) * 7 % 300 + number, KNOWN_AT: np.arange(300)})
    return take_snapshot({"own": own, "shared": pa.table({"n": [5], KNOWN_AT: [0]})}, 1000)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path)


def test_what_is_needed_held_or_new_stays(store: Store) -> None:
    """A model's snapshot, one that is held, and one of today; the others go with the blocks that only they have."""
    model, held, new, gone, also = [store.put(number, now=LATER if number == 2 else 0) for number in range(5)]
    store.needed = {model: "model m1"}
    hold_snapshot(store.metadata, "audit-2013", snapshot=held, at=5, reason="asked for by the auditor")
    shown = store.look()
    assert {each.manifest.snapshot: each.because for each in shown.kept} == {
        model: "model m1",
        held: "held as 'audit-2013'",
        new: "used within the last day",
    }
    assert [each.snapshot for each in shown.snapshots] == [gone, also]
    assert len(store.tables.parts(SNAPSHOTS)) == 6
    assert shown.to_dict() == store.collect().to_dict()
    assert len(store.tables.parts(SNAPSHOTS)) == 4
    assert len(shown.parts) == 2
    assert shown.bytes > 0
    for digest in (model, held, new):
        assert store.get(digest).digest == digest
    for digest in (gone, also):
        with pytest.raises(NothingYet, match="was collected"):
            store.get(digest)
    assert store.collect().to_dict() == {**shown.to_dict(), "snapshots": [], "parts": 0, "bytes": 0}


def test_looking_changes_nothing(store: Store) -> None:
    """Whoever only asks removes no file and no manifest."""
    digest = store.put(1)
    assert [each.snapshot for each in store.look().snapshots] == [digest]
    assert store.get(digest).digest == digest


def test_a_hold_ends(store: Store) -> None:
    """A name may be given to another snapshot; what is let go can be collected; an unknown name is told."""
    one, two = store.put(1), store.put(2)
    for digest in (one, two):
        hold_snapshot(store.metadata, "best", snapshot=digest, at=1)
    assert held_under(store.metadata, "best") == two
    assert [each.snapshot for each in store.collect().snapshots] == [one]
    assert end_hold(store.metadata, "best").snapshot == two
    assert holds(store.metadata) == []
    assert [each.snapshot for each in store.collect().snapshots] == [two]
    with pytest.raises(NameUnknown, match="no hold 'best'"):
        end_hold(store.metadata, "best")
    with pytest.raises(NothingYet, match="was collected"):
        hold_snapshot(store.metadata, "best", snapshot=two, at=1)


def test_what_was_collected_can_be_stored_again(store: Store) -> None:
    """The same rows are the same snapshot."""
    digest = store.put(1)
    store.collect()
    assert store.put(1, now=LATER) == digest
    assert store.get(digest).digest == digest
    assert store.collect().snapshots == ()


def test_a_snapshot_that_is_used_again_is_new_again(store: Store) -> None:
    """A training that finds its snapshot stored long ago keeps it until its model is registered."""
    digest = store.put(1)
    store.put(1, now=LATER)
    assert store.collect().snapshots == ()
    assert store.get(digest).digest == digest


def test_a_snapshot_stored_between_mark_and_sweep_keeps_its_blocks(store: Store) -> None:
    """The one that was marked, stored again, and another that shares a block with it."""
    again = store.put(1)
    assert [each.snapshot for each in mark(store.metadata, needs=dict, now=LATER)] == [again]
    other = store.put(2, now=LATER)
    assert store.put(1, now=LATER) == again
    assert sweep(store.tables, store.metadata) == {}
    assert [store.get(digest).digest for digest in (again, other)] == [again, other]


class Interrupted(ParquetTables):
    """Tables in which somebody does something just after the blocks were listed."""

    def __init__(self, root: Path, act: Callable[[], object]) -> None:
        super().__init__(root)
        self._act = act

    def parts(self, name: str) -> list[str]:
        found = super().parts(name)
        self._act()
        return found


def test_a_snapshot_stored_while_blocks_are_swept_keeps_its_blocks(store: Store, tmp_path: Path) -> None:
    """Its blocks were found to be garbage, and are looked at once more before they go."""
    again, gone = store.put(1), store.put(2)
    mark(store.metadata, needs=dict, now=LATER)
    tables = Interrupted(tmp_path / "tables", lambda: store.put(1, now=LATER))
    assert len(sweep(tables, store.metadata)) == 1
    assert store.get(again).digest == again
    with pytest.raises(NothingYet, match="was collected"):
        store.get(gone)


def test_a_draft_protects_what_it_is_about_to_write(store: Store) -> None:
    """Blocks are needed from before the first of them is looked for."""
    digest = store.put(1)
    body = store.metadata.get(NOUN, digest)
    assert body is not None
    store.metadata.put(NOUN, digest, {**body, "state": "draft", "used_at": LATER})
    assert store.collect().parts == {}
    assert store.put(1, now=LATER) == digest
    assert store.get(digest).digest == digest


def test_storing_and_collecting_at_once_loses_nothing(tmp_path: Path) -> None:
    """One thread stores snapshots that share blocks, another collects all the time: each can be read when it is there.

    A snapshot is needed once it has been stored, as a model's is once it is registered.
    """
    store, done, swept = Store(tmp_path), threading.Event(), []

    def run() -> None:
        other = Store(tmp_path)
        while not done.is_set():
            swept.append(collect(other.tables, other.metadata, needs=lambda: dict(store.needed), now=LATER))

    for number in range(12):
        store.put(number)  # long ago
    thread = threading.Thread(target=run)
    thread.start()
    for number in [*range(12), *range(12)]:
        digest = store.put(number, now=LATER)
        assert store.get(digest).digest == digest
        store.needed[digest] = "a model"
    done.set()
    thread.join()
    assert sum(len(each.snapshots) for each in swept) > 0
    assert all(store.get(digest).digest == digest for digest in store.needed)
    assert len(store.tables.parts(SNAPSHOTS)) == 13


def killed(folder: Path, steps: int, needed: str, act: str) -> bool:
    """Whether a forked process came to its end: it is killed before its so-manieth write, or after it."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1] == 0
    store, left = Store(folder), [steps]

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            _die_at_zero(left)
            found = run(*arguments, **options)
            _die_at_zero(left)
            return found

        return step

    for port, name in ((store.metadata, "put"), (store.tables, "write"), (store.tables, "delete")):
        setattr(port, name, counted(getattr(port, name)))
    store.needed = {needed: "a model"}
    if act == "collect":
        store.collect()
    else:
        store.put(9, now=LATER)
    os._exit(0)


def _die_at_zero(left: list[int]) -> None:
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1


FORKS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.unit.data.snapshots.test_collect import Store, killed
for steps in range(100):
    folder = Path(sys.argv[1]) / str(steps)
    store = Store(folder)
    needed, *_ = [store.put(number) for number in range(3)]
    store.metadata.close()
    ended = killed(folder, steps, needed, sys.argv[3])
    print(steps, needed, "ended" if ended else "killed", flush=True)
    if ended:
        break
"""


@pytest.mark.parametrize("act", ["collect", "store"])
def test_kill_9_between_any_two_steps_loses_nothing_that_is_needed(tmp_path: Path, act: str) -> None:
    """The process is killed before and after each write to the database and to the tables, one after the other.

    What a model needs is there every time; what was begun ends when it is done again, and leaves nothing over.
    """
    with child(FORKS, tmp_path, str(Path(__file__).parents[3]), act) as lines:
        died = [line.split() for line in lines]
    assert [how for *_, how in died] == ["killed"] * (len(died) - 1) + ["ended"]
    assert len(died) > 6
    for folder, needed, _ in died:
        store = Store(tmp_path / folder)
        assert store.get(needed).digest == needed
        store.needed = {needed: "a model"}
        new = store.put(9, now=LATER) if act == "store" else needed
        assert store.get(new).digest == new
        assert len(store.collect().kept) == (2 if act == "store" else 1)
        assert len(store.tables.parts(SNAPSHOTS)) == (3 if act == "store" else 2)
        assert {each.state for each in manifests(store.metadata)} == {"stored", "gone"}
