"""Updates of a champion: what is compared, what is judged, and what is released."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.linear_sgd import SgdLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.ports import Learner
from setpoint.core.times import DAY
from setpoint.data.splits import Split
from setpoint.declare.goal_kind import GOAL_KINDS
from setpoint.declare.plan import Profile, make_plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.encode import encoder_of
from setpoint.learn.kinds.composed import Composed
from setpoint.learn.recipe import Recipe
from setpoint.learn.scorer import load_scorer
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.train import Candidate, train, trainer_of
from setpoint.learn.update import check_updatable, go_on
from tests.unit.declare.test_goal_kind import COLUMNS, DECLARED
from tests.unit.learn.world import START, make_examples, make_world_plan

SGD = SgdLearner()
LEARNERS: dict[str, Learner] = {"sgd": SGD, "lightgbm": LightGBMLearner(), "logistic": LogisticLearner()}


def turning(days: int) -> TrainingSet:
    """Decisions of a shop in which fraud hangs on the total at first, and ever more on the count instead."""
    made = make_examples(60 * days, days=days)
    rng = np.random.default_rng(1)
    angle = 3.0 * (made.at - START) / DAY / 120
    total, count = (np.asarray(made.features[name], dtype=np.float64) for name in ("total", "n_3d"))
    odds = np.cos(angle) * (total - 80) / 50 + np.sin(angle) * (count - count.mean()) / count.std()
    y = rng.random(made.at.size) < 1 / (1 + np.exp(-2 * odds))
    value = np.where(np.isnan(made.labels.value), np.nan, y.astype(np.float64))
    return replace(made, labels=replace(made.labels, value=value))


def trained(examples: TrainingSet, learner: str, champion: Any = None, **more: Any) -> Candidate:
    """A candidate of one learner."""
    recipe = Recipe(learner, LEARNERS[learner].recipes(rounds=20)[0])
    plan = make_world_plan(must=[])
    return train(
        plan, examples, learners={learner: LEARNERS[learner]}, seed=1, recipe=recipe, champion=champion, **more
    )


@pytest.fixture(scope="module")
def champion() -> Candidate:
    """What was trained on the first seventy days."""
    return trained(turning(70), "sgd")


def test_where_the_world_turns_the_update_is_taken(champion: Candidate, tmp_path: Path) -> None:
    """It is better on newer rows, is released with the champion's encoder, and says so wherever it is kept."""
    found = trained(turning(100), "sgd", champion.scorer, update="best")
    assert found.update is not None
    assert found.update.gained is not None
    assert found.update.taken
    assert (found.update.way, found.update.updates, found.update.parent) == ("continue", 1, champion.digest)
    assert found.scorer.encoder == champion.scorer.encoder
    assert found.scorer.trained[0] == champion.scorer.trained[0]
    assert found.scorer.trained[1] > champion.scorer.trained[1]
    assert found.to_dict()["update"]["reason"].startswith("updated by")
    found.scorer.save(tmp_path)
    back = load_scorer(tmp_path, LEARNERS, expected=found.digest)
    assert back.parent == found.scorer.parent
    assert back.parent is not None
    assert SGD.descent(back.model).parent == SGD.descent(champion.scorer.model).model
    again = trained(turning(100), "sgd", champion.scorer, update="best")
    assert again.digest == found.digest
    later = trained(turning(120), "sgd", found.scorer, update="continue")
    assert later.update is not None
    assert later.update.updates == 2


def test_the_judged_procedure_has_not_seen_what_judges_it(champion: Candidate) -> None:
    """The model that the gate sees is one of the training side, though the champion has seen held-out rows."""
    found = trained(turning(100), "sgd", champion.scorer, update="best")
    assert found.procedure.trained[1] < int(np.asarray(turning(100).at)[found.held_out].min())
    assert champion.scorer.trained[1] > found.procedure.trained[1]
    assert found.procedure.parent is None


def test_where_nothing_turns_training_anew_is_what_it_was_without_updates() -> None:
    """The digest of the candidate is that of a training that was not asked, and the reason says by how much."""
    before = trained(make_examples(4000, days=60), "logistic")
    plain = trained(make_examples(6000, days=90, seed=1), "lightgbm", before.scorer)
    asked = trained(make_examples(6000, days=90, seed=1), "lightgbm", before.scorer, update="refit")
    assert asked.digest == plain.digest
    assert asked.update is not None
    assert "the champion is of the learner logistic" in asked.update.reason
    own = trained(make_examples(4000, days=60), "lightgbm")
    asked = trained(make_examples(6000, days=90, seed=1), "lightgbm", own.scorer, update="refit")
    assert asked.update is not None
    assert not asked.update.taken
    assert asked.digest == plain.digest
    assert "trained anew: an update (refit) is not better" in asked.update.reason
    few = trained(make_examples(4000, days=60), "lightgbm", own.scorer, update="refit")
    assert few.update is not None
    assert "has seen all but 0 rows" in few.update.reason


def test_a_way_that_the_learner_does_not_have_is_told(champion: Candidate) -> None:
    """And a model is trained anew."""
    found = trained(turning(100), "sgd", champion.scorer, update="refit")
    assert found.update is not None
    assert "'refit'" in found.update.reason
    assert not found.update.taken


def test_learners_that_cannot_go_on_are_refused_before_any_work() -> None:
    """With those that can."""
    trainer = trainer_of(make_world_plan(), {"logistic": LogisticLearner()}, seed=0)
    check_updatable(trainer, None)
    with pytest.raises(DeclarationError, match="the learners logistic goes on"):
        check_updatable(trainer, "best")


@pytest.mark.parametrize("kind", GOAL_KINDS)
def test_models_of_every_kind_go_on(kind: str) -> None:
    """Each part of a model is updated, and names the part that it came from; stretches of time stay what they were."""
    learner, rng = LightGBMLearner(), np.random.default_rng(0)
    plan = make_plan(DECLARED[kind](), COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0))
    total = np.round(rng.normal(size=1200), 3)
    y = {
        "multilabel": rng.integers(0, 8, 1200) * 1.0,
        "multiclass": np.digitize(total + rng.normal(size=1200), [-0.5, 0.5]) * 1.0,
        "survival": rng.exponential(3 * np.exp(total)) * rng.choice([-1, 1, 1], 1200),
        "ranking": rng.integers(0, 3, 1200) * 1.0,
        "binary": (total > 0) * 1.0,
    }.get(kind, rng.poisson(np.exp(total)) * 1.0)
    y = np.clip(y, -7, 7)
    search = pa.array([f"s{place // 8}" for place in range(1200)], pa.string())
    rows = Examples(pa.table({"total": total}), pa.table({"search": search}), y, np.arange(1200) * DAY // 10)
    places = np.arange(1200)
    sides = Sides(rows, places, Split(places[:500], places[500:600], places[600:700], 0, 0, 0), kind=kind)
    encoder = encoder_of(plan, rows.features)
    trainer = trainer_of(plan, {"lightgbm": learner}, seed=0)
    parts = [encoder.matrix(part.features) for part in (sides.train, sides.validation, sides.held_out, sides.train)]
    fitted = trainer.fit(Matrices(encoder, *parts), sides, recipe=Recipe("lightgbm", {"rounds": 8}))
    child, way = go_on(trainer, fitted.model, fitted, rows.take(places[700:]), encoder, way="best")
    before, after = (model.predict(encoder.matrix(rows.features)) for model in (fitted.model, child))
    assert way == ("continue" if kind == "ranking" else "refit")
    assert before.shape == after.shape
    assert np.isfinite(after).all()
    assert 0 < np.abs(after - before).mean() < before.std()
    if isinstance(child, Composed):
        assert isinstance(fitted.model, Composed)
        assert child.edges == fitted.model.edges
        pairs = list(zip(child.parts, fitted.model.parts, strict=True))
    else:
        pairs = [(child, fitted.model)]
    assert all(learner.descent(ours).parent == learner.descent(theirs).model for ours, theirs in pairs)
    with pytest.raises(NameUnknown):
        go_on(trainer, fitted.model, fitted, rows, encoder, way="backwards")


@pytest.mark.parametrize(
    ("given", "words"),
    [("sideways", "update='sideways'"), (1, "update=1")],
)
def test_a_release_says_a_way_that_there_is(given: Any, words: str) -> None:
    """True, False, or one of two."""
    with pytest.raises(TypeError, match=words):
        sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("x") > 1), update=given)
