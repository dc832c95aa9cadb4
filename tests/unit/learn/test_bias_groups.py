"""The groups of protected attributes in numbers: what is told of each, beside its margin."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.core.times import DAY
from setpoint.learn.bias_groups import TOP, group_facts
from tests.unit.learn.test_bias_sources import town


def test_shares_rates_and_margins_of_each_group() -> None:
    """The largest first, a group that only the margins know last; all of it is JSON."""
    planted = town()
    planted.value[planted.group == "a"] = 1.0
    found = planted.audit(margins={"group": {"a": 0.5, "b": 0.4, "c": 0.1}})
    b, a, c = found.facts["group"]
    assert [each.group for each in (b, a, c)] == ["b", "a", "c"]
    assert (a.margin, c.margin, c.rows, c.rate) == (0.5, 0.1, 0, (None, None, None))
    assert a.rows + b.rows == found.rows
    assert a.share == pytest.approx(0.3, abs=0.02)
    assert a.rate[0] == 1.0
    assert b.rate[1] is not None
    assert b.rate[0] is not None
    assert b.rate[2] is not None
    assert b.rate[1] < b.rate[0] < b.rate[2]
    assert (a.looked_at, a.weighed) == (a.rows, None)
    json.dumps(found.to_dict(), allow_nan=False)


def test_intervals_cover_the_rate() -> None:
    """Of 200 towns in 100 days the 95 % interval of a group's rate misses the truth in about ten."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        y = (rng.random(1500) < 0.2).astype(np.float64)
        (facts,) = group_facts(np.full(1500, "a", dtype=object), y, rng.integers(0, 100 * DAY, 1500))
        low, high = facts.rate[1:]
        assert low is not None
        assert high is not None
        missed += not low <= 0.2 <= high
    assert 3 <= missed <= 20


def test_what_is_missing_and_what_tells_is_named_by_how_much() -> None:
    """Of many features those in which groups are furthest apart."""
    rng = np.random.default_rng(1)
    column = np.where(rng.random(4000) < 0.5, "a", "b").astype(object)
    empty = {f"f{place:02d}": rng.random(4000) < 0.01 * place * (column == "a") for place in range(20)}
    tells = {("a", name): 0.5 + place / 100 for place, name in enumerate(empty)}
    found = {
        each.group: each for each in group_facts(column, np.zeros(4000), np.arange(4000), missing=empty, tells=tells)
    }
    assert len(found["a"].missing) == len(found["a"].tells) == TOP
    assert set(found["a"].missing) <= {f"f{place:02d}" for place in range(7, 20)}
    assert next(iter(found["a"].tells)) == "f19"
    assert set(found["b"].missing.values()) == {0.0}
    assert found["b"].tells == {}


def test_weights_are_told_beside_the_decisions() -> None:
    """A third of the rows that weighs half; its rate is that of the weights."""
    column = np.array(["a", "b", "b"] * 300, dtype=object)
    weight = np.where(column == "a", 2.0, np.tile([0.0, 0.5, 1.5], 300))
    y = np.tile([1.0, 1.0, 0.0], 300)
    b, a = group_facts(column, y, np.arange(900) * DAY, weight=weight)
    assert a.share == pytest.approx(1 / 3)
    assert (a.weighed, b.weighed) == (0.5, 0.5)
    assert b.rate[0] == pytest.approx(0.25)
