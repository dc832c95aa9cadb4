"""What a shadow shows of goals that take no action: two models' predictions of the same mature decisions."""

from __future__ import annotations

import math

import numpy as np

from setpoint.declare.goal import RANGES
from setpoint.declare.plan import Plan
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.row_losses import loss_by_metric, row_loss
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.sides import Examples
from setpoint.measure.intervals import Interval, against_margin
from setpoint.measure.sequential import paired_mean
from setpoint.rollout.shadow import DRAWS, LOSS_MARGIN, Evidence, Pair, verdict_of

_NOTHING = Interval(math.nan, math.nan, math.nan, 0.95, 0, 0, 0, "none")


def compare_predictions(plan: Plan, rows: Examples, predicted: Pair, *, level: float, seed: int) -> Evidence:
    """What mature decisions say of two models' predictions, paired by decision and clustered by day.

    As `compare_shadow` has it: the challenger must be no worse by the goal's metric and by the mean loss of rows, each
    by its margin, and better by one of them to be superior. The declared margin of a metric without bounds is a share
    of what the champion has. The metric alone decides where it is a mean loss of rows itself (Student's t over days, as
    of any mean loss; a clustered bootstrap otherwise), and of rankings, whose items lose nothing by themselves.
    """
    goal, kind = plan.system.goal, kind_of_plan(plan)
    metric, days = goal.metric, int(np.unique(rows.days).size)
    if not rows.y.size:
        return Evidence(
            "not_enough",
            "no mature decision yet",
            str(metric),
            0.0,
            level,
            0,
            0,
            math.nan,
            math.nan,
            _NOTHING,
            _NOTHING,
        )
    bench = Bench(rows, DRAWS, seed, kind=kind)
    old, new = (_scored(name, np.asarray(each)) for name, each in zip(Pair._fields, predicted, strict=True))
    before, after = bench.value(metric, old), bench.value(metric, new)
    margin = plan.system.release.margin
    if not math.isfinite(RANGES[metric.name][1] - RANGES[metric.name][0]):
        margin *= abs(before) if math.isfinite(before) else 0.0
    own = loss_by_metric(kind, metric.name)
    difference = (
        bench.difference(metric, old, new, level=level)
        if own is None
        else paired_mean(own(rows.y, old.p), own(rows.y, new.p), cluster=rows.days).fixed(level=level)
    )
    claims = [against_margin(difference, margin=margin, greater_is_better=metric.greater_is_better)]
    told = (
        f"{metric} {difference.estimate:+.4g} [{difference.low:+.4g}, {difference.high:+.4g}] with margin {margin:.3g}"
    )
    loss, found = _NOTHING, row_loss(kind)
    if found is not None:
        losses = [found.of(rows.y, each.p) for each in (old, new)]
        loss = paired_mean(losses[0], losses[1], cluster=rows.days).fixed(level=level)
        allowed = LOSS_MARGIN * float(np.mean(losses[0]))
        told += f"; {found.name} {loss.estimate:+.4g} [{loss.low:+.4g}, {loss.high:+.4g}] with margin {allowed:.3g}"
        if own is None:
            claims.append(against_margin(loss, margin=allowed, greater_is_better=False))
    worth = [kind.value(rows, each.p) for each in (old, new)]
    return Evidence(
        verdict=verdict_of(tuple(claims)),
        reason=f"{told}; {rows.y.size} mature decisions of {days} days",
        metric=str(metric),
        margin=margin,
        level=level,
        rows=int(rows.y.size),
        days=days,
        champion=before,
        challenger=after,
        difference=difference,
        loss=loss,
        business=None
        if worth[0] is None or worth[1] is None
        else paired_mean(worth[0], worth[1], cluster=rows.days).fixed(level=level),
    )


def _scored(name: str, predicted: np.ndarray) -> Scored:
    nothing = np.zeros(len(predicted))
    return Scored(name, predicted, nothing.astype(bool), nothing)
