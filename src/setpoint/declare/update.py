"""Whether a retraining also tries to go on from the model that decides, and what that does not go together with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.label import WEIGHTED
from setpoint.declare.sample import Chosen

if TYPE_CHECKING:
    from setpoint.declare.declaration import System

REFIT, CONTINUE, BEST = "refit", "continue", "best"
"""How a model goes on: its leaves are moved, trees or steps are added, or the first of these that its learner has."""


def update_of(given: object) -> str | None:
    """What `update=` of a release says; None: every training begins anew.

    >>> update_of(True), update_of("refit"), update_of(False)
    ('best', 'refit', None)
    """
    if isinstance(given, bool):
        return BEST if given else None
    if given not in (REFIT, CONTINUE):
        raise WrongType(f"release(update={given!r}).", expected='True, False, "refit" or "continue"')
    return str(given)


def check_update(system: System, asked: str | None) -> None:
    """Raises DeclarationError where newer rows alone do not say all that is new.

    That is so where a row that a model has learned from may get another label, another weight or company later.
    """
    if asked is None:
        return
    told = {
        "hand=": system.hand is not None,
        "programs=": system.programs is not None,
        "unlabelled=": system.unlabelled is not None,
        "sample=sp.chosen(...)": isinstance(system.sample, Chosen),
        "mitigate=": system.goal.mitigate is not None,
        'immature="weighted"': system.label.immature == WEIGHTED,
    }
    against = [name for name, there in told.items() if there]
    if against:
        raise DeclarationError(
            f"The system {system.name!r} has {' and '.join(against)}, by which rows that a model has learned from "
            "may count otherwise at the next training; an update learns from newer rows alone.",
            expected="an update where rows keep their labels and weights",
            hint="Leave update= out: every training then begins anew.",
        )
