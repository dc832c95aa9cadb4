"""Rolling origins: parts of the time before what is held out, on which a training is repeated as if it were then.

What is tried out (an ensemble's members, features left out, fewer rows) is tried on these: each block of rows is scored
by a model of older rows whose labels had settled before the block begins, and what only the gate may see is not
touched. Tashman (2000), "Out-of-sample tests of forecasting accuracy", International Journal of Forecasting 16(4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from setpoint.core.errors import DataError, NothingYet
from setpoint.data.splits import split_by_time
from setpoint.declare.goal import Metric
from setpoint.declare.plan import Plan
from setpoint.learn.fit import spec_for
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.sides import Sides, encode
from setpoint.learn.trainer import Trainer
from setpoint.measure.intervals import Interval

NEWEST = 0.6
"""The share of the rows before what is held out that the blocks are cut from."""


@dataclass(frozen=True)
class Origin:
    """A training as of a time: its sides, of which `held_out` is the block after that time, at these `places`.

    Places are those of the block's rows among the rows of the sides that it was cut from.
    """

    sides: Sides
    places: np.ndarray


def rolling_origins(plan: Plan, sides: Sides, *, blocks: int = 3) -> tuple[Origin, ...]:
    """The origins of a training's sides, oldest first: the newest rows before what is held out, cut into blocks.

    Rows that a strategy picked train and are never scored; rows that were added are left out. Raises NothingYet where
    fewer than two blocks have rows of both classes on every side.
    """
    known = np.sort(np.concatenate([sides.split.train, sides.split.validation]))
    at, may = sides.rows.at[known], judging(sides, known)
    turns = np.quantile(at[may], 1 - NEWEST * np.arange(blocks, 0, -1) / blocks, method="lower")
    ends = [*turns[1:].tolist(), int(at.max()) + 1]
    found = []
    for begins, until in zip(turns.tolist(), ends, strict=True):
        upto = known[at < until]
        try:
            split = split_by_time(
                sides.rows.at[upto], plan.embargo, validation_share=plan.validation, start=int(begins)
            )
        except DataError:
            continue
        split = replace(split, held_out=split.held_out[judging(sides, upto[split.held_out])])
        part = Sides(sides.rows.take(upto), upto, split, kind=sides.kind)
        if all(_both(part, side) for side in (split.train, split.validation, split.held_out)):
            found.append(Origin(part, upto[split.held_out]))
    if len(found) < 2:
        raise NothingYet(
            f"The {known.size} rows before what is held out give {len(found)} blocks to try on.",
            expected="two blocks or more with rows of both classes before and after each",
            hint="Wait for labels to mature, or decide on a longer history.",
        )
    return tuple(found)


def judging(sides: Sides, places: np.ndarray) -> np.ndarray:
    """Whether each of these rows stands for a decision, as those that a strategy picked do not."""
    if sides.fair_at is None:
        return np.ones(places.size, dtype=bool)
    picked = np.setdiff1d(sides.split.train, sides.split.train[sides.fair_at])
    return ~np.isin(places, picked)


def scores_of(fitted: Fitted, matrix: np.ndarray) -> np.ndarray:
    """What a model says of rows, without what a method against a rare class did to its scores."""
    found = fitted.model.predict(matrix)
    return found if fitted.balance is None else fitted.balance.correction.apply(found)


def scores_on(trainer: Trainer, origins: Sequence[Origin], recipe: Recipe, *, plan: Plan) -> np.ndarray:
    """The scores of all blocks, each by a model of its own origin: those of the rows at `places_of`.

    The features that models read are those of `plan`.
    """
    made = []
    for origin in origins:
        matrices = encode(plan, origin.sides)
        made.append(scores_of(trainer.fit(matrices, origin.sides, recipe=recipe), matrices.held_out))
    return np.concatenate(made)


def places_of(origins: Sequence[Origin]) -> np.ndarray:
    """The places of the rows of all blocks, in order of time."""
    return np.concatenate([origin.places for origin in origins])


def trial_metric(plan: Plan, bench: Bench) -> Metric:
    """The metric by which trainings are compared: the goal's, or what stands for it where it needs a threshold."""
    return Metric(spec_for(plan.system.goal.metric).name) if bench.kind is None else bench.kind.trial


def as_scored(name: str, scores: np.ndarray) -> Scored:
    """Scores as what a model made of rows, for metrics that read nothing else."""
    return Scored(name, scores, np.zeros(len(scores), dtype=bool), np.full(len(scores), np.nan))


def worse_by(bench: Bench, metric: Metric, before: np.ndarray, after: np.ndarray, *, level: float = 0.95) -> Interval:
    """By how much scores became worse on the same rows, with the interval of the difference: above 0 is worse."""
    found = bench.difference(metric, as_scored("before", before), as_scored("after", after), level=level)
    if not metric.greater_is_better:
        return found
    return replace(found, estimate=-found.estimate, low=-found.high, high=-found.low)


def plan_with(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan whose models read these features only."""
    kept = set(names)
    return replace(
        plan,
        features={name: kind for name, kind in plan.features.items() if name in kept},
        inputs=tuple(feature for feature in plan.inputs if feature.name in kept),
    )


def _both(sides: Sides, places: np.ndarray) -> bool:
    two = sides.two.of(sides.rows.y[places])
    return bool(two.size and two.min() < two.max())
