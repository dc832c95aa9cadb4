"""What a profile of thirty columns costs, in one pass over a file, beside DuckDB's SUMMARIZE."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import Row, main
from common.costs import contend
from profile_bench.data import COLUMNS, DIFFERENT, write

TRUE = {f"text_{place}": different for place, different in enumerate(DIFFERENT)}


def furthest(found: dict[str, Any], rows: int) -> float:
    """How far the counts of different texts are from what is expected of draws, the worst of them, as a share."""
    return max(abs(found[name] / (most * -math.expm1(-rows / most)) - 1) for name, most in TRUE.items())


def measure(*, quick: bool) -> list[Row]:
    """Ten million rows (one million in the quick form), on one thread each."""
    rows = 1_000_000 if quick else 10_000_000
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "table.parquet", rows)
        ours = contend(sys.executable, "profile_bench/ours.py", path, **alone)
        read = contend(sys.executable, "profile_bench/read.py", path, **alone)
        duckdb = contend(sys.executable, "peers/profile_duckdb.py", path, **alone)
    assert ours.facts["rows"] == duckdb.facts["rows"] == rows
    size = f"{rows:,} rows x {COLUMNS} columns, Parquet"
    told = "with histograms, top values, days, lengths and equal columns, which the peer does not tell"
    worst = {"DuckDB SUMMARIZE": max(map(abs, duckdb.facts["halves"].values()))}
    return [
        Row(
            "profile of a table",
            ours.cpu,
            "CPU s",
            f"{size}; {told}",
            {"DuckDB SUMMARIZE": duckdb.cpu},
            least_ratio=1.0,
            shrunk=quick,
        ),
        Row("reading the file alone", read.cpu, "CPU s", size),
        Row("memory above reading the file", ours.peak - read.peak, "MB", size, most=100.0),
        Row(
            "worst error of the counts of different texts",
            furthest(ours.facts["distinct"], rows),
            "share",
            size,
            {"DuckDB SUMMARIZE": furthest(duckdb.facts["distinct"], rows)},
            most=0.06,
            shrunk=quick,
        ),
        Row("worst median of a standard normal column", max(map(abs, ours.facts["halves"].values())), "", size, worst),
    ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
