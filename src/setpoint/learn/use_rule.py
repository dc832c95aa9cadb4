"""Should it be ML at all: whether what the gate compared says to use the model, a rule, or nothing new yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.measure.intervals import more_rows_to_settle

if TYPE_CHECKING:
    from setpoint.learn.gate import Comparison, GateReport
    from setpoint.learn.upkeep import Upkeep

MODEL, RULE, NOT_YET = "model", "rule", "not yet"


@dataclass(frozen=True)
class Use:
    """What to use, and why; `more_labels` is about how many more would settle it, None where none would or need to."""

    verdict: str
    reason: str
    more_labels: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON-like data."""
        return {"verdict": self.verdict, "reason": self.reason, "more_labels": self.more_labels}


def use_of(report: GateReport, *, greater_is_better: bool, upkeep: Upkeep | None = None) -> Use:
    """Which of the model and the baselines is to be used, by what each is worth, or else by the goal's metric.

    The model, where it is shown better than every baseline, each by the 97.5 % bound of the value gained or the 95 %
    bound of the metric; a rule, where one of them does as well or better by estimate; not yet, where the model is ahead
    and that is not shown, or the gate holds it back for another reason. The gate's own verdict does not change. What
    having a model costs is taken off what it gains, where the goal says.
    """
    cost, why = (0.0, "") if upkeep is None else (upkeep.per_1000, f"; {upkeep.words}")
    gains = [_gain(each, cost, greater_is_better=greater_is_better) for each in report.baselines]
    told = [(each, found) for each, found in zip(report.baselines, gains, strict=True) if math.isfinite(found[0])]
    if not told:
        return Use(NOT_YET, "nothing could be compared with the model")
    least, (gain, low, unit) = min(told, key=lambda pair: pair[1][0])
    words = f"against {least.against!r} it gains {gain:.4g} {unit}"
    if gain <= 0:
        dear = cost > 0 and gain + cost > 0
        then = "is worth more than a model that costs so much" if dear else "needs no training and does as well"
        return Use(RULE, f"{words}: {least.against} {then}{why}")
    unsure = [(each, found) for each, found in told if not found[1] > 0]
    if unsure:
        closest, (gain, low, unit) = min(unsure, key=lambda pair: pair[1][0])
        more = _more(closest, cost)
        shown = f"by the lower bound {low:.4g}" if math.isfinite(low) else "by no bound at all"
        labels = "" if more is None else f"; about {more:,} more labels would settle it"
        return Use(NOT_YET, f"against {closest.against!r} it gains {gain:.4g} {unit}, {shown}{labels}{why}", more)
    if not report.passed:
        return Use(NOT_YET, f"it is shown better than what needs no training, but the gate holds it back; {words}{why}")
    return Use(MODEL, f"shown better than all that needs no training; {words}, at least {low:.4g}{why}")


def _gain(each: Comparison, cost: float, *, greater_is_better: bool) -> tuple[float, float, str]:
    """What the model gains over another once it is paid for, its lower bound, and in what."""
    value = each.value_difference
    if math.isfinite(value.estimate):
        unit = "of value per 1000 decisions" + (", its costs taken off," if cost else "")
        return value.estimate - cost, value.low - cost, unit
    found = each.difference
    if greater_is_better:
        return found.estimate, found.low, each.metric
    return -found.estimate, -found.high, f"less {each.metric}"


def _more(each: Comparison, cost: float) -> int | None:
    value = each.value_difference if math.isfinite(each.value_difference.estimate) else each.difference
    more = more_rows_to_settle(value, cost)
    return math.ceil(more) if math.isfinite(more) else None
