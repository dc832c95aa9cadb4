"""Writes a file of payments of so many megabytes: words are `csv` or `parquet`, megabytes, and the folder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from common.costs import spent, tell

BLOCK = 200_000


def payments(first: int) -> pa.Table:
    """A block of payments; every hundredth is the one a hundred before it, again."""
    number = np.arange(first, first + BLOCK)
    number[100::100] -= 100
    at = pa.array(1_700_000_000_000_000 + number * 1_000_000, pa.timestamp("us", tz="UTC"))
    amount = (number * 2654435761 % 100_000) / 100
    text = pa.array([f"payment of card {one}" for one in (number * 40503 % 100_000).tolist()])
    return pa.table({"id": number, "at": at, "amount": amount, "card": number * 40503 % 100_000, "note": text})


def main(kind: str, megabytes: int, folder: Path) -> None:
    """Blocks until the file is large enough."""
    rows, path = 0, folder / f"payments.{kind}"
    schema = payments(0).schema
    writer = pa_csv.CSVWriter(path, schema) if kind == "csv" else pq.ParquetWriter(path, schema, compression="none")
    with writer:
        while not rows or path.stat().st_size < megabytes * 1_000_000:
            writer.write_table(payments(rows))
            rows += BLOCK
    tell(cpu=spent(), peak=0, rows=rows, mb=path.stat().st_size / 1e6)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
