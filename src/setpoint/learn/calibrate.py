"""Calibration out of time: a map chosen on scores of rows newer than those the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from setpoint.learn.sides import LEAST_EACH, Examples
from setpoint.measure.calibration import ReliabilityBin, reliability
from setpoint.measure.calibration_choice import LEAST_CLASS, CalibrationChoice, choose_calibration
from setpoint.measure.calibrators import IDENTITY, CalibrationMap, Kind, fit_platt
from setpoint.measure.rows import effective

LEAST_DAYS = 14
"""Days to fit a map on, and as many to judge it on."""
ERRORS = 2.0
"""Standard errors that a map must gain."""
FARTHEST = 40.0
"""Log odds are shifted by no more."""


@dataclass(frozen=True)
class Calibration:
    """The map chosen, with its trials and, once judged, the reliability table of the held-out rows."""

    choice: CalibrationChoice
    table: tuple[ReliabilityBin, ...] = ()

    @property
    def map(self) -> CalibrationMap:
        """The map from a model's score to a probability."""
        return self.choice.map

    def judged_on(self, held_out: Examples, scores: np.ndarray) -> Calibration:
        """The same map with the reliability table of these scores, which it has already been applied to."""
        return Calibration(self.choice, reliability(held_out.y, scores, weight=held_out.weight))

    def to_dict(self) -> dict[str, Any]:
        """The calibration as JSON-like data."""
        rows = [{name: getattr(row, name) for name in ReliabilityBin.__dataclass_fields__} for row in self.table]
        return {"choice": self.choice.to_dict(), "reliability": rows}


def calibrate(
    validation: Examples, scores: np.ndarray, *, kinds: Sequence[Kind] = ("temperature", "platt", "isotonic")
) -> Calibration:
    """The calibration that the validation rows ask for: none, unless a map is shown to help on the newest of them.

    `scores` are those of a model that has not seen these rows. Rows of a day share their error, and one month's error
    says little about the next (measured on a year of flights: every map fitted on the newest month made the following
    ones worse). So a map must gain two standard errors, clustered by day, over at least two weeks of days.
    """
    choice = choose_calibration(
        validation.y,
        scores,
        validation.at,
        kinds=kinds,
        newest=0.5,
        cluster=validation.days,
        weight=validation.weight,
    )
    if choice.map.kind == IDENTITY.kind:
        return Calibration(choice)
    trial = next(each for each in choice.trials if each.kind == choice.map.kind)
    days = np.unique(validation.days).size
    if days >= 2 * LEAST_DAYS and trial.gain > ERRORS * trial.standard_error:
        return Calibration(choice)
    reason = f"{choice.reason}, on {days} days: that needs {ERRORS:g} standard errors on {2 * LEAST_DAYS} days"
    return Calibration(replace(choice, map=IDENTITY, reason=reason))


def recalibrate(validation: Examples, scores: np.ndarray, correction: CalibrationMap) -> Calibration:
    """The calibration of scores that a method against a rare class has moved, on rows that it did not touch.

    What the method does to a probability is known, so `correction` always undoes it; the validation rows are asked for
    a map on top as for any other scores. A line that is always fitted on them was worse: of flights that come over two
    hours late, 3 % of all, the scores after undersampling were .008 off the rates by the correction alone and .014 with
    a line through the log odds of the newest weeks, which had more of them than the months that followed.
    """
    found = calibrate(validation, correction.apply(scores), kinds=("temperature", "platt")).choice
    reason = f"what was done about the rare class is undone; {found.reason}"
    return Calibration(replace(found, map=compose(correction, found.map), reason=reason))


def recalibrate_picked(validation: Examples, scores: np.ndarray, *, after: CalibrationMap = IDENTITY) -> Calibration:
    """The calibration of a model that learned from picked labels, on rows that stand for decisions.

    What a strategy picks has other rates than decisions have, and so has a model of it where it is not the very truth.
    So a map is always fitted here: a line through the log odds, or with few rows of a class a shift of them alone (the
    intercept of Cox 1958, "Two further applications of a model for binary regression"), or none with fewer than ten.
    `scores` have been through the map `after` already.
    """
    y, weight = validation.y, validation.weight
    rarer = min(effective(weight[y > 0]), effective(weight[y <= 0]))
    words = f"the model learned from picked labels; {y.size} others, {rarer:.0f} of the rarer class, "
    if rarer < LEAST_EACH:
        found, words = IDENTITY, words + f"cannot say how far its rates are off: that needs {LEAST_EACH}"
    elif rarer < LEAST_CLASS:
        found, words = _shifted(y, scores, weight), words + "shift its log odds"
    else:
        found, words = fit_platt(y, scores, weight=weight), words + "draw a line through its log odds"
    return Calibration(CalibrationChoice(compose(after, found), (), y.size, 0, words))


def _shifted(y: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> CalibrationMap:
    """The shift of log odds that makes the mean score the rate."""
    rate = float(np.average(y, weights=weight))

    def off(shift: float) -> float:
        return float(np.average(CalibrationMap("platt", (1.0, shift)).apply(scores), weights=weight)) - rate

    return CalibrationMap("platt", (1.0, float(brentq(off, -FARTHEST, FARTHEST))))


def compose(first: CalibrationMap, then: CalibrationMap) -> CalibrationMap:
    """Two maps as one: of log odds the first is a line or is given at knots, the second a line.

    >>> compose(CalibrationMap("platt", (1.0, -2.0)), CalibrationMap("temperature", (2.0,))).parameters
    (0.5, -1.0)
    """
    if then.kind == IDENTITY.kind:
        return first
    if first.kind == IDENTITY.kind:
        return then
    if first.kind == "isotonic":
        return CalibrationMap("isotonic", tuple(then.apply(first.parameters).tolist()), first.knots)
    slope, start = (1 / then.parameters[0], 0.0) if then.kind == "temperature" else then.parameters
    return CalibrationMap("platt", (slope * first.parameters[0], slope * first.parameters[1] + start))
