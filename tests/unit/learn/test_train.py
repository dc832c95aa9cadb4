"""Training: one story from a training set to a judged candidate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import NothingYet
from setpoint.core.ports import Model
from setpoint.core.times import DAY
from setpoint.learn.sides import divide
from setpoint.learn.train import Candidate, train
from tests.unit.learn.world import START, learners, logistic, make_examples, make_world_plan, with_features


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    """A first training, with a search."""
    return train(make_world_plan(), make_examples(), learners=learners(), seed=0)


def test_a_first_training_searches_and_passes_the_gate(candidate: Candidate) -> None:
    """The trials are on record, the guardrails hold, and the model goes by what matters."""
    assert len(candidate.trials) == 2
    assert candidate.passed
    assert candidate.findings == ()
    assert {name for name, _ in candidate.importances[:3]} == {"total", "country", "n_3d"}
    assert candidate.report.metrics["auc"].estimate > 0.7
    assert candidate.report.value.low > 0


def test_a_retraining_refits_the_stored_recipe(candidate: Candidate) -> None:
    """On the same rows it gives the same model without a search, by the recipe as the state stores it."""
    stored = json.loads(json.dumps(candidate.recipe.to_dict()))
    again = train(
        make_world_plan(), make_examples(), learners=learners(), seed=0, recipe=type(candidate.recipe).from_dict(stored)
    )
    assert again.trials == ()
    assert (again.digest, again.procedure.digest) == (candidate.digest, candidate.procedure.digest)


def test_the_same_training_gives_the_same_candidate(candidate: Candidate) -> None:
    """Digests, report and scores agree to the last bit."""
    again = train(make_world_plan(), make_examples(), learners=learners(), seed=0)
    assert again.to_dict() == candidate.to_dict()
    assert np.array_equal(again.scores, candidate.scores)


def test_other_rows_give_another_model() -> None:
    """A digest names what a model was made from."""
    fewer = train(make_world_plan(), make_examples(3900), learners=logistic(), seed=0)
    more = train(make_world_plan(), make_examples(), learners=logistic(), seed=0)
    assert fewer.digest != more.digest


def test_the_released_model_saw_every_mature_row_and_the_procedure_only_older_ones(candidate: Candidate) -> None:
    """Both digests are on record, and the calibration is the same map."""
    examples = make_examples()
    sides = divide(make_world_plan(), examples)
    assert candidate.scorer.trained == sides.rows.span
    assert candidate.procedure.trained == sides.train.span
    assert candidate.scorer.calibration == candidate.procedure.calibration
    assert candidate.scorer.threshold == candidate.procedure.threshold
    body = candidate.to_dict()
    assert body["model"] == candidate.digest != body["procedure"] == candidate.procedure.digest


def test_the_scores_are_the_procedures_on_the_held_out_rows(candidate: Candidate) -> None:
    """They can be looked up by their places in the training set."""
    examples = make_examples()
    features = examples.features.take(pa.array(candidate.held_out))
    assert np.array_equal(candidate.procedure.score(features), candidate.scores)
    assert (examples.at[candidate.held_out] >= divide(make_world_plan(), examples).split.held_out_start).all()


def test_the_record_is_json_without_times_of_the_machine(candidate: Candidate) -> None:
    """Everything that a registry keeps, and nothing that another run would not give."""
    body = candidate.to_dict()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert body["rows"]["decisions"] == 4000
    assert body["snapshot"] == make_examples().snapshot_digest
    assert not any(word in json.dumps(body) for word in ("seconds", "memory", "host", "python"))


class Spy:
    """A logistic learner that writes down the times it was shown, through a feature that holds them."""

    name = "spy"
    losses = ("log_loss",)

    def __init__(self) -> None:
        self.shown: list[tuple[int, float, float]] = []
        self.inner = LogisticLearner()

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        return self.inner.recipes(rounds=rounds)

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Model, dict[str, Any]]:
        time = list(names).index("avg_30d")
        newest = rows if validation is None else validation[0]
        self.shown.append((len(rows), float(rows[:, time].max()), float(newest[:, time].max())))
        return self.inner.fit(
            recipe, rows, labels, categories=categories, seed=seed, weight=weight, validation=validation, names=names
        )

    def load(self, folder: Path) -> Model:
        return self.inner.load(folder)


def test_a_learner_is_shown_the_held_out_rows_only_for_the_release() -> None:
    """Everything that is judged was fitted, stopped and calibrated on older rows."""
    examples = make_examples()
    examples = with_features(examples, {"avg_30d": (examples.at - START) / DAY})
    spy, plan = Spy(), make_world_plan(trials=1)
    train(plan, examples, learners={"spy": spy}, seed=0)
    sides = divide(plan, examples)
    begins = (sides.split.held_out_start - START) / DAY
    judged, released = spy.shown[:-1], spy.shown[-1]
    assert len(judged) >= 4
    assert all(older < begins - 2 and newer < begins - 2 for _, older, newer in judged)
    assert released[0] == sides.rows.y.size


class Boaster(LogisticLearner):
    """A learner whose models double the log odds, so that they need calibration."""

    def fit(self, *arguments: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
        model, settled = super().fit(*arguments, **options)
        numbers = replace(
            model.numbers,
            weight=tuple(2 * value for value in model.numbers.weight),
            null=tuple(2 * value for value in model.numbers.null),
        )
        levels = tuple(
            replace(level, weight=tuple(2 * value for value in level.weight), null=2 * level.null)
            for level in model.levels
        )
        return replace(model, intercept=2 * model.intercept, numbers=numbers, levels=levels), settled


def test_nothing_that_is_judged_depends_on_the_held_out_rows() -> None:
    """Changing all of them changes no bit of the procedure, its calibration and threshold included."""
    plan, examples = make_world_plan(trials=1), make_examples(9000, days=320)
    late = examples.at >= divide(plan, examples).split.held_out_start
    total = np.where(late, 3.0, examples.features["total"].to_numpy())
    value = np.where(late, 1 - examples.labels.value, examples.labels.value)
    loss = np.where(late & (value > 0), 7.0, examples.labels.outcome["loss"])
    labels = replace(examples.labels, value=value, outcome={"loss": loss})
    changed = with_features(replace(examples, labels=labels), {"total": total})
    first, second = (train(plan, each, learners={"logistic": Boaster()}, seed=0) for each in (examples, changed))
    assert first.calibration.map.kind != "identity"
    assert first.procedure.digest == second.procedure.digest
    assert first.digest != second.digest


def test_a_champion_is_met_on_the_same_rows() -> None:
    """One trained before the held-out time is judged against, and its overlap is none."""
    early = train(
        make_world_plan(),
        make_examples().take(np.flatnonzero(make_examples().at < START + 40 * DAY)),
        learners=logistic(),
        seed=0,
    )
    found = train(make_world_plan(), make_examples(), learners=logistic(), seed=0, champion=early.scorer)
    assert found.report.champion is not None
    assert "margin" in found.report.champion.reason
    assert found.report.champion.difference.n == found.held_out.size


def test_a_champion_that_was_trained_on_held_out_rows_does_not_block(candidate: Candidate) -> None:
    """The champion of a monthly retraining nearly always was; the report says up to when."""
    found = train(make_world_plan(), make_examples(), learners=logistic(), seed=0, champion=candidate.scorer)
    assert found.report.champion is not None
    assert not found.report.champion.blocks
    assert "stated, not judged" in found.report.champion.reason


def test_a_model_without_skill_is_held_back() -> None:
    """Nothing in the features tells anything: no baseline is beaten, and the reasons say so."""
    found = train(make_world_plan(), make_examples(skill=0.0), learners=logistic(), seed=0)
    assert not found.passed
    assert any("'prior'" in reason for reason in found.report.reasons)


def test_a_guardrail_that_cannot_hold_keeps_the_model_back() -> None:
    """The declaration decides, however good the rest."""
    plan = make_world_plan(must=[sp.auc() >= 0.99])
    found = train(plan, make_examples(), learners=logistic(), seed=0)
    assert not found.passed
    assert found.report.guardrails[0].verdict == "fails"


def test_measured_guardrails_are_handed_down() -> None:
    """What scoring costs is measured above and judged here."""
    plan = make_world_plan(must=[sp.latency(p=99) <= "20ms", sp.size() <= 0.01])
    measured = []

    def measure(scorer: Any) -> dict[str, float]:
        measured.append(scorer.digest)
        return {"latency(99)": 3_000.0}

    found = train(plan, make_examples(), learners=logistic(), seed=0, measure=measure)
    assert [part.verdict for part in found.report.guardrails] == ["holds", "holds"]
    assert measured == [found.digest]
    assert found.report.guardrails[1].estimate == found.scorer.size_mb


def test_held_out_time_can_be_named() -> None:
    """For a report that asks how a model of the first months does in the last."""
    start = START + 50 * DAY
    found = train(make_world_plan(), make_examples(), learners=logistic(), seed=0, held_out_from=start)
    assert found.report.span[0] >= start


def test_training_waits_for_rows() -> None:
    """With too few it raises NothingYet and trains nothing."""
    with pytest.raises(NothingYet):
        train(make_world_plan(), make_examples(100), learners=logistic(), seed=0)


def test_labels_that_are_not_known_never_train() -> None:
    """What void, censored and immature rows hold changes no bit of the model."""
    examples = make_examples(as_of=START + 58 * DAY)
    unusable = ~examples.usable
    value = np.where(unusable, 1.0, examples.labels.value)
    total = np.where(unusable, 1e9, examples.features["total"].to_numpy())
    changed = with_features(replace(examples, labels=replace(examples.labels, value=value)), {"total": total})
    first, second = (train(make_world_plan(), each, learners=logistic(), seed=0) for each in (examples, changed))
    assert first.digest == second.digest
    assert first.training_set != second.training_set
