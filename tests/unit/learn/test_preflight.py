"""The pre-flight of a training: its findings go into the record, and a fault holds the model back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.learn.findings import FAULT, Finding
from setpoint.learn.preflight import Preflight, preflight
from setpoint.learn.sides import divide, encode
from setpoint.learn.train import train
from tests.unit.learn.faulty import Faulty, bugs
from tests.unit.learn.world import learners, logistic, make_examples, make_world_plan, with_features


def test_a_sound_training_has_a_record_of_its_pre_flight() -> None:
    """What was tried out is on record, and nothing is found; a retraining checks its rows and its model only."""
    candidate = train(make_world_plan(), make_examples(), learners=learners(), seed=0)
    assert candidate.preflight is not None
    assert candidate.preflight.learners == ("lightgbm", "logistic")
    assert candidate.to_dict()["preflight"]["findings"] == []
    assert candidate.to_dict()["preflight"]["fits"] < 20
    again = train(make_world_plan(), make_examples(), learners=learners(), seed=0, recipe=candidate.recipe)
    assert again.preflight == Preflight(())


def test_a_fault_of_the_learner_holds_the_model_back() -> None:
    """The gate says which."""
    planted, _ = bugs()["an input ignored"]
    candidate = train(
        make_world_plan(), make_examples(), learners={"logistic": Faulty(logistic()["logistic"], **planted)}, seed=0
    )
    assert not candidate.passed
    assert any(
        reason.startswith("Fault: Learner 'logistic' does not go by 'total'") for reason in candidate.report.reasons
    )


def test_a_model_whose_scores_mix_rows_is_held_back_also_when_it_is_retrained() -> None:
    """The model itself is checked after every training."""
    planted, _ = bugs()["reshaped across rows"]
    sound = train(make_world_plan(), make_examples(), learners=logistic(), seed=0)
    faulty = {"logistic": Faulty(logistic()["logistic"], **planted)}
    candidate = train(make_world_plan(), make_examples(), learners=faulty, seed=0, recipe=sound.recipe)
    assert any("depends on the rows beside it" in reason for reason in candidate.report.reasons)


def test_an_input_that_tells_nothing_is_reported_and_holds_nothing_back() -> None:
    """It is in the record of the pre-flight, not among the reasons of the gate."""
    examples = with_features(make_examples(), {"hour": np.full(4000, 7.0)})
    candidate = train(make_world_plan(), examples, learners=logistic(), seed=0)
    assert candidate.passed
    assert candidate.preflight is not None
    assert [(each.kind, each.feature) for each in candidate.preflight.findings] == [("constant-input", "hour")]


def test_a_learner_that_was_not_chosen_blames_no_model() -> None:
    """Its faults are its own."""
    one, two = (Finding("cannot-learn", FAULT, "", f"Learner {name!r} learns nothing.", "") for name in ("a", "b"))
    assert Preflight((one, two), ("a", "b"), 8).of_learner("a").faults == (one,)


def test_rows_that_are_no_numbers_never_train() -> None:
    """An infinite input is named before any learner sees it."""
    plan, examples = make_world_plan(), make_examples()
    total = np.asarray(examples.features["total"]).copy()
    total[5] = np.inf
    sides = divide(plan, replace(examples, features=with_features(examples, {"total": pa.array(total)}).features))
    with pytest.raises(DataError, match="Input 'total' is infinite in 1 of"):
        preflight(encode(plan, sides), sides, {}, seed=0)
