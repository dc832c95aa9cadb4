"""Several models as one: opt-in, since it costs as much more as it has members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args
from typing import Literal as Choose

from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.goal_kind import RANKING

Method = Choose["bagging", "greedy", "stacking"]
METHODS: tuple[str, ...] = get_args(Method)
MOST = 50


@dataclass(frozen=True)
class Ensemble:
    """How several models become one, and of how many at most."""

    method: Method
    members: int

    def __str__(self) -> str:
        return f"{self.method} of up to {self.members} models" if self.method != "bagging" else f"{self.members} bags"

    def to_dict(self) -> dict[str, Any]:
        """The ensemble as JSON-like data."""
        return {"method": self.method, "members": self.members}


def ensemble(method: Method, *, members: int = 8) -> Ensemble:
    """Several models as one, tried beside the best single one and taken where it is better on newer rows.

    bagging   the best recipe again and again, on rows drawn anew in blocks of time; the mean
    greedy    models of several recipes, added one by one as they help most; how often each was is its weight
    stacking  models of several recipes, with the weights that lose least

    Weights are learned from predictions of rows that are newer than all that a model has seen.

    >>> ensemble("bagging", members=5)
    Ensemble(method='bagging', members=5)
    """
    if method not in METHODS:
        raise WrongType(f"ensemble({method!r}).", expected=" or ".join(f'"{name}"' for name in METHODS))
    if isinstance(members, bool) or not isinstance(members, int) or not 2 <= members <= MOST:
        raise DeclarationError(f"ensemble(members={members!r}).", expected=f"a whole number from 2 to {MOST}")
    return Ensemble(method, members)


def check_ensemble(system: str, given: object, kind: str) -> Ensemble | None:
    """What a system says of an ensemble; raises DeclarationError for a goal for which it means nothing."""
    if given is None or (isinstance(given, Ensemble) and (kind != RANKING or given.method == "bagging")):
        return given
    if not isinstance(given, Ensemble):
        raise WrongType(f"ensemble= of the system {system!r} is {given!r}.", expected='sp.ensemble("bagging")')
    raise DeclarationError(
        f"The goal of the system {system!r} is a ranking, of which scores of several learners have no common scale.",
        expected='sp.ensemble("bagging")',
    )
