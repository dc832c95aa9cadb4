"""The budget of a search: trials beyond the fixed recipes, folds, what is cut, and what is done after a kill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.optuna import TpeSampler
from setpoint.backends.parquet import ParquetTables
from setpoint.backends.sklearn import LogisticLearner, LogisticModel
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.core.ports import Learner
from setpoint.declare.plan import Plan
from setpoint.learn.budget import Budget
from setpoint.learn.folds import folds_of
from setpoint.learn.recipe import Fitted
from setpoint.learn.search import Hands, search_plan
from setpoint.learn.sides import Sides, divide, encode
from setpoint.learn.spaces import spaces_of
from setpoint.learn.trainer_two_classes import TwoClasses
from setpoint.learn.trial_log import TrialLog
from setpoint.learn.tried import tried_learners
from tests.unit.learn.test_search import run_with
from tests.unit.learn.world import learners, make_examples, make_world_plan

TUNED = Hands(sampling=TpeSampler)


@pytest.fixture(scope="module")
def sides() -> Sides:
    """The sides of a small training."""
    return divide(make_world_plan(), make_examples(2500))


class Counting(LogisticLearner):
    """A logistic learner that counts its fits, and is killed at one of them."""

    def __init__(self, *, killed_at: int | None = None) -> None:
        self.fits, self.killed_at = 0, killed_at

    def fit(self, recipe: Mapping[str, Any], *rows: Any, **more: Any) -> tuple[LogisticModel, dict[str, Any]]:
        self.fits += 1
        if self.fits == self.killed_at:
            raise KeyboardInterrupt
        return super().fit({**recipe, "steps": 8}, *rows, **more)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Hands]:
    """Trials are kept in a folder."""
    metadata = SqlMetadata("sqlite://")
    yield replace(TUNED, log=TrialLog(ParquetTables(tmp_path), metadata))
    metadata.close()


def declared(**budget: Any) -> Plan:
    """A plan whose goal declares a search."""
    asked = sp.search(**budget)
    plan = make_world_plan(search=asked)
    return replace(plan, trials=asked.trials or 1, rounds=20, folds=asked.folds or 1)


def run_plan(plan: Plan, tried: Mapping[str, Learner], hands: Hands, sides: Sides) -> Fitted:
    """A search by a plan."""
    fits = TwoClasses(plan, tried, 0)
    return search_plan(plan, fits, encode(plan, sides), sides, training_set="t", seed=0, hands=hands)


def told(found: Fitted) -> list[dict[str, Any]]:
    """Its trials."""
    return [trial.to_dict() for trial in found.trials]


def test_a_sampler_goes_on_where_fixed_recipes_end(sides: Sides) -> None:
    """Within the space that the learner states, to the last trial of the budget, and the same each time."""
    plan = make_world_plan()
    first, second = (
        run_with({"logistic": Counting()}, encode(plan, sides), sides, budget=Budget(8, 20), hands=TUNED)
        for _ in range(2)
    )
    assert told(first) == told(second)
    assert len({trial.recipe.digest for trial in first.trials}) == 8
    span = LogisticLearner().space()["c"]
    assert all(span.low <= trial.recipe.parameters["c"] <= span.high for trial in first.trials)


def test_without_a_declared_search_nothing_is_sampled(sides: Sides) -> None:
    """A system that says nothing is trained as it always was: by fixed recipes alone."""
    plan = replace(make_world_plan(), trials=6, rounds=20)
    found = run_plan(plan, {"logistic": LogisticLearner()}, TUNED, sides)
    assert [trial.recipe.parameters["c"] for trial in found.trials] == [0.1]
    assert found.searched is None


def test_a_killed_search_goes_on_where_it_was(sides: Sides, kept: Hands) -> None:
    """Finished trials are not repeated, and the end is that of a search that nobody disturbed."""
    plan = declared(trials=9, folds=1)
    whole = Counting()
    undisturbed = run_plan(plan, {"logistic": whole}, TUNED, sides)
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, {"logistic": Counting(killed_at=8)}, kept, sides)
    again = Counting()
    resumed = run_plan(plan, {"logistic": again}, kept, sides)
    assert told(resumed) == told(undisturbed)
    assert resumed.recipe == undisturbed.recipe
    assert np.array_equal(resumed.validated, undisturbed.validated)
    assert 7 + again.fits <= whole.fits + 2  # the trial that was cut off, and the winner's model
    once_more = Counting()
    run_plan(plan, {"logistic": once_more}, kept, sides)
    assert once_more.fits == 1


def test_other_rows_or_another_seed_are_another_search(sides: Sides, kept: Hands) -> None:
    """Their trials are not taken over, and those of the search before are dropped."""
    plan, learner = declared(trials=3, folds=1), Counting()
    run_plan(plan, {"logistic": learner}, kept, sides)
    fits = TwoClasses(plan, {"logistic": learner}, 0)
    before = learner.fits
    search_plan(plan, fits, encode(plan, sides), sides, training_set="other", seed=0, hands=kept)
    assert learner.fits - before == before
    assert kept.log is not None
    assert len(kept.log.tables.parts("trials")) == 3


def test_a_trial_worse_than_the_median_on_few_rows_is_cut(sides: Sides) -> None:
    """It is told as cut, has no value, never wins, and the search goes on."""
    found = run_with(
        {"logistic": LogisticLearner()},
        encode(make_world_plan(), sides),
        sides,
        budget=Budget(20, 20, cutting=True),
        hands=TUNED,
    )
    cut = [trial for trial in found.trials if trial.cut]
    assert 0 < len(cut) < 15
    assert all(trial.to_dict()["cut"] is True and trial.to_dict()["value"] is None for trial in cut)
    assert found.recipe not in [trial.recipe for trial in cut]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_folds_are_stretches_of_time_before_one_another(sides: Sides, count: int) -> None:
    """Rows that fit are older than those that compare, whose labels were settled before; the newest fold is last."""
    plan = make_world_plan()
    folds = folds_of(encode(plan, sides), sides, partial(encode, plan), count=count, cutting=False)
    assert len(folds.every) == count
    assert folds.every[-1].sides is sides
    for fold in folds.every:
        split = fold.sides.split
        settled = fold.sides.rows.at[split.train].max() + plan.embargo
        assert settled <= fold.sides.validation.at.min()
    for older, newer in zip(folds.every, folds.every[1:], strict=False):
        assert older.sides.validation.at.max() < newer.sides.validation.at.min()
    assert folds.rows.y.size == sum(fold.sides.validation.y.size for fold in folds.every)
    assert folds.rows.at.max() < sides.split.held_out_start


def test_rows_that_were_added_leave_one_fold(sides: Sides) -> None:
    """They are of the whole training side."""
    plan, more = make_world_plan(), replace(sides, fitting=sides.train)
    assert len(folds_of(encode(plan, more), more, partial(encode, plan), count=4, cutting=True).every) == 1


def test_seconds_are_translated_into_trials_once(sides: Sides, kept: Hands) -> None:
    """What was found is told and recorded: another training of the same rows takes it, whatever a fit costs then."""
    plan = declared(seconds=0.2)
    first = run_plan(plan, {"logistic": LogisticLearner()}, kept, sides)
    assert first.searched is not None
    assert first.searched["seconds"] == 0.2
    assert first.searched["cpu_seconds_of_a_fit"] > 0
    assert first.searched["cpu_seconds_of_a_trial"] > 0
    assert "guessed" not in first.searched
    assert len(first.trials) == first.searched["tried"] <= first.searched["trials"]
    again = run_plan(plan, {"logistic": Counting()}, kept, sides)
    assert (again.searched, len(again.trials)) == (first.searched, len(first.trials))


def test_a_deadline_ends_a_search_and_is_recorded(sides: Sides, kept: Hands) -> None:
    """Whoever searches again comes as far and no farther."""
    plan = declared(trials=40, deadline="20ms")
    found = run_plan(plan, {"logistic": LogisticLearner()}, kept, sides)
    assert found.searched is not None
    assert found.searched["ended_by_deadline"] is True
    assert len(found.trials) == found.searched["tried"] < 40
    again = run_plan(plan, {"logistic": LogisticLearner()}, kept, sides)
    assert told(again) == told(found)


@pytest.mark.parametrize(
    ("budget", "error"),
    [
        ({"trials": 3, "seconds": 4.0}, DeclarationError),
        ({"trials": 0}, DeclarationError),
        ({"trials": True}, DeclarationError),
        ({"seconds": -1.0}, DeclarationError),
        ({"folds": 3}, DeclarationError),
        ({"deadline": 60}, WrongType),
        ({"space": {"logistic": {"c": (2.0, 1.0)}}}, DeclarationError),
        ({"space": {"logistic": {"c": 2.0}}}, DeclarationError),
        ({"space": {"logistic": 3}}, WrongType),
    ],
)
def test_a_budget_that_means_nothing_is_refused(budget: dict[str, Any], error: type[Exception]) -> None:
    """When the goal is declared."""
    with pytest.raises(error):
        sp.search(**budget)


def test_forty_trials_where_nothing_is_said() -> None:
    """A goal that asks for a search and says no more."""
    assert sp.search().trials == 40
    assert sp.search(seconds=30).trials is None


def test_a_goal_narrows_or_widens_a_space(sides: Sides) -> None:
    """What is proposed lies between what was said; fixed recipes are tried as they are."""
    found = run_plan(
        declared(trials=7, space={"logistic": {"c": (20.0, 30.0)}}), {"logistic": Counting()}, TUNED, sides
    )
    first, *proposed = [trial.recipe.parameters["c"] for trial in found.trials]
    assert first == 0.1
    assert all(20 <= c <= 30 for c in proposed)
    assert sp.search(space={"logistic": {"c": (20, 30)}}).to_dict()["space"] == {"logistic": {"c": [20, 30]}}


@pytest.mark.parametrize(
    ("space", "error"),
    [
        ({"forest": {"c": (1, 2)}}, NameUnknown),
        ({"logistic": {"depth": (1, 2)}}, NameUnknown),
        ({"logistic": {"c": (0, 2)}}, DeclarationError),
        ({"lightgbm": {"num_leaves": (2.5, 8)}}, DeclarationError),
    ],
)
def test_a_space_that_no_learner_has_is_refused(space: dict[str, Any], error: type[Exception]) -> None:
    """With what there is."""
    with pytest.raises(error):
        spaces_of(sp.search(space=space), learners())


def test_what_is_pinned_is_not_searched() -> None:
    """A learner that is named with parameters leaves the others to the search."""
    pinned = tried_learners((sp.learner("lightgbm", num_leaves=7),), learners())
    assert "num_leaves" not in spaces_of(None, pinned)["lightgbm"]
    assert "learning_rate" in spaces_of(None, pinned)["lightgbm"]


def test_the_best_of_a_declared_search_wins(sides: Sides) -> None:
    """However little it is better; where none is declared, the best guess stays until something is shown better."""
    plan = declared(trials=6, folds=1)
    found = run_plan(plan, {"logistic": Counting()}, TUNED, sides)
    best = max((trial for trial in found.trials if not trial.cut), key=lambda trial: trial.value)
    assert found.recipe == best.recipe
    assert found.recipe != found.trials[0].recipe
