"""What the plan says of the kind of a goal, and of what a goal that takes no action answers."""

from __future__ import annotations

from setpoint.core import times
from setpoint.declare.error_cost import NumberCost
from setpoint.declare.goal import Goal
from setpoint.declare.goal_kind import (
    COUNT,
    MULTICLASS,
    MULTILABEL,
    QUANTILE,
    RANKING,
    REGRESSION,
    SURVIVAL,
    goal_kind,
)
from setpoint.declare.label import Label

_ANSWERS = {
    COUNT: ("the expected count", "by a Poisson likelihood; nothing is calibrated"),
    MULTICLASS: ("a probability for each class", "one temperature and a shift for each class, on newer rows"),
    MULTILABEL: ("a probability for each label", "each label is calibrated by itself, on newer rows"),
    RANKING: ("the order of a query's items", "a score has no meaning by itself, so nothing is calibrated"),
}


def answer_of(goal: Goal, label: Label) -> tuple[str, str]:
    """What a goal that takes no action answers, and why.

    >>> from setpoint.declare.goal import cost, goal
    >>> from setpoint.declare.goal_metrics import pinball
    >>> from setpoint.declare.label import label
    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> costs = cost(over=1, under=3)
    >>> answer_of(goal(pinball(quantile=0.75), business="eur", cost=costs), label(sales.n, on="shop", within="1d"))
    ('the 0.75 quantile', 'declared; for the declared costs it is the answer that costs least')
    """
    kind, metric = goal_kind(goal, label).name, goal.metric
    if kind == SURVIVAL:
        within = times.spell(label.within)
        why = "cut-off decisions count for as long as they were followed; calibrated on newer rows as two classes"
        return f"the probability of the event within {within}", why
    if kind in _ANSWERS:
        return _ANSWERS[kind]
    best = goal.errors.quantile if isinstance(goal.errors, NumberCost) else None
    if metric.name == "interval_score":
        ends = (1 - (metric.option or 0.9)) / 2
        return f"the {ends:g} and {1 - ends:g} quantiles", "the ends of the interval that the metric judges"
    if kind == QUANTILE:
        asked = metric.option or 0.5
        return f"the {asked:g} quantile", f"declared{_least(best, asked)}"
    mean = kind == REGRESSION and metric.name in ("mae", "mape", "wape")
    name = ("the median", 0.5) if mean else ("the mean", None)
    return name[0], f"it is best by {metric}{_least(best, name[1])}; nothing is calibrated"


def _least(best: float | None, asked: float | None) -> str:
    """Whether the answer is the one that costs least."""
    if best is None:
        return ""
    if asked is not None and abs(best - asked) < 1e-9:
        return "; for the declared costs it is the answer that costs least"
    return f"; for the declared costs the {best:.3g} quantile costs least: sp.pinball(quantile={best:.3g}) asks for it"
