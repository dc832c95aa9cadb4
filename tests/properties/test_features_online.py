"""Features read online against those read offline: the same bits, however events were delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.oracle import Oracle
from setpoint.core.ports import Mark, OnlineState
from setpoint.data.log.feed import RowsFeed
from setpoint.features.online import OnlineFeatures
from setpoint.features.online_seen import Seen
from setpoint.features.parity import Mismatch, compare
from setpoint.features.reader import FeatureReader
from setpoint.features.stream import Stream, log_of
from tests.properties.worlds import World, big_world, worlds


def opened(world: World, state: OnlineState | None = None) -> OnlineFeatures:
    """Online features of a world over a state, in memory unless one is given."""
    return OnlineFeatures(world.plan, state or MemoryState(), history=log_of(RowsFeed(world.rows)))


def in_time(world: World, online: OnlineFeatures) -> list[Seen]:
    """What each decision sees when, in order of time, events are taken in up to it."""
    stream, found = Stream(online, RowsFeed(world.rows)), dict[int, Seen]()
    for place in np.argsort(world.times, kind="stable").tolist():
        stream.advance(world.at[place])
        found[place] = online.see(world.fields[place], world.at[place])
    return [found[place] for place in range(len(world.at))]


def differences(world: World, seen: Sequence[Seen]) -> list[Mismatch]:
    """What decisions and the reader, asked for their times, do not agree on."""
    at = np.array([one.at for one in seen], dtype=np.int64)
    return compare(FeatureReader(world.plan, world.rows).read(world.requests, at), [one.values for one in seen])


@settings(max_examples=50)
@given(worlds())
def test_online_agrees_with_offline_in_memory(world: World) -> None:
    """The same decisions have the same bits from the blobs of their keys as from the tables."""
    seen = in_time(world, opened(world))
    assert [one.at for one in seen] == world.at
    assert differences(world, seen) == []


@settings(max_examples=25)
@given(worlds())
def test_online_agrees_with_offline_on_sqlite(world: World) -> None:
    """So they have from blobs kept by SQLite."""
    state = SqliteState("sqlite://")
    assert differences(world, in_time(world, opened(world, state))) == []
    state.close()


@settings(max_examples=25)
@given(worlds())
def test_online_agrees_with_brute_force(world: World) -> None:
    """Online features are tested against the definition too, not only against the other way of reading."""
    oracle = Oracle(world.plan, world.rows)
    for fields, at, seen in zip(world.fields, world.at, in_time(world, opened(world)), strict=True):
        wanted = {name: [value] for name, value in oracle.read(fields, at).items()}
        assert compare(pa.table(wanted), [seen.values]) == []


@settings(max_examples=25)
@given(worlds(), st.data())
def test_delivery_changes_nothing(world: World, data: st.DataObject) -> None:
    """Cut into batches anywhere, shuffled within them, with what was already delivered coming again."""
    online = opened(world)
    for source, rows in world.rows.items():
        size = rows.num_rows
        cuts = [0, *sorted(data.draw(st.lists(st.integers(0, size), max_size=4))), size]
        for begin, end in pairwise(cuts):
            again = data.draw(st.integers(0, begin))
            order = data.draw(st.permutations(range(again, end)))
            online.feed(source, rows.take(pa.array(order, pa.int64())))
    assert differences(world, online.see_many(world.fields, 10**15)) == []


@settings(max_examples=20)
@given(worlds(most_rows=40))
def test_a_decision_says_what_it_rests_on(world: World) -> None:
    """The positions are those of the newest rows known by its time, and a decision in the past is of the newest."""
    online = opened(world)
    for seen in in_time(world, online):
        known = {name: int((rows["__known_at"].to_numpy() <= seen.at).sum()) - 1 for name, rows in world.rows.items()}
        assert seen.positions == known
    Stream(online, RowsFeed(world.rows)).advance(10**15)
    late = online.see_many(world.fields, -(10**15))
    assert len({one.at for one in late}) == 1
    assert differences(world, late) == []


@settings(max_examples=20)
@given(worlds(most_rows=40), st.integers(-6, 60))
def test_compaction_spares_what_later_decisions_need(world: World, moment: int) -> None:
    """After what no window needs was dropped, decisions from that time on read as before."""
    unit = 1 if world.plan.aggregates[0].last == 3 else world.plan.aggregates[0].last // 3
    online, compacted = opened(world), opened(world)
    for place in np.argsort(world.times, kind="stable").tolist():
        at = max(world.at[place], moment * unit)
        for one in (online, compacted):
            Stream(one, RowsFeed(world.rows)).advance(at)
        compacted.compact(at)
        before, after = (one.see(world.fields[place], at) for one in (online, compacted))
        assert str(after) == str(before)


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_long_logs_agree(late: float) -> None:
    """Hot keys, many tiles, thousands of rows: the same bits on SQLite."""
    world = big_world(seed=11, rows=3000, decisions=60, late=late)
    state = SqliteState("sqlite://")
    assert differences(world, in_time(world, opened(world, state))) == []
    state.close()


class LooseEdge(OnlineFeatures):
    """Fault: every window begins a microsecond late."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        for stage in self.reader.stages:
            numbers = stage.plan.numbers
            for place in range(4, 4 + 3 * int(numbers[0]), 3):
                numbers[place] -= numbers[place] > 0


class SeesItself(OnlineFeatures):
    """Fault: a row that happens at the time of the decision is seen."""

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:
        """The features of the moment after."""
        return super().see(fields, at + 1)


class LosesLateRows(OnlineFeatures):
    """Fault: a row that happened before the newest of an earlier batch is put where no window sees it."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self.newest: dict[str, int] = {}

    def feed(self, source: str, rows: pa.Table) -> int:
        """Take in rows, late ones with another time."""
        at = rows["__at"].to_numpy().copy()
        before = self.newest.get(source, -(2**62))
        self.newest[source] = max(before, int(at.max(initial=before)))
        at[at < before] = -(2**61)
        return super().feed(source, rows.set_column(rows.column_names.index("__at"), "__at", pa.array(at)))


class ReadsStaleBlobs(MemoryState):
    """Fault: what was read once of a key is read again, whatever came since."""

    def __init__(self) -> None:
        super().__init__()
        self._old: dict[tuple[str, str], bytes] = {}

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks, and blobs of when they were first read."""
        marks, blobs = super().read(groups, keys)
        for key, blob in zip(keys, blobs, strict=True):
            if blob is not None:
                self._old.setdefault(key, blob)
        return marks, [self._old.get(key) for key in keys]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        pytest.param(OnlineFeatures, MemoryState, id="none"),
        pytest.param(LooseEdge, MemoryState, id="off-by-one edge of the window"),
        pytest.param(SeesItself, MemoryState, id="<= for <"),
        pytest.param(LosesLateRows, MemoryState, id="lost late row"),
        pytest.param(OnlineFeatures, ReadsStaleBlobs, id="stale tile"),
    ],
)
def test_planted_faults_are_found(kind: type[OnlineFeatures], state: Callable[[], MemoryState]) -> None:
    """Each of four planted faults shows as differences on a generated log, and their absence as none."""
    world = big_world(seed=5, rows=800, decisions=100, late=0.1)
    seen = in_time(world, kind(world.plan, state()))
    read = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    faulty = (kind, state) != (OnlineFeatures, MemoryState)
    assert bool(compare(read, [one.values for one in seen])) == faulty
