"""The training set: one row per decision, and its identity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import KNOWN, UNKNOWN, VOID, Labels
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from setpoint.features.training_set import TrainingSet, build_training_set
from tests.properties.worlds import World, big_world


@pytest.fixture(scope="module")
def world() -> World:
    """Twelve decisions on a log of some hundred rows."""
    return big_world(seed=4, rows=200, decisions=12, late=0.1)


def built(world: World, *, snapshot: str = "s1") -> TrainingSet:
    """The training set of the world's decisions: known, void and unknown labels in turn."""
    size = len(world.at)
    state = np.array([KNOWN, VOID, UNKNOWN], dtype=np.int8)[np.arange(size) % 3]
    labels = Labels(
        state,
        np.where(state == KNOWN, 1.0, np.nan),
        np.where(state == UNKNOWN, NULL_TIME, world.times + 5),
        np.arange(size) < 9,
        {"cost": np.arange(size) * 1.5},
    )
    features = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    return build_training_set(world.plan, world.requests, world.times, features, labels, snapshot)


def test_there_is_one_row_for_each_decision_in_order(world: World) -> None:
    """Decisions that see nothing, or have no label, are rows like the others."""
    rows = built(world)
    assert rows.keys.to_pylist() == [fields["ask"] for fields in world.fields]
    assert rows.at.tolist() == world.at
    assert rows.features.num_rows == rows.fields.num_rows == len(world.at)
    assert rows.features.column_names == [feature.name for feature in world.plan.inputs]


def test_usable_rows_are_mature_and_known(world: World) -> None:
    """Void and unknown labels, and those of young decisions, train nothing."""
    assert np.flatnonzero(built(world).usable).tolist() == [0, 3, 6]


def test_taking_rows_takes_all_their_parts(world: World) -> None:
    """Keys, times, fields, features and labels stay together, in the order asked for."""
    rows, index = built(world), np.array([7, 2, 2])
    taken = rows.take(index)
    assert taken.keys.to_pylist() == ["ask7", "ask2", "ask2"]
    assert taken.at.tolist() == rows.at[index].tolist()
    assert compare(taken.features, rows.features.take(pa.array(index)).to_pylist()) == []
    assert taken.labels.state.tolist() == rows.labels.state[index].tolist()
    assert taken.labels.outcome["cost"].tolist() == [10.5, 3.0, 3.0]


def test_equal_content_has_an_equal_digest(world: World) -> None:
    """Built again it is the same; one bit of a feature, a label or the snapshot makes another."""
    rows = built(world)
    changed = rows.features["user_n"].to_numpy().copy()
    changed[3] += 1.0
    place = rows.features.column_names.index("user_n")
    others = [
        replace(rows, features=rows.features.set_column(place, "user_n", pa.array(changed))),
        replace(rows, labels=replace(rows.labels, value=np.zeros(len(world.at)))),
        rows.take(np.arange(len(world.at))[::-1]),
        built(world, snapshot="s2"),
    ]
    assert built(world).digest == rows.digest
    assert rows.digest not in {other.digest for other in others}
    assert len({other.digest for other in others}) == len(others)


def test_parts_of_different_length_are_refused(world: World) -> None:
    """A feature or label too few is an error, never a row lost."""
    rows = built(world)
    with pytest.raises(DataError, match="one of each"):
        build_training_set(world.plan, world.requests, world.times, rows.features.slice(1), rows.labels, "s1")
