"""The kind of a plan's goal, with what its declaration says of it."""

from __future__ import annotations

from setpoint.core.errors import DeclarationError
from setpoint.core.times import DAY
from setpoint.declare.error_cost import ClassCost, NumberCost
from setpoint.declare.goal_kind import COUNT, MULTICLASS, MULTILABEL, QUANTILE, RANKING, REGRESSION, SURVIVAL
from setpoint.declare.plan import Plan
from setpoint.learn.kinds.count import Count
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.ranking import Ranking
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.survival import Survival


def kind_of_plan(plan: Plan) -> Kind:
    """How the goal of a plan is learned and judged; raises DeclarationError for two classes: see `learn.train`."""
    goal, label = plan.system.goal, plan.system.label
    numbers = goal.errors if isinstance(goal.errors, NumberCost) else None
    classes = goal.errors if isinstance(goal.errors, ClassCost) else None
    name = plan.system.kind
    if name == REGRESSION:
        return Regression(goal.metric, numbers)
    if name == QUANTILE:
        return Quantile(goal.metric, numbers)
    if name == COUNT:
        return Count(goal.metric, numbers)
    if name == MULTICLASS:
        return Multiclass(goal.metric, label.classes, classes)
    if name == MULTILABEL:
        return Multilabel(goal.metric, label.classes)
    if name == RANKING:
        return Ranking(goal.metric, goal.query or "")
    if name == SURVIVAL:
        return Survival(goal.metric, label.within / DAY)
    raise DeclarationError(f"The goal {goal.metric} is of two classes.", expected="another kind of goal")
