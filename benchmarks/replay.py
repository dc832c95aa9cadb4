"""A year of New York flights replayed as if live: CPU, memory, and what came of it. No other system can be asked to."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import Row, main

QUICK_END = "2013-03-10"


def replayed(folder: Path, *, end: str | None) -> dict[str, Any]:
    """The results of the shipped example, replayed in a process of its own."""
    setpoint = [sys.executable, "-m", "setpoint.cli.main"]
    subprocess.run([*setpoint, "new", "flights", folder, "--json"], check=True, capture_output=True)
    words = [*setpoint, "replay", folder, "--json", *(["--end", end] if end else [])]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def measure(*, quick: bool) -> list[Row]:
    """The whole year; in the quick form its first ten weeks, which keep no promise."""
    with tempfile.TemporaryDirectory() as folder:
        found = replayed(Path(folder) / "flights", end=QUICK_END if quick else None)
    summary, split, last = found["summary"], found["time_split"], found["last_quarter"]
    size = f"{summary['decisions']:,} decisions"
    steps = ", ".join(f"{each['step']} {each['cpu_seconds']:.1f}" for each in found["steps"])
    worst = max((month["auc_frozen"] or 0) - (month["auc"] or 0) for month in found["months"][1:])
    return [
        Row("replay", summary["cpu_seconds"], "CPU s", f"{size}: {steps}", most=120, shrunk=quick),
        Row("peak memory", summary["peak_rss_mb"], "MB", size, most=3000, shrunk=quick),
        Row("1 - AUC, split by time", 1 - split["auc"], "", f"{split['tested']}", most=1 - 0.737, shrunk=quick),
        Row("flattery of a random split", split["flattery"], "AUC", "the same rows", shrunk=quick),
        Row(
            "ECE, newest quarter",
            last["ece"],
            "",
            f"{last['ece_low']:.4f} to {last['ece_high']:.4f}",
            most=0.02,
            shrunk=quick,
        ),
        Row("frozen model ahead of live, worst month", worst, "AUC", "month by month", shrunk=quick),
        Row(
            "online and batch differ",
            found["parity"]["mismatches"],
            "values",
            f"of {found['parity']['compared_values']:,}",
            most=0,
        ),
    ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
