"""The reader of many decisions against brute force."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from setpoint.conformance.oracle import Oracle
from setpoint.features import reader as module
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import World, big_world, worlds


def by_oracle(world: World) -> list[dict[str, object]]:
    """The decisions' features by brute force."""
    oracle = Oracle(world.plan, world.rows)
    return [oracle.read(fields, at) for fields, at in zip(world.fields, world.at, strict=True)]


@pytest.fixture(params=[False, True], ids=["pairs", "compiled"])
def way(request: pytest.FixtureRequest) -> bool:
    """Whether compiled code is used."""
    return bool(request.param)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(corrections=True))
def test_the_reader_agrees_with_brute_force(world: World, way: bool) -> None:
    """Every kind of fold over ties, late rows, corrections, NULLs, edges and unknown keys has the oracle's bits."""
    read = FeatureReader(world.plan, world.rows, compiled=way).read(world.requests, world.times)
    assert compare(read, by_oracle(world)) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(corrections=True), data=st.data())
def test_decisions_may_say_what_they_had_seen(world: World, data: st.DataObject, way: bool) -> None:
    """By number of rows instead of by time, and never mind whether later decisions had seen less."""
    arrived = {
        name: [data.draw(st.integers(0, table.num_rows)) for _ in world.at] for name, table in world.rows.items()
    }
    oracle = Oracle(world.plan, world.rows)
    expected = [
        oracle.read(fields, at, arrived={name: counts[place] for name, counts in arrived.items()})
        for place, (fields, at) in enumerate(zip(world.fields, world.at, strict=True))
    ]
    reader = FeatureReader(world.plan, world.rows, compiled=way)
    counts = {name: np.array(counts) for name, counts in arrived.items()}
    assert compare(reader.read(world.requests, world.times, arrived=counts), expected) == []


@settings(max_examples=20)
@given(worlds(most_decisions=8), st.data())
def test_reading_does_not_depend_on_batches_or_order(world: World, data: st.DataObject) -> None:
    """One by one, in any cuts and in any order, each decision has the same features."""
    reader = FeatureReader(world.plan, world.rows)
    whole = reader.read(world.requests, world.times).to_pylist()
    size = len(world.at)
    order = np.array(data.draw(st.permutations(range(size))))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, size), max_size=3))), size]
    requests, times = world.requests.take(pa.array(order)), world.times[order]
    parts = [reader.read(requests.slice(a, b - a), times[a:b]) for a, b in pairwise(cuts)]
    read = pa.concat_tables(parts).take(pa.array(np.argsort(order)))
    assert compare(read, whole) == []


@settings(max_examples=20)
@given(worlds(), st.integers(1, 7))
def test_reading_does_not_depend_on_the_chunks_of_tables(world: World, size: int) -> None:
    """Rows and requests may come in any number of Arrow chunks."""

    def chunked(table: pa.Table) -> pa.Table:
        parts = [table.slice(start, size) for start in range(0, table.num_rows, size)]
        return pa.concat_tables(parts) if parts else table

    whole = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    reader = FeatureReader(world.plan, {name: chunked(rows) for name, rows in world.rows.items()})
    assert compare(reader.read(chunked(world.requests), world.times), whole.to_pylist()) == []


@settings(max_examples=20)
@given(worlds(most_rows=40))
def test_what_became_known_later_changes_nothing(world: World) -> None:
    """Rows known after a decision may be cut off, or be there, without changing one bit of it."""
    whole = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    for place, at in enumerate(world.at):
        known = {
            name: rows.slice(0, int((rows["__known_at"].to_numpy() <= at).sum())) for name, rows in world.rows.items()
        }
        read = FeatureReader(world.plan, known).read(world.requests.slice(place, 1), world.times[place : place + 1])
        assert compare(read, whole.slice(place, 1).to_pylist()) == []


@pytest.mark.parametrize("late", [0.0, 0.05, 0.9])
def test_long_logs_agree_with_brute_force(late: float, way: bool) -> None:
    """Hot keys with hundreds of rows, in order, a few late or nearly all, on decisions spread over them."""
    world, expected = long_log(late)
    read = FeatureReader(world.plan, world.rows, compiled=way).read(world.requests, world.times)
    assert compare(read, expected) == []


@cache
def long_log(late: float) -> tuple[World, list[dict[str, object]]]:
    """A long log, and its features by brute force."""
    world = big_world(seed=7, rows=900, decisions=24, late=late)
    return world, by_oracle(world)


def test_many_decisions_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of decisions answered together is a matter of memory only."""
    world = big_world(seed=3, rows=800, decisions=700, late=0.3)
    reader = FeatureReader(world.plan, world.rows)
    whole = reader.read(world.requests, world.times)
    monkeypatch.setattr(module, "CHUNK", 64)
    assert compare(reader.read(world.requests, world.times), whole.to_pylist()) == []
