"""What is behind a value: the rows of its keys alone, and those near a slice of the log alone, give the same bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from setpoint.data.log.decisions import plan_sources
from setpoint.declare.expr import Neighbours, walk
from setpoint.declare.plan import Plan
from setpoint.features.evidence import COUNTS, Seen
from setpoint.features.evidence_near import ABOVE_CAP, circles_of
from setpoint.features.neighbours import bring_together
from setpoint.features.reader import FeatureReader
from setpoint.features.verify import differing, nearby
from tests.properties import test_features_neighbours, test_features_state, worlds

WORLDS = {
    "folds": worlds.worlds(),
    "taken back": test_features_state.logs(),
    "neighbours": test_features_neighbours.worlds(),
}


def requests_of(world: Any) -> pa.Table:
    """The fields of a world's decisions as a table."""
    names = list(world.plan.fields)
    return pa.table({name: pa.array([fields[name] for fields in world.fields]) for name in names})


def arrived_in(world: Any, data: st.DataObject) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """How much of every source each decision had seen: any number of rows, whatever the time."""
    return {
        name: np.array([data.draw(st.integers(0, world.rows[name].num_rows)) for _ in world.at])
        for name in plan_sources(world.plan)
    }


@pytest.mark.parametrize("kind", WORLDS)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_is_that_of_its_evidence(kind: str, data: st.DataObject) -> None:
    """Worked out from the rows of its keys alone; a count says how many of the listed ones count."""
    world = data.draw(WORLDS[kind])
    plan: Plan = world.plan
    requests, at, arrived = requests_of(world), np.array(world.at, dtype=np.int64), arrived_in(world, data)
    read = FeatureReader(plan, world.rows).read(requests, at, arrived=arrived)
    row = data.draw(st.integers(0, at.size - 1))
    counts = {name: int(count[row]) for name, count in arrived.items()}
    seen = Seen(plan, world.rows, requests.slice(row, 1), int(at[row]), counts)
    for name in data.draw(st.lists(st.sampled_from(list(plan.features)), min_size=1, max_size=5, unique=True)):
        evidence, value = seen.evidence(name, most=10_000), read[name][row].as_py()
        assert evidence.value == (None if value != value else value)  # noqa: PLR0124 (NaN)
        for part in evidence.folds:
            assert part.counted == len([event for event in part.events if event.verdict == COUNTS])
            if part.title.startswith("count("):
                assert part.value == part.counted


@pytest.mark.parametrize("kind", WORLDS)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_lies_outside_every_window_changes_nothing(kind: str, data: st.DataObject) -> None:
    """Read from the rows near some decisions, their features are those read from all rows."""
    world = data.draw(WORLDS[kind])
    requests, at, arrived = requests_of(world), np.array(world.at, dtype=np.int64), arrived_in(world, data)
    rows = {name: world.rows[name] for name in arrived}
    near, reached = nearby(world.plan, rows, at, arrived)
    mine = FeatureReader(world.plan, near).read(requests, at, arrived=reached)
    theirs = FeatureReader(world.plan, rows).read(requests, at, arrived=arrived)
    for name, sort in world.plan.features.items():
        assert not differing(mine[name], theirs[name], sort).any(), name


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_fold_over_neighbours_is_that_of_those_that_count(data: st.DataObject) -> None:
    """The values that are listed give the value, and each neighbour is listed once."""
    world = data.draw(WORLDS["neighbours"])
    plan: Plan = world.plan
    requests, arrived = requests_of(world), arrived_in(world, data)
    row = data.draw(st.integers(0, len(world.at) - 1))
    counts = {name: int(count[row]) for name, count in arrived.items()}
    seen = Seen(plan, world.rows, requests.slice(row, 1), int(world.at[row]), counts)
    for one in plan.inputs:
        circles = circles_of(seen, one.name, most=10_000)
        if not isinstance(one.expr, Neighbours):
            assert bool(circles) == any(isinstance(node, Neighbours) for node in walk(one.expr))
            continue
        (circle,) = circles
        values = [each.value for each in circle.neighbours if each.verdict == COUNTS]
        value = bring_together(one.expr, [float(value) for value in values if value is not None])
        assert seen.evidence(one.name).value == (None if math.isnan(value) else value)
        assert circle.counted == len(values)
        assert len({each.name for each in circle.neighbours}) == len(circle.neighbours)
        looked_at = [each for each in circle.neighbours if each.verdict != ABOVE_CAP]
        assert len(looked_at) == min(one.expr.edges.cap, len(circle.neighbours))
