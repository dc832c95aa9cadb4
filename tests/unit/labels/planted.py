"""Votes of programs whose quality is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Planted:
    """Votes and the truth behind them."""

    votes: np.ndarray
    truth: np.ndarray


def plant(
    rows: int,
    accuracy: Sequence[float],
    *,
    classes: int = 2,
    balance: Sequence[float] | None = None,
    coverage: float = 0.6,
    copies: int = 0,
    seed: int = 0,
) -> Planted:
    """Programs that err independently with these accuracies; the `copies` after the first repeat nine of ten votes."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, size=rows, p=balance)
    votes = np.empty((rows, len(accuracy)), dtype=np.int8)
    for i, right in enumerate(accuracy):
        wrong = (truth + rng.integers(1, classes, rows)) % classes
        given = np.where(rng.random(rows) < right, truth, wrong)
        votes[:, i] = np.where(rng.random(rows) < coverage, given, -1)
    for i in range(1, copies + 1):
        same = rng.random(rows) < 0.9
        votes[same, i] = votes[same, 0]
    return Planted(votes, truth)
