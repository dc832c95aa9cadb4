"""The table that is profiled: thirty columns of every kind, with few and with many different values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 500_000
DIFFERENT = (5, 50, 500, 5_000, 50_000, 1_000_000)
COLUMNS = 30


def block(number: int, rows: int) -> pa.Table:
    """So many rows: numbers, whole numbers, ids, times, truth values, texts, NULL, two that say nothing new."""
    rng = np.random.default_rng(number)
    columns: dict[str, pa.Array | np.ndarray] = {}
    for place in range(8):
        columns[f"number_{place}"] = rng.normal(size=rows)
    for place in range(4):
        columns[f"whole_{place}"] = rng.integers(0, 1_000 * 10**place, rows)
    for place in range(2):
        columns[f"id_{place}"] = np.arange(number * rows, (number + 1) * rows) * (place + 1)
    for place in range(4):
        moments = rng.integers(1_600_000_000_000_000, 1_700_000_000_000_000, rows)
        columns[f"time_{place}"] = pa.array(moments).cast(pa.timestamp("us", tz="UTC"))
    for place in range(2):
        columns[f"truth_{place}"] = rng.random(rows) < 0.3
    for place, different in enumerate(DIFFERENT):
        words = pa.array([f"word-{each}" for each in range(different)])
        columns[f"text_{place}"] = words.take(pa.array(rng.integers(0, different, rows)))
    for place in range(2):
        columns[f"gaps_{place}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.2)
    columns["constant"] = np.ones(rows)
    columns["copy"] = columns["number_0"]
    return pa.table(columns)


def write(path: Path, rows: int) -> Path:
    """The table as a Parquet file."""
    with pq.ParquetWriter(path, block(0, 1).schema) as file:
        for number in range(rows // BLOCK):
            file.write_table(block(number, BLOCK))
    return path
