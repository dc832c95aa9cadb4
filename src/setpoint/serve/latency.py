"""How long a model takes to score, measured where it would be released; reported, and judged when not in replay."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pyarrow as pa

from setpoint.core.clock import cpu_seconds, stopwatch
from setpoint.declare.plan import Plan
from setpoint.serve.snapshot import Scorer

ROWS = 400
WARM = 50


def measure_model(plan: Plan, scorer: Scorer, features: pa.Table) -> dict[str, float]:
    """The measured guardrails that the goal declares: latency in microseconds, CPU seconds per 1000 decisions.

    Rows are scored one by one as online; the time of features and log comes on top and is watched by `serve`.
    """
    rows = features.slice(0, ROWS).to_pylist()
    found: dict[str, float] = {}
    if not rows:
        return found
    taken = _times(scorer, rows)
    before = cpu_seconds()
    for row in rows:
        scorer.score_row(row)
    cpu = (cpu_seconds() - before) / len(rows) * 1000
    for rail in plan.system.goal.must:
        if rail.metric.name == "latency":
            place = math.ceil((rail.metric.option or 99.0) / 100 * len(taken)) - 1
            found[str(rail.metric)] = taken[max(0, place)]
        if rail.metric.name == "cpu_per_1000":
            found[str(rail.metric)] = cpu
    return found


def pace_of(scorer: Scorer, features: pa.Table) -> float:
    """The microseconds that a scorer takes for a row, half of the time."""
    rows = features.slice(0, ROWS).to_pylist()
    return statistics.median(_times(scorer, rows)) if rows else math.nan


def _times(scorer: Scorer, rows: list[dict[str, Any]]) -> list[float]:
    """The microseconds of each row, fewest first, once the scorer is warm."""
    taken = []
    for row in rows:
        began = stopwatch()
        scorer.score_row(row)
        taken.append((stopwatch() - began) / 1000)
    return sorted(taken[WARM:] or taken)
