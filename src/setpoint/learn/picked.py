"""The calibration of a model that learned from labels which a strategy picked, on rows that stand for decisions.

What a strategy picks has other rates than decisions have, and so has a model of it wherever it is not the very truth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq

from setpoint.core.ports import Learner
from setpoint.core.rng import seed_for
from setpoint.learn.calibrate import Calibration, compose
from setpoint.learn.encode import Encoder
from setpoint.learn.fit import refit
from setpoint.learn.recipe import Fitted
from setpoint.learn.sides import LEAST_EACH, Sides
from setpoint.measure.calibration_choice import LEAST_CLASS, CalibrationChoice
from setpoint.measure.calibrators import IDENTITY, CalibrationMap, fit_platt
from setpoint.measure.rows import Array, effective

MUCH = 0.1
"""A training side of which a strategy picked as much is recalibrated."""
FOLDS = 5
"""Parts of the training rows that stand for decisions, each scored by a model that has not seen it."""
FARTHEST = 40.0
"""Log odds are shifted by no more."""


def recalibrate_picked(
    fitted: Fitted, sides: Sides, encoder: Encoder, learners: Mapping[str, Learner], *, seed: int
) -> Calibration:
    """The calibration by the validation rows and, where these are few, by rows of the training side out of fold."""
    newer = sides.validation
    y, scores, weight = newer.y, fitted.probabilities, newer.weight
    if rarer(y, weight) < LEAST_CLASS and sides.fair is not None and sides.fair.y.size >= FOLDS:
        older = out_of_fold(fitted, sides, encoder, learners, seed=seed)
        y, scores = np.concatenate([sides.fair.y, y]), np.concatenate([older, scores])
        weight = np.concatenate([sides.fair.weight, weight])
    found, words = map_of_picked(y, scores, weight)
    after = IDENTITY if fitted.balance is None else fitted.balance.correction
    return Calibration(CalibrationChoice(compose(after, found), (), y.size, 0, words))


def map_of_picked(y: Array, scores: Array, weight: Array) -> tuple[CalibrationMap, str]:
    """A line through the log odds, or with few rows of a class a shift of them alone, or none with fewer than ten.

    The shift is the intercept of Cox (1958), "Two further applications of a model for binary regression".

    >>> map_of_picked(np.repeat([0.0, 1.0], [60, 20]), np.full(80, 0.5), np.ones(80))[0].apply([0.5]).round(2)
    array([0.25])
    """
    words = f"the model learned from picked labels; {y.size} others, {rarer(y, weight):.0f} of the rarer class, "
    if rarer(y, weight) < LEAST_EACH:
        return IDENTITY, f"{words}cannot say how far its rates are off: that needs {LEAST_EACH}"
    if rarer(y, weight) < LEAST_CLASS:
        return _shifted(y, scores, weight), f"{words}shift its log odds"
    return fit_platt(y, scores, weight=weight), f"{words}draw a line through its log odds"


def rarer(y: Array, weight: Array) -> float:
    """The effective number of rows of the rarer class.

    >>> rarer(np.array([1.0, 0.0, 0.0]), np.ones(3))
    1.0
    """
    return min(effective(weight[y > 0]), effective(weight[y <= 0]))


def out_of_fold(fitted: Fitted, sides: Sides, encoder: Encoder, learners: Mapping[str, Learner], *, seed: int) -> Array:
    """The probabilities of the training rows that stand for decisions, each of a model of all the other rows."""
    assert sides.fair is not None
    assert sides.fair_at is not None
    rng = np.random.default_rng(seed_for(seed, "picked"))
    fold = rng.permutation(np.arange(sides.fair_at.size) % FOLDS)
    scores = np.empty(sides.fair_at.size)
    matrix = encoder.matrix(sides.fair.features)
    for part in range(FOLDS):
        left = np.setdiff1d(np.arange(sides.train.y.size), sides.fair_at[fold == part])
        settled, balance = fitted.settled, fitted.balance
        model = refit(learners, encoder, sides.train.take(left), settled=settled, seed=seed, balance=balance)
        scores[fold == part] = model.predict(matrix[fold == part])
    return scores if fitted.balance is None else fitted.balance.correction.apply(scores)


def _shifted(y: Array, scores: Array, weight: Array) -> CalibrationMap:
    """The shift of log odds that makes the mean score the rate."""
    rate = float(np.average(y, weights=weight))

    def off(shift: float) -> float:
        return float(np.average(CalibrationMap("platt", (1.0, shift)).apply(scores), weights=weight)) - rate

    return CalibrationMap("platt", (1.0, float(brentq(off, -FARTHEST, FARTHEST))))
