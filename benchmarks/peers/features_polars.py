"""Polars: windowed aggregates by `rolling`, and the newest row by `join_asof`; MIT licence.

python features_polars.py windows|lookup FOLDER RESULT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from common.costs import peak_mb, spent, tell

WINDOWS = ("1h", "1d", "7d", "30d")
AMOUNT = pl.col("amount")
FOLDS = {
    "count": AMOUNT.count(),
    "sum": AMOUNT.sum(),
    "mean": AMOUNT.mean(),
    "std": AMOUNT.std(),
    "min": AMOUNT.min(),
    "max": AMOUNT.max(),
    "last": AMOUNT.drop_nulls().last(),
}


def windows(folder: Path) -> pl.DataFrame:
    """Payments and decisions merged by time and put in order of card, rolled over for each window; of it the decisions.

    Both files are in order of time, so merging them and sorting by card alone is half as dear as sorting by both.
    """
    paid = pl.read_parquet(folder / "payments.parquet").with_columns(ask=pl.lit(None, pl.Int64))
    asked = pl.read_parquet(folder / "decisions.parquet").with_columns(amount=pl.lit(None, pl.Float64))
    both = paid.merge_sorted(asked.select(paid.columns), key="at").sort("card", maintain_order=True)
    asks, found = both["ask"], []
    for window in WINDOWS:
        folds = [fold.alias(f"{name}_{window}") for name, fold in FOLDS.items()]
        rolled = both.rolling("at", period=window, closed="left", group_by="card").agg(folds)
        found.append(rolled.drop("card", "at").filter(asks.is_not_null()))
    return pl.concat([asks.drop_nulls().to_frame(), *found], how="horizontal")


def lookup(folder: Path) -> pl.DataFrame:
    """The newest payment before each decision; both files are in order of time."""
    paid = pl.read_parquet(folder / "payments.parquet").set_sorted("at")
    asked = pl.read_parquet(folder / "decisions.parquet").set_sorted("at")
    return asked.join_asof(paid, on="at", by="card", allow_exact_matches=False).select("ask", "amount")


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    work = {"windows": windows, "lookup": lookup}[what]
    work(folder / "few")
    before = spent()
    found = work(folder)
    cpu, peak = spent() - before, peak_mb()
    found = found.sort("ask").drop("ask")
    np.savez(result, **{name: found[name].to_numpy() for name in found.columns})
    tell(cpu=cpu, peak=peak, version=pl.__version__)
