"""What errors cost where a goal is not of two classes: by how far a number is off, or by which class was missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, WrongType


@dataclass(frozen=True)
class NumberCost:
    """What one unit costs that a prediction is over its outcome, and under it."""

    over: float
    under: float

    @property
    def quantile(self) -> float:
        """The quantile of the outcome that costs least: under / (over + under), the newsvendor's (Arrow et al. 1951).

        >>> NumberCost(over=1.0, under=4.0).quantile
        0.8
        """
        return self.under / (self.over + self.under)

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON-like data."""
        return {"over": self.over, "under": self.under}


@dataclass(frozen=True)
class ClassCost:
    """What it costs to miss a class: by the class that it was, or one cost for all."""

    wrong: float | tuple[tuple[str, float], ...]

    def of(self, classes: tuple[str, ...]) -> tuple[float, ...]:
        """The cost of missing each class.

        >>> ClassCost((("b", 3.0), ("a", 1.0))).of(("a", "b"))
        (1.0, 3.0)
        """
        if isinstance(self.wrong, tuple):
            each = dict(self.wrong)
            return tuple(each[name] for name in classes)
        return tuple(self.wrong for _ in classes)

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON-like data."""
        return {"wrong": dict(self.wrong) if isinstance(self.wrong, tuple) else self.wrong}


def number_cost(over: object, under: object) -> NumberCost:
    """The costs of a number that is off; raises WrongType or DeclarationError for what is none.

    >>> number_cost(1, 4)
    NumberCost(over=1.0, under=4.0)
    """
    found = NumberCost(_price("over", over), _price("under", under))
    if found.over + found.under == 0:
        raise DeclarationError(f"cost(over={over!r}, under={under!r}).", expected="one of the two above zero")
    return found


def class_cost(wrong: object) -> ClassCost:
    """The cost of a missed class; raises WrongType or DeclarationError for what is none.

    >>> class_cost({"broken": 20}).to_dict()
    {'wrong': {'broken': 20.0}}
    """
    if not isinstance(wrong, Mapping):
        return ClassCost(_price("wrong", wrong))
    if not wrong or not all(isinstance(name, str) for name in wrong):
        raise WrongType(f"cost(wrong={wrong!r}).", expected="a number, or a number for each class")
    return ClassCost(tuple((name, _price(f"wrong of {name!r}", price)) for name, price in wrong.items()))


def _price(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongType(f"cost({name}={value!r}).", expected="a number")
    if not 0 <= value < float("inf"):
        raise DeclarationError(f"cost({name}={value!r}).", expected="zero or more")
    return float(value)
