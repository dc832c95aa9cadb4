"""The rate of positives, once it is measured, and what the plan makes of it."""

from __future__ import annotations

from dataclasses import replace

from setpoint.declare.imbalance import Imbalance
from setpoint.declare.plan import Choice, Plan

RARE = 0.05
"""Below this rate of positives (or of negatives) the plan speaks of a rare class."""
BLIND = {
    "accuracy": "acting on none is right for all but the rare class",
    "auc": "it counts every negative that is ranked low, of which nearly all are easy",
}
"""Metrics that say little of a rare class, and why."""


def with_base_rate(plan: Plan, rate: float | None) -> Plan:
    """The plan with what follows from the rate of positives among known labels; None: no label is known yet.

    Unless a class is rare, or something was declared about it, nothing follows.
    """
    asked = plan.system.goal.imbalance
    rare = rate is not None and min(rate, 1 - rate) < RARE
    if asked is not None:
        return replace(plan, choices=(*plan.choices, _asked(asked, rate)))
    if rate is None or not rare:
        return plan
    choice = Choice(
        "rare class",
        "nothing is resampled or weighted",
        f"{_told(rate)}: log loss and average precision tell models apart, scores are calibrated, and costs set the "
        "threshold; where we measured, weights by class, resampling, SMOTE and the focal loss did not raise average "
        'precision and put raw scores .06 to .3 off the rates (sp.imbalance("...") in the goal tries one)',
    )
    metric = plan.system.goal.metric.name
    warnings = (
        [f"{_told(rate)}: {plan.system.goal.metric} says little, for {BLIND[metric]}."] if metric in BLIND else []
    )
    return replace(plan, choices=(*plan.choices, choice), warnings=(*plan.warnings, *warnings))


def _asked(asked: Imbalance, rate: float | None) -> Choice:
    told = "" if rate is None else f"; {_told(rate)}"
    reason = (
        f"declared{told}; only rows that fit a model undergo it, scores are calibrated on rows that do not, and the "
        "gate says whether it helped against the same recipe without it"
    )
    return Choice("rare class", str(asked), reason)


def _told(rate: float) -> str:
    """The rate in words, to one digit, so that a few more labels do not change a plan."""
    if rate <= 0.5:
        return f"about {100 * rate:.1g} % of decisions are positive"
    return f"about {100 * (1 - rate):.1g} % of decisions are negative"
