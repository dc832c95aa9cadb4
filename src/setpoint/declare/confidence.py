"""How sure a decision says it is, when it is left to a person or the rule, and what of a request can be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, WrongType

PERSON, BY_RULE = "person", "rule"
"""Who decides instead of the model."""
UP, DOWN, EITHER = "up", "down", "any"
"""In which direction a feature can be changed."""


@dataclass(frozen=True)
class Conformal:
    """The share of outcomes that sets of classes or intervals of numbers are to hold, within each group of `by`."""

    level: float
    by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The promise as JSON-like data."""
        return {"level": self.level, "by": self.by}


def conformal(level: float = 0.9, *, by: str | None = None) -> Conformal:
    """Sets of classes, or intervals of numbers, that hold the outcome as often as `level` says.

    Split conformal prediction (Vovk, Gammerman and Shafer 2005), calibrated on the newest decisions that the model did
    not learn from. With `by`, a request field or feature, the promise holds within each of its values (Mondrian).

    >>> conformal(0.9, by="country")
    Conformal(level=0.9, by='country')
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise DeclarationError(f"conformal({level!r}).", expected="a level between 0 and 1, such as 0.9")
    if by is not None and not isinstance(by, str):
        raise WrongType(f"conformal(by={by!r}).", expected="the name of a request field or feature")
    return Conformal(float(level), by)


@dataclass(frozen=True)
class Abstain:
    """What it costs to have a decision taken by somebody else, and by whom: "person" or "rule"."""

    cost: float
    to: str = PERSON

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return {"cost": self.cost, "to": self.to}


def abstain(*, cost: float, to: str = PERSON) -> Abstain:
    """A decision that is expected to cost more than `cost` is handed to a person, or to the fallback rule.

    `cost` is in the goal's business unit, errors of who decides instead included. Chow (1970), "On Optimum Recognition
    Error and Reject Tradeoff".

    >>> abstain(cost=1.5).to
    'person'
    """
    if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 <= cost < float("inf"):
        raise DeclarationError(f"abstain(cost={cost!r}).", expected="zero or more, in the goal's business unit")
    if to not in (PERSON, BY_RULE):
        raise DeclarationError(f"abstain(to={to!r}).", expected=f"{PERSON!r} or {BY_RULE!r}")
    return Abstain(float(cost), to)


def changes_allowed(changeable: Sequence[str] | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Each feature that can be changed, with the direction in which it can.

    >>> changes_allowed({"debt": "down", "city": "any"})
    (('debt', 'down'), ('city', 'any'))
    >>> changes_allowed(["debt"])
    (('debt', 'any'),)
    """
    if isinstance(changeable, str) or not all(isinstance(name, str) for name in changeable):
        raise WrongType(
            f"changeable= is {changeable!r}.", expected='names such as ["debt"], or {"debt": "down", "city": "any"}'
        )
    found = changeable if isinstance(changeable, Mapping) else dict.fromkeys(changeable, EITHER)
    for name, way in found.items():
        if way not in (UP, DOWN, EITHER):
            raise DeclarationError(
                f"changeable= says {way!r} of {name!r}.",
                expected=f"{UP!r}, {DOWN!r} or {EITHER!r}",
                hint="Leave out what cannot be changed.",
            )
    return tuple(found.items())
