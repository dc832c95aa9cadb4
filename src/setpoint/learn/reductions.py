"""The search for multipliers with which the rates of groups are close: models fitted anew, the best of them taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from setpoint.declare.goal import Goal
from setpoint.declare.mitigate import Reductions
from setpoint.learn.calibrate import Calibration
from setpoint.learn.groups import groups_of
from setpoint.learn.multipliers import Multipliers, Reduced, Tried, counted_by, multiplied
from setpoint.learn.recipe import Fitted
from setpoint.learn.scored import PER
from setpoint.learn.sides import Examples, Sides
from setpoint.learn.threshold import choose_threshold, costs_of
from setpoint.measure.fairness_gaps import LEAST_ROWS
from setpoint.measure.rows import effective

ROUNDS = 8
"""Models that are fitted by multipliers, beside the one without."""
STEP, MOST = 3.0, 3.0
"""How far a multiplier moves for a violation of 1 at first, and how large it may be, in errors."""
LEAST_COUNTED = 10
"""Fewer rows of a group than this that a rate counts say nothing of it."""

Fit = Callable[[Sides], Fitted]
Calibrate = Callable[[Fitted], Calibration]
Scores = Callable[[Fitted], np.ndarray]


def reduce_gap(
    goal: Goal,
    asked: Reductions,
    sides: Sides,
    plain: Fitted,
    *,
    fit: Fit,
    calibrate: Calibrate,
    older: Scores,
) -> Fitted:
    """The model fitted by the multipliers that are worth most of those that keep the limit before the held-out rows.

    The gap is that of the training and the validation rows, since few rows tell little of a gap; what decisions are
    worth is told by the validation rows alone. `older` gives a model's scores of the training rows. Where no model
    keeps the limit, the one with the smallest gap is taken. Multipliers move against the violations of the model
    before, in steps that halve where a violation changes sides (in place of the paper's exponentiated gradient, whose
    answer is a lottery over all its models: here nobody's treatment is drawn by lot). Without a gap above the limit
    nothing is changed.
    """
    both = sides.rows.take(np.concatenate([sides.split.train, sides.split.validation]))
    names = tuple(rates_of(asked, both, np.zeros(both.y.size, dtype=bool)))

    def attempt(fitted: Fitted, multipliers: Multipliers) -> tuple[Tried, Mapping[str, float]]:
        calibration, threshold = calibrate(fitted), choose_threshold(goal, sides.representative)
        scores = calibration.map.apply(np.concatenate([older(fitted), fitted.validated]))
        acted = scores >= threshold.of(both.fields, both.y.size)
        rates, newer = rates_of(asked, both, acted), sides.validation
        gap = max(rates.values()) - min(rates.values()) if len(rates) > 1 else math.nan
        worth = PER * costs_of(goal, newer, threshold).value(acted[sides.split.train.size :], newer.y)
        value = float(np.average(worth, weights=newer.weight))
        return Tried(multipliers, fitted.model, calibration, gap, value), rates

    made, tried = [plain], [attempt(plain, Multipliers(asked.by, asked.rate, ()))]
    at, step, before = np.zeros(len(names)), np.full(len(names), STEP), np.zeros(len(names))
    while len(names) > 1 and len(tried) <= ROUNDS and not (len(tried) == 1 and tried[0][0].gap <= asked.within):
        rates = tried[-1][1]
        violated = np.mean(list(rates.values())) - np.array([rates[name] for name in names])
        step = np.where(violated * before < 0, step / 2, step)
        at, before = np.clip(at + step * violated, -MOST, MOST), violated
        multipliers = Multipliers(asked.by, asked.rate, tuple(zip(names, at.tolist(), strict=True)))
        found = fit(replace(sides, fitting=multiplied(sides.given, multipliers)))
        made.append(found)
        tried.append(attempt(found, multipliers))
    best = _best([one for one, _ in tried], asked.within)
    reduced = Reduced(tried[best][0].multipliers, tuple(one for one, _ in tried))
    return replace(made[best], trials=plain.trials, searched=plain.searched, reduced=reduced)


def rates_of(asked: Reductions, rows: Examples, acted: np.ndarray) -> Mapping[str, float]:
    """The rate of each group that is large enough to tell."""
    counted, groups = counted_by(asked.rate, rows.y), groups_of(rows, asked.by)
    found = {}
    for name in np.unique(groups).tolist():
        inside = (groups == name) & counted
        if effective(rows.weight[groups == name]) >= LEAST_ROWS and inside.sum() >= LEAST_COUNTED:
            found[str(name)] = float(np.average(acted[inside], weights=rows.weight[inside]))
    return found


def _best(tried: list[Tried], within: float) -> int:
    keeping = [place for place, one in enumerate(tried) if not one.gap > within]
    if keeping:
        return max(keeping, key=lambda place: tried[place].value)
    return min(range(len(tried)), key=lambda place: tried[place].gap)
