"""Decisions of which some groups get more than others, in days that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_rows(path: Path, rows: int, groups: int, *, seed: int = 1) -> Path:
    """Outcomes, actions, the group and the day of each row, as a file that every contender reads."""
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, rows, p=rng.dirichlet(np.full(groups, 5.0)))
    day = rng.integers(0, 90, rows)
    y = rng.random(rows) < 0.2 + 0.02 * group
    acted = rng.random(rows) < 0.1 + 0.4 * y + 0.01 * group + 0.05 * np.sin(day)
    np.savez(path, y=y.astype(np.int8), acted=acted.astype(np.int8), group=group.astype(np.int64), day=day)
    return path
