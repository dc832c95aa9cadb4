"""Groups and losses with two slices of double loss planted among columns of unlike groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

PLANTED = (((1, 1), (3, 2)), ((0, 0), (4, 1), (5, 0)))
"""Conditions as (column, group) of the slices whose losses are double."""


def make_rows(rows: int, columns: int, *, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """The group of each row, a column's in each line, and losses."""
    rng = np.random.default_rng(seed)
    codes = np.empty((columns, rows), dtype=np.uint8)
    for column in range(columns):
        groups = 3 + column % 9
        codes[column] = rng.choice(groups, rows, p=rng.dirichlet(np.full(groups, 5.0)))
    loss = rng.exponential(size=rows)
    for conditions in PLANTED:
        inside = np.all([codes[column] == group for column, group in conditions], axis=0)
        loss[inside] *= 2
    return codes, loss


def write_rows(path: Path, rows: int, columns: int, *, seed: int = 1) -> Path:
    """The same as a file that every contender reads."""
    codes, loss = make_rows(rows, columns, seed=seed)
    np.savez(path, codes=codes, loss=loss)
    return path
