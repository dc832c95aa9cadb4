"""What compiled code costs a new machine once, and every process; and what it costs those that never fold."""

from __future__ import annotations

import sys
from pathlib import Path

from common import Row
from common.costs import contend

from feature_bench.data import FEW, write

OURS = "feature_bench/ours_start.py"


def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Imports, a first call that compiles all it needs (not in the quick form), and one that finds it compiled."""
    write(folder, FEW, FEW // 10)
    bare = contend(sys.executable, OURS, "import", runs=1 if quick else 3)
    done = f"{FEW // 10} decisions from {FEW:,} payments, these fed, one decision online; 28 features"
    rows = [
        Row("imports without compiled code", bare.facts["imported"], "CPU s", "declarations, reader, online, pyarrow"),
        Row("numba imported before it is needed", float(bare.facts["numba"]), "", "0 no, 1 yes", most=0.0),
    ]
    if not quick:
        cold = contend(sys.executable, OURS, folder, NUMBA_CACHE_DIR=str(folder / "compiled"))
        rows.append(Row("cold compile", cold.cpu, "CPU s", f"the first on a machine: {done}", most=30.0))
    cached = contend(sys.executable, OURS, folder, runs=1 if quick else 3)
    told = f"the first of a process, importing numba included: {done}"
    return [*rows, Row("cached start", cached.cpu, "CPU s", told, most=2.0)]
