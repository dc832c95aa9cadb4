"""How a model treats the groups of protected attributes on held-out rows."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from setpoint.declare.goal import Goal
from setpoint.learn.group_counts import counts_of
from setpoint.learn.groups import groups_of
from setpoint.learn.scored import ONE_SIDED, Bench, Scored
from setpoint.measure.fairness import Fairness, Gap, crossed, fairness

WORDS = {
    "demographic_parity": "share acted on",
    "equal_opportunity": "share of the positives acted on",
    "predictive_equality": "share of the negatives acted on",
    "equalised_odds": "share acted on of positives or of negatives",
    "predictive_parity": "share of positives among those acted on",
    "equal_accuracy": "share of right actions",
    "equal_calibration": "mean probability less share of positives",
    "equal_log_loss": "log loss",
    "equal_value": "business value of 1000 decisions",
}
"""What each criterion asks groups to have alike."""


def fairness_of(goal: Goal, bench: Bench, ours: Scored) -> tuple[Fairness, ...]:
    """The rates and gaps of every attribute that the goal protects or asks a gap by, and of protected ones crossed.

    Pairs of protected attributes are crossed, and all of them where there are more than two. Empty where the goal names
    no attribute.
    """
    protected = [each.name for each in goal.protect]
    asked = [rail.metric.by for rail in goal.must if rail.metric.by is not None]
    groups = {name: groups_of(bench.rows, name) for name in dict.fromkeys([*protected, *asked])}
    sets = [*combinations(protected, 2), *([tuple(protected)] if len(protected) > 2 else [])]
    groups |= {" x ".join(each): crossed({name: groups[name] for name in each}) for each in sets}
    made = {
        name: counts_of(
            bench.rows, each, p=ours.p, acted=ours.acted, value=ours.value, draws=bench.draws, seed=bench.seed
        )
        for name, each in groups.items()
    }
    return fairness(made, gap_level=ONE_SIDED)


def told_fairness(found: Fairness) -> dict[str, Any]:
    """What was found as JSON-like data, each gap in words too."""
    document = found.to_dict()
    for gap, told in zip(found.gaps, document["gaps"], strict=True):
        told["words"] = tell_gap(gap)
    document["left_out"] = [str(each.group) for each in found.groups if not each.judged]
    return document


def tell_gap(gap: Gap) -> str:
    """A gap in one sentence: between whom, how large, how sure, and what noise alone would make of equal groups."""
    found, what = gap.difference, WORDS[gap.criterion]
    if gap.lowest is None:
        return f"{what}: fewer than two groups are large enough to compare"
    words = f"{what}: {found.estimate:.3g} between {gap.lowest} (lowest) and {gap.highest} (highest)"
    if math.isfinite(found.high):
        words += f", with 95 % certainty at least {found.low:.3g}, and at most {found.high:.3g}"
        words += f"; equal groups of these sizes would be {gap.by_chance:.2g} apart by chance"
    if gap.ratio is not None and math.isfinite(gap.ratio.estimate):
        words += f"; the ratio of lowest to highest is {gap.ratio.estimate:.2g}"
    return f"{words}; shown to be unequal" if gap.shown else f"{words}; not shown to be unequal"
