"""What is known of decisions whose label's time is not over: how complete their sources are, and the rate to expect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.ports import Tables
from setpoint.core.times import iso
from setpoint.data.labels import CENSORED, KNOWN, VOID
from setpoint.data.log.decisions import DECISIONS, lasts_by, met_by, part_name
from setpoint.declare.contract import Fresh
from setpoint.declare.plan import Plan
from setpoint.labels.clock import label_clock
from setpoint.labels.completeness import completeness, stale_sources
from setpoint.labels.join import ends_of, resolve

REACH = 3
"""How many times the age at which decisions mature it is looked back, to see how late labels came."""


def young_labels(plan: Plan, tables: Tables, rows: Mapping[str, pa.Table], now: int) -> dict[str, Any]:
    """The decisions of committed ticks whose labels are not mature at a time, as JSON-like data.

    `naive` is their rate of positives as it looks, `rate` with `low` and `high` the one that the label clock expects in
    the end (None where it cannot say); `sources` tells for each source of the label how complete it is.
    """
    label, by = plan.system.label, lasts_by(plan)
    since = part_name(max(0, (now - REACH * label.matures_after) // plan.tick))
    parts = [part for part in tables.parts(DECISIONS) if part >= since]
    if not parts:
        return {"decisions": 0, "sources": []}
    columns = dict.fromkeys((met_by(plan), "at", "acted", *([] if by is None else [by])))
    table = tables.read(DECISIONS, columns=list(columns), parts=parts)
    table = table.filter(pc.less_equal(table["at"], now))
    at, keys = table["at"].to_numpy(), table[met_by(plan)].combine_chunks()
    segments = None if by is None else table[by].combine_chunks()
    labels = resolve(
        label,
        keys,
        at,
        rows,
        now,
        actions=pc.if_else(table["acted"].combine_chunks(), plan.system.goal.act.name, ""),
        segments=segments,
        complete_to=stale_sources(plan.system, rows, now),
    )
    named = None if segments is None else segments.to_numpy(zero_copy_only=False).astype(object)
    ends = ends_of(label, at, segments)
    young = np.flatnonzero(~labels.mature & (labels.state != VOID) & (labels.state != CENSORED))
    positive = (labels.state == KNOWN) & (labels.value == 1.0)
    limits = {
        name: rule.limit for name, one in plan.system.contracts.items() for rule in one.rules if isinstance(rule, Fresh)
    }
    found: dict[str, Any] = {
        "decisions": int(young.size),
        "naive": float(positive[young].mean()) if young.size else None,
        "sources": [
            each.to_dict() for each in completeness(label, keys, at, rows, now, limits=limits, segments=segments)
        ],
    }
    if label.absent == "negative" and young.size:
        clock = label_clock(labels, at, ends, as_of=now, delay=label.delay, segments=named)
        rate = clock.corrected_rate(positive[young], now - at[young], None if named is None else named[young])
        numbers = {"rate": rate.estimate, "low": rate.low, "high": rate.high}
        found |= {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return found


def told_young(found: Mapping[str, Any]) -> dict[str, str]:
    """What is known of young decisions in words, a line each."""
    facts = {}
    if found["decisions"]:
        told = f"{found['decisions']:,}, {found['naive']:.1%} positive so far"
        if found.get("rate") is not None:
            told += f"; {found['rate']:.1%} expected in the end ({found['low']:.1%} to {found['high']:.1%})"
        facts["decisions not mature"] = told
    for each in found["sources"]:
        told = "no event is expected of it yet"
        if each["share"] is not None:
            told = f"{each['share']:.0%} of the events expected by now ({each['low']:.0%} to {each['high']:.0%})"
        if each["behind"]:
            told += "; BEHIND"
        if not each["fresh"]:
            told += f"; STALE, complete to {iso(each['complete_to'])}"
        facts[f"source {each['source']}"] = told
    return facts
