"""How much memory a model takes in a process that serves it: measured in one that does nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from setpoint.core.errors import DataError
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.system.backends import open_learners

ROWS = 400
"""Rows that are scored, one by one and together."""
SCORE = "from setpoint.system.memory import score_alone; import sys; print(score_alone(sys.argv[1]))"
"""What the other process runs."""
STATUS = Path("/proc/self/status")


def memory_of(scorer: Scorer, features: pa.Table) -> float:
    """The MB that a process holds more once it has loaded a scorer and scored some rows, what it loads for it included.

    Raises DataError where the process fails, and on systems that do not tell the memory of a process.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scorer.save(folder / "model")
        pq.write_table(features.slice(0, ROWS), folder / "rows.parquet")
        command = [sys.executable, "-c", SCORE, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own code
    if done.returncode:
        raise DataError(
            f"The memory of the model could not be measured: {done.stderr.strip()[-300:]}",
            hint="Leave sp.memory() out of must= on a system without /proc.",
        )
    return float(done.stdout.splitlines()[-1])


def score_alone(folder: str) -> float:
    """How many MB this process held more at most, once it had loaded the scorer of a folder and scored its rows."""
    learners, rows = open_learners(1), pq.read_table(Path(folder) / "rows.parquet")
    before = _megabytes("VmRSS")
    scorer = load_scorer(Path(folder) / "model", learners)
    for row in rows.to_pylist():
        scorer.score_row(row)
    scorer.score(rows)
    return max(0.0, _megabytes("VmHWM") - before)


def _megabytes(name: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6
