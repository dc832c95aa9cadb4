"""Calibration out of time: a map chosen on scores of rows newer than those the model was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.learn.sides import Examples
from setpoint.measure.calibration import ReliabilityBin, reliability
from setpoint.measure.calibration_choice import LEAST_CLASS, CalibrationChoice, choose_calibration
from setpoint.measure.calibrators import IDENTITY, CalibrationMap, fit_platt
from setpoint.measure.rows import effective

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


def calibrate(validation: Examples, scores: np.ndarray) -> Calibration:
    """The calibration that the validation rows ask for: none, unless a map is shown to help on the newest of them.

    `scores` are those of a model that has not seen these rows. Rows of a day share their error, and one month's error
    says little about the next (measured on a year of flights: every map fitted on the newest month made the following
    ones worse). So a map must gain two standard errors, clustered by day, over at least two weeks of days.
    """
    choice = choose_calibration(
        validation.y, scores, validation.at, newest=0.5, cluster=validation.days, weight=validation.weight
    )
    if choice.map.kind == IDENTITY.kind:
        return Calibration(choice)
    trial = next(each for each in choice.trials if each.kind == choice.map.kind)
    days = np.unique(validation.days).size
    if days >= 2 * LEAST_DAYS and trial.gain > ERRORS * trial.standard_error:
        return Calibration(choice)
    reason = f"{choice.reason}, on {days} days: that needs {ERRORS:g} standard errors on {2 * LEAST_DAYS} days"
    return Calibration(replace(choice, map=IDENTITY, reason=reason))


def recalibrate(validation: Examples, scores: np.ndarray, *, shift: float) -> Calibration:
    """The calibration of scores that a method against a rare class has moved: always one, fitted on untouched rows.

    `shift` is by how much the method raised the log odds. It is taken off (Elkan 2001, theorem 2; Dal Pozzolo et al.
    2015, "Calibrating Probability with Undersampling for Unbalanced Classification"), and where the validation rows
    have 30 of each class a line through the log odds is fitted on top, for what the method did beside.
    """
    prior = CalibrationMap("platt", (1.0, -shift))
    fewest = min(effective(validation.weight[validation.y > 0]), effective(validation.weight[validation.y <= 0]))
    n = validation.y.size
    if fewest < LEAST_CLASS:
        reason = f"the log odds that the method added are taken off; fewer than {LEAST_CLASS} rows of a class say more"
        return Calibration(CalibrationChoice(prior, (), n, 0, reason))
    slope, start = fit_platt(validation.y, prior.apply(scores), weight=validation.weight).parameters
    found = CalibrationMap("platt", (slope, start - slope * shift))
    reason = "the method against the rare class moved the scores: fitted on rows that it did not touch"
    return Calibration(CalibrationChoice(found, (), n, 0, reason))
