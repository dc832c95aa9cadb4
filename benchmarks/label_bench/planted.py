"""Votes with a planted truth: independent programs, one-sided ones for a rare class, copies, and four classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

KINDS = ("independent", "one-sided, rare", "copied", "four classes")


@dataclass(frozen=True)
class Planted:
    """Votes, the truth behind them, and the share of each class that they were drawn with."""

    votes: npt.NDArray[np.int8]
    truth: npt.NDArray[np.int64]
    balance: npt.NDArray[np.float64]


def plant(kind: str, rows: int, programs: int, *, seed: int) -> Planted:
    """Votes of one kind; another seed draws other programs too."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    if kind == "one-sided, rare":
        return _one_sided(rng, rows, programs)
    classes = 4 if kind == "four classes" else 2
    balance = rng.dirichlet(np.full(classes, 20.0))
    truth = rng.choice(classes, size=rows, p=balance)
    votes = np.empty((rows, programs), dtype=np.int8)
    coverage, accuracy = rng.uniform(0.2, 0.7, programs), rng.uniform(0.55, 0.85, programs)
    if classes == 4:
        accuracy = rng.uniform(0.4, 0.8, programs)
    for i in range(programs):
        votes[:, i] = _voted(rng, truth, classes, coverage[i], accuracy[i])
    if kind == "copied":
        for i in range(programs * 3 // 10):
            copied = rng.random(rows) < 0.9
            votes[copied, i + 1] = votes[copied, 0]
    return Planted(votes, truth, balance)


def _voted(rng: np.random.Generator, truth: npt.NDArray[np.int64], classes: int, coverage: float, accuracy: float):
    wrong = (truth + rng.integers(1, classes, truth.size)) % classes
    given = np.where(rng.random(truth.size) < accuracy, truth, wrong)
    return np.where(rng.random(truth.size) < coverage, given, -1).astype(np.int8)


def _one_sided(rng: np.random.Generator, rows: int, programs: int) -> Planted:
    balance = np.array([0.91, 0.09])
    truth = (rng.random(rows) < balance[1]).astype(np.int64)
    votes = np.full((rows, programs), -1, dtype=np.int8)
    for i in range(programs):
        side = 1 if i % 2 == 0 else 0
        hit = rng.uniform(0.2, 0.6)
        false = rng.uniform(0.01, 0.05) if side == 1 else rng.uniform(0.05, 0.2)
        fires = rng.random(rows) < np.where(truth == side, hit, false)
        votes[fires, i] = side
    return Planted(votes, truth, balance)
