"""How a goal is framed: the same decisions by models that are asked another question, compared by what they are worth.

Of two classes: a probability with the threshold that the declared costs give (Elkan 2001), the gain of acting
predicted as a number, and the probability times a predicted cost (Zadrozny and Elkan 2001, "Learning and making
decisions when costs and probabilities are both unknown"). Of numbers whose errors cost something: the mean, the median,
and the quantile at which being over and under cost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from setpoint.core.errors import DataError
from setpoint.core.ports import Learner
from setpoint.declare.error_cost import NumberCost
from setpoint.declare.expr import Column
from setpoint.declare.goal import Metric
from setpoint.declare.goal_kind import BINARY, NUMBERS, REGRESSION
from setpoint.declare.plan import Plan
from setpoint.learn.added import Added
from setpoint.learn.kinds.fit import KindFit
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.origins import Origin, places_of
from setpoint.learn.propose import portfolio
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.scored import PER, Bench, Scored
from setpoint.learn.sides import Examples, Matrices, Sides, encode
from setpoint.learn.threshold import Costs, costs_of
from setpoint.learn.train import settle
from setpoint.learn.trainer import Settled, Side, Trainer
from setpoint.measure.intervals import Interval

THRESHOLD, AMOUNT, PRODUCT = "threshold", "amount", "chance times amount"
FIXED = 4
"""Recipes of numbers that are tried for each framing, the first of each learner by turns."""
BUSINESS = Metric("business")
LEAST_EVENTS = 20
"""Fewer rows than this that a cost is known of do not say what it depends on."""


@dataclass(frozen=True)
class Framing:
    """One framing: what 1000 decisions by it are worth, and what they are worth more than by the first."""

    name: str
    how: str
    acts: float
    value: Interval
    difference: Interval

    def to_dict(self) -> dict[str, Any]:
        """The framing as JSON-like data."""
        return {
            "name": self.name,
            "how": self.how,
            "acts": self.acts,
            "value": self.value.to_dict(),
            "difference": self.difference.to_dict(),
        }


@dataclass(frozen=True)
class Framings:
    """Framings on the same decisions, the declared one first; `best` is the one that is shown worth more, if any."""

    unit: str
    rows: int
    days: int
    blocks: int
    each: tuple[Framing, ...]
    best: str
    because: str

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-like data."""
        return {
            "unit": self.unit,
            "rows": self.rows,
            "days": self.days,
            "blocks": self.blocks,
            "framings": [one.to_dict() for one in self.each],
            "best": self.best,
            "because": self.because,
        }


def check_framings(plan: Plan) -> None:
    """Raises DataError for a goal that there is one framing of."""
    kind, goal = plan.system.kind, plan.system.goal
    if kind == BINARY or (kind in NUMBERS and isinstance(goal.errors, NumberCost)):
        return
    raise DataError(
        f"The goal is of kind {kind!r}, and nothing says what decisions by another framing of it would be worth.",
        expected="a goal of two classes, or of a number with cost=sp.cost(over=..., under=...)",
    )


def compare_framings(
    plan: Plan,
    trainer: Trainer,
    sides: Sides,
    origins: Sequence[Origin],
    *,
    learners: Mapping[str, Learner],
    recipe: Recipe,
    seed: int,
) -> Framings:
    """What decisions by each framing are worth on blocks of newer rows, all fitted on the same older rows.

    Differences to the declared framing are paired, with 95 % intervals that take rows of a day to be alike.
    """
    check_framings(plan)
    of_one = _of_actions if plan.system.kind == BINARY else _of_numbers
    made: dict[str, list[Scored]] = {}
    how: dict[str, str] = {}
    for origin in origins:
        side = Side(origin.sides, encode(plan, origin.sides), Added(origin.sides.given))
        settled = settle(trainer, side, trainer.fit(side.matrices, origin.sides, recipe=recipe))
        for name, (words, scored) in of_one(plan, trainer, side, settled, learners, seed).items():
            made.setdefault(name, []).append(scored)
            how[name] = words
    rows = sides.rows.take(places_of(origins))
    # Values are told with the decisions: which outcome a row has is no part of what is compared.
    bench = replace(trainer.bench(replace(rows, y=np.zeros(rows.y.size))), kind=None)
    whole = {name: _joined(name, parts) for name, parts in made.items() if len(parts) == len(origins)}
    first = next(iter(whole.values()))
    each = tuple(_framing(name, how[name], bench, first, scored) for name, scored in whole.items())
    best, because = _verdict(each, plan.system.goal.business)
    days = int(np.unique(bench.rows.days).size)
    return Framings(plan.system.goal.business, bench.rows.y.size, days, len(origins), each, best, because)


Made = dict[str, tuple[str, Scored]]


def _of_actions(
    plan: Plan, trainer: Trainer, side: Side, settled: Settled, learners: Mapping[str, Learner], seed: int
) -> Made:
    """The actions of each framing on the block's rows."""
    goal, sides, threshold = plan.system.goal, side.sides, settled.threshold
    block = sides.held_out
    declared = trainer.decide(settled.scorer, block, name=THRESHOLD)
    held = costs_of(goal, block, threshold)
    costs = costs_of(goal, sides.rows, threshold)
    gain = costs.value(np.ones(sides.rows.y.size, dtype=bool), sides.rows.y)
    number = _numbers(learners, seed, plan)
    found = {
        THRESHOLD: ("acts where the probability reaches what the costs give", declared),
        AMOUNT: (
            "acts where the gain of acting, predicted as a number, is above 0",
            _acting(AMOUNT, number(side.matrices, _with(sides, gain)) > 0, block, held),
        ),
    }
    if isinstance(goal.cost.false_negative, Column) or isinstance(goal.cost.false_positive, Column):
        missed = _known_cost(costs.false_negative, sides, number, side.matrices, sides.rows.y > 0)
        vain = _known_cost(costs.false_positive, sides, number, side.matrices, sides.rows.y <= 0)
        if missed is not None and vain is not None:
            acts = declared.p * np.maximum(missed, 0) > (1 - declared.p) * np.maximum(vain, 0)
            words = "acts where the probability times the predicted cost of a miss is above that of acting in vain"
            found[PRODUCT] = (words, _acting(PRODUCT, acts, block, held))
    return found


def _of_numbers(
    plan: Plan, trainer: Trainer, side: Side, settled: Settled, learners: Mapping[str, Learner], seed: int
) -> Made:
    """The predictions of each framing for the block's rows, by the worth of their errors."""
    errors, sides = plan.system.goal.errors, side.sides
    assert isinstance(errors, NumberCost)
    block = sides.held_out
    declared = trainer.decide(settled.scorer, block, name="declared")
    q = errors.quantile
    able: dict[str, tuple[str, Regression | Quantile]] = {
        "mean": ("predicts the mean", Regression(Metric("rmse"), errors)),
        "median": ("predicts the median", Regression(Metric("mae"), errors)),
        f"quantile {q:.3g}": ("predicts the quantile that the costs give", Quantile(Metric("pinball", q), errors)),
    }
    found: Made = {"declared": (f"predicts for {plan.system.goal.metric}", declared)}
    for name, (words, kind) in able.items():
        fitted = _search(kind, learners, seed, plan, side.matrices, sides)
        worth = kind.value(block, fitted)
        assert worth is not None
        found[name] = words, Scored(name, fitted, np.zeros(block.y.size, dtype=bool), worth)
    return found


Number = Callable[[Matrices, Sides], np.ndarray]


def _numbers(learners: Mapping[str, Learner], seed: int, plan: Plan) -> Number:
    """How numbers are predicted for the block's rows: the best of a few recipes by squared error."""
    kind = Regression(Metric("rmse"))
    return lambda matrices, sides: _search(kind, learners, seed, plan, matrices, sides)


def _search(
    kind: Kind, learners: Mapping[str, Learner], seed: int, plan: Plan, matrices: Matrices, sides: Sides
) -> np.ndarray:
    fits, best = KindFit(kind, learners, seed), None
    for recipe in islice(portfolio(fits.able, plan.rounds), FIXED):
        found: Fitted = fits.fit(matrices, sides, recipe=recipe)
        if best is None or fits.better(sides.validation, best.validated, found.validated):
            best = found
    assert best is not None
    return best.model.predict(matrices.held_out)


def _known_cost(
    cost: np.ndarray, sides: Sides, number: Number, matrices: Matrices, known: np.ndarray
) -> np.ndarray | None:
    """The cost that rows of one outcome would have, predicted from those that had it; None where these are few."""
    older, newer = sides.split.train, sides.split.validation
    if min(known[older].sum(), known[newer].sum()) < LEAST_EVENTS:
        return None
    if np.ptp(cost[older][known[older]]) == 0:
        return np.full(sides.split.held_out.size, cost[older][known[older]][0])
    weighed = replace(_with(sides, cost).rows, weight=sides.rows.weight)
    kept_older, kept_newer = older[known[older]], newer[known[newer]]
    part = replace(
        sides, rows=weighed, split=replace(sides.split, train=kept_older, validation=kept_newer), kind=REGRESSION
    )
    some = Matrices(
        matrices.encoder,
        matrices.train[known[older]],
        matrices.validation[known[newer]],
        matrices.held_out,
        matrices.train[known[older]],
    )
    return number(some, part)


def _with(sides: Sides, y: np.ndarray) -> Sides:
    """The same sides with another outcome: a number."""
    return replace(sides, rows=replace(sides.rows, y=y), fitting=None, kind=REGRESSION)


def _acting(name: str, acted: np.ndarray, rows: Examples, costs: Costs) -> Scored:
    return Scored(name, acted.astype(np.float64), acted, PER * costs.value(acted, rows.y))


def _joined(name: str, parts: Sequence[Scored]) -> Scored:
    p, acted, value = (np.concatenate([getattr(one, part) for one in parts]) for part in ("p", "acted", "value"))
    return Scored(name, p, acted, value)


def _framing(name: str, how: str, bench: Bench, first: Scored, scored: Scored) -> Framing:
    return Framing(
        name,
        how,
        float(np.average(scored.acted, weights=bench.rows.weight)),
        bench.interval(BUSINESS, scored, level=0.95),
        bench.difference(BUSINESS, first, scored, level=0.95),
    )


def _verdict(each: Sequence[Framing], unit: str) -> tuple[str, str]:
    """The framing that is shown worth more than the declared one, by most; else the declared one, and why."""
    declared, *others = each
    shown = [one for one in others if one.difference.low > 0]
    if shown:
        best = max(shown, key=lambda one: one.difference.estimate)
        return best.name, f"{_words(best, unit)}: shown worth more than {declared.name!r}"
    closest = max(others, key=lambda one: one.difference.estimate)
    if closest.difference.high < 0:
        return declared.name, f"{_words(closest, unit)}: shown worth less, and so is every other framing"
    return declared.name, f"{_words(closest, unit)}: no other framing is shown worth more"


def _words(one: Framing, unit: str) -> str:
    found = one.difference
    return (
        f"{one.name!r} gains {found.estimate:+.4g} {unit} per 1000 decisions "
        f"(95 % interval {found.low:+.4g} to {found.high:+.4g})"
    )
