from __future__ import annotations

import copy
import pickle

import pytest

import setpoint as sp
from setpoint.core.digest import digest
from setpoint.core.errors import NaiveTime, WrongType
from setpoint.declare.expr import to_dict
from tests.unit.declare.conftest import arrivals, planes


def test_comparing_builds_an_expression() -> None:
    """Nothing is computed when a declaration is written."""
    assert str((arrivals.arr_delay > 15) & ~(arrivals.carrier == "UA")) == (
        "((arrivals.arr_delay > 15) & not((arrivals.carrier == 'UA')))"
    )


def test_an_expression_has_no_truth_value() -> None:
    """`and`, `if` and `in` are refused with what to write instead."""
    with pytest.raises(WrongType, match="instead of and, or and not"):
        bool(arrivals.arr_delay > 15)
    with pytest.raises(WrongType, match="isin"):
        "UA" in arrivals.carrier  # noqa: B015
    with pytest.raises(WrongType, match="looped"):
        list(arrivals.carrier)


def test_equal_content_has_an_equal_digest_and_identity_is_its_own() -> None:
    """Two equal expressions are different keys with one digest."""
    first, second = arrivals.arr_delay > 15, arrivals.arr_delay > 15
    assert len({first, second}) == 2
    assert digest(to_dict(first)) == digest(to_dict(second))


def test_a_text_beside_a_time_is_a_duration() -> None:
    """Times move by durations written as text; nonsense is refused."""
    assert str(sp.field("sched_dep") - "2h") == "(field('sched_dep') - '2h')"
    with pytest.raises(WrongType, match="is not a duration"):
        sp.field("sched_dep") - "soon"


def test_a_naive_datetime_is_refused() -> None:
    """A constant time names its zone."""
    from datetime import datetime

    with pytest.raises(NaiveTime, match="has no zone"):
        sp.field("sched_dep") > datetime(2013, 1, 1)  # noqa: B015, DTZ001


def test_what_is_no_value_is_refused() -> None:
    """A list or a function cannot be part of an expression."""
    with pytest.raises(WrongType, match="cannot be part"):
        sp.field("a") * [1]


@pytest.mark.parametrize("value", [2**53 + 1, -(2**63) - 1, 10**400])
def test_a_whole_number_that_no_float_is_is_refused(value: int) -> None:
    """It would be compared as another number; one that a float is exactly may be as great as it likes."""
    assert str(sp.field("a") == 2**60) == f"(field('a') == {2**60})"
    with pytest.raises(WrongType, match=r"no 64-bit float is exactly that number.*belongs in a text"):
        sp.field("a") == value  # noqa: B015


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_without_a_value_is_refused(value: float) -> None:
    """No value is infinite, and what has none is NULL."""
    with pytest.raises(WrongType, match=r"write \.is_null"):
        sp.field("a") > value  # noqa: B015


def test_sources_survive_copying_and_pickling() -> None:
    """Names with an underscore are no columns, so that Python's own protocols work."""
    assert copy.deepcopy(planes) is planes
    again = pickle.loads(pickle.dumps(planes))
    assert str(again["any name"]) == "planes.any name"
    with pytest.raises(AttributeError):
        planes._repr_html_  # noqa: B018
