"""Folds over "known by now, happened since then" for rows whose two orders differ.

Rows stand in the order of becoming known, key by key; each carries its rank in the order of happening. A question names
the first `end` rows of a key and a lowest rank. The rows of a key are cut into aligned blocks of 1, 2, 4, ... and every
block is sorted by rank: a merge sort tree. The first `end` rows are one block for each binary digit of their number, as
in Fenwick, "A new data structure for cumulative frequency tables" (1994), and in a block the rows asked for are a
suffix. Where it begins is known in the block of all rows; from a block to its halves it is carried down by counting,
not by searching, as in Chazelle, "A functional approach to data structures" (1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.data.arrays import Array

_SHIFT = 32
_RANK = (1 << _SHIFT) - 1


@dataclass(frozen=True)
class Pieces:
    """Suffixes of blocks: of which question each is, and its rows from `first` to `end` among those of all levels."""

    questions: Array
    first: Array
    end: Array


class Dominance:
    """The blocks of rows in order of becoming known.

    `starts` gives for each row the place where its key's rows begin, `ranks` its rank in the order of happening: no two
    rows have the same, and all rows of a key have the ranks of its places.

    >>> tree = Dominance(np.zeros(3, dtype=np.int64), np.array([2, 0, 1]))
    >>> pieces = tree.pieces(np.array([0]), np.array([2]), np.array([1]))
    >>> tree.sums(tree.prefixes(np.ones(3, dtype=np.int64)), pieces, size=1)
    array([1])
    """

    def __init__(self, starts: Array, ranks: Array) -> None:
        within = np.arange(starts.size) - starts
        row = np.empty(ranks.size, dtype=np.int32)
        row[ranks] = np.arange(ranks.size, dtype=np.int32)
        self._orders: list[Array] = []
        lefts: list[Array] = [row[:0]]
        order = np.arange(ranks.size, dtype=np.int32)
        for level in range(int(within.max(initial=-1) + 1).bit_length()):
            self._orders.append(order)
            blocks = starts + (within >> (level + 1) << (level + 1))
            keys = ((blocks << _SHIFT) | ranks)[order]
            keys.sort(kind="stable")  # runs of sorted halves, which only have to be merged
            order = row[keys & _RANK]
            lefts.append(cumulated((within[order] >> level & 1 ^ 1).astype(np.int32)))
        self._lefts = np.concatenate(lefts)

    def prefixes(self, weights: Array) -> Array:
        """Cumulative sums of a weight for each row, level after level, for `sums`."""
        return np.concatenate([weights[:0], *[cumulated(weights[order]) for order in self._orders]])

    def suffixes(self, merits: Array, starts: Array) -> Array:
        """The greatest merit (0 or more) from each row to the end of its block, for `greatest`."""
        height = int(merits.max(initial=0)) + 1
        within = np.arange(starts.size) - starts
        found = []
        for level, order in enumerate(self._orders):
            blocks = starts.size - (starts + (within >> level << level))
            best = np.maximum.accumulate((blocks * height + merits[order])[::-1])[::-1] % height
            found.append(np.append(best, 0).astype(np.int32))
        return np.concatenate([np.zeros(0, dtype=np.int32), *found])

    def pieces(self, starts: Array, ends: Array, lowest: Array) -> Pieces:
        """The rows that questions ask for: those before `ends` with a rank of `lowest` or more."""
        counts, place = ends - starts, lowest - starts
        levels = np.arange(len(self._orders))[:, None]
        whole = (counts >> levels & 1).astype(np.bool_)
        blocks = starts + (counts >> (levels + 1) << (levels + 1)) + levels * (self._lefts.size // max(levels.size, 1))
        before = self._lefts[blocks]
        among = np.empty_like(blocks)
        for level in range(levels.size - 1, -1, -1):
            now = self._lefts[blocks[level] + place] - before[level]
            among[level] = now
            place = np.where(whole[level], place - now, now)
        sizes, questions = np.nonzero(whole)
        begin = blocks[whole]
        return Pieces(questions, begin + among[whole], begin + (1 << sizes))

    @staticmethod
    def sums(prefixes: Array, pieces: Pieces, *, size: int) -> Array:
        """For each of `size` questions, the sum of the weights of the rows it asks for."""
        found = np.zeros(size, dtype=prefixes.dtype)
        np.add.at(found, pieces.questions, prefixes[pieces.end] - prefixes[pieces.first])
        return found

    @staticmethod
    def greatest(suffixes: Array, pieces: Pieces, *, size: int) -> Array:
        """For each of `size` questions, the greatest merit of the rows it asks for; 0 when there is none."""
        found = np.zeros(size, dtype=np.int32)
        some = pieces.first < pieces.end
        np.maximum.at(found, pieces.questions[some], suffixes[pieces.first[some]])
        return found


def cumulated(weights: Array) -> Array:
    """Cumulative sums with a 0 before the first.

    >>> cumulated(np.array([2, 3]))
    array([0, 2, 5])
    """
    found = np.zeros(weights.size + 1, dtype=weights.dtype)
    np.cumsum(weights, out=found[1:])
    return found
