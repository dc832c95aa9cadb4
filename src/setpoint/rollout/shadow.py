"""What a shadow shows: champion and challenger compared on the same decisions, once their labels are mature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.core.times import DAY
from setpoint.declare.goal import Metric
from setpoint.measure.bootstrap import paired_difference
from setpoint.measure.intervals import Comparison, Interval, against_margin
from setpoint.measure.metrics import METRICS, log_losses
from setpoint.measure.sequential import paired_mean

Verdict = Literal["superior", "non_inferior", "inferior", "not_enough"]

LOSS_MARGIN = 0.02
"""The share of the champion's log loss that a challenger may be shown to lose: calibration has no declared margin."""

DRAWS = 400


class Pair(NamedTuple):
    """The same thing of both models on every decision: scores, actions, or values in the goal's business unit."""

    champion: npt.ArrayLike
    challenger: npt.ArrayLike


@dataclass(frozen=True)
class Evidence:
    """What the same mature decisions say of a challenger beside the champion; differences are challenger - champion.

    `difference` is of the goal's metric, `loss` of the log loss, `business` per 1000 decisions (None when no values
    were given). `level` is that of the intervals; days are taken as independent, decisions of a day are not.
    """

    verdict: Verdict
    reason: str
    metric: str
    margin: float
    level: float
    rows: int
    days: int
    champion: float
    challenger: float
    difference: Interval
    loss: Interval
    business: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """The evidence as JSON-like data; what is not a number becomes None."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "metric": self.metric,
            "margin": self.margin,
            "level": self.level,
            "rows": self.rows,
            "days": self.days,
            "champion": _number(self.champion),
            "challenger": _number(self.challenger),
            "difference": self.difference.to_dict(),
            "loss": self.loss.to_dict(),
            "business": None if self.business is None else self.business.to_dict(),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Evidence:
        """The evidence that `to_dict` described."""
        kept = dict(data)
        for name in ("champion", "challenger"):
            kept[name] = math.nan if kept[name] is None else kept[name]
        for name in ("difference", "loss", "business"):
            kept[name] = None if kept[name] is None else _interval(kept[name])
        return Evidence(**kept)


def compare_shadow(
    y: npt.ArrayLike,
    p_champion: npt.ArrayLike,
    p_challenger: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    metric: Metric | str,
    margin: float,
    level: float = 0.95,
    seed: int = 0,
    actions: Pair | None = None,
    values: Pair | None = None,
) -> Evidence:
    """What mature decisions that both models scored say, paired by decision and clustered by day.

    The challenger is superior when one of the goal's metric and the log loss is shown to be better and the other is
    shown to be no worse than its margin; non-inferior when both are shown to be no worse; inferior when either is
    shown to be worse by more than its margin. Each claim needs its bound of the two-sided `level` (DeLong's variance
    in Obuchowski's clustered form for AUC, Student's t over days for log loss and business, a clustered bootstrap for
    the rest). Promotion needs both claims, so it needs no correction (Berger 1982, intersection-union); rejection
    needs either, so its chance is at most twice that of one tail.

    `actions` are what each model would have done (for metrics that need a threshold), `values` what each decision
    would have been worth.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(size=4000)
    >>> y, day = (rng.uniform(size=4000) < truth) * 1.0, np.arange(4000) // 200 * 86_400_000_000
    >>> noise = np.clip(truth + rng.normal(0, 0.2, 4000), 0.01, 0.99)
    >>> compare_shadow(y, noise, np.clip(truth, 0.01, 0.99), day, metric="auc", margin=0.005).verdict
    'superior'
    """
    outcomes = np.asarray(y, dtype=np.float64)
    old, new = np.asarray(p_champion, dtype=np.float64), np.asarray(p_challenger, dtype=np.float64)
    day = np.asarray(at, dtype=np.int64) // DAY
    if not outcomes.size == old.size == new.size == day.size:
        raise DataError(
            f"There are {outcomes.size} outcomes, {old.size} and {new.size} scores and {day.size} times.",
            expected="one of each per decision",
        )
    goal = metric if isinstance(metric, Metric) else Metric(metric)
    if outcomes.size == 0:
        nothing = Interval(math.nan, math.nan, math.nan, level, 0, 0, 0, "none")
        return Evidence(
            "not_enough", "no mature decision yet", str(goal), margin, level, 0, 0, math.nan, math.nan, nothing, nothing
        )
    days = np.unique(day).size
    losses = Pair(log_losses(outcomes, old), log_losses(outcomes, new))
    loss = paired_mean(losses.champion, losses.challenger, cluster=day).fixed(level=level)
    loss_margin = LOSS_MARGIN * float(np.mean(log_losses(outcomes, old)))
    business = None if values is None else _per_1000(values, day, level=level)
    before, after, difference = _goal_metric(
        goal, outcomes, Pair(old, new), day, level=level, seed=seed, actions=actions, loss=loss, business=business
    )
    claims = (
        against_margin(difference, margin=margin, greater_is_better=goal.greater_is_better),
        against_margin(loss, margin=loss_margin, greater_is_better=False),
    )
    return Evidence(
        verdict=verdict_of(claims[:1] if goal.name == "log_loss" else claims),
        reason=(
            f"{goal} {difference.estimate:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}] with margin {margin:g};"
            f" log loss {loss.estimate:+.4f} [{loss.low:+.4f}, {loss.high:+.4f}] with margin {loss_margin:.4f};"
            f" {outcomes.size} mature decisions of {days} days"
        ),
        metric=str(goal),
        margin=margin,
        level=level,
        rows=int(outcomes.size),
        days=int(days),
        champion=before,
        challenger=after,
        difference=difference,
        loss=loss,
        business=business,
    )


def verdict_of(claims: tuple[Comparison, ...]) -> Verdict:
    """The verdict that follows from what each measure says.

    >>> verdict_of(("superior", "non-inferior")), verdict_of(("superior", "not enough evidence"))
    ('superior', 'not_enough')
    """
    if "inferior" in claims:
        return "inferior"
    if "not enough evidence" in claims:
        return "not_enough"
    return "superior" if "superior" in claims else "non_inferior"


def _goal_metric(
    goal: Metric,
    y: npt.NDArray[np.float64],
    scores: Pair,
    day: npt.NDArray[np.int64],
    *,
    level: float,
    seed: int,
    actions: Pair | None,
    loss: Interval,
    business: Interval | None,
) -> tuple[float, float, Interval]:
    """The goal's metric of both models and the interval of its difference."""
    if goal.name == "business":
        if business is None:
            raise DataError("The goal is the business value, and no values were given.", expected="values=Pair(...)")
        return math.nan, math.nan, business
    name, option, compared = goal.name, 0.5, scores
    if goal.name == "recall" and goal.option is not None:
        name, option = "recall_at_precision", goal.option
    elif goal.name in ("accuracy", "precision", "recall"):
        if actions is None:
            raise DataError(f"{goal} is about actions, and none were given.", expected="actions=Pair(...)")
        compared = Pair(*(np.asarray(part, dtype=np.float64) for part in actions))
    spec = METRICS[name]
    before, after = (spec.function(y, part, None, option) for part in compared)
    if goal.name == "log_loss":
        return before, after, loss
    difference = paired_difference(
        spec,
        y,
        compared.champion,
        compared.challenger,
        cluster=day,
        threshold=option,
        draws=DRAWS,
        seed=seed_for(seed, "shadow", name),
        level=level,
    )
    return before, after, difference


def _per_1000(values: Pair, day: npt.NDArray[np.int64], *, level: float) -> Interval:
    a, b = (1000 * np.asarray(part, dtype=np.float64) for part in values)
    return paired_mean(a, b, cluster=day).fixed(level=level)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(data: Mapping[str, Any]) -> Interval:
    kept = dict(data)
    for name in ("estimate", "low", "high"):
        kept[name] = math.nan if kept[name] is None else kept[name]
    return Interval(**kept)
