"""Embeddings, declared: a family of features whose versions have the base model in them, and where none can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.plan import Plan, Profile, diff_declarations, make_plan
from tests.text_bases import Letters
from tests.unit.declare.conftest import SCHEMAS, arrivals

Declare = Callable[..., sp.System]
CARRIER = sp.embedding(sp.field("carrier"), base="letters", size=4)


def planned(declare: Declare, base: Letters, **parts: Any) -> Plan:
    """The plan of a system with the carrier embedded."""
    system = declare(features={"carrier": CARRIER, "distance": sp.field("distance")}, **parts)
    return make_plan(system, SCHEMAS, Profile({}, 1.0), bases={"letters": base})


def test_an_embedding_is_so_many_features(declare: Declare) -> None:
    """Numbers, named by their places; the plan says which base they are of."""
    plan = planned(declare, Letters())
    assert dict(plan.features) == {**{f"carrier_{place}": "number" for place in range(4)}, "distance": "number"}
    (choice,) = [choice for choice in plan.choices if choice.name == "base model letters"]
    assert choice.value == "letters 1.0 (weights 000000000000)"
    assert dict(plan.bases) == {"letters": Letters().version}


def test_another_base_is_another_version_of_its_features_and_of_no_other(declare: Declare) -> None:
    """And another plan; what was declared is the same."""
    one, other = planned(declare, Letters(1)), planned(declare, Letters(2))
    assert one.system.digest == other.system.digest
    assert one.digest != other.digest
    changed = {name for name in one.versions if one.versions[name] != other.versions[name]}
    assert changed == {f"carrier_{place}" for place in range(4)}
    assert dict(one.versions) == dict(planned(declare, Letters(1)).versions)


def test_a_plan_tells_another_base_once(declare: Declare) -> None:
    """Not once for each of its numbers."""
    declared = [
        {
            **plan.system.to_dict(),
            "versions": dict(plan.versions),
            "bases": {name: str(version) for name, version in plan.bases.items()},
        }
        for plan in (planned(declare, Letters(1)), planned(declare, Letters(2)))
    ]
    (change,) = diff_declarations(*declared)
    assert (change.what, change.before, change.after) == (
        "base model letters",
        "letters 1.0 (weights 000000000000)",
        "letters 2.0 (weights 000000000000)",
    )
    assert {"training set", "model", "gate"} <= set(change.runs_again)
    assert diff_declarations(declared[0], declared[0]) == ()


def test_a_base_that_is_not_there_and_a_size_it_has_not_are_told(declare: Declare) -> None:
    """With those that are."""
    system = declare(features={"carrier": CARRIER})
    with pytest.raises(NameUnknown, match="no base model 'letters'") as told:
        make_plan(system, SCHEMAS, Profile({}, 1.0), bases={"other": Letters()})
    assert told.value.known == ["other"]
    odd = declare(features={"carrier": sp.embedding(sp.field("carrier"), base="letters", size=5)})
    with pytest.raises(DeclarationError, match="4, 8"):
        make_plan(odd, SCHEMAS, Profile({}, 1.0), bases={"letters": Letters()})


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: sp.embedding("carrier"), "no expression"),  # type: ignore[arg-type]
        (lambda: sp.embedding(sp.last(arrivals.carrier, by="origin", last=["1d", "2d"])), "of a family"),
        (lambda: sp.embedding(sp.field("carrier"), base=""), "the name of one"),
        (lambda: sp.embedding(sp.field("carrier"), size=0), "1 to 4096"),
        (lambda: sp.embedding(sp.field("carrier"), size=True), "1 to 4096"),
    ],
)
def test_what_cannot_be_an_embedding_is_refused(build: Callable[[], object], words: str) -> None:
    """When it is declared."""
    with pytest.raises(DeclarationError, match=words):
        build()


def test_only_a_text_has_one(declare: Declare) -> None:
    """A number is refused when there is a plan."""
    system = declare(features={"far": sp.embedding(sp.field("distance"), base="letters", size=4)})
    with pytest.raises(WrongType, match="of a number"):
        make_plan(system, SCHEMAS, Profile({}, 1.0), bases={"letters": Letters()})


def test_an_embedding_stands_in_features_alone(declare: Declare) -> None:
    """Not in the fallback rule or within an aggregate; a rule may read the feature."""
    first = CARRIER["0"]
    release = sp.release(sp.shadow("7d"), fallback=sp.rule(first > 0))
    with pytest.raises(DeclarationError, match=r"The fallback reads .*only a feature can be"):
        planned(declare, Letters(), release=release)
    inside = sp.mean(sp.embedding(arrivals.carrier, base="letters", size=4)["0"], by="carrier", last="7d")
    with pytest.raises(DeclarationError, match=r"Feature 'mean' reads .*only a feature can be"):
        make_plan(declare(features={"mean": inside}), SCHEMAS, Profile({}, 1.0), bases={"letters": Letters()})
    release = sp.release(sp.shadow("7d"), fallback=sp.rule(sp.feature("carrier_0") > 0))
    assert planned(declare, Letters(), release=release).warnings == planned(declare, Letters()).warnings


def test_other_features_may_compute_with_its_numbers(declare: Declare) -> None:
    """By name, or as a member of the family."""
    features = {"carrier": CARRIER, "twice": sp.feature("carrier_1") * 2, "first": CARRIER["0"] + 1}
    plan = make_plan(declare(features=features), SCHEMAS, Profile({}, 1.0), bases={"letters": Letters()})
    assert plan.features["twice"] == plan.features["first"] == "number"
    assert dict(plan.bases) == {"letters": Letters().version}
