"""The log of a source: whatever comes in whatever way and order, each row has one position for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.clock import SimulatedClock
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.log.eventlog import EventLog, Origin, Receipt
from setpoint.data.log.told import read_batches
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN, known_rows
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import moments, sales
from tests.unit.data.memory import MemorySegments

PLAIN = sales(id="id", delay="0s")
CORRECTED = sales(id="id", delay="0s", version="v", retracted="gone")
NAMELESS = sales(delay="0s", columns=["x"])


class Event(NamedTuple):
    """An event as it is told."""

    id: str
    v: int
    ts: int
    gone: bool
    x: int

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        moment = f"1970-01-01T00:00:00.{self.ts:06d}Z"
        return {"id": self.id, "v": self.v, "ts": moment, "gone": self.gone, "x": self.x}


event = st.builds(
    Event,
    st.sampled_from("abcd"),
    st.integers(1, 3),
    st.integers(0, 20),
    st.sampled_from((False, False, True)),
    st.integers(0, 1),
)
steps = st.lists(st.tuples(st.integers(0, 4), st.lists(event, max_size=3)), max_size=8)


def contract(source: SourceInfo) -> Contract:
    """The contract of a source with all of the events' columns."""
    raw = pa.table({"id": ["a"], "v": [1], "ts": moments(0), "gone": [False], "x": [1]})
    return infer_contract(source, raw)


def origin(source: SourceInfo, rows: list[Event]) -> Origin:
    """What a file brought at first: events known when they happen, each identity once."""
    stated = contract(source)
    first: dict[Any, Event] = {}
    for row in rows:
        first.setdefault((row.id, row.v) if source is CORRECTED else row.id if source is PLAIN else row, row)
    kept = list(first.values())
    named = [row.id if source.id else f"f{number}" for number, row in enumerate(kept)]
    back = [source is CORRECTED and row.gone for row in kept]
    own = {
        "id": pa.array([row.id for row in kept], pa.string()),
        "v": pa.array([row.v for row in kept], pa.int64()),
        "ts": moments(*[None if gone else row.ts for row, gone in zip(kept, back, strict=True)]),
        "gone": pa.array([row.gone for row in kept], pa.bool_()),
        "x": pa.array([None if gone else row.x for row, gone in zip(kept, back, strict=True)], pa.int64()),
    }
    times = {
        AT: pa.array([-(2**63) if gone else row.ts for row, gone in zip(kept, back, strict=True)], pa.int64()),
        KNOWN_AT: pa.array([row.ts for row in kept], pa.int64()),
        ID: pa.array(named, pa.string()),
    }
    return Origin(source, stated, pa.table({**{name: own[name] for name in stated.columns}, **times}))


class World:
    """A log, its clock, and what it said."""

    def __init__(self, source: SourceInfo, rows: list[Event]) -> None:
        self.origin, self.segments = origin(source, rows), MemorySegments()
        self.clock, self.receipts = SimulatedClock(2), list[Receipt]()
        self.log = self.opened()

    def opened(self) -> EventLog:
        """The log, opened from what is there."""
        origin = replace(self.origin, told=read_batches(self.segments))
        return EventLog({"sales": origin}, {"sales": self.segments}, clock=self.clock)

    def go(self, days: list[tuple[int, list[Event]]]) -> None:
        """Let time go on, and events be told."""
        for later, events in days:
            self.clock.advance_to(self.clock.now() + later)
            if events:
                self.receipts.append(self.log.append("sales", [one.told() for one in events]))


def ends_of(rows: pa.Table) -> list[int]:
    """Where rows end that do."""
    ends = rows[ENDS].to_pylist() if ENDS in rows.column_names else []
    return [end for end in ends if end != NEVER]


sources = st.sampled_from((PLAIN, CORRECTED, NAMELESS))


@settings(max_examples=100)
@given(sources, st.lists(event, max_size=8), steps)
def test_a_log_opened_again_is_the_log_that_was_left(
    source: SourceInfo, rows: list[Event], days: list[tuple[int, list[Event]]]
) -> None:
    """Rows, positions and ends: what was told and what was announced for later included."""
    world = World(source, rows)
    world.go(days)
    assert world.log.table("sales").equals(world.opened().table("sales"))


@settings(max_examples=100)
@given(sources, st.lists(event, max_size=8), steps, st.integers(0, 8))
def test_reading_in_steps_is_reading_at_once(
    source: SourceInfo, rows: list[Event], days: list[tuple[int, list[Event]]], stop: int
) -> None:
    """Each position once, in the order of known_at, never ahead of time; reading again gives equal rows."""
    world, parts, stops, position = World(source, rows), list[pa.Table](), list[int](), -1
    for day in days:
        world.go([day])
        until = world.clock.now()
        part = world.log.read("sales", after=position, until=until)
        assert all(known <= until for known in part[KNOWN_AT].to_pylist())
        parts.append(part)
        position += part.num_rows
        stops.append(position + 1)
    if not parts:
        return
    assert all(end < stop for stop, part in zip(stops, parts, strict=True) for end in ends_of(part))
    whole = pa.concat_tables(parts).drop_columns([ENDS] if source is CORRECTED else [])
    assert whole[POSITION].to_pylist() == list(range(whole.num_rows))
    known = whole[KNOWN_AT].to_pylist()
    assert known == sorted(known)
    again = world.log.read("sales", after=-1, until=world.clock.now())
    assert again.equals(world.log.read("sales", after=-1, until=world.clock.now()))
    assert again.select(whole.column_names).equals(whole)
    assert world.log.read("sales", after=stop - 1, until=world.clock.now()).equals(again.slice(stop))


@settings(max_examples=100)
@given(sources, st.lists(event, max_size=8), steps)
def test_every_told_event_is_accounted_for(
    source: SourceInfo, rows: list[Event], days: list[tuple[int, list[Event]]]
) -> None:
    """Accepted, repeated or set aside with a reason; accepted ones have positions after all before."""
    world = World(source, rows)
    world.go(days)
    told = [events for _, events in days if events]
    last = -1
    for events, receipt in zip(told, world.receipts, strict=True):
        assert receipt.accepted + receipt.repeated + len(receipt.quarantined) + receipt.skipped == len(events)
        assert all(aside.reason for aside in receipt.quarantined)
        if receipt.first is not None and receipt.last is not None:
            assert last < receipt.first <= receipt.last
            last = receipt.last
    asides = sum(len(receipt.quarantined) for receipt in world.receipts)
    assert world.log.quarantined("sales").num_rows == asides
    times = [receipt.known_at for receipt in world.receipts if receipt.accepted]
    assert times == sorted(set(times))


@settings(max_examples=100)
@given(st.lists(event, max_size=8), steps)
def test_what_stands_is_the_highest_version_known(rows: list[Event], days: list[tuple[int, list[Event]]]) -> None:
    """At every time, of files and told events together, against a reference in plain Python."""
    world = World(CORRECTED, rows)
    world.go(days)
    world.clock.advance_to(world.clock.now() + 30)
    first: dict[tuple[str, int], Event] = {}
    for row in rows:
        first.setdefault((row.id, row.v), row)
    said = [(row.ts, row.id, row.v, row.gone, row.ts, row.x) for row in first.values()]
    receipts = iter(world.receipts)
    for events in (events for _, events in days if events):
        moment = next(receipts).known_at
        said += [(moment, one.id, one.v, one.gone, one.ts, one.x) for one in events]
    identities: dict[tuple[str, int], tuple[int, str, int, bool, int, int]] = {}
    for one in sorted(said, key=lambda one: one[0]):
        identities.setdefault((one[1], one[2]), one)
    table = world.log.table("sales")
    for as_of in range(-1, 60, 3):
        highest: dict[str, tuple[int, str, int, bool, int, int]] = {}
        for one in identities.values():
            if one[0] <= as_of and (one[1] not in highest or one[2] > highest[one[1]][2]):
                highest[one[1]] = one
        expected = {(one[1], one[2], one[4], one[5]) for one in highest.values() if not one[3]}
        seen = known_rows(table, as_of)
        assert set(zip(*[seen[name].to_pylist() for name in (ID, "v", AT, "x")], strict=True)) == expected, as_of
    ends = [end for end in table[ENDS].to_pylist() if end != NEVER]
    assert sorted(ends) == [place for place, sign in enumerate(table[SIGN].to_pylist()) if sign < 0]
