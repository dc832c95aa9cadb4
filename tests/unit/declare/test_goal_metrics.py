"""Metrics of goals beyond one yes or no: what is declared, and what is refused."""

from __future__ import annotations

import inspect

import pytest

from setpoint.core.errors import DeclarationError
from setpoint.declare import goal_metrics
from setpoint.declare.goal import Metric
from setpoint.declare.goal_metrics import lift_at, mae, mape, mrr, ndcg, pinball, precision_at, recall_at
from setpoint.declare.metric_table import METRIC_TABLE

NEEDED = {
    "precision_at": [{"k": 5}, {"rate": 0.1}],
    "recall_at": [{"k": 5}, {"rate": 0.1}],
    "lift_at": [{"k": 5}, {"rate": 0.1}],
    "pinball": [{"quantile": 0.9}],
    "interval_score": [{"level": 0.9}],
}


def declared() -> list[Metric]:
    """What every function of the module gives."""
    functions = inspect.getmembers(goal_metrics, inspect.isfunction)
    made = [(name, of) for name, of in functions if of.__module__ == goal_metrics.__name__ and name[0] != "_"]
    return [of(**options) for name, of in made for options in NEEDED.get(name, [{}])]


def test_every_metric_of_the_table_can_be_declared() -> None:
    """By a function of its name."""
    assert {metric.name for metric in declared()} == set(METRIC_TABLE)


def test_a_guardrail_keeps_to_the_range_of_its_metric() -> None:
    """The good side only, and a threshold that can be met."""
    assert str(ndcg(k=10) >= 0.4) == "ndcg(10) >= 0.4"
    with pytest.raises(DeclarationError, match="good"):
        assert mae() >= 3
    with pytest.raises(DeclarationError, match="cannot be met"):
        assert recall_at(k=3) >= 1.5


@pytest.mark.parametrize(
    "call",
    [
        precision_at,
        lambda: precision_at(k=3, rate=0.1),
        lambda: lift_at(rate=0.0),
        lambda: ndcg(k=0),
        lambda: mrr(k=1.5),  # type: ignore[arg-type]
        lambda: pinball(quantile=1.0),
        lambda: mape(least=0.0),
        lambda: goal_metrics.uno_concordance(until=-1.0),
    ],
)
def test_options_that_mean_nothing_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    """When they are declared."""
    with pytest.raises(DeclarationError):
        call()
