"""What kind of goal a declaration states: it follows from the metric and the label, and from nothing else."""

from __future__ import annotations

from typing import NamedTuple

from setpoint.declare.goal import Goal
from setpoint.declare.label import Label
from setpoint.declare.metric_table import METRIC_TABLE

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel"
REGRESSION, QUANTILE, COUNT = "regression", "quantile", "count"
RANKING, SURVIVAL = "ranking", "survival"
GOAL_KINDS = (BINARY, MULTICLASS, MULTILABEL, REGRESSION, QUANTILE, COUNT, RANKING, SURVIVAL)
NUMBERS = (REGRESSION, QUANTILE, COUNT)
"""The kinds whose outcome is a number."""

_OF_METRIC = {
    "number": REGRESSION,
    "quantile": QUANTILE,
    "count": COUNT,
    "ranking": RANKING,
    "survival": SURVIVAL,
    "labels": MULTILABEL,
}


class GoalKind(NamedTuple):
    """The kind of a goal, and what it follows from."""

    name: str
    reason: str


def goal_kind(goal: Goal, label: Label) -> GoalKind:
    """The kind of a goal: that of its metric, else two classes, or several where the label names them.

    >>> from setpoint.declare.goal_metrics import mae
    >>> from setpoint.declare.goal import goal
    >>> from setpoint.declare.label import label
    >>> from setpoint.declare.source import events
    >>> arrivals = events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s")
    >>> goal_kind(goal(mae()), label(arrivals.arr_delay, on="flight_id", within="2d"))
    GoalKind(name='regression', reason='mae() judges numbers')
    """
    row = METRIC_TABLE.get(goal.metric.name)
    if row is not None and row.kind in _OF_METRIC:
        words = {"quantile": "quantiles", "count": "counts", "number": "numbers", "ranking": "the order of items"}
        words |= {"survival": "times until an event", "labels": "sets of labels"}
        return GoalKind(_OF_METRIC[row.kind], f"{goal.metric} judges {words[row.kind]}")
    if label.classes:
        return GoalKind(MULTICLASS, f"the label is one of {len(label.classes)} classes")
    return GoalKind(BINARY, "the label is a condition, true or false")
