"""pandera over Polars: the fifteen rules of the contract benchmark as a schema, all failures collected; MIT licence.

python contracts_pandera.py memory|parquet FOLDER RESULT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandera.polars as pa
import polars as pl
from common.costs import peak_mb, spent, tell
from pandera import __version__
from pandera.errors import SchemaErrors

RULES = (
    "account", "number", "merchant", "price", "quantity", "currency", "status", "email", "country", "paid",
    "discount", "total", "refund", "place", "score",
)  # fmt: skip
CURRENCIES = ["EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CZK"]
STATUSES = ["placed", "paid", "shipped", "returned", "refunded"]


def holds(name: str, condition: pl.Expr) -> pa.Check:
    """A check of several columns: NULL keeps the row."""
    return pa.Check(lambda data: data.lazyframe.select(condition.fill_null(True)), error=name)


def of(kind: type, name: str, *checks: pa.Check, **options: bool) -> pa.Column:
    """A column of a type, which may lack values unless the options say otherwise."""
    return pa.Column(kind, [*checks], name=name, **{"nullable": True, **options})


def schema(folder: Path) -> pa.DataFrameSchema:
    """The rules, and the type of every column."""
    merchants = pl.read_parquet(folder / "merchants.parquet")["merchant"]
    frame = pl.read_parquet(folder / "orders.parquet", n_rows=1)
    total = pl.col("price") * pl.col("quantity")
    columns = {name: of(kind, name) for name, kind in frame.schema.items()}
    columns |= {
        "account": of(pl.Int64, "account", nullable=False),
        "merchant": of(pl.Int64, "merchant", pa.Check.isin(merchants.to_list(), error="merchant")),
        "price": of(pl.Float64, "price", pa.Check.in_range(0.01, 10_000, error="price")),
        "quantity": of(pl.Int64, "quantity", pa.Check.in_range(1, 100, error="quantity")),
        "currency": of(pl.String, "currency", pa.Check.isin(CURRENCIES, error="currency")),
        "status": of(pl.String, "status", pa.Check.isin(STATUSES, error="status")),
        "email": of(pl.String, "email", pa.Check.str_matches(r"^[^@ ]+@[^@ ]+\.[a-z]+$", error="email")),
        "country": of(pl.String, "country", pa.Check.str_length(2, 2, error="country")),
        "score": of(pl.Float64, "score", pa.Check.in_range(0, 1, error="score")),
    }
    checks = [
        holds("paid", pl.col("paid_at") >= pl.col("ordered_at")),
        holds("discount", pl.col("discount") <= total),
        holds("total", (pl.col("total") - (total - pl.col("discount"))).abs() <= 0.01),
        holds("refund", (pl.col("status") != "refunded") | pl.col("refund").is_not_null()),
        holds("place", pl.col("latitude").is_between(-90, 90) & pl.col("longitude").is_between(-180, 180)),
    ]
    return pa.DataFrameSchema(columns, checks=checks, unique=["account", "number"])


def bad(folder: Path, rules: pa.DataFrameSchema, *, memory: bool) -> tuple[float, pl.DataFrame]:
    """CPU seconds of checking a frame, and of reading it unless it is in memory; and the failures."""
    before = spent()
    orders = pl.read_parquet(folder / "orders.parquet")
    if memory:
        before = spent()
    try:
        rules.validate(orders, lazy=True)
        raise SystemExit("nothing was found")
    except SchemaErrors as errors:
        found = errors.failure_cases
    cpu = spent() - before
    return cpu, found


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    bad(folder / "few", schema(folder / "few"), memory=what == "memory")
    cpu, found = bad(folder, schema(folder), memory=what == "memory")
    peak = peak_mb()
    named = {"not_nullable": "account", "multiple_fields_uniqueness": "number"}
    keys = pl.read_parquet(folder / "orders.parquet", columns=["order", "account", "number"])
    rows = keys[found["index"].to_numpy()].with_columns(rule=found["check"].replace(named))
    # Of rows that share what is unique it names the first, too, which a contract keeps.
    shared = rows.filter(pl.col("rule") == "number").sort("order")
    first = np.unique(shared.select("account", "number").to_numpy(), axis=0, return_index=True)[1]
    again = shared.filter(~np.isin(np.arange(shared.height), first))
    rows = pl.concat([rows.filter(pl.col("rule") != "number"), again]).sort("order")
    rule = np.array([RULES.index(name) for name in rows["rule"].to_list()])
    np.savez(result, order=rows["order"].to_numpy(), rule=rule)
    tell(cpu=cpu, peak=peak, version=__version__)
