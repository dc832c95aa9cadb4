"""The target: what a learner is asked to predict from rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TARGETS = ("binary", "multiclass", "regression", "quantile", "count", "ranking")
"""What learners can be asked for; sets of labels, intervals and times until an event are put together from these."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is predicted for each row, and what its labels are.

    binary      labels 0 and 1, a probability
    multiclass  labels 0 to `classes` - 1, a probability for each class: rows x classes
    regression  numbers, their mean, or their median where it is `robust`
    quantile    numbers, their `quantile`
    count       whole numbers from 0, their mean, which is above 0
    ranking     whole numbers from 0, a score; rows of one number in `query` (validation rows: `newer_query`) are
                ranked against each other, and the first `depth` places count
    """

    kind: str = "binary"
    classes: int = 2
    quantile: float = 0.5
    robust: bool = False
    depth: int = 0
    query: np.ndarray | None = None
    newer_query: np.ndarray | None = None


TWO_CLASSES = Target()
"""What a learner is asked for where nothing is said."""
