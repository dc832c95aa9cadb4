"""What it costs to have a model: its trainings and its decisions, for 1000 decisions, in the goal's unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.core.times import DAY, spell
from setpoint.declare.plan import Plan

ALONE = 365 * DAY
"""How long a model is taken to serve where nothing but an alarm replaces it."""


@dataclass(frozen=True)
class Upkeep:
    """What 1000 decisions by a model cost, and what that follows from, in words."""

    per_1000: float
    words: str


def upkeep_of(plan: Plan, at: np.ndarray, *, cpu_seconds: float = 0.0) -> Upkeep | None:
    """What a model of a plan costs, where the goal says; None where it does not.

    `at` are the times of newer decisions, which tell how many there are in a day. Without refresh= a model is taken to
    serve for a year.
    """
    running, refresh = plan.system.goal.running, plan.system.release.refresh
    if running is None or not at.size:
        return None
    serves = refresh or ALONE
    per_day = at.size / max((int(at.max()) - int(at.min())) / DAY, 1.0)
    cost = running.of_1000(decisions=per_day * serves / DAY, cpu_seconds=cpu_seconds)
    told = f"a model costs {cost:.4g} {plan.system.goal.business} per 1000 decisions: {running}"
    told += f", a training every {spell(serves)}" if refresh else ", a training a year"
    told += f", about {per_day:,.0f} decisions a day"
    told += f", {cpu_seconds:.1f} CPU seconds for a training" if running.per_cpu_hour and cpu_seconds else ""
    return Upkeep(cost, told)
