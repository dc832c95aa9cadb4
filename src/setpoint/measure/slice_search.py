"""The slices of a table with the highest scores, among all of one to three conditions, without scoring them all.

Sagadeeva and Boehm (2021), "SliceLine: Fast, Linear-Algebra-based Slice Finding for ML Model Debugging" (SIGMOD): the
score of every slice inside another is bounded by the other's size, loss and largest loss, so that columns whose slices
are all bounded below the best known ones are not looked at together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.bins import Levels
from setpoint.measure.rows import Array, Mask
from setpoint.measure.slice_scan import scan_pairs, scan_singles, scan_triples, tables_at_once

DEEPEST = 3
MOST_GROUPS = 40
"""Groups of one column: three columns of so many still have their joint groups in 16 bits, and in memory."""
Condition = tuple[int, int]
Score = Callable[[Array, Array], Array]
"""Scores of slices from their sizes and sums of losses: one that falls with the size where the loss stays."""


@dataclass(frozen=True)
class FoundSlice:
    """A slice: its conditions as (column, group), its size and sum of losses, by weight, and its score."""

    conditions: tuple[Condition, ...]
    size: float
    loss: float
    score: float

    def mask(self, codes: Levels) -> Mask:
        """Which rows are in it.

        >>> FoundSlice(((0, 1),), 1.0, 2.0, 0.5).mask(np.array([[0, 1, 1]], dtype=np.uint8)).tolist()
        [False, True, True]
        """
        inside = np.ones(codes.shape[1], dtype=bool)
        for column, group in self.conditions:
            inside &= codes[column] == group
        return inside


@dataclass(frozen=True)
class Searched:
    """The best slices, best first, and how many were looked at: all of the least size that no bound ruled out."""

    slices: tuple[FoundSlice, ...]
    looked_at: int


def sliceline_score(rows: float, loss: float, *, alpha: float = 0.95) -> Score:
    """The score of SliceLine: how much larger the mean loss is, and by `alpha` how little a small slice counts.

    Its formula (1), for `rows` in all with this sum of losses.

    >>> sliceline_score(100, 50, alpha=0.5)(np.array([50.0]), np.array([50.0]))
    array([0.])
    """
    if not 0 < alpha <= 1:
        raise DataError(f"alpha={alpha}.", expected="above 0 and at most 1")
    mean = loss / rows

    def score(size: Array, lost: Array) -> Array:
        return np.asarray(alpha * (lost / size / mean - 1) - (1 - alpha) * (rows / size - 1))

    return score


def surprise_score(rows: float, loss: float, *, spread: float) -> Score:
    """How many standard errors the mean loss of a slice is above that of all rows, whose losses have this deviation.

    >>> surprise_score(100, 50, spread=0.5)(np.array([25.0]), np.array([20.0]))
    array([3.])
    """
    mean = loss / rows

    def score(size: Array, lost: Array) -> Array:
        return np.asarray((lost - size * mean) / (spread * np.sqrt(size)))

    return score


def search_slices(
    codes: Levels,
    loss: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    score: Score | None = None,
    top: int = 10,
    depth: int = 2,
    least: float = 50.0,
) -> Searched:
    """The `top` slices of at most `depth` conditions and at least `least` rows by a score, which must be above 0.

    `codes` has the group of each row, a column's in each line; losses are 0 or more. With weights, which are scaled to
    a mean of 1, sizes are sums of them. The default score is `surprise_score`. Of equal scores the slice with fewer and
    earlier conditions comes first.

    >>> codes = np.array([[0] * 50 + [1] * 50, [0, 1] * 50], dtype=np.uint8)
    >>> found = search_slices(codes, [1.0] * 50 + [0.0] * 50, least=10)
    >>> found.slices[0].conditions, found.slices[0].size, found.looked_at
    (((0, 0),), 50.0, 8)
    """
    values = _values(codes, loss, weight)
    if not 1 <= depth <= DEEPEST or top < 1 or least < 1:
        raise DataError(
            f"depth={depth}, top={top}, least={least}.", expected=f"a depth from 1 to {DEEPEST}, the others from 1"
        )
    if codes.size == 0 or values[:, 1].sum() <= 0:
        return Searched((), 0)
    width = int(codes.max()) + 1
    if width > MOST_GROUPS:
        raise DataError(f"A column has {width} groups.", expected=f"at most {MOST_GROUPS}")
    total, lost = (float(part) for part in values.sum(axis=0))
    if score is None:
        plain = np.divide(values[:, 1], values[:, 0], out=np.zeros(values.shape[0]), where=values[:, 0] > 0)
        spread = math.sqrt(float((values[:, 0] * (plain - lost / total) ** 2).sum()) / total)
        if spread == 0:
            return Searched((), 0)
        score = surprise_score(total, lost, spread=spread)
    best = _Best(score, top, least)
    single, largest = scan_singles(codes, values, width)
    for column in range(codes.shape[0]):
        best.take((column,), single[column])
    if depth > 1:
        pairs = scan_pairs(codes, values, width)
        for first in range(codes.shape[0]):
            for second in range(first + 1, codes.shape[0]):
                best.take((first, second), pairs[first, second])
    if depth > 2 and codes.shape[0] > 2:
        _take_triples(best, codes, values, pairs, largest)
    return Searched(best.slices, best.looked_at)


def _take_triples(best: _Best, codes: Levels, values: Array, pairs: Array, largest: Array) -> None:
    """Every three columns of which some groups may still beat the best slices, those that promise most first."""
    width = largest.shape[1]
    waiting, promised = [], []
    for first in range(codes.shape[0] - 2):
        for second in range(first + 1, codes.shape[0] - 1):
            bound = _bounds(best, pairs, largest, first, second)
            waiting.append(np.column_stack([np.full((bound.size, 2), (first, second)), np.arange(bound.size)]))
            waiting[-1][:, 2] += second + 1
            promised.append(bound)
    threes, bounds = np.concatenate(waiting).astype(np.int64), np.concatenate(promised)
    order = np.argsort(-bounds, kind="stable")
    step = tables_at_once(width)
    for start in range(0, order.size, step):
        part = order[start : start + step]
        part = np.sort(part[bounds[part] > max(best.limit, 0.0)])
        if not part.size:
            break
        for three, table in zip(threes[part].tolist(), scan_triples(codes, values, width, threes[part]), strict=True):
            best.take(tuple(three), table)


def _bounds(best: _Best, pairs: Array, largest: Array, first: int, second: int) -> Array:
    """The most that a slice of these two columns and each later one can score."""
    later = slice(second + 1, pairs.shape[0])
    three = (pairs[first, second][None, :, :, None], pairs[first, later][:, :, None], pairs[second, later][:, None])
    size = np.minimum(np.minimum(three[0][..., 0], three[1][..., 0]), three[2][..., 0])
    lost = np.minimum(np.minimum(three[0][..., 1], three[1][..., 1]), three[2][..., 1])
    most = np.minimum(
        np.minimum(largest[first][None, :, None, None], largest[second][None, None, :, None]),
        largest[later][:, None, None],
    )
    return np.asarray(_highest(best.score, size, lost, most, best.least).max(axis=(1, 2, 3)))


def _highest(score: Score, size: Array, lost: Array, most: Array, least: float) -> Array:
    """The highest score of any part of a slice: with all its rows, with the fewest, or with those of the largest loss.

    A part of s rows loses at most min(lost, s * most); the score rises with s up to lost / most, and is monotone after.
    """
    there = (size >= least) & (lost > 0) & (most > 0)
    inner = np.clip(np.divide(lost, most, out=np.full_like(lost, least), where=there), least, np.maximum(size, least))
    found = np.full(size.shape, -np.inf)
    for part in (np.maximum(size, least), inner, np.full_like(size, least)):
        np.maximum(found, score(part, np.minimum(lost, part * most)), out=found)
    return np.where(there, found, -np.inf)


@dataclass
class _Best:
    """The best slices so far."""

    score: Score
    top: int
    least: float
    looked_at: int = 0
    kept: list[FoundSlice] = field(default_factory=list)

    @property
    def limit(self) -> float:
        """What a slice must score to be kept."""
        return self.kept[-1].score if len(self.kept) >= self.top else 0.0

    @property
    def slices(self) -> tuple[FoundSlice, ...]:
        """The slices kept, best first."""
        return tuple(self.kept)

    def take(self, columns: tuple[int, ...], table: Array) -> None:
        """Look at all groups of some columns together."""
        large = table[..., 0] >= self.least
        count = int(large.sum())
        self.looked_at += count
        if not count:
            return
        size, lost = table[large, 0], table[large, 1]
        scores = self.score(size, lost)
        better = np.flatnonzero(scores > self.limit)
        if not better.size:
            return
        groups = np.argwhere(large)
        better = better[np.argsort(-scores[better], kind="stable")[: self.top]]
        for i in better.tolist():
            conditions = tuple(zip(columns, groups[i].tolist(), strict=True))
            self.kept.append(FoundSlice(conditions, float(size[i]), float(lost[i]), float(scores[i])))
        self.kept.sort(key=lambda each: (-each.score, len(each.conditions), each.conditions))
        del self.kept[self.top :]


def _values(codes: Levels, loss: npt.ArrayLike, weight: npt.ArrayLike | None) -> Array:
    """A row's weight, scaled to a mean of 1, and its weight times its loss."""
    losses = np.asarray(loss, dtype=np.float64)
    weights = np.ones_like(losses) if weight is None else np.asarray(weight, dtype=np.float64)
    if codes.ndim != 2 or losses.ndim != 1 or codes.shape[1] != losses.size or losses.shape != weights.shape:
        raise DataError(
            f"The groups have shape {codes.shape}, the losses {losses.shape}, the weights {weights.shape}.",
            expected="columns by rows, and one loss and weight per row",
        )
    if not (np.isfinite(losses).all() and np.isfinite(weights).all()) or (losses < 0).any() or (weights < 0).any():
        raise DataError("A loss or a weight is negative or not finite.", expected="0 or more")
    mean = weights.mean() if weights.size else 1.0
    scaled = weights / mean if mean > 0 else weights
    return np.ascontiguousarray(np.column_stack([scaled, scaled * losses]))
