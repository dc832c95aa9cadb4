"""Decisions that somebody chose, as they are declared."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, SetpointError, WrongType
from setpoint.declare.plan import Profile, make_plan
from tests.unit.learn.world import COLUMNS, make_system

COUNTRIES = {"country": {"at": 0.6, "(other)": 0.4}}


def declared(**more: Any) -> sp.System:
    """The shop whose decisions are a survey."""
    of = make_system()
    parts: dict[str, Any] = {"decide": of.decide, "label": of.label, "goal": of.goal, "release": of.release}
    survey = sp.chosen("convenience", judged_by="who came", **({"margins": COUNTRIES} | more))
    return sp.System("shop", features={each.name: each.expr for each in of.features}, sample=survey, **parts)


def test_who_chose_is_part_of_what_is_declared() -> None:
    """Another margin is another declaration; a copy is the same one."""
    system = declared()
    assert system.to_dict()["sample"] == {"kind": "convenience", "judged_by": "who came", "margins": COUNTRIES}
    assert system.digest != declared(margins={"country": {"at": 0.5, "(other)": 0.5}}).digest
    assert system.digest != declared(most=5).digest != make_system().digest
    assert pickle.loads(pickle.dumps(system)).digest == system.digest


def test_the_plan_says_that_no_interval_follows() -> None:
    """With who chose, and what is known of the population."""
    plan = make_plan(declared(), COLUMNS, Profile(dict.fromkeys(COLUMNS, 1000), 100.0))
    (choice,) = [each for each in plan.choices if each.name == "sample"]
    assert choice.value == "convenience, chosen by who came; raked to known shares of country"
    assert "no interval follows" in choice.reason


def test_margins_are_of_fields_and_features() -> None:
    """Anything else is told with what there is."""
    with pytest.raises(NameUnknown, match="sample=") as told:
        declared(margins={"cuntry": {"at": 1.0}})
    assert "country" in str(told.value)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ({"kind": "random"}, DeclarationError, "convenience"),
        ({"judged_by": " "}, DeclarationError, "who or what chose"),
        ({"kind": "judgement"}, DeclarationError, "without reason="),
        ({"most": 1}, DeclarationError, "more than 1"),
        ({"margins": {"a": {"x": 0.5, "y": 0.4}}}, DeclarationError, "add up to 1"),
        ({"margins": {"a": {"x": 1.0, "y": 0.0}}}, DeclarationError, "numbers above 0"),
        ({"margins": {"a": [0.5, 0.5]}}, WrongType, "such as"),
        ({"margins": {"a": {True: 1.0}}}, WrongType, "such as"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: dict[str, Any], error: type[SetpointError], says: str) -> None:
    """With what was expected."""
    with pytest.raises(error, match=says):
        sp.chosen(**{"kind": "convenience", "judged_by": "who came", **words})


def test_a_sample_that_is_none_is_refused() -> None:
    """A text is no sample; the error names both ways to state one."""
    of = make_system()
    parts: dict[str, Any] = {"decide": of.decide, "label": of.label, "goal": of.goal, "sample": "survey"}
    with pytest.raises(WrongType, match=r"sp\.chosen"):
        sp.System("shop", features={each.name: each.expr for each in of.features}, release=of.release, **parts)
