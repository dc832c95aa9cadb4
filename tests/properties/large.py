"""A log of any length, written piece by piece, with a plan that folds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import setpoint as sp
from setpoint.core.times import DAY, MINUTE
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.plan import Plan, Profile, make_plan

PIECE = 1 << 16
KINDS = {"key": "number", "val": "number", "ts": "time", "id": "text"}


def plan() -> Plan:
    """Seven folds over each of two windows."""
    log = sp.events("events", "events.parquet", id="id", at="ts", delay="0s")
    asks = sp.events("asks", "asks.parquet", key="id", at="ts")
    features: dict[str, Any] = {}
    for last in ("1d", "7d"):
        features[f"n_{last}"] = sp.count(log, by="key", last=last)
        for name, fold in {"sum": sp.sum, "mean": sp.mean, "std": sp.std}.items():
            features[f"{name}_{last}"] = fold(log.val, by="key", last=last, decimals=2)
        for name, extreme in {"min": sp.min, "max": sp.max, "last": sp.last}.items():
            features[f"{name}_{last}"] = extreme(log.val, by="key", last=last)
    system = sp.System(
        "large",
        decide=sp.decide(asks, fields=["key"]),
        features=features,
        label=sp.label(log.val > 0, on="id", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("key") > 5)),
    )
    return make_plan(system, {"events": KINDS, "asks": KINDS}, Profile({}, 1.0))


def write(file: Path, rows: int) -> None:
    """A Parquet file with so many rows of 1000 keys in 30 days, some late."""
    writer = None
    for start in range(0, rows, PIECE):
        piece = _piece(start, min(PIECE, rows - start), rows)
        writer = writer or pq.ParquetWriter(file, piece.schema)
        writer.write_table(piece)
    if writer is not None:
        writer.close()


def _piece(start: int, many: int, rows: int) -> pa.Table:
    rng = np.random.default_rng(start)
    known_at = (np.arange(start, start + many) * (30 * DAY / rows)).astype(np.int64)
    late = np.where(rng.random(many) < 0.05, rng.integers(0, 60 * MINUTE, many), 0)
    values = np.round(rng.lognormal(3, 1, many), 2)
    return pa.table({"key": rng.integers(0, 1000, many), "val": values, AT: known_at - late, KNOWN_AT: known_at})


def times(many: int) -> Any:
    """The times of so many decisions, in no order."""
    return np.random.default_rng(1).integers(DAY, 30 * DAY, many)


def requests(many: int) -> pa.Table:
    """So many decisions, one in a hundred on a key that no row has."""
    keys = np.random.default_rng(2).integers(0, 1010, many)
    return pa.table({"id": pa.array(range(many)).cast(pa.string()), "key": pa.array(keys, pa.float64())})
