"""Features read online against those read offline: the same bits, however events were delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.backends.sqlite_tiles import SqliteState
from setpoint.conformance.oracle import Oracle
from setpoint.conformance.tiles import MemoryState
from setpoint.core.ports import TileState
from setpoint.data.arrays import Array, Mask
from setpoint.features.folding import View
from setpoint.features.online import TILE, OnlineFeatures
from setpoint.features.packing import Unpacked
from setpoint.features.parity import Mismatch, compare
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import World, big_world, worlds


def fed(world: World, state: TileState, *, kind: type[OnlineFeatures] = OnlineFeatures) -> OnlineFeatures:
    """Online features that took in every source in one batch."""
    online = kind(world.plan, state)
    for source, rows in world.rows.items():
        assert online.feed(source, rows) == rows.num_rows
    return online


def differences(world: World, online: OnlineFeatures) -> list[Mismatch]:
    """What online features and the reader do not agree on."""
    read = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    return compare(read, [online.read(fields, at) for fields, at in zip(world.fields, world.at, strict=True)])


@settings(max_examples=50)
@given(worlds())
def test_online_agrees_with_offline_in_memory(world: World) -> None:
    """The same decisions have the same bits from the rows of tiles as from the tables."""
    assert differences(world, fed(world, MemoryState())) == []


@settings(max_examples=25)
@given(worlds())
def test_online_agrees_with_offline_on_sqlite(world: World) -> None:
    """So they have from tiles kept by SQLite."""
    state = SqliteState("sqlite://")
    assert differences(world, fed(world, state)) == []
    state.close()


@settings(max_examples=25)
@given(worlds())
def test_online_agrees_with_brute_force(world: World) -> None:
    """Online features are tested against the definition too, not only against the other way of reading."""
    online, oracle = fed(world, MemoryState()), Oracle(world.plan, world.rows)
    for fields, at in zip(world.fields, world.at, strict=True):
        read = online.read(fields, at)
        wanted = {name: [value] for name, value in oracle.read(fields, at).items()}
        assert compare(pa.table(wanted), [read]) == []


@settings(max_examples=25)
@given(worlds(), st.data())
def test_delivery_changes_nothing(world: World, data: st.DataObject) -> None:
    """Cut into batches anywhere, shuffled within them, with what was already delivered coming again."""
    online = OnlineFeatures(world.plan, MemoryState())
    for source, rows in world.rows.items():
        size = rows.num_rows
        cuts = [0, *sorted(data.draw(st.lists(st.integers(0, size), max_size=4))), size]
        for begin, end in pairwise(cuts):
            again = data.draw(st.integers(0, begin))
            order = data.draw(st.permutations(range(again, end)))
            online.feed(source, rows.take(pa.array(order, pa.int64())))
    assert differences(world, online) == []


@settings(max_examples=20)
@given(worlds(most_rows=40))
def test_features_can_be_fed_up_to_each_decision(world: World) -> None:
    """Fed only what was known by the time of each decision, in order of time, features are the same."""
    online = OnlineFeatures(world.plan, MemoryState())
    read = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    taken = dict.fromkeys(world.rows, 0)
    for place in np.argsort(world.times, kind="stable").tolist():
        for source, rows in world.rows.items():
            known = int((rows["__known_at"].to_numpy() <= world.at[place]).sum())
            taken[source] += online.feed(source, rows.slice(taken[source], max(known - taken[source], 0)))
        seen = online.see(world.fields[place], world.at[place])
        assert compare(read.slice(place, 1), [seen.values]) == []
        assert seen.positions == {source: number - 1 for source, number in taken.items()}


@settings(max_examples=20)
@given(worlds(most_rows=40), st.integers(-6, 60))
def test_forgetting_spares_what_later_decisions_need(world: World, moment: int) -> None:
    """After tiles were dropped for good, decisions from that time on read as before."""
    unit = 1 if world.plan.aggregates[0].last == 3 else world.plan.aggregates[0].last // 3
    online = fed(world, MemoryState())
    later = [place for place, at in enumerate(world.at) if at >= moment * unit]
    before = [online.read(world.fields[place], world.at[place]) for place in later]
    online.forget(moment * unit)
    after = [online.read(world.fields[place], world.at[place]) for place in later]
    assert str(after) == str(before)


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_long_logs_agree(late: float) -> None:
    """Hot keys, many tiles, thousands of rows: the same bits on SQLite."""
    world = big_world(seed=11, rows=3000, decisions=60, late=late)
    state = SqliteState("sqlite://")
    assert differences(world, fed(world, state)) == []
    state.close()


class LooseEdge(View):
    """Fault: the first moment of a window is left out."""

    def within(self, at: Array, start: int) -> Mask:
        return np.asarray(at > start)


class SeesItself(View):
    """Fault: a row that happens at the time of the decision is seen."""

    def sees(self) -> Mask:
        return np.asarray((self.rows.at <= self.at) & (self.rows.known_at <= self.at))


class LosesLateRows(MemoryState):
    """Fault: a row for a tile older than the newest of its key is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._newest: dict[tuple[str, str], int] = {}

    def apply(self, source: str, position: int, rows: Sequence[tuple[str, str, int, bytes]]) -> bool:
        kept = [row for row in rows if row[2] >= self._newest.get((row[0], row[1]), row[2])]
        for group, key, tile, _ in kept:
            self._newest[group, key] = max(tile, self._newest.get((group, key), tile))
        return super().apply(source, position, kept)


class ReadsStaleTiles(MemoryState):
    """Fault: what was read once of a key's tiles is read again, whatever came since."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[tuple[str, str, int, int], bytes] = {}

    def read(self, group: str, key: str, first: int, last: int) -> bytes:
        name = (group, key, first, last)
        return self._read.setdefault(name, super().read(group, key, first, last))


def looking(faulty: type[View]) -> type[OnlineFeatures]:
    """Online features that look at rows in this way."""

    class Faulty(OnlineFeatures):
        def view(self, rows: Unpacked, at: int) -> View:
            return faulty(rows, at, tile=TILE)

    return Faulty


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        pytest.param(OnlineFeatures, MemoryState, id="none"),
        pytest.param(looking(LooseEdge), MemoryState, id="off-by-one edge of the window"),
        pytest.param(looking(SeesItself), MemoryState, id="<= for <"),
        pytest.param(OnlineFeatures, LosesLateRows, id="lost late row"),
        pytest.param(OnlineFeatures, ReadsStaleTiles, id="stale tile"),
    ],
)
def test_planted_faults_are_found(kind: type[OnlineFeatures], state: Callable[[], MemoryState]) -> None:
    """Each of four planted faults shows as differences on a generated log, and their absence as none."""
    world = big_world(seed=5, rows=800, decisions=100, late=0.1)
    online = kind(world.plan, state())
    read = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    seen = []
    taken = dict.fromkeys(world.rows, 0)
    for fields, at in zip(world.fields, world.at, strict=True):
        for source, rows in world.rows.items():
            known = int((rows["__known_at"].to_numpy() <= at).sum())
            taken[source] += online.feed(source, rows.slice(taken[source], known - taken[source]))
        seen.append(online.read(fields, at))
    faulty = (kind, state) != (OnlineFeatures, MemoryState)
    assert bool(compare(read, seen)) == faulty
