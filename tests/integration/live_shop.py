"""A shop with payments, whose source may be anywhere: what the tests of sources and live events share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import setpoint as sp
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.records import DecisionRecord
from setpoint.serve.log import decode_record

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000

Payment = dict[str, Any]


def payments(count: int) -> list[Payment]:
    """Payments of three cards, one an hour, each known a minute after it was made."""
    rng = np.random.default_rng(7)
    cents, cards = rng.integers(1, 50_000, count), rng.integers(0, 3, count)
    return [
        {
            "payment_id": f"p{number}",
            "ts": START + timedelta(hours=number),
            "card": f"c{cards[number]}",
            "amount": None if number % 11 == 5 else int(cents[number]) / 100,
        }
        for number in range(count)
    ]


def orders(count: int) -> list[dict[str, Any]]:
    """Orders of these cards, one every hour and a half."""
    return [
        {"order_id": f"o{number}", "ts": START + timedelta(minutes=90 * number + 1), "card": f"c{number % 3}"}
        for number in range(count)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """Rows as a Parquet file; its name."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path.name


def declare(folder: Path, path: str, **options: Any) -> sp.System:
    """The shop's system, its payments at a path; orders and frauds are files in a folder."""
    write(folder / "orders.parquet", orders(60))
    frauds = [{"order_id": row["order_id"], "ts": row["ts"] + timedelta(hours=1), "bad": True} for row in orders(60)]
    write(folder / "frauds.parquet", frauds)
    paid = sp.events("payments", path, **{"id": "payment_id", "at": "ts", "delay": "1m", **options})
    fraud = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="0s")
    return sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order_id", at="ts"), fields=["card"]),
        features={
            "mean_1d": sp.mean(paid.amount, by="card", last="1d"),
            "sum_2d": sp.sum(paid.amount, by="card", last="2d"),
            "std_2d": sp.std(paid.amount, by="card", last="2d"),
            "count_1d": sp.count(paid, by="card", last="1d"),
            "largest": sp.max(paid.amount, by="card", last="2d"),
        },
        label=sp.label(fraud.bad, on="order_id", within="2h"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("sum_2d") > 100)),
    )


def micros(moment: datetime) -> int:
    """A time in microseconds."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def open_shop(folder: Path, path: str, *, now: datetime = START, **options: Any) -> tuple[sp.Live, SimulatedClock]:
    """The shop opened, on a clock that stands at a time."""
    clock = SimulatedClock(micros(now))
    return sp.open_system(declare(folder, path, **options), root=folder, clock=clock), clock


@contextmanager
def log_of(live: sp.Live) -> Iterator[list[DecisionRecord]]:
    """The records of the decision log."""
    log = FileSegments(live.workspaces.live.log, writer=False)
    yield [decode_record(data) for _, data in log.read()]
    log.close()


def bits(values: Mapping[str, Any]) -> dict[str, str]:
    """The features of a decision, each float as its 64 bits."""
    return {name: np.float64(np.nan if value is None else value).tobytes().hex() for name, value in values.items()}
