"""Rows of two groups, one of which was judged more harshly in the past, and which columns tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = 6


def write_people(path: Path, rows: int, seed: int) -> Path:
    """Half of the rows train, an eighth validates, the others are held out."""
    rng = np.random.default_rng(seed)
    group = rng.random(rows) < 0.4
    x = rng.normal(size=(rows, COLUMNS))
    x[:, 0] += 1.2 * group
    odds = 0.8 * x[:, 1] + 0.6 * x[:, 2] - 0.9 * group + 0.3
    y = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    np.savez(path, x=x, y=y, group=np.where(group, "b", "a"), ends=np.array([rows // 2, rows * 5 // 8, rows]))
    return path
