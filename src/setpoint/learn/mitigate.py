"""What is done against a gap between groups, and what it costs: thresholds by group, and weights of the rows that fit.

Only `trade_off` and `judge_mitigation` read the held-out rows: they say what became of the gap there, and at which
price in business value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.declare.goal import Goal, Metric
from setpoint.declare.mitigate import GroupThresholds, Mitigation, Reweighing
from setpoint.learn.group_shift import GroupShifts, spelled
from setpoint.learn.groups import groups_of
from setpoint.learn.multipliers import Multipliers, Reduced
from setpoint.learn.scored import Bench, Scored, act_on
from setpoint.learn.sides import Examples
from setpoint.learn.threshold import Costs, Threshold
from setpoint.measure.fairness_counts import count_groups
from setpoint.measure.fairness_gaps import LEAST_ROWS
from setpoint.measure.fairness_thresholds import COUNTED, GroupCurve, best_cuts, group_curves, pareto, uncut
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import effective

LEAST_COUNTED = 10
"""Fewer rows of a group than this that a rate counts say nothing of where its threshold should be."""
STEPS = 10
"""Limits between no gap and that of one threshold for all, which the picture of the trade-off is drawn from."""


@dataclass(frozen=True)
class Point:
    """What one limit on the gap makes of the held-out rows: the gap, the value of 1000 decisions, and what it costs.

    `within` is the limit on the validation rows, or the gap that a reduction left there; None without mitigation.
    `best` says that no other point beats it in both.
    """

    within: float | None
    gap: float
    value: float
    difference: Interval
    best: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The point as JSON-like data."""
        return {
            "within": self.within,
            "gap": _number(self.gap),
            "value": _number(self.value),
            "difference": self.difference.to_dict(),
            "best": self.best,
        }


@dataclass(frozen=True)
class Mitigated:
    """What a mitigation did on the held-out rows.

    `rate` is what groups were to have alike; `before` and `after` are its gaps without and with the mitigation, `price`
    what 1000 decisions are worth more with it. `shifts` is what was added to the threshold of each group, and `points`
    is what other limits would have given.
    """

    asked: Mitigation
    rate: str
    before: Interval
    after: Interval
    price: Interval
    unit: str
    shifts: tuple[tuple[str | None, float], ...] = ()
    points: tuple[Point, ...] = ()

    @property
    def words(self) -> str:
        """What it did, in a sentence."""
        left = f"gap of {self.rate} by {self.asked.by} {_gap(self.before)} without it and {_gap(self.after)} with it"
        costs = "costs" if self.price.estimate < 0 else "gains"
        money = f"it {costs} {abs(self.price.estimate):.4g} {self.unit} per 1000 decisions"
        if math.isfinite(self.price.low):
            money += f" (90 % interval of the change {self.price.low:+.4g} to {self.price.high:+.4g})"
        return f"{self.asked}: {left}; {money}"

    def to_dict(self) -> dict[str, Any]:
        """The mitigation as JSON-like data."""
        return {
            "asked": self.asked.to_dict(),
            "by": self.asked.by,
            "rate": self.rate,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "price": self.price.to_dict(),
            "unit": self.unit,
            "shifts": [list(pair) for pair in self.shifts],
            "points": [each.to_dict() for each in self.points],
            "words": self.words,
        }


def reweighed(rows: Examples, by: str) -> Examples:
    """The rows with weights that make group and outcome independent; the weight of all of them together stays.

    Kamiran and Calders (2012), section 5.2: expected over observed share of each group and outcome.

    >>> import pyarrow as pa
    >>> fields = pa.table({"sex": ["f"] * 5 + ["m"] * 5})
    >>> y = np.array([1.0, 1, 0, 0, 0, 1, 1, 1, 1, 0])
    >>> rows = Examples(pa.table({}), fields, y, np.arange(10))
    >>> reweighed(rows, "sex").weight.round(2).tolist()
    [1.5, 1.5, 0.67, 0.67, 0.67, 0.75, 0.75, 0.75, 0.75, 2.0]
    """
    codes = np.unique(groups_of(rows, by), return_inverse=True)[1]
    positive = (rows.y > 0).astype(np.intp)
    cell = 2 * codes + positive
    held = np.bincount(cell, weights=rows.weight, minlength=2 * (codes.max(initial=0) + 1)).reshape(-1, 2)
    expected = np.outer(held.sum(axis=1), held.sum(axis=0)) / held.sum()
    ratio = np.divide(expected, held, out=np.ones_like(held), where=held > 0)
    return replace(rows, weight=rows.weight * ratio.reshape(-1)[cell])


def with_group_thresholds(
    threshold: Threshold, asked: GroupThresholds, rows: Examples, scores: np.ndarray, costs: Costs
) -> Threshold:
    """The threshold with what these rows, which fitted no model, ask for each group to keep the limit on the gap.

    Where one threshold for all keeps it, nothing is added. A group too small to tell keeps the threshold as it is.
    """
    curves = curves_of(threshold, asked, rows, scores, costs)
    if not curves:
        return replace(threshold, groups=GroupShifts(asked.by, ()))
    return replace(threshold, groups=_shifts(asked, curves, asked.within))


def curves_of(
    threshold: Threshold, asked: GroupThresholds, rows: Examples, scores: np.ndarray, costs: Costs
) -> dict[str | None, GroupCurve]:
    """What acting on more and more of each group gives, of groups that are large enough; None stands for no value."""
    names = np.array(spelled(rows.fields[asked.by]).to_pylist(), dtype=object)
    null = np.array([name is None for name in names])
    words = np.where(null, "", names).astype(str)
    codes = np.unique(np.char.add(np.where(null, "-", "+"), words), return_inverse=True)[1]
    margin = scores - threshold.alike.of(rows.fields, rows.y.size)
    gain = costs.value(np.ones(rows.y.size, dtype=bool), rows.y)
    negative, positive = COUNTED[asked.rate]
    counted = np.where(rows.y > 0, positive, negative) > 0
    found: dict[str | None, GroupCurve] = {}
    for code in np.unique(codes).tolist():
        inside = codes == code
        if effective(rows.weight[inside]) < LEAST_ROWS or (inside & counted).sum() < LEAST_COUNTED:
            continue
        first = int(np.flatnonzero(inside)[0])
        curve = group_curves(
            codes[inside], margin[inside], rows.y[inside], gain[inside], rate=asked.rate, weight=rows.weight[inside]
        )
        found |= {None if null[first] else str(words[first]): each for each in curve.values()}
    return found


def judge_mitigation(
    goal: Goal,
    bench: Bench,
    ours: Scored,
    plain: Scored,
    *,
    shifts: GroupShifts | None = None,
    points: Sequence[Point] = (),
) -> Mitigated:
    """What a mitigation made of the held-out rows, against the same model without it."""
    asked = goal.mitigate
    assert asked is not None
    metric = _metric(goal, asked)
    return Mitigated(
        asked,
        metric.name,
        bench.interval(metric, plain),
        bench.interval(metric, ours),
        bench.difference(Metric("business"), plain, ours),
        goal.business,
        () if shifts is None else shifts.shifts,
        tuple(points),
    )


def trade_off(
    asked: GroupThresholds, bench: Bench, threshold: Threshold, plain: Scored, costs: Costs, curves: Any
) -> tuple[Point, ...]:
    """What each of some limits on the gap would make of the held-out rows, the strictest first.

    Thresholds are those that the validation rows ask for; gap and value are of rows that had no part in them.
    """
    if not curves:
        return ()
    free = uncut(curves).gap
    limits = sorted({*np.linspace(0.0, free, STEPS + 1)[:-1].round(4).tolist(), asked.within})
    found = []
    for within in [each for each in limits if each < free] or [asked.within]:
        groups = _shifts(asked, curves, within)
        limit = replace(threshold, groups=groups).of(bench.rows.fields, bench.rows.y.size)
        ours = act_on(f"within {within:g}", plain.p, limit, y=bench.rows.y, costs=costs)
        found.append(_point(within, asked, bench, plain, ours))
    found.append(_point(None, asked, bench, plain, plain))
    return _with_best(found)


def points_of(bench: Bench, reduced: Reduced, made: Sequence[Scored]) -> tuple[Point, ...]:
    """What each model that a reduction tried makes of the held-out rows, the first being the one without it."""
    plain, asked = made[0], reduced.tried[0].multipliers
    limits = [None, *[round(one.gap, 4) for one in reduced.tried[1:]]]
    found = [_point(within, asked, bench, plain, ours) for within, ours in zip(limits, made, strict=True)]
    return _with_best(sorted(found[1:], key=lambda point: point.gap) + found[:1])


def _with_best(found: Sequence[Point]) -> tuple[Point, ...]:
    """The points whose gap is known, each told whether another beats it in both."""
    known = [each for each in found if math.isfinite(each.gap)]
    best = pareto([each.gap for each in known], [each.value for each in known]) if known else np.zeros(0, dtype=bool)
    return tuple(replace(each, best=bool(one)) for each, one in zip(known, best, strict=True))


def _shifts(asked: GroupThresholds, curves: dict[str | None, GroupCurve], within: float) -> GroupShifts:
    free = uncut(curves)
    cuts = free if free.gap <= within else best_cuts(curves, within=within)
    return GroupShifts(asked.by, tuple(zip(cuts.groups, cuts.cuts, strict=True)))


def _point(
    within: float | None, asked: GroupThresholds | Multipliers, bench: Bench, plain: Scored, ours: Scored
) -> Point:
    rows = bench.rows
    table = count_groups(groups_of(rows, asked.by), rows.y, ours.acted, weight=rows.weight, draws=1)
    rates = table.values(asked.rate)[table.effective() >= LEAST_ROWS]
    rates = rates[np.isfinite(rates)]
    return Point(
        within,
        float(np.ptp(rates)) if rates.size > 1 else float("nan"),
        bench.value(Metric("business"), ours),
        bench.difference(Metric("business"), plain, ours),
    )


def _metric(goal: Goal, asked: Mitigation) -> Metric:
    """The gap that is judged: the rate asked for, or that of the first guardrail on a gap by the attribute."""
    if isinstance(asked, Reweighing):
        railed = [rail.metric for rail in goal.must if rail.metric.by == asked.by]
        return railed[0] if railed else Metric("selection_rate", by=asked.by)
    return Metric(asked.rate, by=asked.by)


def _gap(found: Interval) -> str:
    if not math.isfinite(found.estimate):
        return "cannot be told"
    bound = f" (at most {found.high:.3g})" if math.isfinite(found.high) else ""
    return f"is {found.estimate:.3g}{bound}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
