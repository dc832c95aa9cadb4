"""The neighbours of keys: which ones the rows of a window name, and the fold of what each of them is like.

A decision's neighbours are the different values that the edges it sees name, above the cap those with the smallest
hashes. They are listed for some decisions at a time, so that memory is bounded by the chunk and the cap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import EXACT, Array, to_arrow
from setpoint.data.compiled import compiled
from setpoint.declare.expr import Neighbours
from setpoint.features.arrange import Arranged
from setpoint.features.columns import Columns
from setpoint.features.counted import BLOCK, DISTINCT, Codes, codes_by_key, count_in, list_spells
from setpoint.features.finalise import mean, total
from setpoint.features.needs import Fold
from setpoint.features.pairs import Pairs, Sorted, exact_sums
from setpoint.features.ranges import Asked, ask, look
from setpoint.features.wide import Int

CHUNK = 1 << 20
"""Pairs of a decision and a neighbour that are listed together."""


class Named(NamedTuple):
    """The neighbours of some decisions: number `code[i]` is one of `decisions[of[i]]`; `of` does not fall."""

    decisions: Array
    of: Array
    code: Array


class Edges:
    """The rows of a source as edges: the different values that they name are numbered in the order of their hashes.

    `values` are these values.
    """

    def __init__(self, fold: Fold, columns: Columns) -> None:
        found = columns.codes(fold.column, fold.node.where, fold.kind, "neighbours")
        self._codes, self._cap = found.codes, fold.node.cap
        rows = np.full(found.numbers.size, -1, dtype=np.int64)
        counted = np.flatnonzero(self._codes >= 0)
        rows[self._codes[counted]] = counted
        self.values: pa.Array = to_arrow(columns.take(fold.column, fold.kind, rows), fold.kind)
        self._by_key: Codes | None = None

    def from_pairs(self, rows: Sorted, key: Array, at: Array, arrived: Array, starts: Array) -> Iterator[Named]:
        """The neighbours of decisions, from pairs of decisions and rows."""
        for part, pairs in rows.pairs(key, at, arrived, starts):
            mine, codes = pairs.coded(self._codes)
            packed = np.unique(mine.of.astype(np.int64) * len(self.values) + codes)
            of, code = packed // max(1, len(self.values)), packed % max(1, len(self.values))
            counts = np.bincount(of, minlength=mine.decisions)
            kept = np.arange(of.size) - (np.cumsum(counts) - counts)[of] < self._cap
            yield Named(np.arange(part.start, part.stop), of[kept], code[kept])

    def from_arranged(self, rows: Arranged, key: Array, at: Array, arrived: Array, starts: Array) -> Iterator[Named]:
        """The neighbours of decisions, by compiled code."""
        if self._by_key is None:
            self._by_key = codes_by_key(rows, self._codes[rows.position], len(self.values), ranked_above=self._cap)
        asked, mine = ask(key, at, arrived), self._by_key
        most = np.minimum(np.append(np.diff(mine.begin), 0)[asked.key], self._cap)
        upto = np.cumsum(most)
        first = 0
        while first < key.size:
            before = int(upto[first - 1]) if first else 0
            stop = max(first + 1, int(np.searchsorted(upto, before + CHUNK, side="right")))
            piece = _piece(asked, first, stop)
            low, high = np.empty((1, stop - first), dtype=np.int32), np.empty(stop - first, dtype=np.int32)
            seen = look(rows, piece, piece.segments, starts[None, piece.order], low, high)
            counts, code = np.empty(stop - first, dtype=np.int64), np.empty(int(upto[stop - 1]) - before, np.int64)
            list_neighbours(
                seen.segments, seen.low, seen.high, seen.spells, seen.row, seen.enter, seen.leave, piece.key,
                mine.codes, mine.begin, mine.members, self._cap, counts, code,
            )  # fmt: skip
            yield _in_order(piece.order, counts, code)
            first = stop


def bring_together(node: Neighbours, values: Sequence[float]) -> float:
    """The fold of the neighbours of one decision, from the values of those that have one.

    >>> from setpoint.declare.feature import count, neighbours
    >>> from setpoint.declare.source import events
    >>> calls = events("calls", "c.parquet", at="ts", delay="0s")
    >>> node = neighbours(calls.callee, by="caller", of=count(calls, by="caller"), fold="mean")
    >>> bring_together(node, [1.0, 4.0]), bring_together(node, [])
    (2.5, nan)
    """
    how, scale = node.fold, 10.0**node.decimals
    if how == "count":
        return float(len(values))
    if how in ("min", "max"):
        return (min(values) if how == "min" else max(values)) + 0.0 if values else math.nan
    try:
        units = float(sum([round(value * scale) for value in values]))
    except OverflowError:  # a value's units or all of them together leave the range of floats
        return math.nan
    if how == "sum":
        return units / scale
    return units / float(len(values)) / scale if values else math.nan


def bring_each_together(node: Neighbours, of: Array, values: Array, decisions: int) -> Array:
    """`bring_together` of each decision: `values[i]` is that of a neighbour of decision `of[i]`, NaN where it has none.

    `of` does not fall.

    >>> from setpoint.declare.feature import count, neighbours
    >>> from setpoint.declare.source import events
    >>> calls = events("calls", "c.parquet", at="ts", delay="0s")
    >>> node = neighbours(calls.callee, by="caller", of=count(calls, by="caller"), fold="mean")
    >>> bring_each_together(node, np.array([0, 0, 2]), np.array([1.0, 4.0, np.nan]), 3)
    array([2.5, nan, nan])
    """
    real = ~np.isnan(values)
    of, values = of[real], values[real]
    counts = np.bincount(of, minlength=decisions)
    if node.fold == "count":
        return counts.astype(np.float64)
    if node.fold in ("min", "max"):
        found = np.full(decisions, np.inf if node.fold == "min" else -np.inf)
        (np.minimum if node.fold == "min" else np.maximum).at(found, of, values)
        return np.where(counts > 0, found + 0.0, np.nan)
    with np.errstate(over="ignore"):
        units = np.rint(values * 10.0**node.decimals)
    great = np.zeros(decisions, dtype=np.bool_)
    great[of[np.abs(units) >= EXACT]] = True
    plain = ~great[of]
    sums = exact_sums(Pairs(decisions, of[plain], of[plain]), units[plain].astype(np.int64))
    found = total(sums, node.decimals) if node.fold == "sum" else mean(sums, counts, node.decimals)
    for decision in np.flatnonzero(great).tolist():
        first, stop = np.searchsorted(of, (decision, decision + 1)).tolist()
        found[decision] = bring_together(node, values[first:stop].tolist())
    return found


def _in_order(decisions: Array, counts: Array, code: Array) -> Named:
    """The neighbours of decisions with the decisions in order, which is often that of time, and quicker to read."""
    order, begin = np.argsort(decisions), np.cumsum(counts) - counts
    counts, begin = counts[order], begin[order]
    of = np.repeat(np.arange(order.size), counts)
    place = np.arange(of.size) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    return Named(decisions[order], of, code[place])


def _piece(asked: Asked, first: int, stop: int) -> Asked:
    """Some decisions, one behind the other, of those that are asked."""
    inside = asked.segments[(asked.segments > first) & (asked.segments < stop)]
    segments = np.concatenate([[first], inside, [stop]]) - first
    part = slice(first, stop)
    return Asked(asked.key[part], asked.at[part], asked.arrived[part], asked.order[part], segments)


@compiled
def list_neighbours(
    segments: Array,
    low: Array,
    high: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
    key: Array,
    codes: Array,
    begin: Array,
    members: Array,
    cap: Int,
    counts: Array,
    out: Array,
) -> None:
    """Put the first `cap` codes that each decision sees into `out`, and how many they are into `counts`.

    From one decision of a segment to the next, rows enter and leave how often each code is seen (see `counted`).
    """
    most, longest, linked = 0, 0, 0
    for segment in range(segments.size - 1):
        mine = key[segments[segment]]
        if mine >= 0:
            most = max(most, begin[mine + 1] - begin[mine])
        if spells[segment] < spells[segment + 1]:
            longest = max(longest, segments[segment + 1] - segments[segment])
            linked = max(linked, spells[segment + 1] - spells[segment])
    often, blocks = np.zeros(most, dtype=np.int64), np.zeros((1, most // BLOCK + 1), dtype=np.int64)
    lists, links = np.empty((2, longest), dtype=np.int64), np.empty((2, linked), dtype=np.int64)
    state = np.zeros(2, dtype=np.int64)
    found = 0
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        late = spells[segment] < spells[segment + 1]
        base = begin[key[first]] if key[first] >= 0 else 0
        if late:
            list_spells(first, last, spells, segment, enter, leave, 0, lists, links)
        start, stop = low[0, first], low[0, first]
        for asked in range(first, last):
            new_start, new_stop = low[0, asked], high[asked]
            count_in(codes, start, min(new_start, stop), -1, DISTINCT, state, often, blocks)
            count_in(codes, max(stop, new_start), new_stop, 1, DISTINCT, state, often, blocks)
            start, stop = new_start, new_stop
            if late:
                for sign in range(-1, 2, 2):
                    spell = lists[(1 - sign) // 2, asked - first]
                    while spell >= 0:
                        count_in(codes, row[spell], row[spell] + 1, sign, DISTINCT, state, often, blocks)
                        spell = links[(1 - sign) // 2, spell - spells[segment]]
            wanted, block, begun = min(state[0], cap), 0, found
            while found - begun < wanted:
                if blocks[0, block] > 0:
                    code = block * BLOCK
                    while code < min(often.size, (block + 1) * BLOCK) and found - begun < wanted:
                        if often[code] > 0:
                            out[found] = members[base + code]
                            found += 1
                        code += 1
                block += 1
            counts[asked] = found - begun
        count_in(codes, start, stop, -1, DISTINCT, state, often, blocks)
        if late:
            for spell in range(spells[segment], spells[segment + 1]):
                if enter[spell] < leave[0, spell] and leave[0, spell] == last:
                    count_in(codes, row[spell], row[spell] + 1, -1, DISTINCT, state, often, blocks)
