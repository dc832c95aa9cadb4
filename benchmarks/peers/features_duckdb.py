"""DuckDB: windowed aggregates by RANGE frames, and the newest row by ASOF join; MIT licence.

python features_duckdb.py windows|lookup|known FOLDER RESULT
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
from common.costs import peak_mb, spent, tell

MICROSECONDS = {"1h": 3_600_000_000, "1d": 86_400_000_000, "7d": 604_800_000_000, "30d": 2_592_000_000_000}
FOLDS = {
    "count": "count(amount)",
    "sum": "sum(amount)",
    "mean": "avg(amount)",
    "std": "stddev_samp(amount)",
    "min": "min(amount)",
    "max": "max(amount)",
    "last": "arg_max(amount, time)",
}


def windows(folder: Path) -> str:
    """Payments and decisions one below the other, a frame for each window, and of the result the decisions."""
    columns = ", ".join(
        f"{fold} OVER w{window} AS {name}_{window}" for window in MICROSECONDS for name, fold in FOLDS.items()
    )
    frames = ", ".join(
        f"w{window} AS (PARTITION BY card ORDER BY time RANGE BETWEEN {length} PRECEDING AND 1 PRECEDING)"
        for window, length in MICROSECONDS.items()
    )
    return f"""
        WITH rows_ AS (
            SELECT card, epoch_us("at") AS time, amount, NULL AS ask FROM '{folder}/payments.parquet'
            UNION ALL SELECT card, epoch_us("at"), NULL, ask FROM '{folder}/decisions.parquet'
        )
        SELECT * FROM (SELECT ask, {columns} FROM rows_ WINDOW {frames}) WHERE ask IS NOT NULL
    """


def lookup(folder: Path) -> str:
    """The newest payment before each decision."""
    return f"""
        SELECT ask, amount FROM '{folder}/decisions.parquet' d
        ASOF LEFT JOIN '{folder}/payments.parquet' p ON d.card = p.card AND d."at" > p."at"
    """


def known(folder: Path) -> str:
    """Of every hundredth decision what was known of late payments, pair by pair: slow, but plainly right."""
    columns = ", ".join(
        f"{fold} FILTER (time >= asked - {length}) AS {name}_{window}"
        for window, length in MICROSECONDS.items()
        for name, fold in FOLDS.items()
    )
    return f"""
        WITH d AS (SELECT ask, card, epoch_us("at") AS asked FROM '{folder}/decisions.parquet' WHERE ask % 100 = 7),
        p AS (SELECT card, epoch_us("at") AS time, epoch_us(known_at) AS known, amount FROM '{folder}/arrived.parquet')
        SELECT ask, {columns} FROM d LEFT JOIN p
        ON p.card = d.card AND time < asked AND known <= asked AND time >= asked - {max(MICROSECONDS.values())}
        GROUP BY ask
    """


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    query = {"windows": windows, "lookup": lookup, "known": known}[what]
    duckdb.sql(query(folder / "few")).to_arrow_table()
    before = spent()
    found = duckdb.sql(query(folder)).to_arrow_table()
    cpu, peak = spent() - before, peak_mb()
    order = np.argsort(found["ask"].to_numpy())
    np.savez(result, **{name: found[name].to_numpy()[order] for name in found.column_names[1:]})
    tell(cpu=cpu, peak=peak, version=duckdb.__version__)
