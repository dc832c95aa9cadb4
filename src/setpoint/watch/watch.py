"""Story: what is wrong today? The day's counts and the late labels against what the past leads one to expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.learn.kinds.expected import Expected
from setpoint.watch.coverage import check_live_coverage
from setpoint.watch.diagnose import with_causes
from setpoint.watch.drift import check_drift
from setpoint.watch.finding import Finding
from setpoint.watch.integrity import check_integrity
from setpoint.watch.past import stack
from setpoint.watch.performance import QualityWindow, check_quality
from setpoint.watch.performance_of_kind import check_predictions
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary

SHARES = {"integrity": 0.45, "columns": 0.25, "score": 0.10, "labels": 0.20}
"""How the alarm budget is spent. Integrity comes first: pipelines break more often than the world does."""


OF_LABELS = 0.25
"""The share of the labels' part that goes to the coverage of sets, where decisions say any."""


def watch(
    plan: Plan,
    *,
    reference: Reference,
    today: DaySummary,
    history: Sequence[DaySummary],
    quality: QualityWindow | None,
    now: int,
    matured: pa.Table | None = None,
    expected: Callable[[str], Expected] | None = None,
) -> list[Finding]:
    """What the monitors find at a tick, with the cause each finding is suspected to have.

    `history` are the summaries of the ticks before, oldest first; the last 70 count. `quality` are the mature
    decisions of the models that were live, and `matured` their rows, where decisions say how sure they are; `expected`
    says what a model is expected to lose, for goals that take no action. Nothing is found where there is too little
    past to tell.
    """
    alpha = budget(plan)
    past = stack(reference, history, today)
    findings = check_integrity(past, alpha=alpha["integrity"])
    findings += check_drift(past, alpha_column=alpha["columns"], alpha_score=alpha["score"])
    if quality is not None:
        over = quality.until(now - plan.system.label.matures_after)
        spent = alpha["labels"] - alpha["coverage"]
        if plan.system.goal.acts or expected is None:
            findings += check_quality(over, alpha=spent)
        else:
            findings += check_predictions(over, alpha=spent, expected=expected)
    promised = plan.system.goal.confidence
    if promised is not None and matured is not None:
        over_at = now - plan.system.label.matures_after
        findings += check_live_coverage(matured, level=promised.level, now=over_at, alpha=alpha["coverage"])
    return with_causes(findings, plan.system) if findings else []


def budget(plan: Plan) -> dict[str, float]:
    """The chance of a false alarm that each group of monitors may take at one tick.

    The declared alarms per month over the ticks of thirty days, shared out.
    """
    each = plan.alarms_per_month * plan.tick / (30 * DAY)
    found = {name: share * each for name, share in SHARES.items()}
    return {**found, "coverage": 0.0 if plan.system.goal.confidence is None else found["labels"] * OF_LABELS}
