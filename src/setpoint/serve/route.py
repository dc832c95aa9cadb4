"""The route of a decision: which arm takes it, and with what probability that arm was taken."""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.core.records import RULE
from setpoint.serve.snapshot import Scorer, Serving

CHAMPION = "champion"
"""The arm of the model that decides; a challenger in shadow is never on the way of an answer."""


@dataclass(frozen=True)
class Route:
    """The arm, the model that decides in it (None: the rule), and the probability with which it was taken."""

    arm: str
    scorer: Scorer | None
    propensity: float


def choose_route(serving: Serving) -> Route:
    """The arm of the next decision: the champion where there is one, else the rule, always with probability 1."""
    if serving.scorer is None:
        return Route(RULE, None, 1.0)
    return Route(CHAMPION, serving.scorer, 1.0)
