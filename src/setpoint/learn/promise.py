"""What a goal promises of its decisions: calibrated on rows newer than the model's, and judged on newer ones yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.declare.goal import Goal
from setpoint.declare.plan import Plan
from setpoint.learn.confidence import OTHER, Confidence, fit_confidence
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Sides
from setpoint.learn.threshold import costs_of
from setpoint.measure.abstention import Saving
from setpoint.measure.conformal import Cuts
from setpoint.measure.conformal_sets import ConformalSets
from setpoint.measure.coverage_check import CoverageCheck, check_coverage, check_groups
from setpoint.measure.draws import interval_of
from setpoint.measure.statistic import mean_of


@dataclass(frozen=True)
class Kept:
    """Whether what was promised is kept on rows that are newer than those calibrated on.

    `size` is the mean number of classes in a set, or the mean width of an interval, and `without` of how many
    rows nothing can be promised, so that their set is all classes or their interval has no end; `saved` is what handing
    decisions over saves per decision, in the goal's business unit.
    """

    check: CoverageCheck | None = None
    groups: Mapping[str, CoverageCheck] = field(default_factory=dict)
    by: str | None = None
    of: str = ""
    size: float = float("nan")
    without: int = 0
    saved: Saving | None = None

    def to_dict(self) -> dict[str, Any]:
        """What was found as JSON-like data."""
        return {
            "check": None if self.check is None else self.check.to_dict(),
            "groups": {name: check.to_dict() for name, check in self.groups.items()},
            "by": self.by,
            "of": self.of,
            "size": self.size if np.isfinite(self.size) else None,
            "without": self.without,
            "saved": None if self.saved is None else self.saved.to_dict(),
        }


def promising(plan: Plan, sides: Sides, scorer: Scorer) -> Scorer:
    """The scorer with what the goal asks for, calibrated on the validation rows, which its model has not learned from.

    The same scorer where the goal asks for nothing.
    """
    goal, newer = plan.system.goal, sides.validation
    if goal.confidence is None and goal.abstain is None:
        return scorer
    predicted = scorer.score(newer.features)
    found = fit_confidence(goal, sides.kind, newer, predicted, classes=plan.system.label.classes)
    return replace(scorer, confidence=found)


def with_coverage(scored: Scored, scorer: Scorer, rows: Examples) -> Scored:
    """What a model made of rows, with whether each outcome is in its set or interval; the same without a promise."""
    sure = scorer.confidence
    if sure is None or sure.form is None:
        return scored
    group = sure.group_of(rows.features, rows.fields)
    return replace(scored, covered=sure.holds(rows.y, scored.p, group))


def judge_promise(goal: Goal, bench: Bench, scored: Scored, scorer: Scorer) -> Kept | None:
    """Whether the promise is kept on the rows of a bench, rows of a day taken to be alike; None without one."""
    sure = scorer.confidence
    if sure is None:
        return None
    rows, found = bench.rows, Kept()
    if sure.form is not None and scored.covered is not None:
        group, cuts = sure.group_of(rows.features, rows.fields), sure.form.cuts
        sizes = sure.sizes(scored.p, group)
        whole = sizes >= sure.form.classes if isinstance(sure.form, ConformalSets) else np.isinf(sizes)
        unsure = np.isinf(cuts.of(group, rows.y.size)) & whole
        known = np.isfinite(sizes)
        found = Kept(
            check_coverage(
                scored.covered, level=cuts.level, calibrated=_rows(cuts), cluster=rows.days, weight=rows.weight
            ),
            {} if group is None else check_groups(scored.covered, cuts, group, cluster=rows.days, weight=rows.weight),
            sure.by,
            "classes in a set" if isinstance(sure.form, ConformalSets) else "width of an interval",
            float(np.average(sizes[known], weights=rows.weight[known])) if known.any() else float("nan"),
            int(unsure.sum()),
        )
    return found if sure.ask is None else replace(found, saved=_saving(goal, bench, scored, scorer, sure))


def _rows(cuts: Cuts) -> float:
    """On how many rows the thresholds of all groups rest together."""
    return cuts.others.rows + sum(cut.rows for _, cut in cuts.groups)


def _saving(goal: Goal, bench: Bench, scored: Scored, scorer: Scorer, sure: Confidence) -> Saving:
    """What handing decisions over saves on the rows of a bench, by the costs as they came out."""
    assert sure.ask is not None
    rows, ask = bench.rows, sure.ask.cost
    if bench.kind is None:
        expected, acts = sure.costs(scored.p, scorer.threshold, rows.fields), scored.acted
        costs = costs_of(goal, rows, scorer.threshold)
        came = np.where(
            acts, np.where(rows.y > 0, 0.0, costs.false_positive), np.where(rows.y > 0, costs.false_negative, 0.0)
        )
        came = np.maximum(came, 0.0)
    else:
        prices, y = np.array(sure.prices), rows.y.astype(np.intp)
        answer = (scored.p * prices).argmax(axis=1)
        expected = scored.p @ prices - (scored.p * prices).max(axis=1)
        came = np.where(answer == y, 0.0, prices[y])
    asked = expected > ask
    saved = mean_of(np.where(asked, came - ask, 0.0), rows.weight)
    shares = (np.average(each, weights=rows.weight) for each in (asked, came, np.where(asked, expected - ask, 0.0)))
    share, acting, promised = (float(each) for each in shares)
    seed = seed_for(bench.seed, "abstain")
    found = interval_of(saved, cluster=rows.days, weight=rows.weight, draws=bench.draws, seed=seed)
    return Saving(share, acting, acting - found.estimate, promised, found)


def tell_promise(found: Mapping[str, Any]) -> list[str]:
    """What was found of a promise, in words."""
    told = []
    if found["check"] is not None:
        told.append(f"confidence: {found['check']['told']} {_size(found)}".strip())
        off = {name: each for name, each in found["groups"].items() if each["verdict"] == "too low"}
        told += [f"confidence where {found['by']} is {name}: {each['told']}" for name, each in off.items()]
        if found["without"]:
            told.append(
                f"confidence: nothing can be promised of {found['without']:,} held-out rows: too few like them"
                f" were calibrated on{'' if found['by'] is None else f', of {OTHER} values of ' + found['by']}"
            )
    if found["saved"] is not None:
        saved = found["saved"]["saved"]
        beside = "" if found["saved"]["calibrated"] else f"; {found['saved']['expected']:.4g} was expected"
        told.append(
            f"handing over {found['saved']['asked']:.1%} of decisions saves {saved['estimate']:.4g} per decision "
            f"(95 % interval {saved['low']:.4g} to {saved['high']:.4g}){beside}"
        )
    return told


def _size(found: Mapping[str, Any]) -> str:
    return "" if found["size"] is None else f"Mean {found['of']}: {found['size']:.4g}."
