"""Putting an ensemble together: its members and their weights, and whether it is better than the best single model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from setpoint.core.errors import NothingYet
from setpoint.declare.ensemble import Ensemble
from setpoint.declare.goal import Metric
from setpoint.declare.plan import Plan
from setpoint.learn.ensemble import BAG, BIAS, MEMBERS, NAME, SINGLE, WEIGHTS, EnsembleLearner
from setpoint.learn.ensemble_weights import check_apart, greedy_weights, stacked_weights
from setpoint.learn.fit import ONE_ERROR
from setpoint.learn.origins import as_scored, places_of, rolling_origins, scores_on, trial_metric
from setpoint.learn.pooled import NUMBER, OF_KIND, scores_of
from setpoint.learn.propose import portfolio
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Sides
from setpoint.learn.trainer import Side, Trainer
from setpoint.measure.intervals import Interval

Pace = Callable[[Scorer], float]
"""Gives the microseconds that a scorer takes for one row."""


@dataclass(frozen=True)
class Assembled:
    """What became of an ensemble, and why.

    `members` are its learners with their weights. `gained` is what it gained over the best single model on the
    validation rows (one standard error), `held_out` on the held-out ones (90 %), in the goal's metric; `cost` sets both
    side by side: megabytes, and microseconds for one row where that is measured.
    """

    method: str
    members: tuple[tuple[str, float], ...]
    taken: bool
    reason: str
    gained: Interval | None = None
    metric: str = ""
    held_out: Interval | None = None
    cost: tuple[tuple[str, float, float], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What a person reads of it."""
        told = [self.reason]
        if self.held_out is not None:
            gained = self.held_out
            shown = f"{gained.estimate:+.4g} (90 % interval {gained.low:+.4g} to {gained.high:+.4g})"
            told.append(f"against the best single model on held-out rows: {self.metric} {shown}")
        told += [f"{what}: {ours:.3g}, of the best single model {theirs:.3g}" for what, ours, theirs in self.cost]
        return tuple(told)

    def to_dict(self) -> dict[str, Any]:
        """The ensemble as JSON-like data."""
        return {
            "words": list(self.words),
            "method": self.method,
            "members": [list(member) for member in self.members],
            "taken": self.taken,
            "reason": self.reason,
            "gained": None if self.gained is None else self.gained.to_dict(),
            "metric": self.metric,
            "held_out": None if self.held_out is None else self.held_out.to_dict(),
            "cost": [{"what": what, "ensemble": ours, "single": theirs} for what, ours, theirs in self.cost],
        }


@dataclass(frozen=True)
class Attempt:
    """An ensemble that was tried: what became of it, what is trained on, and the best single model beside it."""

    told: Assembled
    fitted: Fitted = field(repr=False)
    single: Fitted = field(repr=False)


def assembling(plan: Plan, trainer: Trainer) -> Trainer:
    """The trainer that can also fit ensembles of its learners, where the plan has one."""
    if plan.system.ensemble is None:
        return trainer
    return trainer.with_learner(EnsembleLearner(trainer.able))


def try_ensemble(plan: Plan, trainer: Trainer, side: Side, found: Fitted, asked: Ensemble) -> Attempt:
    """An ensemble beside the best single model; taken where it is better on the validation rows.

    Better is by more than a standard error, clustered by day, as one recipe replaces another in a search. An ensemble
    that was put together at an earlier training stands, and is compared all the same.
    """
    told = Assembled(asked.method, (), False, "")
    if found.recipe.learner == NAME:
        together, single = found, trainer.fit(side.matrices, side.sides, recipe=_single_of(found.recipe))
    else:
        single = found
        try:
            recipe = _recipe(plan, trainer, side.sides, single, asked)
        except NothingYet as error:
            return Attempt(replace(told, reason=f"the best single model: {error.problem}"), found, found)
        if recipe is None:
            reason = f"the best single model: {asked.method} gives all weight to one"
            return Attempt(replace(told, reason=reason), found, found)
        together = trainer.fit(side.matrices, side.sides, recipe=recipe)
    bench = trainer.bench(side.sides.validation)
    metric = trial_metric(plan, bench)
    gained = bench.difference(
        metric,
        as_scored("single", single.probabilities),
        as_scored("together", together.probabilities),
        level=ONE_ERROR,
    )
    better = gained.low > 0 if metric.greater_is_better else gained.high < 0
    members = tuple(
        (member["learner"], float(weight))
        for member, weight in zip(together.recipe.parameters[MEMBERS], together.recipe.parameters[WEIGHTS], strict=True)
    )
    shown = f"{metric} {gained.estimate:+.4g} on validation rows (one standard error: {gained.low:+.4g} to "
    shown += f"{gained.high:+.4g})"
    taken = better or found.recipe.learner == NAME
    words = f"{asked.method} of {len(members)} models" + ("" if better else ", put together at an earlier training")
    reason = f"{words if taken else f'the best single model: {asked.method} is not better'}: {shown}"
    told = replace(told, members=members, taken=taken, reason=reason, gained=gained)
    kept = replace(together, trials=found.trials, searched=found.searched) if taken else found
    return Attempt(told, kept, single)


def beside_single(
    told: Assembled,
    bench: Bench,
    metric: Metric,
    *,
    ours: Scored,
    theirs: Scored,
    scorers: tuple[Scorer, Scorer],
    pace: Pace | None,
) -> Assembled:
    """The ensemble with what it gained on held-out rows, and with what it costs beside the best single model."""
    together, single = scorers
    cost = [("MB", together.size_mb, single.size_mb)]
    if pace is not None:
        cost.append(("microseconds for one row", pace(together), pace(single)))
    return replace(told, metric=str(metric), held_out=bench.difference(metric, theirs, ours), cost=tuple(cost))


def _single_of(recipe: Recipe) -> Recipe:
    return Recipe.from_dict(recipe.parameters[SINGLE])


def _recipe(plan: Plan, trainer: Trainer, sides: Sides, single: Fitted, asked: Ensemble) -> Recipe | None:
    """The recipe of an ensemble; None where one member would have all the weight."""
    if asked.method == "bagging":
        return _written([single.recipe] * asked.members, np.full(asked.members, 1 / asked.members), single, bag=True)
    recipes = _library(plan, trainer, sides, single, asked.members)
    early = replace(sides, split=replace(sides.split, validation=np.zeros(0, dtype=np.intp)))  # which compares them
    origins = rolling_origins(plan, early)
    check_apart(plan, origins)
    rows = sides.rows.take(places_of(origins))
    scale = OF_KIND.get(plan.system.kind, NUMBER)
    scores = np.stack([scores_of(scores_on(trainer, origins, each, plan=plan), scale) for each in recipes])
    bias = 0.0
    if asked.method == "greedy":
        bench = trainer.bench(rows)
        metric = trial_metric(plan, bench)
        sign = 1.0 if metric.greater_is_better else -1.0
        weights = greedy_weights(scores, lambda made: sign * bench.value(metric, as_scored("made", made)), scale)
    else:
        loss = trainer.row_loss
        assert loss is not None, "rankings are refused by the declaration"
        weights, bias = stacked_weights(
            scores, lambda made: float(np.average(loss.of(rows.y, made), weights=rows.weight)), scale
        )
    kept = np.flatnonzero(weights > 0).tolist()
    if len(kept) < 2:
        return None
    return _written([recipes[place] for place in kept], weights[kept], single, bias=bias)


def _library(plan: Plan, trainer: Trainer, sides: Sides, single: Fitted, most: int) -> list[Recipe]:
    """The recipes that may become members: the best single one, and the best of those that were tried, or the first."""
    sign = -1.0 if trial_metric(plan, trainer.bench(sides.validation)).greater_is_better else 1.0
    known = sorted((each for each in single.trials if np.isfinite(each.value)), key=lambda each: sign * each.value)
    told = [each.recipe for each in known] or list(portfolio(trainer.able, plan.rounds))
    return list({each.digest: each for each in (single.recipe, *told)}.values())[:most]


def _written(
    recipes: list[Recipe], weights: np.ndarray, single: Fitted, *, bias: float = 0.0, bag: bool = False
) -> Recipe:
    """The recipe of an ensemble of these members."""
    told = {
        MEMBERS: [each.to_dict() for each in recipes],
        WEIGHTS: [float(each) for each in weights],
        BIAS: bias,
        BAG: bag,
        SINGLE: single.recipe.to_dict(),
    }
    return Recipe(NAME, told)
