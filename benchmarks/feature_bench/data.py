"""The data of the feature benchmarks: card payments of skewed cards over 90 days, and decisions about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
SPAN = 90 * DAY
CARDS = 100_000
LATE_SHARE, LATEST = 0.05, 3 * DAY
FEW = 2000
TIMES = pa.timestamp("us", tz="UTC")

Ints = np.ndarray[Any, np.dtype[np.int64]]


def cards(rng: np.random.Generator, size: int, *, many: int = CARDS) -> Ints:
    """Cards, the k-th of them with a share of k^-0.6."""
    share = np.cumsum(np.arange(1, many + 1) ** -0.6)
    return np.searchsorted(share, rng.random(size) * share[-1], side="right")


def payments(size: int, *, seed: int = 1) -> dict[str, np.ndarray[Any, Any]]:
    """Payments in the order of their times, no two at the same: `at`, `card` and `amount`, in cents from 0.01."""
    rng = np.random.default_rng([seed, size])
    at = START + np.sort(rng.integers(0, SPAN - size, size)) + np.arange(size)
    amount = np.maximum(np.round(rng.lognormal(3.0, 1.0, size), 2), 0.01)
    return {"at": at, "card": cards(rng, size), "amount": amount}


def late(size: int) -> Ints:
    """How much later than it happened each payment became known: one in twenty by up to three days."""
    rng = np.random.default_rng([2, size])
    return np.where(rng.random(size) < LATE_SHARE, rng.integers(1, LATEST, size), 0)


def few_cards(many: int) -> dict[str, np.ndarray[Any, Any]]:
    """The payments of the last 30 days of so many cards, ten of each on average, in the order of becoming known."""
    rng, paid = np.random.default_rng([4, many]), payments(10 * many)
    at = START + SPAN - np.sort(rng.integers(0, 30 * DAY, 10 * many))[::-1]
    return arrived({**paid, "at": at, "card": cards(rng, 10 * many, many=many)})


def decisions(events: dict[str, np.ndarray[Any, Any]], size: int) -> dict[str, np.ndarray[Any, Any]]:
    """Decisions of days 30 to 90 in order of time; one in a hundred at the very time of one of its card's payments."""
    rng = np.random.default_rng([3, size])
    at = START + rng.integers(30 * DAY, SPAN, size)
    asked = cards(rng, size)
    first = int(np.searchsorted(events["at"], START + 30 * DAY))
    exact = np.arange(0, size, 100)
    chosen = rng.integers(first, events["at"].size, exact.size)
    at[exact], asked[exact] = events["at"][chosen], events["card"][chosen]
    order = np.argsort(at, kind="stable")
    return {"ask": np.arange(size), "at": at[order], "card": asked[order]}


def table(columns: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
    """Columns as an Arrow table; times are times."""
    return pa.table({name: pa.array(each, TIMES if name.endswith("at") else None) for name, each in columns.items()})


def write(folder: Path, events: int, asks: int) -> int:
    """Write payments, the same in order of a late arrival, and decisions; gives the bytes of payments and decisions.

    payments.parquet is in order of time and known at once; arrived.parquet is in the order in which payments became
    known, with that time. In `few` there are a few of each, for a contender's first call.
    """
    if events > FEW:
        write(folder / "few", FEW, FEW // 10)
    folder.mkdir(parents=True, exist_ok=True)
    paid = payments(events)
    pq.write_table(table(paid), folder / "payments.parquet")
    pq.write_table(table(arrived(paid)), folder / "arrived.parquet")
    asked = decisions(paid, asks)
    pq.write_table(table(asked), folder / "decisions.parquet")
    return sum(each.nbytes for each in (*paid.values(), *asked.values()))


def arrived(paid: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Payments in the order in which they became known, with that time."""
    known = paid["at"] + late(paid["at"].size)
    order = np.argsort(known, kind="stable")
    return {**{name: each[order] for name, each in paid.items()}, "known_at": known[order]}
