"""Contracts of sources as a whole: does each bring its rows, and as many as it should?"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from setpoint.data.contracts.source_rules import source_breaches
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.watch.finding import INPUT, PAGE, Finding


def check_sources(plan: Plan, rows: Mapping[str, pa.Table], now: int) -> list[Finding]:
    """A finding for each rule of a source that it does not keep at a tick, by what was known then.

    Of stretches of time those are judged that became due since the tick before.
    """
    return [
        Finding(
            monitor=breach.kind,
            level=INPUT,
            subject=name,
            at=breach.since,
            severity=PAGE,
            p_value=0.0,
            effect=breach.times,
            evidence={"rule": breach.rule, "words": breach.words},
            cause=name,
        )
        for name, stated in plan.system.contracts.items()
        if stated.source_rules
        for breach in source_breaches(info(stated.source), stated.source_rules, rows[name], now, after=now - plan.tick)
    ]
