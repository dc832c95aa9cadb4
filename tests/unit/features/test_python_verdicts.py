"""What `check` shows of Python features."""

from __future__ import annotations

import numpy as np
import pytest

import setpoint as sp
from setpoint.features.python_verdicts import python_verdicts
from tests.properties.worlds import World, big_world
from tests.unit.features.small import plan_of


@sp.python_feature(kind="number")
def initial(texts: np.ndarray) -> np.ndarray:
    """The code of a text's first letter."""
    return np.array([np.nan if not text else float(ord(text[0])) for text in texts])


@sp.python_feature(kind="number")
def rank(texts: np.ndarray) -> np.ndarray:
    """The place of a text among the others, which one row alone cannot know."""
    return np.argsort(np.argsort([text or "" for text in texts])).astype(np.float64)


@pytest.fixture(scope="module")
def world() -> World:
    """Some decisions on a user."""
    return big_world(seed=4, rows=50, decisions=12, late=0.1)


def test_a_plan_without_python_features_has_no_verdicts(world: World) -> None:
    """And nothing is computed."""
    assert python_verdicts(world.plan, {}, world.requests, world.times) == []


def test_each_python_feature_has_its_verdict(world: World) -> None:
    """By the feature it stands in, with its version and what was seen."""
    user = sp.field("user")
    plan = plan_of(a=initial(user) / 2, b=rank(user), c=user)
    found = python_verdicts(plan, world.rows, world.requests, world.times)
    assert [(each["feature"], each["function"], each["whole"]) for each in found] == [
        ("a", "initial", True),
        ("b", "rank", False),
    ]
    assert found[0]["version"] == initial.version[:12]
    assert "changes its values" in found[1]["reason"] or "on its own" in found[1]["reason"]
