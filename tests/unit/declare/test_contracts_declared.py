"""Contracts as a part of a system: which sources they may be of, and what changes with them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.declare.plan import Profile, diff_declarations, make_plan
from tests.unit.declare.conftest import SCHEMAS, flights, planes

Declare = Callable[..., sp.System]
stated = sp.contract(flights, sp.not_null(flights.carrier), sp.references(flights.tailnum, to=planes.tailnum))


def test_a_source_that_rows_refer_to_is_one_of_the_systems(declare: Declare) -> None:
    """Its rows must be read, too; a system without contracts is what it was."""
    plain = declare()
    system = declare(contracts=[stated])
    assert set(system.sources) - set(plain.sources) == {"planes"}
    assert system.contracts["flights"] is stated
    assert "contracts" not in plain.to_dict()
    assert declare(contracts=[]).digest == plain.digest != system.digest


def test_a_system_with_contracts_is_the_same_after_pickling(declare: Declare) -> None:
    """Rules and all."""
    system = declare(contracts=[stated])
    assert pickle.loads(pickle.dumps(system)).digest == system.digest


def test_a_contract_is_of_a_source_that_the_system_reads(declare: Declare) -> None:
    """One that nothing reads is a mistake."""
    other: Any = sp.events("flight", "f.parquet", at="ts", delay="0s")
    with pytest.raises(NameUnknown, match=r"contracts= of the system 'flights' has no source 'flight'.*Did you mean"):
        declare(contracts=[sp.contract(other, other.a > 1)])
    with pytest.raises(WrongType, match="contracts= is"):
        declare(contracts=stated)


def test_a_plan_shows_contracts_and_what_changed_in_them(declare: Declare) -> None:
    """A change decides about rows that arrive from then on, and makes nothing run again."""
    profile = Profile({"flights": 100, "arrivals": 100, "planes": 10}, 10.0, {})
    plan = make_plan(declare(contracts=[stated]), SCHEMAS, profile)
    shown = {choice.name: choice for choice in plan.choices}["contract flights"]
    assert shown.value == "not_null(carrier); references(tailnum, to=planes.tailnum)"
    assert shown.reason == "declared; a batch is refused when more than 20% of it is set aside"
    looser = sp.contract(flights, *stated.rules, refuse_above=0.5)
    changes = diff_declarations(plan.system.to_dict(), declare(contracts=[looser]).to_dict())
    assert [(change.what, change.runs_again) for change in changes] == [
        ("contract flights", ("rows that arrive from now on",))
    ]
    fresh = diff_declarations(declare().to_dict(), plan.system.to_dict())
    assert [(change.what, change.before) for change in fresh] == [("source planes", None), ("contract flights", None)]
