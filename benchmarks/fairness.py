"""How far groups are apart in what is decided of them: what rates, gaps and their intervals cost, beside fairlearn.

Both give six rates of every group, their differences and ratios, and a bootstrap of all of them; a run in which the
values differ is stopped.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Row, main, peer_python
from common.costs import Cost, contend
from fairness_bench.data import write_rows

ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
TOLERANCE = 1e-12


def measure(*, quick: bool) -> list[Row]:
    """The same draws for both; then as many as the gate takes, by rows and by days, for ours alone."""
    rows, draws = (20_000, 10) if quick else (100_000, 50)
    with tempfile.TemporaryDirectory() as name:
        path = write_rows(Path(name) / "rows.npz", rows, 8)
        large = write_rows(Path(name) / "large.npz", 200_000 if quick else 1_000_000, 8)
        ours = contend(sys.executable, "fairness_bench/ours.py", path, draws, "rows", runs=3, **ALONE)
        python = peer_python("fairlearn")
        theirs = None if python is None else contend(python, "peers/fairness_fairlearn.py", path, draws, **ALONE)
        by_days = contend(sys.executable, "fairness_bench/ours.py", large, 500, "days", runs=2, **ALONE)
    size = f"{rows:,} rows in 8 groups, 6 rates, {draws} draws"
    if theirs is not None:
        size += f", values alike to {apart(ours, theirs):.0e}, a rate's error {spreads(ours, theirs)}"
    return [
        Row(
            "rates of groups, gaps and ratios with intervals",
            ours.cpu,
            "CPU s",
            size,
            {"fairlearn": None if theirs is None else theirs.cpu},
            least_ratio=100,
            shrunk=quick,
        ),
        Row(
            "memory of that",
            max(ours.peak, 0.1),
            "MB",
            size,
            {"fairlearn": None if theirs is None else theirs.peak},
            shrunk=quick,
        ),
        Row(
            "the same with rows of a day drawn together",
            by_days.cpu,
            "CPU s",
            f"{200_000 if quick else 1_000_000:,} rows in 8 groups on 90 days, 500 draws",
            shrunk=quick,
        ),
    ]


def apart(ours: Cost, theirs: Cost) -> float:
    """The largest difference of any rate, gap or ratio; stops where it is more than rounding."""
    differences = [abs(ours.facts["odds"] - theirs.facts["odds"])]
    for part in ("rates", "gaps", "ratios"):
        for name, values in ours.facts[part].items():
            other = theirs.facts[part][name]
            differences.append(float(np.abs(np.asarray(values) - np.asarray(other)).max()))
    if not max(differences) <= TOLERANCE:
        raise SystemExit(f"Ours and fairlearn's values differ by {max(differences)}.")
    return max(differences)


def spreads(ours: Cost, theirs: Cost) -> str:
    """The standard error of the first group's selection rate, as each has it."""
    return f"{ours.facts['spread']:.2g} and {theirs.facts['spread']:.2g}"


if __name__ == "__main__":
    main(__doc__.splitlines()[0], measure)
