"""The learning curve: what a recipe loses on newer rows when it learns from fewer, and whether to seek rows or models.

The newest half, quarter and eighth of the training rows are those that one would have had who began later; the oldest
ones say what as many rows are worth that are further from the present. Advice follows from the newest: more data, where
twice as many rows are expected to lower the loss; more model, where another recipe is shown to be better on all rows;
neither, where neither is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from setpoint.core.errors import DataError, NothingYet
from setpoint.core.rng import seed_for
from setpoint.data.splits import Split, split_by_time
from setpoint.declare.plan import Plan
from setpoint.learn.origins import judging, scores_of
from setpoint.learn.propose import portfolio
from setpoint.learn.recipe import Recipe
from setpoint.learn.scored import ONE_SIDED
from setpoint.learn.sides import Examples, Sides, encode
from setpoint.learn.trainer import Trainer
from setpoint.measure.bootstrap import percentiles
from setpoint.measure.draws import interval_of
from setpoint.measure.intervals import Interval
from setpoint.measure.power_law import fit_power_laws
from setpoint.measure.resample import Drawn, resample
from setpoint.measure.rows import codes_for
from setpoint.measure.statistic import mean_of

SHARES = (0.125, 0.25, 0.5, 1.0)
NEWEST, OLDEST = "newest", "oldest"
JUDGED = 0.25
"""The share of the rows before what is held out that the curve is judged on: the newest."""
FEWEST = 100
"""Rows of a share that a curve begins with."""
LEAST = 3
"""Points that a law is fitted to."""
OTHERS = 4
"""Other recipes that are tried on all rows."""
WORTH = 0.005
"""A gain of less than this share of the loss is not worth more rows or another model."""
DRAWS = 400
MORE_DATA, MORE_MODEL, NEITHER = "more data", "more model", "neither"


@dataclass(frozen=True)
class Point:
    """A training on some of the rows: how many, from when, the loss on newer rows and on those it learned from."""

    which: str
    rows: int
    span: tuple[int, int]
    loss: Interval
    seen: float

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON-like data."""
        return {
            "which": self.which,
            "rows": self.rows,
            "span": list(self.span),
            "loss": self.loss.to_dict(),
            "seen": self.seen,
        }


@dataclass(frozen=True)
class Other:
    """Another recipe on all rows: by how much more it loses than the recipe of the curve; below 0 is better."""

    recipe: Recipe
    loses: Interval

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-like data."""
        return {"recipe": self.recipe.to_dict(), "loses": self.loses.to_dict()}


@dataclass(frozen=True)
class LearningCurve:
    """The curve, what doubling the rows is expected to gain (90 %), other recipes, and the advice with its reason.

    `aged` is by how much more the oldest half of the rows loses than the newest half, None where there is no half.
    """

    loss: str
    points: tuple[Point, ...]
    doubled: Interval
    others: tuple[Other, ...]
    aged: Interval | None
    advice: str
    because: str
    rows: int
    days: int

    def to_dict(self) -> dict[str, Any]:
        """The curve as JSON-like data."""
        return {
            "loss": self.loss,
            "points": [point.to_dict() for point in self.points],
            "doubled": self.doubled.to_dict(),
            "others": [other.to_dict() for other in self.others],
            "aged": None if self.aged is None else self.aged.to_dict(),
            "advice": self.advice,
            "because": self.because,
            "rows": self.rows,
            "days": self.days,
        }


def check_curve(plan: Plan, sides: Sides) -> None:
    """Raises NothingYet where there are too few rows for the three points of a curve; nothing is trained for that."""
    older, newer = _judged(plan, sides)
    sizes = [round(older.size * share) for share in SHARES]
    parts = [_part(plan, sides, older[older.size - size :], newer) for size in sizes if size >= FEWEST]
    if sum(part is not None for part in parts) < LEAST:
        raise NothingYet(
            f"A learning curve takes trainings on {LEAST} shares of the rows before what is held out and judges; there "
            f"are {older.size} of them.",
            expected=f"shares of {FEWEST} rows or more with rows of both classes",
            hint="Wait for labels to mature, or decide on a longer history.",
        )


def learning_curve(plan: Plan, trainer: Trainer, sides: Sides, *, recipe: Recipe, seed: int) -> LearningCurve:
    """The learning curve of a recipe on the rows before what is held out, judged on the newest of them.

    The law is fitted to each resampling of the judged days, so that its interval is that of what doubling gains.
    Raises NothingYet where there are too few rows for three points, and DataError for goals whose rows lose nothing by
    themselves, which rankings are.
    """
    if trainer.row_loss is None:
        raise DataError(
            f"The rows of a goal of kind {sides.kind!r} lose nothing by themselves.",
            expected="a goal whose metric is a mean over rows",
        )
    check_curve(plan, sides)
    places = older, newer = _judged(plan, sides)
    rows, fits = sides.rows.take(newer), list[_Fit]()
    for which, shares in ((NEWEST, SHARES), (OLDEST, SHARES[:-1])):
        for share in shares:
            size = round(older.size * share)
            some = older[older.size - size :] if which == NEWEST else older[:size]
            made = _fit(plan, trainer, sides, some, newer, recipe=recipe) if size >= FEWEST else None
            if made is not None:
                at = sides.rows.at[some]
                fits.append(_Fit(which, share, size, (int(at.min()), int(at.max())), *made))
    recent = [each for each in fits if each.which == NEWEST]
    drawn = _draws([trainer.row_loss.of(rows.y, each.scores) for each in fits], rows, seed=seed)
    points = tuple(fit.point(_interval(each, rows)) for fit, each in zip(fits, drawn, strict=True))
    doubled = _doubled([each.rows for each in recent], drawn[: len(recent)], rows)
    others = _others(plan, trainer, sides, places, recipe=recipe, scores=recent[-1].scores)
    advice, because = advise(doubled, others, drawn[len(recent) - 1].estimate)
    half = [each for fit, each in zip(fits, drawn, strict=True) if fit.share == 0.5]
    aged = None
    if len(half) == 2:
        aged = _interval(Drawn(half[1].estimate - half[0].estimate, half[1].draws - half[0].draws), rows)
    days = int(np.unique(rows.days).size)
    return LearningCurve(trainer.row_loss.name, points, doubled, others, aged, advice, because, rows.y.size, days)


def advise(doubled: Interval, others: Sequence[Other], loss: float) -> tuple[str, str]:
    """What to seek, and why.

    >>> flat = Interval(0.0001, 0.0, 0.0005, 0.9, 1000, 30, 400, "percentile")
    >>> advise(flat, (), 0.4)[0]
    'neither'
    """
    least = WORTH * abs(loss)
    shown = f"(90 % interval {doubled.low:.3g} to {doubled.high:.3g}, of a loss of {loss:.4g})"
    better = [other for other in others if other.loses.high < 0 and -other.loses.estimate > least]
    best = min(better, key=lambda other: other.loses.estimate, default=None)
    data = doubled.low > 0 and doubled.estimate > least
    words = f"twice as many rows are expected to lower the loss by {doubled.estimate:.3g} {shown}"
    if best is not None and (not data or -best.loses.estimate > doubled.estimate):
        found = f"{best.recipe.learner} with other parameters loses {-best.loses.estimate:.3g} less on the same rows"
        return MORE_MODEL, f"{found}; {words}"
    if data:
        return MORE_DATA, words
    return NEITHER, f"{words}, and no other recipe is shown to be better"


@dataclass(frozen=True)
class _Fit:
    """A training on a share of the rows, with its scores of the newer rows."""

    which: str
    share: float
    rows: int
    span: tuple[int, int]
    scores: np.ndarray
    seen: float

    def point(self, loss: Interval) -> Point:
        return Point(self.which, self.rows, self.span, loss, self.seen)


def _judged(plan: Plan, sides: Sides) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows that shares are taken of, and of newer ones that no label of them reaches into."""
    known = np.sort(np.concatenate([sides.split.train, sides.split.validation]))
    split = split_by_time(sides.rows.at[known], plan.embargo, held_out_share=JUDGED, validation_share=0.0)
    newer = known[split.held_out]
    return known[split.train], newer[judging(sides, newer)]


def _fit(
    plan: Plan, trainer: Trainer, sides: Sides, older: np.ndarray, newer: np.ndarray, *, recipe: Recipe
) -> tuple[np.ndarray, float] | None:
    """The scores of newer rows by a model of older ones, and its mean loss on these; None where it cannot be made.

    The newest of the older rows settle how long it trains, as in any training.
    """
    assert trainer.row_loss is not None
    part = _part(plan, sides, older, newer)
    if part is None:
        return None
    matrices = encode(plan, part)
    fitted, learned = trainer.fit(matrices, part, recipe=recipe), part.train
    seen = trainer.row_loss.of(learned.y, scores_of(fitted, matrices.train))
    return scores_of(fitted, matrices.held_out), float(np.average(seen, weights=learned.weight))


def _part(plan: Plan, sides: Sides, older: np.ndarray, newer: np.ndarray) -> Sides | None:
    """The sides of a training on older rows; None where it cannot be made."""
    try:
        split = split_by_time(sides.rows.at[older], plan.embargo, held_out_share=plan.validation, validation_share=0.0)
    except DataError:
        return None
    parts = Split(older[split.train], older[split.held_out], newer, 0, 0, 0)
    part = Sides(sides.rows, np.arange(sides.rows.y.size), parts, kind=sides.kind)
    for side in (part.train, part.validation):
        two = part.two.of(side.y)
        if two.size < FEWEST // 10 or two.min() == two.max():
            return None
    return part


def _draws(losses: Sequence[np.ndarray], newer: Examples, *, seed: int) -> list[Drawn]:
    """The mean of each row of losses, and on resamplings of the days that are the same for all of them."""
    drawn = resample(*codes_for(newer.days, newer.y.size), draws=DRAWS, seed=seed_for(seed, "learning curve"))
    means = [mean_of(each, newer.weight) for each in losses]
    return [Drawn(mean.value(), mean.drawn(drawn)) for mean in means]


def _interval(drawn: Drawn, newer: Examples, *, level: float = 0.95) -> Interval:
    days = int(np.unique(newer.days).size)
    low, high, defined = percentiles(drawn, clusters=days, level=level)
    return Interval(drawn.estimate, low, high, level, newer.y.size, days, defined, "percentile")


def _doubled(sizes: Sequence[int], drawn: Sequence[Drawn], newer: Examples) -> Interval:
    """What twice the most rows are expected to gain: the law fitted to the losses and to each resampling of them."""
    last = float(sizes[-1])
    value = fit_power_laws(sizes, [each.estimate for each in drawn]).gained(last)
    each = fit_power_laws(sizes, np.stack([one.draws for one in drawn], axis=1)).gained(last)
    return _interval(Drawn(float(value[0]), each), newer, level=ONE_SIDED)


def _others(
    plan: Plan,
    trainer: Trainer,
    sides: Sides,
    places: tuple[np.ndarray, np.ndarray],
    *,
    recipe: Recipe,
    scores: np.ndarray,
) -> tuple[Other, ...]:
    """The first recipes of other sorts on all rows, each against the scores of the recipe of the curve.

    Intervals are wider by as many as are tried (Bonferroni), so that one in twenty curves says that one is better where
    none is.
    """
    newer = sides.rows.take(places[1])
    recipes = (each for each in portfolio(trainer.able, plan.rounds) if each.digest != recipe.digest)
    tried = [(each, _fit(plan, trainer, sides, *places, recipe=each)) for each in islice(recipes, OTHERS)]
    assert trainer.row_loss is not None
    ours, found = trainer.row_loss.of(newer.y, scores), []
    for other, made in tried:
        if made is not None:
            more = mean_of(trainer.row_loss.of(newer.y, made[0]) - ours, newer.weight)
            level = 1 - (1 - ONE_SIDED) / len(tried)
            found.append(Other(other, interval_of(more, cluster=newer.days, weight=newer.weight, level=level)))
    return tuple(found)
