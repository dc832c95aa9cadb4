"""The card says what the pre-flight of a training found."""

from __future__ import annotations

import numpy as np

from setpoint.learn.train import train
from setpoint.registry.card import make_card
from setpoint.watch.told import told_gate
from tests.unit.learn.faulty import Faulty, bugs
from tests.unit.learn.world import logistic, make_examples, make_world_plan, with_features


def test_a_suspicion_stands_in_the_card_and_a_fault_is_no_leak() -> None:
    """Each finding is told where it belongs; a model of an earlier version recorded none."""
    plan, planted = make_world_plan(), bugs()["an input ignored"][0]
    examples = with_features(make_examples(), {"hour": np.full(4000, 7.0)})
    learners = {"logistic": Faulty(logistic()["logistic"], **planted)}
    document = {**train(plan, examples, learners=learners, seed=0).to_dict(), "trained_at": 0}
    gate = make_card(document, plan)["gate"]
    assert "suspicion (constant-input): Input 'hour' is 7" in gate["pre-flight"]
    assert "fault (ignores-input): Learner 'logistic' does not go by 'total'" in gate["pre-flight"]
    assert gate["leak audit"] == "nothing found"
    told = told_gate(document, metric="auc()", unit="eur")
    assert [each["kind"] for each in told["preflight"]] == ["constant-input", "ignores-input"]
    del document["preflight"]
    assert make_card(document, plan)["gate"]["pre-flight"].startswith("unknown")
    assert "preflight" not in told_gate(document, metric="auc()", unit="eur")
