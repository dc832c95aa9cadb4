"""Whether contenders computed the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CLOSE = 1e-9
"""How far sums, means and deviations of doubles may be from exact ones, relative to values from a cent up."""


def differing(ours: Path, theirs: Path, *, places: np.ndarray[Any, Any] | slice = slice(None)) -> int:
    """How many values of two results differ: sums, means and std by more than `CLOSE`, the others at all.

    An empty sum is NULL to one and 0 to another; both mean 0 here. `places` are the decisions of ours that theirs has.
    """
    with np.load(ours) as mine, np.load(theirs) as other:
        return sum(_differing(name, mine[name][places], other[name]) for name in other.files)


def _differing(name: str, mine: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    mine, other = mine.astype(np.float64), other.astype(np.float64)
    fold = name.partition("_")[0]
    if fold == "sum":
        mine, other = np.nan_to_num(mine), np.nan_to_num(other)
    if fold in ("sum", "mean", "std"):
        return int(mine.size - np.isclose(mine, other, rtol=CLOSE, atol=CLOSE, equal_nan=True).sum())
    return int(mine.size - ((mine == other) | (np.isnan(mine) & np.isnan(other))).sum())
