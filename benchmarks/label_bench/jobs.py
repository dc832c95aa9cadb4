"""What every contender is given and tells: vote matrices to make probabilities of, in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common.costs import peak_mb, spent, tell

FEW = 2000
"""Rows of a first call that nobody is charged for."""

Label = Callable[[npt.NDArray[np.int8], dict[str, Any]], npt.NDArray[np.float64]]
"""Probabilities of classes from votes and a job: its `balance`, `seed`, and `gold` rows with their class."""


def write_job(folder: Path, name: str, votes: npt.NDArray[np.int8], **facts: Any) -> dict[str, Any]:
    """A job, its votes written down."""
    np.save(folder / f"{name}.npy", votes)
    return {"name": name, "votes": str(folder / f"{name}.npy"), **facts}


def run(label: Label) -> None:
    """Do the jobs of the file named on the command line: CPU seconds of each, and what memory the dearest took."""
    jobs, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    cpu, extra = [], 0.0
    for job in jobs:
        votes = np.load(job["votes"])
        label(votes[:FEW], {**job, "gold": [pair for pair in job["gold"] if pair[0] < FEW]})
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        held, before = peak_mb(), spent()
        found = label(votes, job)
        cpu.append(spent() - before)
        extra = max(extra, peak_mb() - held)
        np.save(out / f"{job['name']}.npy", found)
    tell(cpu=sum(cpu), each=cpu, peak=extra)
