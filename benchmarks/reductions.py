"""What a small gap between groups costs in right decisions, by our reduction and by fairlearn's lottery of models.

Both fit logistic regressions on people of two groups, one of which was judged more harshly in the past, and keep the
shares acted on within a limit of each other; errors and gaps are those of held-out people.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Row, main, peer_python
from common.costs import Cost, contend
from reductions_bench.data import write_people

ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LIMIT = 0.02


def measure(*, quick: bool) -> list[Row]:
    """Means over a few worlds."""
    rows, worlds = (10_000, 2) if quick else (40_000, 5)
    python, ours, theirs = peer_python("fairlearn"), list[Cost](), list[Cost]()
    with tempfile.TemporaryDirectory() as name:
        for seed in range(worlds):
            path = write_people(Path(name) / f"{seed}.npz", rows, seed)
            ours.append(contend(sys.executable, "reductions_bench/ours.py", path, LIMIT, **ALONE))
            if python is not None:
                theirs.append(contend(python, "peers/reductions_fairlearn.py", path, LIMIT, **ALONE))
    plain = mean(ours, "plain")
    size = f"{rows:,} people, mean of {worlds} worlds; without mitigation {plain[0]:.4f} wrong, gap {plain[1]:.3f}"
    fair, other = mean(ours, "fair"), mean(theirs, "fair") if theirs else None
    cpu = float(np.mean([one.cpu for one in ours]))
    return [
        Row(
            "wrong decisions", fair[0], "share", size, {"fairlearn": None if other is None else other[0]}, shrunk=quick
        ),
        Row("gap left", fair[1], "share", size, {"fairlearn": None if other is None else other[1]}, shrunk=quick),
        Row(
            "cost of the reduction",
            cpu,
            "CPU s",
            size,
            {"fairlearn": float(np.mean([one.cpu for one in theirs])) if theirs else None},
            shrunk=quick,
        ),
    ]


def mean(costs: list[Cost], name: str) -> np.ndarray:
    """The mean error and gap."""
    return np.mean([one.facts[name] for one in costs], axis=0)


if __name__ == "__main__":
    main(__doc__.splitlines()[0], measure)
