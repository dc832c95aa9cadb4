"""The threshold that costs give, and the value of acting."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown
from setpoint.learn.scored import act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import NEVER, Costs, Price, Threshold, break_even, choose_threshold, costs_of
from tests.unit.learn.world import make_system

frauds = sp.events("frauds", "f.parquet", at="ts", delay="0s")


def rows(*, y: list[float], total: list[float | None], loss: list[float]) -> Examples:
    """Some decisions with a request field and a column of the outcome."""
    fields = pa.table({"total": pa.array(total, pa.float64())})
    return Examples(pa.table({}), fields, np.array(y), np.zeros(len(y), dtype=np.int64), {"loss": np.array(loss)})


def test_acting_pays_from_where_both_errors_cost_the_same() -> None:
    """Five for a false alarm and forty-five for a miss: from one in ten."""
    goal = make_system(cost=sp.cost(false_positive=5, false_negative=45)).goal
    threshold = choose_threshold(goal, rows(y=[1.0, 0.0], total=[1, 1], loss=[1, np.nan]))
    assert threshold.constant == pytest.approx(0.1)
    assert threshold.of(None, 3).tolist() == [threshold.constant] * 3
    assert threshold.of_one({}) == threshold.constant


def test_a_cost_known_with_the_outcome_enters_by_its_mean_among_those_who_could_err() -> None:
    """The loss of a fraud counts over the frauds of the training rows, not over all rows."""
    goal = make_system(cost=sp.cost(false_positive=5, false_negative=frauds.loss)).goal
    train = rows(y=[1.0, 1.0, 0.0, 1.0], total=[1, 1, 1, 1], loss=[30.0, 60.0, 1e6, np.nan])
    threshold = choose_threshold(goal, train)
    assert threshold.false_negative.mean == 45.0
    assert threshold.constant == pytest.approx(0.1)
    costs = costs_of(goal, train, threshold)
    assert costs.false_negative.tolist() == [30.0, 60.0, 1e6, 45.0]


def test_a_cost_in_the_request_moves_the_threshold_row_by_row() -> None:
    """Where the request does not say it, the training mean does."""
    goal = make_system(cost=sp.cost(false_positive=5, false_negative=sp.field("total"))).goal
    train = rows(y=[1.0, 1.0, 0.0], total=[15.0, 25.0, 1000.0], loss=[1.0, 1.0, 1.0])
    threshold = choose_threshold(goal, train)
    assert threshold.constant is None
    found = threshold.of(pa.table({"total": pa.array([5.0, 45.0, None])}), 3)
    assert found.tolist() == [0.5, 0.1, 0.2]
    assert [threshold.of_one({"total": value}) for value in (5.0, 45.0, None)] == found.tolist()
    with pytest.raises(NameUnknown, match="total"):
        threshold.of(pa.table({"sum": [1.0]}), 1)


def test_a_declared_threshold_is_taken_as_it_is() -> None:
    """act(by=0.3) needs no costs, which still value the decisions."""
    goal = make_system(act=sp.act("block", by=0.3)).goal
    threshold = choose_threshold(goal, rows(y=[1.0, 0.0], total=[1, 1], loss=[10.0, np.nan]))
    assert threshold.constant == threshold.of_one({}) == 0.3
    assert threshold.false_negative.mean == 10.0


@pytest.mark.parametrize(
    ("wrong", "missed", "expected"),
    [(0.0, 4.0, 0.0), (4.0, 0.0, NEVER), (0.0, 0.0, NEVER), (3.0, 1.0, 0.75), (-1.0, 4.0, 0.0), (1.0, -1.0, NEVER)],
)
def test_free_errors_are_always_or_never_risked(wrong: float, missed: float, expected: float) -> None:
    """Where a false alarm is free one always acts; where a miss is, never; a gain counts as free."""
    assert break_even(np.array([wrong]), np.array([missed]))[0] == expected
    assert NEVER > 1.0


def test_the_threshold_is_the_best_of_all_constants() -> None:
    """On calibrated scores no other threshold earns more."""
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    y = (rng.random(200_000) < p).astype(float)
    costs = Costs(np.full(200_000, 2.0), np.full(200_000, 6.0))
    best = float(break_even(np.array([2.0]), np.array([6.0]))[0])
    earned = {t: costs.value(p >= t, y).mean() for t in (best, best - 0.1, best + 0.1, 0.5)}
    assert max(earned, key=earned.__getitem__) == best == 0.25


def test_a_score_on_the_threshold_acts() -> None:
    """Both errors cost the same there; acting is the choice, in the gate as in serving."""
    costs = Costs(np.ones(3), np.ones(3))
    found = act_on("m", np.array([0.49, 0.5, 0.51]), np.full(3, 0.5), y=np.ones(3), costs=costs)
    assert found.acted.tolist() == [False, True, True]


def test_value_is_against_never_acting() -> None:
    """Misses and quiet negatives are worth nothing, avoided misses their cost, false alarms minus theirs."""
    costs = Costs(np.full(4, 2.0), np.array([10.0, 10.0, 10.0, 10.0]))
    value = costs.value(np.array([True, True, False, False]), np.array([1.0, 0.0, 1.0, 0.0]))
    assert value.tolist() == [10.0, -2.0, 0.0, 0.0]


def test_a_threshold_survives_json() -> None:
    """Equal after a trip through text."""
    threshold = Threshold(Price(0.1), Price(1 / 3, "total"), None)
    assert Threshold.from_dict(json.loads(json.dumps(threshold.to_dict()))) == threshold


def test_an_outcome_column_that_is_not_there_is_named() -> None:
    """The error says which columns the outcome has."""
    goal = make_system(cost=sp.cost(false_positive=5, false_negative=frauds.amount)).goal
    with pytest.raises(NameUnknown, match="amount"):
        choose_threshold(goal, rows(y=[1.0], total=[1.0], loss=[1.0]))
