"""Contracts: fifteen rules over orders of thirty columns, against a query written by hand and against pandera.

Every contender works in a process of its own on the same files, finds every row that breaks a rule, and says which.
In memory each has the columns as its own format has them; from Parquet ours reads part by part, the others at once.
Imports and a first call on a few rows are left out. Ours also casts and checks every column, and gives each row that it
sets aside its reason in words. Ours and DuckDB have one thread, pandera (Polars) as many as there are cores: each is
cheapest so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import Row, main, peer_python
from common.costs import Cost, contend
from contract_bench.data import PLANTED, RULES, write

OURS, DUCKDB, PANDERA = "contract_bench/ours.py", "peers/contracts_duckdb.py", "peers/contracts_pandera.py"


def measure(*, quick: bool) -> list[Row]:
    """Over Arrow in memory, then from Parquet."""
    size = 500_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, size)

        def run(python: Path | None, script: str, what: str) -> tuple[Cost | None, Path]:
            result = folder / f"{what}-{Path(script).stem}.npz"
            cost = python and contend(python, script, what, folder, result, runs=1)
            return cost or None, result

        own = Path(sys.executable)
        arrow, parquet = (run(own, OURS, what) for what in ("arrow", "parquet"))
        queries = [run(own, DUCKDB, what) for what in ("arrow", "parquet")]
        frames = [run(peer_python("pandera"), PANDERA, what) for what in ("memory", "parquet")]
        told = f"{size:,} rows x 30 columns, {len(RULES)} rules, {PLANTED} bad rows of each"
        rows = [
            _row("rules over columns in memory, against DuckDB by hand", told, arrow, "DuckDB", queries[0], ratio=0.83),
            _row("rules over columns in memory, against pandera", told, arrow, "pandera", frames[0], ratio=1.0),
            _row("peak memory from Parquet", told, parquet, "pandera", frames[1], ratio=1.0, of=_peak, unit="MB"),
            _row("rules from Parquet, against DuckDB by hand", told, parquet, "DuckDB", queries[1], ratio=0.83),
            _row("rules from Parquet, against pandera", told, parquet, "pandera", frames[1], ratio=1.0),
        ]
        found = {"ours, Arrow": arrow, "ours, Parquet": parquet, "DuckDB": queries[1], "pandera": frames[1]}
        rows = [row if not quick else _shrunk(row) for row in rows]
        return rows + [
            Row(f"rows found unlike those planted: {who}", _unlike(folder, result), "rows", told, most=0.0)
            for who, (cost, result) in found.items()
            if cost is not None
        ]


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _peak(cost: Cost) -> float:
    return cost.peak


def _row(
    name: str,
    told: str,
    ours: tuple[Cost | None, Path],
    peer: str,
    theirs: tuple[Cost | None, Path],
    *,
    ratio: float | None = None,
    of: Callable[[Cost], float] = _cpu,
    unit: str = "CPU s",
) -> Row:
    """What one thing costs ours and a peer."""
    mine, other = ours[0], theirs[0]
    assert mine is not None
    title = f"{peer} {other.facts['version']}" if other else peer
    return Row(name, of(mine), unit, told, {title: None if other is None else of(other)}, least_ratio=ratio)


def _shrunk(row: Row) -> Row:
    return Row(row.name, row.ours, row.unit, row.size, row.peers, least_ratio=row.least_ratio, shrunk=True)


def _unlike(folder: Path, result: Path) -> float:
    """How many rows were found and not planted, planted and not found, or found by another rule."""
    pairs = []
    for file in (folder / "planted.npz", result):
        with np.load(file) as each:
            pairs.append(set(zip(each["order"].tolist(), each["rule"].tolist(), strict=True)))
    mine, theirs = pairs
    return float(len(mine ^ theirs))


if __name__ == "__main__":
    main(__doc__ or "", measure)
