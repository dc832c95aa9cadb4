from __future__ import annotations

from collections.abc import Callable

import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.core.times import DAY
from setpoint.declare.plan import Profile, diff_declarations, make_plan
from tests.unit.declare.conftest import SCHEMAS, arrivals, planes

Declare = Callable[..., sp.System]
PROFILE = Profile({"flights": 1000}, 900.0)


def test_a_plan_gives_each_derived_choice_and_its_reason(declare: Declare) -> None:
    """Nothing is derived in silence."""
    plan = make_plan(declare(), SCHEMAS, PROFILE)
    assert all(choice.reason and choice.value for choice in plan.choices)
    assert {"decision", "embargo", "threshold", "refresh", "release", "source arrivals"} <= {
        choice.name for choice in plan.choices
    }
    assert plan.embargo == 2 * DAY


def test_a_plan_knows_the_kind_of_every_input(declare: Declare) -> None:
    """Kinds come from the sources' columns through the expressions."""
    system = declare(
        features={
            "late": sp.mean(arrivals.arr_delay > 15, by="carrier", last="7d"),
            "model": planes.model,
            "hour": sp.field("sched_dep").hour(zone="America/New_York"),
            "long": sp.field("distance") > 1000,
            "since": sp.now - sp.last(arrivals.landed_at, by="carrier"),
        }
    )
    plan = make_plan(system, SCHEMAS, PROFILE)
    assert plan.features == {"late": "number", "model": "text", "hour": "number", "long": "bool", "since": "number"}


@pytest.mark.parametrize(
    ("feature", "error", "words"),
    [
        (sp.mean(arrivals.arr_dely, by="carrier", last="7d"), NameUnknown, "Did you mean 'arr_delay'"),
        (sp.mean(arrivals.carrier, by="carrier", last="7d"), WrongType, "folds a text"),
        (sp.field("sched_dep"), WrongType, "Subtract it from sp.now"),
        (sp.field("carrier") * 2, WrongType, r"applies \* to a text"),
        (sp.field("distance").hour(), WrongType, "applied to a number"),
        (sp.count(arrivals, by={"distance": "carrier"}, last="1d"), WrongType, "the same kind on both sides"),
        (sp.count(arrivals, by="carrier", last="1d", where=arrivals.arr_delay + 1), WrongType, "Expected: a condition"),
    ],
)
def test_a_plan_checks_columns_and_kinds(declare: Declare, feature: sp.System, error: type, words: str) -> None:
    """What needs the data's columns is checked as soon as they are known."""
    with pytest.raises(error, match=words):
        make_plan(declare(features={"f": feature}), SCHEMAS, PROFILE)


def test_a_label_must_be_a_condition(declare: Declare) -> None:
    """A number is no label of a yes-or-no decision."""
    with pytest.raises(WrongType, match="is a number"):
        make_plan(declare(label=sp.label(arrivals.arr_delay, on="flight_id", within="2d")), SCHEMAS, PROFILE)


def test_a_changed_feature_names_what_runs_again(declare: Declare) -> None:
    """The difference of two declarations says what changes downstream."""
    before = declare().to_dict()
    after = declare(features={"late_7d": sp.mean(arrivals.arr_delay > 15, by="carrier", last="8d")}).to_dict()
    changes = diff_declarations(before, after)
    assert [change.what for change in changes] == ["feature late_7d"]
    assert {"training set", "model", "gate"} <= set(changes[0].runs_again)
    assert diff_declarations(before, before) == ()


def test_a_source_without_identity_is_warned_about(declare: Declare) -> None:
    """Without an id a redelivered row would count twice, and the plan says so."""
    anonymous = sp.events("landings", "flights.parquet", at="landed_at", delay="0s")
    schemas = {**SCHEMAS, "landings": SCHEMAS["arrivals"]}
    plan = make_plan(declare(features={"n": sp.count(anonymous, by="carrier", last="1d")}), schemas, PROFILE)
    assert any("landings" in warning for warning in plan.warnings)
