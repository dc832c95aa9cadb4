"""The search: recipes of every learner, compared on newer rows, within a budget of trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner
from setpoint.learn.budget import Budget
from setpoint.learn.fit import fit, refit
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.search import ALONE, Hands, search
from setpoint.learn.sides import Matrices, Sides, divide, encode
from setpoint.learn.trainer_two_classes import TwoClasses
from tests.unit.learn.world import learners, make_examples, make_world_plan


@pytest.fixture(scope="module")
def sides() -> Sides:
    """The sides of a small training."""
    return divide(make_world_plan(), make_examples(2500))


@pytest.fixture(scope="module")
def matrices(sides: Sides) -> Matrices:
    """Their matrices."""
    return encode(make_world_plan(), sides)


def run_with(
    tried: Mapping[str, Learner],
    matrices: Matrices,
    sides: Sides,
    *,
    budget: Budget,
    hands: Hands = ALONE,
    key: str = "",
    **declared: Any,
) -> Fitted:
    """A search with these learners."""
    plan = make_world_plan(**declared)
    fits = TwoClasses(plan, tried, 0)
    return search(fits, matrices, sides, encode=partial(encode, plan), budget=budget, seed=0, hands=hands, key=key)


def run(matrices: Matrices, sides: Sides, *, trials: int, **declared: Any) -> Fitted:
    """A search of so many fixed recipes."""
    return run_with(learners(), matrices, sides, budget=Budget(trials, 20), **declared)


def test_learners_take_turns_and_a_shown_gain_wins(matrices: Matrices, sides: Sides) -> None:
    """The first trials are each learner's best guess; on data made by a linear rule, the linear one is shown better."""
    found = run(matrices, sides, trials=4)
    assert [trial.recipe.learner for trial in found.trials] == ["lightgbm", "logistic", "lightgbm", "lightgbm"]
    assert found.recipe.learner == "logistic"
    assert {trial.metric for trial in found.trials} == {"auc"}


def test_the_best_guess_stays_where_nothing_is_shown_to_be_better() -> None:
    """Where one trial is as good as another, the luck of a few days of validation rows seldom moves the choice."""
    kept = lucky = 0
    for seed in range(12):
        noise = divide(make_world_plan(), make_examples(2500, seed=seed, skill=0.0))
        matrices = encode(make_world_plan(), noise)
        found = run_with(logistic_variants(), matrices, noise, budget=Budget(9, 20))
        kept += found.recipe == found.trials[0].recipe
        lucky += max(found.trials, key=lambda trial: trial.value) != found.trials[0]
    assert lucky >= 8
    assert kept >= 8


class Variant(LogisticLearner):
    """A logistic learner under another name, with another penalty."""

    def __init__(self, name: str, c: float) -> None:
        self.name, self.c = name, c

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        return [{"c": self.c, "steps": rounds}]


def logistic_variants() -> dict[str, Learner]:
    """Learners that differ by next to nothing."""
    return {f"c{i}": Variant(f"c{i}", 0.1 * 1.2**i) for i in range(4)}


def test_the_budget_bounds_the_trials_and_may_exceed_the_recipes(matrices: Matrices, sides: Sides) -> None:
    """With more trials than there are recipes, each is tried once."""
    everything = sum(len(learner.recipes(rounds=20)) for learner in learners().values())
    assert len(run(matrices, sides, trials=1).trials) == 1
    assert len(run(matrices, sides, trials=99).trials) == everything


def test_metrics_that_need_a_threshold_are_searched_by_log_loss(matrices: Matrices, sides: Sides) -> None:
    """The declared metric still decides at the gate."""
    found = run(matrices, sides, trials=2, metric=sp.accuracy())
    assert {trial.metric for trial in found.trials} == {"log_loss"}
    assert found.recipe == min(found.trials, key=lambda trial: trial.value).recipe
    assert found.trials[0].value - found.trials[1].value > 0.005


def test_a_stored_recipe_fits_what_the_search_fitted(matrices: Matrices, sides: Sides) -> None:
    """Fitting the winner's recipe again gives the same scores, so a retraining needs no search."""
    found = run(matrices, sides, trials=2)
    again = fit(learners(), matrices, sides, recipe=Recipe.from_dict(found.recipe.to_dict()), seed=0)
    assert np.array_equal(again.validated, found.validated)
    assert again.settled == found.settled


def test_a_refit_takes_the_settled_recipe_to_all_rows(matrices: Matrices, sides: Sides) -> None:
    """It differs from the fit on the training side, and is the same each time."""
    found = run(matrices, sides, trials=1)
    first, second = (
        refit(learners(), matrices.encoder, sides.rows, settled=found.settled, seed=0).predict(matrices.held_out)
        for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, found.model.predict(matrices.held_out))


def test_a_recipe_of_an_unknown_learner_is_refused(matrices: Matrices, sides: Sides) -> None:
    """The error lists the learners there are."""
    with pytest.raises(NameUnknown, match="lightgbm, logistic"):
        fit(learners(), matrices, sides, recipe=Recipe("forest", {}), seed=0)


def test_a_search_never_sees_held_out_rows(matrices: Matrices, sides: Sides) -> None:
    """With other held-out rows it finds the same."""
    blind = replace(matrices, held_out=np.zeros_like(matrices.held_out))
    assert np.array_equal(run(matrices, sides, trials=3).validated, run(blind, sides, trials=3).validated)
