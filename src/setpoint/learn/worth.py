"""What can be known before anything is trained: whether labels suffice, and how much any model could gain at most."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.core.errors import NothingYet
from setpoint.declare.goal import Metric
from setpoint.declare.goal_kind import BINARY
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.baselines import fallback_rule
from setpoint.learn.kinds.baselines import fallback_of_kind
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples, Sides, divide
from setpoint.learn.threshold import choose_threshold, costs_of
from setpoint.learn.upkeep import Upkeep, upkeep_of
from setpoint.learn.use_rule import NOT_YET, RULE
from setpoint.measure.intervals import Interval

TRAIN = "train"
"""The verdict where a model could gain: training one says whether it does."""
BUSINESS = Metric("business")


@dataclass(frozen=True)
class Worth:
    """What labels, rule, costs and value say before a training.

    `simple` is what 1000 decisions by each simple answer are worth; `headroom` what perfect foresight gains over the
    best of them, which is the most that any model can. Both are None where the goal prices nothing, or labels are few.
    """

    verdict: str
    reason: str
    labels: int
    simple: tuple[tuple[str, Interval], ...] = ()
    headroom: Interval | None = None
    upkeep: Upkeep | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "labels": self.labels,
            "simple": [{"name": name, "value": value.to_dict()} for name, value in self.simple],
            "headroom": None if self.headroom is None else self.headroom.to_dict(),
            "upkeep": None if self.upkeep is None else {"per_1000": self.upkeep.per_1000, "words": self.upkeep.words},
        }


def worth_before(plan: Plan, examples: TrainingSet, *, seed: int) -> Worth:
    """Whether it is worth training at all, by the newest decisions with a label, which the gate would judge by.

    not yet  there are too few labels, or of one class only
    rule     perfect foresight would gain no more than a model costs, so that no model can
    train    it could gain: only a training says whether one does
    """
    labels = int(examples.usable.sum())
    try:
        sides = divide(plan, examples)
    except NothingYet as error:
        return Worth(NOT_YET, f"{error.problem} Needed: {error.expected}.", labels)
    unit = plan.system.goal.business
    decided = _of_actions(plan, sides) if plan.system.kind == BINARY else _of_kind(plan, sides)
    if not decided:
        return Worth(
            TRAIN, f"{labels:,} labels suffice to train; the goal prices nothing, so only a model can say", labels
        )
    *answers, perfect = decided
    rows = sides.held_out
    bench = Bench(replace(rows, y=np.zeros(rows.y.size)), plan.draws, seed)
    simple = tuple((each.name, bench.interval(BUSINESS, each, level=0.95)) for each in answers)
    best = answers[int(np.argmax([value.estimate for _, value in simple]))]
    headroom = bench.difference(BUSINESS, best, perfect, level=0.95)
    upkeep = upkeep_of(plan, rows.at)
    cost = 0.0 if upkeep is None else upkeep.per_1000
    most = headroom.high if math.isfinite(headroom.high) else headroom.estimate
    told = f"perfect foresight would gain {headroom.estimate:.4g} {unit} per 1000 decisions over {best.name!r}"
    told += f" (95 % interval {headroom.low:.4g} to {headroom.high:.4g})" if math.isfinite(headroom.low) else ""
    why = "" if upkeep is None else f"; {upkeep.words}"
    if headroom.estimate > cost:
        verdict, then = TRAIN, "that is the most that a model can gain"
    else:
        verdict, then = RULE, "no model can gain more" if upkeep is None else "no model can be worth what it costs"
        then += "" if most <= cost else ", by estimate"
    return Worth(verdict, f"{told}: {then}{why}", labels, simple, headroom, upkeep)


def _of_actions(plan: Plan, sides: Sides) -> list[Scored]:
    """Never acting, always acting, the rule, and acting just where it pays, on the held-out rows."""
    goal, rows = plan.system.goal, sides.held_out
    costs = costs_of(goal, rows, choose_threshold(goal, sides.representative))
    half, gain = np.full(rows.y.size, 0.5), costs.value(np.ones(rows.y.size, dtype=bool), rows.y)
    answers = {
        "never acting": np.zeros(rows.y.size),
        "always acting": np.ones(rows.y.size),
        "fallback rule": fallback_rule(plan, rows).scores,
        "perfect foresight": (gain > 0).astype(np.float64),
    }
    return [act_on(name, scores, half, y=rows.y, costs=costs) for name, scores in answers.items()]


def _of_kind(plan: Plan, sides: Sides) -> list[Scored]:
    """One answer for all, the rule where one is declared, and the outcomes themselves; nothing where none is priced."""
    kind, rows = kind_of_plan(plan), sides.held_out
    one = kind.constant(sides.train)[1]
    answers = {"one answer for all": np.tile(one, (rows.y.size, *[1] * one.ndim)).reshape(-1, *one.shape)}
    if plan.system.release.fallback.stated:
        answers["fallback rule"] = fallback_of_kind(plan, kind, sides).scores
    found = [_priced(name, kind.value(rows, predicted), rows) for name, predicted in answers.items()]
    perfect = Scored("perfect foresight", rows.y, rows.y > 0, np.zeros(rows.y.size))
    return [*[each for each in found if each is not None], perfect] if all(found) else []


def _priced(name: str, value: np.ndarray | None, rows: Examples) -> Scored | None:
    return None if value is None else Scored(name, rows.y, rows.y > 0, value)
