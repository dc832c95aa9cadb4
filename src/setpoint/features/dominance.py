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
    """Suffixes of blocks of one size: of which questions, and the rows from `first` to `end` in that level's order."""

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
        self._lefts: list[Array] = []
        order = np.arange(ranks.size, dtype=np.int32)
        for level in range(int(within.max(initial=-1) + 1).bit_length()):
            self._orders.append(order)
            blocks = starts + (within >> (level + 1) << (level + 1))
            keys = ((blocks << _SHIFT) | ranks)[order]
            keys.sort(kind="stable")  # runs of sorted halves, which only have to be merged
            order = row[keys & _RANK]
            self._lefts.append(cumulated((within[order] >> level & 1 ^ 1).astype(np.int32)))

    def prefixes(self, weights: Array) -> list[Array]:
        """Cumulative sums of a weight for each row, for `sums`."""
        return [cumulated(weights[order]) for order in self._orders]

    def suffixes(self, merits: Array, starts: Array) -> list[Array]:
        """The greatest merit (0 or more) from each row to the end of its block, for `greatest`."""
        height = int(merits.max(initial=0)) + 1
        within = np.arange(starts.size) - starts
        found = []
        for level, order in enumerate(self._orders):
            blocks = starts.size - (starts + (within >> level << level))
            best = np.maximum.accumulate((blocks * height + merits[order])[::-1])[::-1] % height
            found.append(best.astype(np.int32))
        return found

    def pieces(self, starts: Array, ends: Array, lowest: Array) -> list[Pieces]:
        """The rows that questions ask for, by level: those before `ends` with a rank of `lowest` or more."""
        found: list[Pieces] = []
        block, counts = starts, ends - starts
        place = lowest - starts
        for level in range(len(self._lefts) - 1, -1, -1):
            left = self._lefts[level]
            among = left[block + place] - left[block]
            whole = (counts >> level & 1).astype(np.bool_)
            questions = np.flatnonzero(whole)
            begin = block[questions]
            found.append(Pieces(questions, begin + among[questions], begin + (1 << level)))
            place = np.where(whole, place - among, among)
            block = block + (whole.astype(np.int64) << level)
        return found[::-1]

    @staticmethod
    def sums(prefixes: list[Array], pieces: list[Pieces], *, size: int) -> Array:
        """For each of `size` questions, the sum of the weights of the rows it asks for."""
        found = np.zeros(size, dtype=prefixes[0].dtype if prefixes else np.int64)
        for prefix, piece in zip(prefixes, pieces, strict=True):
            found[piece.questions] += prefix[piece.end] - prefix[piece.first]
        return found

    @staticmethod
    def greatest(suffixes: list[Array], pieces: list[Pieces], *, size: int) -> Array:
        """For each of `size` questions, the greatest merit of the rows it asks for; 0 when there is none."""
        found = np.zeros(size, dtype=np.int64)
        for suffix, piece in zip(suffixes, pieces, strict=True):
            some = np.flatnonzero(piece.first < piece.end)
            questions = piece.questions[some]
            found[questions] = np.maximum(found[questions], suffix[piece.first[some]])
        return found


def cumulated(weights: Array) -> Array:
    """Cumulative sums with a 0 before the first.

    >>> cumulated(np.array([2, 3]))
    array([0, 2, 5])
    """
    found = np.zeros(weights.size + 1, dtype=weights.dtype)
    np.cumsum(weights, out=found[1:])
    return found
