"""Quantiles of values that come in batches, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

POINTS = 4096
"""Points that stand for the values of one summary; so many values and fewer are kept as they are."""

_SUMMARIES = 8


class Quantiles:
    """The quantiles of all values that were added: exact up to POINTS, later within a small error of rank.

    Each batch is summed up by values of its own at even ranks; eight summaries become one (Munro and Paterson 1980;
    Manku, Rajagopalan and Lindsay 1998). Each step moves a rank by at most half a point, so that with L steps it is
    off by at most L / (2 * POINTS) of all values: 0.07 % for a billion of them.

    >>> found = Quantiles()
    >>> found.add(np.arange(10.0))
    >>> found.at([0.0, 0.5, 1.0])
    [0.0, 4.0, 9.0]
    """

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[tuple[Values, Values]]] = [[]]
        self._low, self._high = np.inf, -np.inf

    def add(self, ordered: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> None:
        """Add values that are in order, none of them NaN."""
        if not ordered.size:
            return
        self.size += ordered.size
        values = ordered.astype(np.float64)
        self._low, self._high = min(self._low, float(values[0])), max(self._high, float(values[-1]))
        if values.size <= POINTS:
            self._exact(values)
        else:
            self._put(1, *_summed_up(values, np.ones(values.size)))

    def at(self, levels: Sequence[float]) -> list[float]:
        """The smallest value with at least that share of all values at or below it, for each level."""
        if not self.size:
            return []
        values, below = self._ordered()
        places = np.searchsorted(below, np.asarray(levels) * self.size - 1e-6 * below[-1] / max(values.size, 1))
        found = values[np.minimum(places, values.size - 1)]
        found = np.where(np.asarray(levels) <= 0, self._low, np.where(np.asarray(levels) >= 1, self._high, found))
        return [float(value) for value in found]

    def counts(self, edges: Values) -> list[int]:
        """How many values lie in each bin between edges; the last bin has its upper edge."""
        if not self.size:
            return [0] * (edges.size - 1)
        values, below = self._ordered()
        cut = np.searchsorted(values, edges, side="left")
        cut[-1] = np.searchsorted(values, edges[-1], side="right")
        until = np.r_[0.0, below][cut]
        return [round(count) for count in np.diff(until).tolist()]

    def below(self, value: float) -> int:
        """How many values are less than this one."""
        if not self.size:
            return 0
        values, until = self._ordered()
        return round(float(np.r_[0.0, until][np.searchsorted(values, value, side="left")]))

    def _ordered(self) -> tuple[Values, Values]:
        """All points in order, and how many values each and those before it stand for."""
        parts = [part for level in self._levels for part in level]
        values = np.concatenate([part[0] for part in parts])
        weights = np.concatenate([part[1] for part in parts])
        order = np.argsort(values, kind="stable")
        return values[order], np.cumsum(weights[order])

    def _exact(self, values: Values) -> None:
        self._levels[0].append((values, np.ones(values.size)))
        if sum(part[0].size for part in self._levels[0]) > POINTS:
            parts, self._levels[0] = self._levels[0], []
            self._put(1, *_merged(parts))

    def _put(self, level: int, values: Values, weights: Values) -> None:
        while len(self._levels) <= level:
            self._levels.append([])
        self._levels[level].append((values, weights))
        if len(self._levels[level]) == _SUMMARIES:
            parts, self._levels[level] = self._levels[level], []
            self._put(level + 1, *_merged(parts))


def _merged(parts: Sequence[tuple[Values, Values]]) -> tuple[Values, Values]:
    values, weights = (np.concatenate([part[number] for part in parts]) for number in (0, 1))
    order = np.argsort(values, kind="stable")
    return _summed_up(values[order], weights[order])


def _summed_up(values: Values, weights: Values) -> tuple[Values, Values]:
    """POINTS of the values, at even ranks."""
    if values.size <= POINTS:
        return values, weights
    until = np.cumsum(weights)
    total = until[-1]
    ranks = (np.arange(POINTS) + 0.5) * (total / POINTS)
    return values[np.searchsorted(until, ranks)], np.full(POINTS, total / POINTS)
