"""The declared system of the feature benchmarks, and its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import setpoint as sp
from setpoint.data.rows import AT, KNOWN_AT, POSITION
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.declare.source import Source

WINDOWS = ("1h", "1d", "7d", "30d")
DECIMALS = 2
KINDS = {
    "payments": {"card": "number", "amount": "number", "at": "time", "known_at": "time"},
    "asks": {"ask": "number", "card": "number", "at": "time"},
    "ends": {"ask": "number", "fraud": "number", "at": "time"},
}


def payments(*, late: bool) -> Source:
    """The payments, known when they happen, or as late as their file says."""
    if late:
        return sp.events("payments", "arrived.parquet", at="at", known_at="known_at")
    return sp.events("payments", "payments.parquet", at="at", delay="0s")


def windowed(paid: Source, *, hop: str | None = "exact", last: bool = True) -> dict[str, Expr]:
    """Count, sum, mean, std, min, max and, where wanted, last, over an hour, a day, a week and 30 days."""
    amount, found = paid.amount, dict[str, Expr]()
    for window in WINDOWS:
        found |= {
            f"count_{window}": sp.count(amount, by="card", last=window, hop=hop),
            f"sum_{window}": sp.sum(amount, by="card", last=window, hop=hop, decimals=DECIMALS),
            f"mean_{window}": sp.mean(amount, by="card", last=window, hop=hop, decimals=DECIMALS),
            f"std_{window}": sp.std(amount, by="card", last=window, hop=hop, decimals=DECIMALS),
            f"min_{window}": sp.min(amount, by="card", last=window, hop=hop),
            f"max_{window}": sp.max(amount, by="card", last=window, hop=hop),
        }
        if last:
            found[f"last_{window}"] = sp.last(amount, by="card", last=window, hop=hop)
    return found


def planned(features: dict[str, Expr]) -> Plan:
    """The plan of a system that decides about cards with these features."""
    ends = sp.events("ends", "ends.parquet", at="at", delay="0s")
    system = sp.System(
        "benchmark",
        decide=sp.decide(sp.events("asks", "decisions.parquet", key="ask", at="at"), fields=["card"]),
        features=features,
        label=sp.label(ends.fraud > 0, on="ask", within="2d"),
        goal=sp.goal(sp.auc(), business="EUR", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("card") == 0)),
    )
    return make_plan(system, KINDS, Profile({}, 1000.0))


def rows_of(path: Path) -> pa.Table:
    """Payments as a source's rows, read by Arrow: files in the order of becoming known need no sorting."""
    return as_rows(pq.read_table(path, memory_map=True, use_threads=False))


def as_rows(table: pa.Table) -> pa.Table:
    """A table of payments with what rows of a source have besides; the id of a payment is its position."""
    found = {name: table.column(name) for name in table.column_names}
    found[AT] = table.column("at").combine_chunks().cast(pa.int64())
    late = "known_at" in table.column_names
    found[KNOWN_AT] = table.column("known_at").combine_chunks().cast(pa.int64()) if late else found[AT]
    return pa.table({**found, POSITION: pa.array(np.arange(table.num_rows))})
