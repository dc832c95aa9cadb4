"""What a contender costs, in a process of its own: CPU of all its threads, and the most memory it held."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]


def spent() -> float:
    """CPU seconds of this process so far, of user and system, of all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """The most memory that this process has held, in MB; `getrusage` would tell that of the parent where it is more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def tell(**facts: Any) -> None:
    """Hand facts to the process that started this one."""
    print("\n" + json.dumps(facts), flush=True)


@dataclass(frozen=True)
class Cost:
    """What a contender told, and the CPU seconds of its whole process, imports and writing the result down included."""

    facts: dict[str, Any]
    whole: float

    @property
    def cpu(self) -> float:
        """CPU seconds of the work itself, imports left out."""
        return float(self.facts["cpu"])

    @property
    def peak(self) -> float:
        """The most memory of the process when the work was done, in MB."""
        return float(self.facts["peak"])


def contend(python: str | Path, script: str, *words: object, runs: int = 1, **environment: str) -> Cost:
    """The cheapest of some runs of a script of this folder, by its own interpreter; its last line is what it tells."""
    command = [str(word) for word in (python, HERE / script, *words)]
    return min((_run(command, environment) for _ in range(runs)), key=lambda cost: cost.cpu)


def _run(command: list[str], environment: dict[str, str]) -> Cost:
    paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    quiet = {"PYTHONPATH": paths, "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0", "NUMPY_MADVISE_HUGEPAGE": "0"}
    before = _of_children()
    told = {**os.environ, **quiet, **environment}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=told)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return Cost(json.loads(done.stdout.strip().splitlines()[-1]), _of_children() - before)


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
