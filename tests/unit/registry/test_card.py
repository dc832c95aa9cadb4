"""The model card: no field is empty."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.declare.plan import Plan
from setpoint.learn.train import train
from setpoint.registry import runs
from setpoint.registry.card import Card, make_card, to_markdown
from tests.unit.learn.world import logistic, make_examples, make_world_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The shop's plan."""
    return make_world_plan()


@pytest.fixture(scope="module")
def model(plan: Plan) -> dict[str, Any]:
    """A model's document, as the registry keeps it."""
    return train(plan, make_examples(), learners=logistic(), seed=0).to_dict()


def run_of(model: dict[str, Any]) -> dict[str, Any]:
    """The document of the run that gave it."""
    metrics = model["report"]["metrics"]
    return runs.Run("shop", model["model"], 0, 0, {"plan": "p"}, model["settled"], metrics, 2.5, 250.0).to_dict()


def fields(card: Card) -> dict[str, str]:
    """All fields by section and name."""
    return {f"{section}/{name}": str(value) for section, part in card.items() for name, value in part.items()}


def test_every_field_is_filled_from_the_run(model: dict[str, Any], plan: Plan) -> None:
    """Nothing is empty, and with a run on record only the absent champion is unknown."""
    found = fields(make_card(model, plan, run=run_of(model)))
    assert len(found) > 50
    assert all(value.strip() and value not in {"None", "nan", "[]", "{}"} for value in found.values())
    assert {name for name, value in found.items() if value.startswith("unknown")} == {"gate/against champion"}


def test_without_a_run_the_card_says_why_it_does_not_know(model: dict[str, Any], plan: Plan) -> None:
    """Unknown is a value with a reason."""
    found = fields(make_card(model, plan))
    unknown = {name: value for name, value in found.items() if value.startswith("unknown")}
    assert set(unknown) == {
        "gate/against champion",
        "model/trained at",
        "model/code",
        "model/environment",
        "model/cost",
    }
    assert all(len(value) > len("unknown: ") for value in unknown.values())


def test_the_card_states_what_the_gate_said(model: dict[str, Any], plan: Plan) -> None:
    """Guardrails, baselines, metrics with intervals, and both digests."""
    found = fields(make_card(model, plan, run=run_of(model)))
    assert found["gate/verdict"] == "passed"
    assert found["gate/auc() >= 0.6"].startswith("holds")
    assert "95 % interval" in found["metrics/auc"]
    assert found["model/digest"] == model["model"]
    assert model["procedure"] in found["model/judged procedure"]
    assert "2.5 CPU seconds" in found["model/cost"]


def test_a_model_that_was_held_back_says_so(plan: Plan) -> None:
    """The card of a refused candidate carries the reasons."""
    weak = train(plan, make_examples(skill=0.0), learners=logistic(), seed=0).to_dict()
    assert fields(make_card(weak, plan))["gate/verdict"].startswith("held back: auc() >= 0.6")


def test_the_page_lists_every_field_under_its_section(model: dict[str, Any], plan: Plan) -> None:
    """Markdown with a heading for each section."""
    card = make_card(model, plan, run=run_of(model))
    page = to_markdown(card)
    assert page.count("\n## ") == len(card)
    assert page.count("\n- **") == len(fields(card))


def test_slices_in_which_a_model_is_weak_are_told_with_how_many_were_looked_at(
    model: dict[str, Any], plan: Plan
) -> None:
    """A card of a model judged before slices were looked for says so."""
    told = fields(make_card(model, plan))
    assert "slices of the validation rows" in told["weak slices/looked at"]
    each = {"name": "hour = 3", "words": "hour = 3: twice what was expected", "worse": True, "p_value": 0.01}
    weak = {**model["report"]["weak"], "slices": [each]}
    told = fields(make_card({**model, "report": {**model["report"], "weak": weak}}, plan))
    assert told["weak slices/weak: hour = 3"] == "hour = 3: twice what was expected"
    older = {name: part for name, part in model["report"].items() if name != "weak"}
    told = fields(make_card({**model, "report": older}, plan))
    assert told["weak slices/looked at"] == "unknown: the model was judged before slices were looked for"


def test_the_gaps_between_groups_are_told_as_the_gate_read_them(model: dict[str, Any], plan: Plan) -> None:
    """With the groups that were too small to compare; a goal without attributes says so."""
    assert fields(make_card(model, plan))["fairness/gaps"] == "none, by declaration"
    each = {"attribute": "sex", "left_out": ["x"], "gaps": [{"criterion": "equal_opportunity", "words": "apart"}]}
    told = fields(make_card({**model, "report": {**model["report"], "fairness": [each]}}, plan))
    assert told["fairness/sex, equal opportunity"] == "apart"
    assert told["fairness/sex, too few rows to compare"] == "x"
