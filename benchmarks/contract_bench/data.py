"""The data of the contract benchmark: orders of 30 columns, some of which break one of fifteen rules, and merchants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_700_000_000_000_000
SECOND = 1_000_000
BLOCK = 500_000
FEW = 20_000
MERCHANTS = 50_000
PLANTED = 100
"""How many rows break each rule."""

TIMES = pa.timestamp("us", tz="UTC")
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CZK")
STATUSES = ("placed", "paid", "shipped", "returned", "refunded")
COUNTRIES = ("DE", "FR", "IT", "ES", "PL", "NL", "SE", "US", "GB", "JP")
CHANNELS, DEVICES = ("web", "app", "shop", "phone"), ("ios", "android", "desktop", "tablet", "other")
RULES = (
    "account", "number", "merchant", "price", "quantity", "currency", "status", "email", "country", "paid",
    "discount", "total", "refund", "place", "score",
)  # fmt: skip
"""The names of the rules, in their order."""

Columns = dict[str, Any]


def write(folder: Path, size: int) -> None:
    """Write orders.parquet, merchants.parquet and planted.npz: the orders that break a rule, and which; also a few."""
    if size > FEW:
        write(folder / "few", FEW)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"merchant": np.arange(MERCHANTS) * 7 + 1000}), folder / "merchants.parquet")
    # Each at an odd place, so that the order before it is good, and in the same block.
    places = 2 * np.sort(np.random.default_rng([9, size]).choice(size // 2, PLANTED * len(RULES), replace=False)) + 1
    rules = np.random.default_rng([10, size]).permutation(np.repeat(np.arange(len(RULES)), PLANTED))
    writer: pq.ParquetWriter | None = None
    for start in range(0, size, BLOCK):
        count = min(BLOCK, size - start)
        columns = orders(start, count)
        here = (places >= start) & (places < start + count)
        for place, rule in zip(places[here] - start, rules[here], strict=True):
            _break(columns, int(place), RULES[rule])
        block = _table(columns)
        writer = writer or pq.ParquetWriter(folder / "orders.parquet", block.schema)
        writer.write_table(block)
    assert writer is not None
    writer.close()
    np.savez(folder / "planted.npz", order=_number(places), rule=rules)


def _number(places: Any) -> Any:
    return places * 3 + 5


def orders(start: int, count: int) -> Columns:
    """So many orders from a place on, all of them good; what may be empty has a mask beside it."""
    rng = np.random.default_rng([start, count])
    place = np.arange(start, start + count)
    price = np.round(rng.lognormal(3.0, 1.0, count).clip(0.05, 9000), 2)
    quantity = rng.integers(1, 20, count)
    discount = np.round(price * rng.random(count) * 0.3, 2)
    at = START + place * SECOND
    status = rng.integers(0, len(STATUSES), count)
    refunded = status == STATUSES.index("refunded")
    return {
        "order": _number(place),
        "ordered_at": at,
        "paid_at": at + rng.integers(0, 86_400 * SECOND, count),
        "account": (place * 2_654_435_761) % 1_000_003,
        "number": place // 1_000_003 + 1,
        "merchant": rng.integers(0, MERCHANTS, count) * 7 + 1000,
        "email": place,
        "currency": rng.integers(0, len(CURRENCIES), count),
        "country": rng.integers(0, len(COUNTRIES), count),
        "status": status,
        "price": price,
        "quantity": quantity,
        "discount": discount,
        "total": np.round(price * quantity - discount, 2),
        "refund": np.where(refunded, price, np.nan),
        "score": rng.random(count),
        "latitude": rng.uniform(-90, 90, count),
        "longitude": rng.uniform(-180, 180, count),
        "channel": rng.integers(0, len(CHANNELS), count),
        "device": rng.integers(0, len(DEVICES), count),
        **{name: rng.normal(50, 10, count) for name in ("weight", "length", "width", "height", "tax")},
        **{name: rng.integers(0, 1000, count) for name in ("visits", "items", "points")},
        **{name: rng.random(count) < 0.2 for name in ("gift", "first")},
        "no paid_at": rng.random(count) < 0.05,
        "no account": np.zeros(count, dtype=bool),
        "odd email": np.zeros(count, dtype=bool),
        "odd country": np.zeros(count, dtype=bool),
    }


def _break(columns: Columns, place: int, rule: str) -> None:
    """Let one order break one rule and no other."""
    if rule == "account":
        columns["no account"][place] = True
    elif rule == "number":
        columns["account"][place], columns["number"][place] = (
            columns["account"][place - 1],
            columns["number"][place - 1],
        )
    elif rule == "merchant":
        columns["merchant"][place] += 3
    elif rule == "price":
        columns["price"][place], columns["discount"][place], columns["total"][place] = -1.0, -20.0, None
    elif rule == "quantity":
        columns["quantity"][place], columns["total"][place] = 200, None
    elif rule in {"currency", "status"}:
        columns[rule][place] = len(CURRENCIES if rule == "currency" else STATUSES)
        columns["refund"][place] = columns["price"][place]
    elif rule in {"email", "country"}:
        columns[f"odd {rule}"][place] = True
    elif rule == "paid":
        columns["paid_at"][place], columns["no paid_at"][place] = columns["ordered_at"][place] - 1, False
    elif rule == "discount":
        columns["discount"][place], columns["total"][place] = 1e6, None
    elif rule == "total":
        columns["total"][place] += 0.5
    elif rule == "refund":
        columns["status"][place], columns["refund"][place] = STATUSES.index("refunded"), np.nan
    elif rule == "place":
        columns["latitude"][place] = 91.0
    else:
        columns["score"][place] = 1.5


def _table(columns: Columns) -> pa.Table:
    words = {"currency": CURRENCIES, "status": STATUSES, "channel": CHANNELS, "device": DEVICES, "country": COUNTRIES}
    found = {}
    for name, values in columns.items():
        if " " in name:
            continue
        if name == "email":
            numbers = pa.array(values).cast(pa.string())
            good = pa.compute.binary_join_element_wise("user", numbers, "@mail.example", "")
            found[name] = pa.compute.if_else(pa.array(columns["odd email"]), numbers, good)
        elif name in words:
            known = pa.array([*words[name], "???"])
            found[name] = known.take(pa.array(np.where(columns.get(f"odd {name}", False), len(words[name]), values)))
        elif values.dtype == np.float64:
            found[name] = pa.array(values, from_pandas=True)
        else:
            mask = columns.get(f"no {name}")
            found[name] = pa.array(values, TIMES if name.endswith("_at") else None, mask=mask)
    return pa.table(found)
