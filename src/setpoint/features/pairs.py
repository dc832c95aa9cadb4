"""Folds of a few decisions without compiled code: every pair of a decision and a row of its window, written out.

For small jobs, which need not pay for compiled code; and a second way to the same bits. Pairs are made a chunk of
decisions at a time, so memory is bounded by the chunk and the widest window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from setpoint.data.arrays import Array, Mask
from setpoint.features.columns import Columns
from setpoint.features.finalise import deviation, mean, to_scaled, total, variance
from setpoint.features.finish import ROWS, gives_value
from setpoint.features.needs import Fold, Window
from setpoint.features.values import estimate

CHUNK = 1 << 20
"""Pairs that are written out together."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which rows some decisions see: decision `of[i]` sees row `row[i]`, in order of decision, at and position."""

    decisions: int
    of: Array
    row: Array

    def those(self, counts: Mask | None) -> Pairs:
        """The pairs whose row counts."""
        return self if counts is None else self.where(counts[self.row])

    def where(self, keep: Mask) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.decisions, self.of[keep], self.row[keep])

    def coded(self, codes: Array) -> tuple[Pairs, Array]:
        """The pairs whose row has a code, and the codes."""
        mine = codes[self.row]
        return self.where(mine >= 0), mine[mine >= 0]

    @property
    def counts(self) -> Array:
        """How many pairs each decision has."""
        return np.bincount(self.of, minlength=self.decisions)


class Sorted:
    """The rows of a source in order of key, at and position, for decisions whose keys have the same numbers."""

    def __init__(self, codes: Array, at: Array, *, sign: Array | None = None, ends: Array | None = None) -> None:
        rows = np.flatnonzero(codes >= 0 if sign is None else (codes >= 0) & (sign > 0))
        self._rows = rows[np.lexsort((at[rows], codes[rows]))]
        self._times = np.unique(at[self._rows])
        self._width = self._times.size + 1
        self._places = codes[self._rows].astype(np.int64) * self._width + np.searchsorted(self._times, at[self._rows])
        self._ends = ends

    def ranges(self, key: Array, since: Array, until: Array) -> tuple[Array, Array]:
        """The rows of each decision's key that happened from one time on and before another, as a range of places."""
        first, stop = (
            np.searchsorted(self._places, key.astype(np.int64) * self._width + np.searchsorted(self._times, moment))
            for moment in (since, until)
        )
        return np.where(key < 0, 0, first), np.where(key < 0, 0, np.maximum(first, stop))

    def pairs(self, key: Array, at: Array, arrived: Array, starts: Array) -> Iterator[tuple[slice, Pairs]]:
        """The pairs of each chunk of decisions."""
        first, stop = self.ranges(key, starts, at)
        upto = np.cumsum(stop - first)
        begin = 0
        while begin < key.size:
            before = int(upto[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(upto, before + CHUNK, side="right")))
            sizes = (stop - first)[begin:end]
            of = np.repeat(np.arange(end - begin), sizes)
            within = np.arange(of.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            row = self._rows[np.repeat(first[begin:end], sizes) + within]
            seen = row < arrived[begin:end][of]
            if self._ends is not None:
                seen &= ~(self._ends[row] < arrived[begin:end][of])
            yield slice(begin, end), Pairs(end - begin, of, row).where(seen)
            begin = end


class PairFolds:
    """Some folds of one source under one key, as `Kernel` gives them."""

    def __init__(self, rows: Sorted, columns: Columns, folds: Sequence[Fold]) -> None:
        self._rows = rows
        self.windows = tuple(dict.fromkeys(fold.stretch for fold in folds))
        self._folds = [(fold, _prepared(fold, columns)) for fold in folds]

    def read(self, key: Array, at: Array, arrived: Array, starts: Callable[[Window], Array]) -> Array:
        """A line of numbers for each fold: its value, or the position or code that stands for it."""
        out = np.empty((len(self._folds), key.size))
        for window in self.windows:
            for part, pairs in self._rows.pairs(key, at, arrived, starts(window)):
                for line, (fold, work) in enumerate(self._folds):
                    if fold.stretch == window:
                        out[line, part] = work(pairs)
        return out


def _prepared(fold: Fold, columns: Columns) -> Callable[[Pairs], Array]:
    """What gives a fold's line of numbers for some decisions."""
    node = fold.node
    kind, where = node.kind, node.where
    if kind in _COUNTED:
        found = columns.codes(fold.column, where, fold.kind, kind)
        return lambda pairs: _COUNTED[kind](fold, *pairs.coded(found.codes), found.numbers)
    counts = columns.counts(None if kind == "latest" else node.column, where)
    if kind == "count":
        return lambda pairs: pairs.those(counts).counts.astype(np.float64)
    if kind in ROWS:
        values = np.append(columns.values(fold.column), np.nan) if gives_value(fold) else None

        def ends(pairs: Pairs) -> Array:
            row = _ends(pairs.those(counts), newest=kind != "first")
            return row.astype(np.float64) if values is None else values[row]

        return ends
    if kind in ("min", "max"):
        numbers = columns.numbers(fold.column, where, fold.kind)
        return lambda pairs: _extreme(pairs.those(counts), numbers, greatest=kind == "max")
    values = columns.values(fold.column)
    return lambda pairs: _moment(fold, pairs.those(counts), values)


def _ends(pairs: Pairs, *, newest: bool) -> Array:
    """The first or last row of each decision, -1 for none."""
    found = np.full(pairs.decisions, -1, dtype=np.int64)
    if newest:
        found[pairs.of] = pairs.row  # of several assignments to one place the last stays
    else:
        found[pairs.of[::-1]] = pairs.row[::-1]
    return found


def _extreme(pairs: Pairs, values: Array, *, greatest: bool) -> Array:
    found = np.full(pairs.decisions, np.nan)
    starts = np.flatnonzero(np.append(True, pairs.of[1:] != pairs.of[:-1])[: pairs.of.size])
    if starts.size:
        found[pairs.of[starts]] = (np.maximum if greatest else np.minimum).reduceat(values[pairs.row], starts)
    return found + 0.0


def _moment(fold: Fold, pairs: Pairs, values: Array) -> Array:
    """The sum, mean, variance or deviation of each decision's rows."""
    scaled = to_scaled(values[pairs.row], fold.decimals, column=fold.title)
    counts, sums = pairs.counts, exact_sums(pairs, scaled)
    if fold.node.kind == "sum":
        return total(sums, fold.decimals)
    if fold.node.kind == "mean":
        return mean(sums, counts, fold.decimals)
    squares = _squares(pairs, scaled)
    return (variance if fold.node.kind == "var" else deviation)(sums, squares, counts, fold.decimals)


def exact_sums(pairs: Pairs, scaled: Array) -> Array:
    """Exact sums of integers below 2**53 in size: their halves are summed as float64, which is exact below 2**53.

    >>> exact_sums(Pairs(2, np.array([0, 1, 1]), np.array([0, 0, 1])), np.array([5, 2**52 + 1, 2**52 + 1])).tolist()
    [5, 9007199254740994]
    """
    high = np.bincount(pairs.of, weights=scaled >> 26, minlength=pairs.decisions)
    low = np.bincount(pairs.of, weights=scaled & (2**26 - 1), minlength=pairs.decisions)
    if np.abs(high).max(initial=0.0) < 2**35:
        return (high.astype(np.int64) << 26) + low.astype(np.int64)
    return high.astype(np.int64).astype(object) * 2**26 + low.astype(np.int64)


def _squares(pairs: Pairs, scaled: Array) -> Array:
    """Exact sums of the squares of integers below 2**53 in size, from the products of their halves."""
    size = np.abs(scaled)
    high, low = size >> 27, size & (2**27 - 1)
    found = exact_sums(pairs, high * high).astype(object) * 2**54
    found += exact_sums(pairs, high * low).astype(object) * 2**28
    for part, scale in ((low * low >> 2, 4), (low * low & 3, 1)):
        found += exact_sums(pairs, part).astype(object) * scale
    return found


def _groups(pairs: Pairs, codes: Array) -> tuple[Array, Array, Array]:
    """The different codes of each decision, in order of both, and how often each comes."""
    width = int(codes.max(initial=0)) + 1
    packed, often = np.unique(pairs.of.astype(np.int64) * width + codes, return_counts=True)
    return packed // width, packed % width, often


def _rank(decisions: int, of: Array, rank: Array) -> Array:
    """The place of the entry with each decision's rank (from 0) among entries in order of decision; -1 for none."""
    counts = np.bincount(of, minlength=decisions)
    place = np.cumsum(counts) - counts + rank
    return np.where((rank >= 0) & (rank < counts), place, -1)


def _distinct(fold: Fold, pairs: Pairs, codes: Array, hashes: Array) -> Array:
    of, different, _ = _groups(pairs, codes)
    counts, cap = np.bincount(of, minlength=pairs.decisions), fold.node.cap
    found = counts.astype(np.float64)
    places = _rank(pairs.decisions, of, np.where(counts > cap, cap - 1, -1))
    over = places >= 0
    found[over] = estimate(hashes[different[places[over]]], cap)
    return found


def _top(fold: Fold, pairs: Pairs, codes: Array, _: Array) -> Array:
    of, different, often = _groups(pairs, codes)
    order = np.lexsort((different, -often, of))
    counts, rank = np.bincount(of, minlength=pairs.decisions), int(fold.node.parameter) - 1
    places = _rank(pairs.decisions, of, np.where(counts <= fold.node.cap, rank, -1))
    return np.append(different[order], -1)[places].astype(np.float64)


def _quantile(fold: Fold, pairs: Pairs, codes: Array, values: Array) -> Array:
    order = np.lexsort((codes, pairs.of))
    counts = pairs.counts
    rank = np.maximum(1, np.ceil(fold.node.parameter * counts.astype(np.float64))).astype(np.int64) - 1
    places = _rank(pairs.decisions, pairs.of, np.where(counts > 0, rank, -1))
    return np.append(values[codes[order]], np.nan)[places]


_COUNTED: Mapping[str, Callable[[Fold, Pairs, Array, Array], Array]] = {
    "distinct": _distinct,
    "top": _top,
    "quantile": _quantile,
}
