"""Expectations of behaviour as they are declared: what they say, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, SetpointError, WrongType
from tests.unit.learn.world import make_system, make_world_plan

ONE_ROW: Any = {"total": 1}
EXPECTED = [
    sp.same_if_changed("country", values=["at", "de"]),
    sp.never_falls_when_raised("total"),
    sp.steady_under("missing", on=["avg_30d"], drop=0.02),
    sp.must_decide([{"total": 900, "country": "de"}], "block"),
]


def test_a_goal_keeps_what_is_expected_and_its_digest_says_so() -> None:
    """Each expectation is a line of the declaration and of the plan; without any nothing changes."""
    system, plain = make_system(behaves=EXPECTED), make_system()
    assert system.goal.behaves == tuple(EXPECTED)
    assert system.digest != plain.digest
    assert "behaves" not in plain.goal.to_dict()
    assert [each["behaviour"] for each in system.goal.to_dict()["behaves"]] == [
        "same_if_changed",
        "never_falls_when_raised",
        "steady_under",
        "must_decide",
    ]
    told = {choice.name: choice.value for choice in make_world_plan(behaves=EXPECTED).choices}
    assert told["behaviour"].startswith("same_if_changed('country'); never_falls_when_raised('total'); steady_under(")


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (sp.never_falls_when_raised("totl"), NameUnknown, "totl"),
        (sp.must_decide([{"totl": 1}], "block"), NameUnknown, "totl"),
        (sp.must_decide([{"total": 1}], "blok"), NameUnknown, "blok"),
        (sp.never_falls_when_raised("country"), WrongType, "'country' is a text"),
        (sp.same_if_changed("total", values=["x"]), WrongType, "'total' is a number, not 'x'"),
        (sp.steady_under("typos", on=["total"]), WrongType, "'total' is a number"),
        (sp.must_decide([{"country": 3}], "block"), WrongType, "'country' is a text, not 3"),
    ],
)
def test_what_a_system_does_not_have_is_refused(behaviour: Any, error: type[SetpointError], words: str) -> None:
    """Names, actions and kinds are checked before anything is trained."""
    with pytest.raises(error, match=words):
        make_world_plan(behaves=[behaviour])


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: sp.same_if_changed("x", values="ab"), "values='ab'"),
        (lambda: sp.same_if_changed("x", by=-1), "by=-1"),
        (lambda: sp.never_falls_when_raised("x", at_most=1), "at_most=1"),
        (lambda: sp.never_falls_when_raised("x", at_most=0), "no sample shows that there is none"),
        (lambda: sp.never_falls_when_raised(""), "names ''"),
        (lambda: sp.steady_under("rain"), "rain"),
        (lambda: sp.steady_under("typos", size=2), "size=2"),
        (lambda: sp.steady_under("noise", on="total"), "on='total'"),
        (lambda: sp.must_decide([], "block"), "no rows"),
        (lambda: sp.must_decide(ONE_ROW, "block"), "has the rows"),
        (lambda: sp.must_decide([{}], "block"), "the row {}"),
        (lambda: sp.must_decide([{"total": float("nan")}], "block"), "nan"),
        (lambda: make_system(behaves=["never falls"]), "behaves= holds 'never falls'"),
    ],
)
def test_what_cannot_be_meant_is_refused(declare: Callable[[], Any], words: str) -> None:
    """With what was said, and what was expected."""
    with pytest.raises((DeclarationError, WrongType, NameUnknown)) as refused:
        declare()
    assert words in str(refused.value)
