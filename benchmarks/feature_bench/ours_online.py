"""Ours online, in a process of its own.

python ours_online.py get FOLDER URL...
python ours_online.py stream FOLDER EVENTS URL...
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

from feature_bench.system import as_rows, payments, planned, windowed
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.redis_state import RedisState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.core.ports import OnlineState
from setpoint.data.rows import KNOWN_AT
from setpoint.declare.plan import Plan
from setpoint.features.online import OnlineFeatures
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader

BATCH = 10_000
STATES: Mapping[str, Callable[[str], OnlineState]] = {"memory": MemoryState, "sqlite": SqliteState, "redis": RedisState}


def open_state(url: str) -> OnlineState:
    """The state that a URL names."""
    return STATES[url.partition(":")[0]](url)


def fed(plan: Plan, url: str, rows: pa.Table) -> OnlineFeatures:
    """Features over a state that has taken in these rows, in batches."""
    online = OnlineFeatures(plan, open_state(url))
    for start in range(0, rows.num_rows, BATCH):
        online.feed("payments", rows.slice(start, BATCH))
    return online


def unlike(plan: Plan, online: OnlineFeatures, rows: pa.Table, cards: list[int]) -> int:
    """How many features of these cards, when all rows are known, are not those of the reader, bit for bit."""
    at = int(rows[KNOWN_AT][-1].as_py()) + 1
    asked = pa.table({"ask": cards, "card": cards})
    read = FeatureReader(plan, {"payments": rows}).read(asked, np.full(len(cards), at))
    seen = online.see_many([{"ask": 0, "card": card} for card in cards], at)
    return len(compare(read, [each.values for each in seen]))


def get(folder: Path, urls: list[str]) -> dict[str, Any]:
    """What 24 values cost for 1, 10 and 100 cards at once, each round for the same cards."""
    plan = planned(windowed(payments(late=True), hop=None, last=False))
    rows = as_rows(pq.read_table(folder / "few-cards.parquet"))
    at, keys = int(rows[KNOWN_AT][-1].as_py()) + 1, int(rows["card"].to_numpy().max()) + 1
    found = {}
    for url in urls:
        online, rng = fed(plan, url, rows), np.random.default_rng(0)
        got = {}
        for many in (1, 10, 100):
            asked = [
                [{"ask": 0, "card": card} for card in cards] for cards in rng.integers(0, keys, (20, many)).tolist()
            ]
            got[many] = min(least(online, each_round, at) for each_round in [asked] * 5)
        found[url] = {"got": got, "different": unlike(plan, online, rows, rng.integers(0, keys, 500).tolist())}
    return found


def least(online: OnlineFeatures, asked: list[list[dict[str, Any]]], at: int) -> float:
    """CPU seconds of one call, on average over these."""
    before = process_time()
    for cards in asked:
        online.see_many(cards, at)
    return (process_time() - before) / len(asked)


def stream(folder: Path, events: int, urls: list[str]) -> dict[str, Any]:
    """What taking in payments costs, of which one in twenty comes late, besides imports and first batches."""
    plan = planned(windowed(payments(late=True), hop=None, last=False))
    rows = as_rows(pq.read_table(folder / "arrived.parquet").slice(0, events).combine_chunks())
    fed(plan, "memory://", rows.slice(0, 2 * BATCH))
    cards, found = rows["card"].to_numpy()[-1000:].tolist(), {}
    for url in urls:
        costs = []
        for _ in range(2 if url == "memory://" else 1):  # a state in memory is new each time
            before = spent()
            online = fed(plan, url, rows)
            costs.append(spent() - before)
        found[url] = {"cpu": min(costs), "different": unlike(plan, online, rows, cards)}
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "get":
        told = get(folder, sys.argv[3:])
    else:
        told = stream(folder, int(sys.argv[3]), sys.argv[4:])
    tell(cpu=spent(), peak=peak_mb(), **told)
