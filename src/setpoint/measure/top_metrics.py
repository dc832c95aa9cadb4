"""Metrics of the rows with the highest scores: as many as can be looked at, or a share of all.

Rows of equal score at the edge are taken in part, each as much as the others, so that the order of rows does not
matter. Draws are exact: a draw's own top is taken, however few rows it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.resample import Resample
from setpoint.measure.rows import Array, Codes, Rows, as_rows, totals
from setpoint.measure.statistic import share

CELLS = 4_000_000
"""How many draws x rows are looked at in one go."""

Of = Literal["precision", "recall", "lift"]


def precision_at(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    k: float | None = None,
    rate: float | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """The share of positives among the `k` rows with the highest scores, or among this share of all rows.

    >>> precision_at([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], k=3).__round__(4)
    0.6667
    """
    return Top("precision", as_rows(y, p, weight), k=k, rate=rate).value()


def recall_at(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    k: float | None = None,
    rate: float | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """The share of all positives that are among the `k` rows with the highest scores, or among this share of all rows.

    >>> recall_at([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], rate=0.5)
    0.5
    """
    return Top("recall", as_rows(y, p, weight), k=k, rate=rate).value()


def lift_at(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    k: float | None = None,
    rate: float | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """How many times as frequent positives are at the top as among all rows; chance has 1.

    >>> lift_at([1, 0, 0, 0], [0.9, 0.8, 0.7, 0.1], rate=0.25)
    4.0
    """
    return Top("lift", as_rows(y, p, weight), k=k, rate=rate).value()


@dataclass(frozen=True)
class Top:
    """Precision, recall or lift at the top, as a statistic that can be drawn anew."""

    of: Of
    given: Rows
    k: float | None = None
    rate: float | None = None
    together: Codes | None = None

    def __post_init__(self) -> None:
        if (self.k is None) == (self.rate is None):
            raise DataError(f"k={self.k} and rate={self.rate}.", expected="one of the two")
        if self.k is not None and not self.k > 0:
            raise DataError(f"k={self.k}.", expected="more than 0")
        if self.rate is not None and not 0 < self.rate <= 1:
            raise DataError(f"rate={self.rate}.", expected="a share above 0 and up to 1")

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.given.y.size)

    def value(self) -> float:
        """The metric on the rows."""
        one = Resample(np.zeros(self.rows, dtype=np.intp), np.ones((1, 1)), 1)
        return float(self.drawn(one)[0])

    def drawn(self, resample: Resample) -> Array:
        """The metric on every draw: rows are gone through from the top until every draw has its share."""
        counts, units = resample.counts, resample.counts.shape[1]
        weight, y = self.given.weight, self.given.y
        whole = np.einsum("du,u->d", counts, totals(resample.unit, weight, units))
        positives = np.einsum("du,u->d", counts, totals(resample.unit, weight * y, units))
        room = np.minimum(whole, self.k) if self.k is not None else whole * (self.rate or 0.0)
        left, hits = room.copy(), np.zeros_like(room)
        order = np.argsort(-self.given.p, kind="stable")
        edges = _stretches(self.given.p[order], max(1, CELLS // counts.shape[0]))
        for start, end in pairwise(edges):
            rows = order[start:end]
            times = counts[:, resample.unit[rows]]
            score = self.given.p[rows]
            first = np.flatnonzero(np.append(True, score[1:] != score[:-1]))
            at_score = np.add.reduceat(times * weight[rows], first, axis=1)
            found = np.add.reduceat(times * (weight[rows] * y[rows]), first, axis=1)
            taken = np.clip(left[:, None] - (np.cumsum(at_score, axis=1) - at_score), 0.0, at_score)
            hits += np.divide(found * taken, at_score, out=np.zeros_like(found), where=at_score > 0).sum(axis=1)
            left = left - taken.sum(axis=1)
            if (left <= 1e-9 * room).all():
                break
        if self.of == "recall":
            return share(hits, positives)
        precision = share(hits, room)
        return precision if self.of == "precision" else share(precision, share(positives, whole))


def _stretches(falling: Array, most: int) -> list[int]:
    """Where to cut falling scores into stretches of about `most` rows, equal scores in one stretch."""
    wanted = np.arange(most, falling.size, most)
    starts = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
    cuts = starts[np.minimum(np.searchsorted(starts, wanted), starts.size - 1)] if falling.size else wanted
    return [int(cut) for cut in np.unique(np.concatenate([[0], cuts, [falling.size]]))]
