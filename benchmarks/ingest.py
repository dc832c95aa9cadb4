"""Taking in a source larger than its memory: CPU, and the most anonymous memory, of a CSV and a Parquet file."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import Row, main
from common.costs import contend

FULL_MB, QUICK_MB = 3000, 60
MOST_MB = 1000.0


def measure(*, quick: bool) -> list[Row]:
    """One file of each format: read, held to its contract, compared row by row, put in order and mapped."""
    megabytes = QUICK_MB if quick else FULL_MB
    rows = []
    for kind in ("csv", "parquet"):
        with tempfile.TemporaryDirectory() as folder:
            found = contend(sys.executable, "ingest_bench/make.py", kind, megabytes, folder).facts
            size = f"{found['rows']:,} rows, {found['mb']:,.0f} MB of {kind}, one row in a hundred twice"
            cost = contend(sys.executable, "ingest_bench/take.py", kind, Path(folder), found["rows"])
            most = None if quick else MOST_MB
            rows += [
                Row(f"{kind}: peak anonymous memory", cost.peak, "MB", size, most=most),
                Row(f"{kind}: CPU for a million rows", cost.cpu / found["rows"] * 1e6, "CPU s", size),
            ]
    return rows


if __name__ == "__main__":
    main(__doc__ or "", measure)
