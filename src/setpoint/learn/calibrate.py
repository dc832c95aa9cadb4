"""Calibration out of time: a map chosen on scores of rows newer than those the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.learn.sides import Examples
from setpoint.measure.calibration import ReliabilityBin, reliability
from setpoint.measure.calibration_choice import CalibrationChoice, choose_calibration
from setpoint.measure.calibrators import IDENTITY, CalibrationMap, Kind

LEAST_DAYS = 14
"""Days to fit a map on, and as many to judge it on."""
ERRORS = 2.0
"""Standard errors that a map must gain."""


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
