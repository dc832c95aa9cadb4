"""What may be declared about a rare class, and what the plan says of one."""

from __future__ import annotations

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.base_rate import with_base_rate
from setpoint.declare.imbalance import METHODS, imbalance
from tests.unit.learn.world import make_system, make_world_plan


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_part_of_the_declaration(method: str) -> None:
    """A goal with it is another goal, and one without it is what it was before methods could be declared."""
    plain, asked = make_system(), make_system(imbalance=sp.imbalance(method))
    assert plain.digest != asked.digest
    assert "imbalance" not in plain.to_dict()["goal"]
    assert asked.to_dict()["goal"]["imbalance"]["method"] == method


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("oversample", {"share": 0.0}),
        ("oversample", {"share": 0.95}),
        ("class_weight", {"gamma": 2.0}),
        ("focal", {"gamma": -1}),
        ("focal", {"share": 0.5}),
        ("class_balanced", {"beta": 1.0}),
        ("smote", {"neighbours": 0}),
        ("undersample", {"share": "half"}),
    ],
)
def test_an_option_that_means_nothing_is_refused(method: str, options: dict) -> None:
    """It is out of range, or not the method's."""
    with pytest.raises(DeclarationError, match=method):
        imbalance(method, **options)


def test_an_unknown_method_is_named_with_its_neighbours() -> None:
    """And a goal takes nothing else."""
    with pytest.raises(NameUnknown, match="Did you mean 'oversample'"):
        imbalance("oversampel")
    with pytest.raises(WrongType, match="imbalance="):
        make_system(imbalance="smote")


def test_of_a_rare_class_the_plan_says_that_nothing_is_done_and_why() -> None:
    """Under 5 % of positives, or of negatives; the reason says how scores are told apart and made right."""
    plan = make_world_plan()
    for rate, words in ((0.031, "about 3 % of decisions are positive"), (0.98, "about 2 % of decisions are negative")):
        (choice,) = with_base_rate(plan, rate).choices[len(plan.choices) :]
        assert (choice.name, choice.value) == ("rare class", "nothing is resampled or weighted")
        assert choice.reason.startswith(words)
        assert "log loss and average precision tell models apart" in choice.reason
        assert "did not raise average precision" in choice.reason


@pytest.mark.parametrize("rate", [None, 0.05, 0.3, 0.9])
def test_of_common_classes_the_plan_says_nothing(rate: float | None) -> None:
    """Nor where no label is known yet."""
    plan = make_world_plan()
    assert with_base_rate(plan, rate) is plan


def test_a_metric_that_is_blind_to_a_rare_class_is_warned_of() -> None:
    """Accuracy and AUC; average precision is what should tell models apart there."""
    for metric, warned in ((sp.accuracy(), True), (sp.auc(), True), (sp.average_precision(), False)):
        plan = make_world_plan(metric=metric)
        warnings = with_base_rate(plan, 0.01).warnings[len(plan.warnings) :]
        assert bool(warnings) == warned
        assert all(str(metric) in warning for warning in warnings)


@pytest.mark.parametrize("rate", [None, 0.01, 0.4])
def test_a_declared_method_is_shown_in_the_plan(rate: float | None) -> None:
    """With what is kept from it: the rows that calibrate and judge."""
    plan = make_world_plan(imbalance=sp.imbalance("undersample", share=0.2))
    choice = with_base_rate(plan, rate).choices[-1]
    assert choice.value == "undersample(share=0.2)"
    assert "calibrated on rows that do not" in choice.reason
    assert ("positive" in choice.reason) == (rate is not None)
