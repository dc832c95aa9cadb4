"""What a system also trains on: decisions that programs label, and made-up rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.augment import augment, noise
from setpoint.declare.programs import label_program, programs

Declare = Callable[..., sp.System]


def reading(what: Any) -> Any:
    """A program that reads an expression."""

    @label_program(what)
    def named(value: Any) -> bool | None:
        return True if value else None

    return programs([named])


def test_both_are_part_of_what_is_declared(declare: Declare) -> None:
    """Another program or change is another declaration; without them nothing changes."""
    plain = declare()
    more = declare(programs=reading(sp.field("carrier")), augment=augment(noise("late_7d", by=0.1)))
    assert plain.digest != more.digest
    assert {"programs", "augment"} & set(plain.to_dict()) == set()
    assert more.to_dict()["augment"]["copies"] == 1
    assert more.to_dict()["programs"]["gold"] == 200


def test_what_is_read_and_changed_is_there(declare: Declare) -> None:
    """Programs read fields and features, changes are of features."""
    with pytest.raises(NameUnknown, match="The label program 'named': the request"):
        declare(programs=reading(sp.field("carier")))
    with pytest.raises(NameUnknown, match="The label program 'named'"):
        declare(programs=reading(sp.feature("nothing")))
    with pytest.raises(DeclarationError, match="request fields and features"):
        declare(programs=reading(sp.table("planes", "planes.parquet", key="tailnum", valid_from=sp.always).seats))
    with pytest.raises(NameUnknown, match="augment="):
        declare(augment=augment(noise("nothing", by=0.1)))


def test_a_sample_is_by_fields_and_features(declare: Declare) -> None:
    """And part of what is declared."""
    system = declare(sample=sp.stratified(100, by=["carrier", "late_7d"]))
    assert system.to_dict()["sample"]["n"] == 100
    assert pickle.loads(pickle.dumps(system)).digest == system.digest
    with pytest.raises(NameUnknown, match="sample="):
        declare(sample=sp.weighted(100, by="nothing"))


@pytest.mark.parametrize("part", ["programs", "augment", "sample"])
def test_what_is_none_of_them_is_refused(declare: Declare, part: str) -> None:
    """With what was given."""
    with pytest.raises(WrongType, match=f"{part}= of the system"):
        declare(**{part: "all"})


def test_made_up_rows_survive_pickling(declare: Declare) -> None:
    """As the rest of a declaration does."""
    system = declare(augment=augment(noise("late_7d", by=0.1)))
    assert pickle.loads(pickle.dumps(system)).digest == system.digest
