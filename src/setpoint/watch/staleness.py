"""Staleness: did decisions rest on events older than they may be? By each feature's own limit, declared or usual."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from setpoint.data.log.decisions import plan_sources
from setpoint.declare.plan import Plan
from setpoint.features.freshness import freshness_of
from setpoint.features.verify import arrived_of
from setpoint.watch.finding import FEATURE, PAGE, Finding

STALE = "stale"


def check_freshness(plan: Plan, rows: Mapping[str, pa.Table], decided: pa.Table) -> list[Finding]:
    """A finding for each feature whose newest event was too old when the newest of these decisions was taken.

    What counts is what that decision had seen: a source that delivers nothing is found, and one whose events do not
    get through to the online state. Without a decision nothing is found: nothing rested on anything.
    """
    if not decided.num_rows or not plan_sources(plan):
        return []
    last = decided.slice(int(np.argmax(decided["at"].to_numpy())), 1)
    arrived = {name: int(counts[0]) for name, counts in arrived_of(plan, rows, last).items()}
    found = []
    for each in freshness_of(plan, rows, last["at"][0].as_py(), arrived=arrived):
        if each.stale and each.age is not None and each.limit is not None:
            evidence = {"age": each.age, "limit": each.limit, "declared": each.declared, "newest_at": each.newest_at}
            found.append(
                Finding(
                    monitor=STALE,
                    level=FEATURE,
                    subject=each.feature,
                    at=(each.newest_at or 0) + each.limit,
                    severity=PAGE,
                    p_value=0.0,
                    effect=each.age / each.limit,
                    evidence=evidence,
                    cause=each.source,
                )
            )
    return found
