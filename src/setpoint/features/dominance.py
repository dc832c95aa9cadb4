"""Folds over "known by now, happened since then" for rows whose two orders differ.

Rows stand in the order of becoming known, key by key; each carries its rank in the order of happening. A question names
the first `end` rows of a key and a lowest rank. The rows of a key are cut into aligned blocks of 1, 2, 4, ... and every
block is sorted by rank (a merge sort tree); the first `end` rows are one block for each binary digit of their number
(Fenwick, "A new data structure for cumulative frequency tables", 1994), and in a block the rows asked for are a suffix.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from setpoint.data.arrays import Array

_SHIFT = 32
_RANK = (1 << _SHIFT) - 1


class Dominance:
    """The blocks of rows in order of becoming known.

    `starts` gives for each row the place where its key's rows begin, `ranks` its rank in the order of happening: no two
    rows have the same, and all rows of a key stand before those of the next.

    >>> tree = Dominance(np.zeros(3, dtype=np.int64), np.array([2, 0, 1]))
    >>> tree.sums(tree.prefixes(np.ones(3, dtype=np.int64)), np.array([0]), np.array([2]), np.array([1]))
    array([1])
    """

    def __init__(self, starts: Array, ranks: Array) -> None:
        within = np.arange(starts.size) - starts
        row = np.empty(ranks.size, dtype=np.int32)
        row[ranks] = np.arange(ranks.size)
        self._levels: list[Array] = []
        self._orders: list[Array] = []
        for level in range(int(within.max(initial=-1) + 1).bit_length()):
            keys = np.sort(((starts + (within >> level << level)) << _SHIFT) | ranks)
            self._levels.append(keys)
            self._orders.append(row[keys & _RANK])

    def prefixes(self, weights: Array) -> list[Array]:
        """Cumulative sums of a weight for each row, for `sums`."""
        return [cumulated(weights[order]) for order in self._orders]

    def suffixes(self, merits: Array) -> list[Array]:
        """The greatest merit (0 or more) from each row to the end of its block, for `greatest`."""
        height = int(merits.max(initial=0)) + 1
        found = []
        for level, order in zip(self._levels, self._orders, strict=True):
            blocks = order.size - (level[::-1] >> _SHIFT)
            found.append((np.maximum.accumulate(blocks * height + merits[order][::-1]) % height)[::-1])
        return found

    def sums(self, prefixes: list[Array], starts: Array, ends: Array, lowest: Array) -> Array:
        """For each question, the sum of the weights of the rows it asks for."""
        found = np.zeros(starts.shape, dtype=prefixes[0].dtype if prefixes else np.int64)
        for level, asked, first, end in self._blocks(starts, ends, lowest):
            found[asked] += prefixes[level][end] - prefixes[level][first]
        return found

    def greatest(self, suffixes: list[Array], starts: Array, ends: Array, lowest: Array) -> Array:
        """For each question, the greatest merit of the rows it asks for; 0 when there is none."""
        found = np.zeros(starts.shape, dtype=np.int64)
        for level, asked, first, end in self._blocks(starts, ends, lowest):
            some = np.flatnonzero(first < end)
            found[asked[some]] = np.maximum(found[asked[some]], suffixes[level][first[some]])
        return found

    def _blocks(self, starts: Array, ends: Array, lowest: Array) -> Iterator[tuple[int, Array, Array, Array]]:
        counts = ends - starts
        for level, keys in enumerate(self._levels):
            asked = np.flatnonzero(counts >> level & 1)
            if asked.size:
                block = starts[asked] + (counts[asked] >> (level + 1) << (level + 1))
                first = np.searchsorted(keys, (block << _SHIFT) | lowest[asked])
                yield level, asked, first, block + (1 << level)


def cumulated(weights: Array) -> Array:
    """Cumulative sums with a 0 before the first.

    >>> cumulated(np.array([2, 3]))
    array([0, 2, 5])
    """
    found = np.zeros(weights.size + 1, dtype=weights.dtype)
    np.cumsum(weights, out=found[1:])
    return found
