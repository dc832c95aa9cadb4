"""Attributes that a goal protects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown

Declare = Callable[..., sp.System]


def goal(protect: Any) -> Any:
    """A goal that protects these attributes."""
    cost = sp.cost(false_positive=1, false_negative=1)
    return sp.goal(sp.auc(), business="minutes", act=sp.act("warn"), cost=cost, protect=protect)


def test_names_or_shares_of_the_population() -> None:
    """Both are kept, and are part of what is declared."""
    assert goal(["sex"]).to_dict()["protect"] == [{"name": "sex", "margins": {}}]
    shares = {"f": 0.51, "m": 0.49}
    assert goal({"sex": shares, "race": None}).to_dict()["protect"][0] == {"name": "sex", "margins": shares}
    assert "protect" not in goal([]).to_dict()


@pytest.mark.parametrize(
    ("protect", "words"),
    [
        ("sex", "protect= is 'sex'"),
        ([1], "protect= is"),
        ({"sex": {"f": 0.5, "m": 0.4}}, "add up to 1"),
        ({"sex": {"f": -0.5, "m": 1.5}}, "from 0"),
        ({"sex": {"f": "half"}}, "the shares"),
        ({"sex": {}}, "add up to 1"),
    ],
)
def test_what_cannot_be_protected_is_refused(protect: Any, words: str) -> None:
    """With what was given."""
    with pytest.raises(DeclarationError, match=words):
        goal(protect)


def test_an_attribute_is_a_field_or_a_feature(declare: Declare) -> None:
    """One that nothing has is refused."""
    with pytest.raises(NameUnknown, match="Did you mean 'origin'"):
        declare(goal=goal(["orign"]))
