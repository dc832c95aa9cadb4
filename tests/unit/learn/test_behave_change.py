"""Rows that are changed: what follows from a field or feature follows, and only that."""

from __future__ import annotations

import numpy as np

import setpoint as sp
from setpoint.declare.expr import field
from setpoint.learn.behave_change import alter, direction_of, directions, followers
from setpoint.learn.behave_faults import mistype
from setpoint.learn.sides import divide
from tests.unit.learn.world import make_examples, make_world_plan

PLAN = make_world_plan()
ROWS = divide(PLAN, make_examples(1000)).held_out


def test_features_of_a_request_field_follow_it_and_others_stay() -> None:
    """The total and whether it is big are told anew; the counts of the past are not."""
    changed = alter(PLAN, ROWS, "total", np.full(ROWS.y.size, 250.0))
    assert set(followers(PLAN, "total")) == {"total", "big"}
    assert set(changed.features["total"].to_pylist()) == {250.0}
    assert set(changed.features["big"].to_pylist()) == {1.0}
    for name in ("country", "n_3d", "avg_30d", "hour"):
        assert str(changed.features[name].to_pylist()) == str(ROWS.features[name].to_pylist())
    assert changed.fields["total"][0].as_py() == 250.0


def test_a_feature_that_looks_something_up_by_a_field_stays() -> None:
    """What a source would have said of another country is not known."""
    assert set(followers(PLAN, "country")) == {"country"}


def test_which_features_only_rise() -> None:
    """By their expressions: of a product of two fields it cannot be told."""
    assert directions(PLAN, "total") == {"total": 1, "big": 1}
    assert directions(PLAN, "n_3d") == {"n_3d": 1}
    x, z = field("x"), field("z")
    ways = [x + z, z - x, x * -2, x / 4, -1 * x, x < 5, x > 5, sp.log1p(x), sp.maximum(x, z), x - x, 1 / x, z + 1]
    assert [direction_of(each, "x") for each in ways] == [1, -1, -1, 1, -1, -1, 1, 1, 1, None, None, 0]


def test_a_typo_changes_every_text_and_is_the_same_for_equal_ones() -> None:
    """Short and empty texts, too."""
    texts = np.array(["vienna", "b", "", None, "vienna"], dtype=object)
    found = mistype(texts, rng=np.random.default_rng(3))
    assert found[3] is None
    assert found[0] == found[4] != "vienna"
    assert found[2] != ""
