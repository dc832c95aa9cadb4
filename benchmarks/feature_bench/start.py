"""What compiled code costs a new machine once, and every process; and what it costs those that never fold."""

from __future__ import annotations

import sys
from pathlib import Path

from common import Row
from common.costs import contend

from feature_bench.data import FEW, write

OURS = "feature_bench/ours_start.py"


def measure(folder: Path) -> list[Row]:
    """Imports, a first call that compiles everything it needs, and one that finds it compiled."""
    write(folder, FEW, FEW // 10)
    bare = contend(sys.executable, OURS, "import", runs=3)
    kept = str(folder / "compiled")
    cold = contend(sys.executable, OURS, folder, NUMBA_CACHE_DIR=kept)
    cached = contend(sys.executable, OURS, folder, runs=3, NUMBA_CACHE_DIR=kept)
    done = f"{FEW // 10} decisions from {FEW:,} payments, these fed, one decision online; 28 features"
    return [
        Row("imports without compiled code", bare.facts["imported"], "CPU s", "declarations, reader, online, pyarrow"),
        Row("numba imported before it is needed", float(bare.facts["numba"]), "", "0 no, 1 yes", most=0.0),
        Row("cold compile", cold.cpu, "CPU s", f"the first on a machine: {done}", most=30.0),
        Row("cached start", cached.cpu, "CPU s", f"the first of a process, importing numba included: {done}", most=2.0),
    ]
