"""What is asked of a training beside the gate's answer: what features, more rows and other framings are worth.

Nothing here reads the rows that the gate judges by, and nothing that it finds changes a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.core.ports import Learner
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.ablation import Group, ablate, feature_groups
from setpoint.learn.behave import direct
from setpoint.learn.drawn import draw_decisions
from setpoint.learn.framings import check_framings, compare_framings
from setpoint.learn.learning_curve import check_curve, learning_curve
from setpoint.learn.origins import plan_with, rolling_origins
from setpoint.learn.raked import rake_sides
from setpoint.learn.recipe import Recipe
from setpoint.learn.select import select_features
from setpoint.learn.sides import Sides, divide
from setpoint.learn.train import trainer_of
from setpoint.learn.tried import tried_learners


def check_study(
    plan: Plan,
    examples: TrainingSet,
    *,
    seed: int,
    features: bool = False,
    curve: bool = False,
    framings: bool = False,
) -> None:
    """Raises NothingYet, before anything is trained, where there are too few rows for what is asked.

    Raises DataError where framings are asked for of a goal that there is one of.
    """
    if framings:
        check_framings(plan)
    sides = _sides(plan, examples, seed=seed)
    if features or framings:
        rolling_origins(plan, sides)
    if curve:
        check_curve(plan, sides)


def study(
    plan: Plan,
    examples: TrainingSet,
    *,
    learners: Mapping[str, Learner],
    recipe: Recipe,
    seed: int,
    features: bool = False,
    curve: bool = False,
    framings: bool = False,
) -> dict[str, Any]:
    """What models of a recipe need of the features, its learning curve, and other framings: what was asked for.

    Rows that the system adds to its training rows are left out.
    """
    plan = plan_with(plan, tuple(plan.read))
    trainer = trainer_of(plan, direct(plan, learners), seed=seed)
    sides = _sides(plan, examples, seed=seed)
    found: dict[str, Any] = {}
    if features:
        origins = rolling_origins(plan, sides)
        chosen = select_features(plan, trainer, sides, recipe=recipe, seed=seed)
        groups, spare = feature_groups(plan), chosen.spare
        if spare and len(spare) < len(plan.inputs):
            groups = (*groups, Group("together", "all that could be left out", spare))
        found["ablation"] = ablate(plan, trainer, sides, origins, recipe=recipe, groups=groups).to_dict()
        found["selection"] = chosen.to_dict()
    if curve:
        found["learning_curve"] = learning_curve(plan, trainer, sides, recipe=recipe, seed=seed).to_dict()
    if framings:
        origins = rolling_origins(plan, sides)
        tried = {**tried_learners((), learners), **tried_learners(plan.system.learners, learners)}
        compared = compare_framings(plan, trainer, sides, origins, learners=tried, recipe=recipe, seed=seed)
        found["framings"] = compared.to_dict()
    return found


def _sides(plan: Plan, examples: TrainingSet, *, seed: int) -> Sides:
    """The sides of the training that is asked about, without rows that the system adds."""
    return rake_sides(plan.system, divide(plan, draw_decisions(plan.system, examples, seed=seed).examples)).sides
