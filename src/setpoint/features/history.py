"""The rows of a source under one key, arranged so that what a decision could see of them is found by searching.

A row is visible at `t` when `at < t` and `known_at <= t`, that is from `max(known_at, at + 1)` on. Where rows became
known in the order in which they happened, the visible rows of a window are one range of that order; such rows form
the chain. A row that became known after a later one is late, and kept apart (see `dominance`). A fold over the window
is the fold of a range of the chain joined with the fold of the late rows; every fold here can be joined so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from setpoint.data.arrays import Array, Mask
from setpoint.features.dominance import Dominance, Pieces, cumulated


@dataclass(frozen=True)
class Timeline:
    """When the rows of a source happened and from when they can be seen, as ranks among the times that occur."""

    happened: Array
    visible: Array
    happened_times: Array
    visible_times: Array
    longest: int

    @classmethod
    def of(cls, at: Array, known_at: Array) -> Timeline:
        """The timeline of rows with these times."""
        visible = np.maximum(known_at, at + 1)
        happened_times, visible_times = _different(at), _different(visible)
        return cls(
            np.searchsorted(happened_times, at),
            np.searchsorted(visible_times, visible),
            happened_times,
            visible_times,
            int((visible - at).max(initial=0)),
        )

    def seen(self, at: Array) -> Array:
        """How many of the times of becoming visible a decision at each time has behind it."""
        return np.searchsorted(self.visible_times, at, side="right")

    def since(self, start: Array) -> Array:
        """How many of the times of happening lie before each start of a window."""
        return np.searchsorted(self.happened_times, start)


@dataclass(frozen=True)
class Asked:
    """Decisions put to a history: the end of their key's visible rows, of the late ones also the start.

    `visible` is that end as `History` packs it with the key.
    """

    keys: Array
    visible: Array
    end: Array
    late_start: Array
    late_end: Array


@dataclass(frozen=True)
class Span:
    """The visible rows of each decision's window: a range of the chain, and what to ask of the late rows.

    `late_settled` says that every late row before the window is visible, so that what is visible in the window is a
    difference of two sums. `happened` is the start of the window as `History` packs it with the key.
    """

    asked: Asked
    happened: Array
    first: Array
    late_first: Array
    late_settled: bool
    _pieces: list[Pieces] = field(default_factory=list)

    def pieces(self, tree: Dominance) -> Pieces:
        """The late rows of each window, worked out once for all folds over it."""
        if not self._pieces:
            self._pieces.append(tree.pieces(self.asked.late_start, self.asked.late_end, self.late_first))
        return self._pieces[0]


class History:
    """The rows of a source that have a key, in order of key and time; `keys` is -1 for a row without one."""

    def __init__(self, timeline: Timeline, keys: Array) -> None:
        self._timeline = timeline
        self._width, self._depth = timeline.happened_times.size + 1, timeline.visible_times.size + 1
        rows = np.flatnonzero(keys >= 0)
        packed = keys[rows] * self._width + timeline.happened[rows]
        order = np.argsort(packed, kind="stable")
        self.order: Array = rows[order].astype(np.int32)
        self._happened = packed[order]
        self._visible = (keys * self._depth + timeline.visible)[self.order]
        self._most = int(np.bincount(keys[rows]).max(initial=0))
        regular = self._visible == np.minimum.accumulate(self._visible[::-1])[::-1]
        self._late = np.flatnonzero(~regular)
        self._chain: Array | slice = np.flatnonzero(regular) if self._late.size else slice(None)
        self._chain_happened, self._chain_visible = self._happened[self._chain], self._visible[self._chain]
        self._late_happened = self._happened[self._late]
        self._late_known = np.argsort(self._visible[self._late], kind="stable")
        self._late_visible = self._visible[self._late][self._late_known]
        self._each = np.arange(-1, int(keys.max(initial=0)) + 1) * self._depth
        self._late_begin = np.searchsorted(self._late_visible, self._each)

    @cached_property
    def _tree(self) -> Dominance:
        return Dominance(self._late_starts, self._late_known)

    @cached_property
    def _late_starts(self) -> Array:
        return np.asarray(self._late_begin[self._late_visible // self._depth + 1])

    def packed(self, keys: Array, seen: Array) -> Array:
        """Decisions by their key and `Timeline.seen`, as one number that is in order of both."""
        return keys * self._depth + seen

    def ask(self, keys: Array, seen: Array) -> Asked:
        """Decisions by their key and `Timeline.seen`; quick when they stand in order of both."""
        visible = self.packed(keys, seen)
        end = np.searchsorted(self._chain_visible, visible)
        if not self._late.size:
            none = np.zeros(1, dtype=np.int64)
            return Asked(keys, visible, end, none, none)
        late_end = np.searchsorted(self._late_visible, visible)
        return Asked(keys, visible, end, self._late_begin[keys + 1], late_end)

    def span(self, asked: Asked, since: Array, *, last: int) -> Span:
        """What those decisions see in a window of this length, begun at `Timeline.since`."""
        happened = asked.keys * self._width + since
        first = np.minimum(np.searchsorted(self._chain_happened, happened), asked.end)
        late_first = np.searchsorted(self._late_happened, happened) if self._late.size else asked.late_start
        return Span(asked, happened, first, late_first, not last or last >= self._timeline.longest)

    def summing(self, weights: Array) -> Callable[[Span], Array]:
        """What gives the sum of a weight of each row of the source over the visible rows of a window."""
        ordered = weights[self.order]
        chain, late = cumulated(ordered[self._chain]), ordered[self._late]
        happened, known = cumulated(late), cumulated(late[self._late_known])
        blocks: list[Array] = []

        def fold(span: Span) -> Array:
            found: Array = chain[span.asked.end] - chain[span.first]
            if not self._late.size:
                return found
            if span.late_settled:
                return np.asarray(found + (known[span.asked.late_end] - happened[span.late_first]))
            if not blocks:
                blocks.append(self._tree.prefixes(late[self._late_known]))
            return np.asarray(found + self._tree.sums(blocks[0], span.pieces(self._tree), size=found.size))

        return fold

    def greatest(self, merits: Array) -> Callable[[Span], Array]:
        """What gives the greatest merit (0 or more) of the visible rows of a window; 0 when there is none."""
        ordered = merits[self.order].astype(np.int32)
        table = _ranges(ordered[self._chain], self._most)
        late = ordered[self._late][self._late_known]
        blocks = self._tree.suffixes(late, self._late_starts) if late.any() else None

        def fold(span: Span) -> Array:
            found = _greatest(table, span.first, span.asked.end)
            if blocks is not None:
                found = np.maximum(found, self._tree.greatest(blocks, span.pieces(self._tree), size=found.size))
            return found

        return fold

    def newest(self, present: Mask) -> Callable[[Span], Array]:
        """What gives the newest present row of the source that is visible in a window; -1 when there is none."""
        ordered = present[self.order]
        places = np.append(self.order, -1)
        chain = _latest(ordered[self._chain])
        late = _latest(ordered[self._late], self._late_known)
        chain_places = np.append(np.arange(self.order.size)[self._chain], -1) if self._late.size else places[:0]
        late_places = np.append(self._late, -1)

        def fold(span: Span) -> Array:
            found = chain[span.asked.end]
            found = np.where(found >= span.first, found, -1)
            if self._late.size:
                theirs = late[span.asked.late_end]
                theirs = np.where(theirs >= span.late_first, theirs, -1)
                found = np.maximum(chain_places[found], late_places[theirs])
            return np.asarray(places[found])

        return fold

    def distinct(self, codes: Array) -> Callable[[Span], Array]:
        """What gives how many different codes (-1 for none) the visible rows of a window have.

        A value is in the window when its newest visible row is. That row changes as rows become known: each stands for
        its value from when it is seen until a newer one is. So there is a point +1 where a row begins to stand and -1
        where it ends, and the sum of the points seen so far that happened in the window is the count.
        """
        ordered = codes[self.order]
        rows = np.flatnonzero(ordered >= 0)
        value = (self._happened[rows] // self._width) * (int(codes.max(initial=0)) + 1) + ordered[rows]
        by_value = np.lexsort((rows, self._visible[rows], value))
        rows, value = rows[by_value], value[by_value]
        new = np.append(True, value[1:] != value[:-1])[: rows.size]
        newest = np.maximum.accumulate(np.cumsum(new) * self.order.size + rows)
        standing = np.append(True, newest[1:] > newest[:-1])[: rows.size]
        rows, value = rows[standing], value[standing]
        followed = np.flatnonzero(value[1:] == value[:-1])
        visible = self._visible[np.concatenate([rows, rows[followed + 1]])]
        happened = self._happened[np.concatenate([rows, rows[followed]])]
        weights = np.repeat(np.array([1, -1], dtype=np.int32), [rows.size, followed.size])
        known = np.argsort(visible, kind="stable")
        visible, happened, weights = visible[known], happened[known], weights[known]
        order = np.argsort(happened, kind="stable")
        ranks = np.empty_like(order)
        ranks[order] = np.arange(order.size)
        happened = happened[order]
        begin = np.searchsorted(visible, self._each)
        tree = Dominance(begin[visible // self._depth + 1], ranks)
        blocks = tree.prefixes(weights)

        def fold(span: Span) -> Array:
            start, end = begin[span.asked.keys + 1], np.searchsorted(visible, span.asked.visible)
            pieces = tree.pieces(start, end, np.searchsorted(happened, span.happened))
            return tree.sums(blocks, pieces, size=start.size)

        return fold


def _different(times: Array) -> Array:
    """The different times, sorted; rows come nearly sorted, which this makes use of."""
    ordered = np.sort(times, kind="stable")
    return np.asarray(ordered[np.append(True, ordered[1:] != ordered[:-1])[: ordered.size]])


def _latest(present: Mask, known: Array | None = None) -> Array:
    """The greatest place of a present row among the first n, for every n from 0; -1 when there is none.

    Rows stand in order of place, or are taken in the order `known`.
    """
    places = np.where(present, np.arange(present.size, dtype=np.int32), np.int32(-1))
    found = np.full(places.size + 1, -1, dtype=np.int32)
    np.maximum.accumulate(places if known is None else places[known], out=found[1:])
    return found


def _ranges(merits: Array, most: int) -> Array:
    """The greatest merit of the 2**level rows from each row on, by level (a sparse table), for ranges of `most` rows.

    Bender and Farach-Colton, "The LCA problem revisited" (2000).
    """
    levels = [np.append(merits, merits.dtype.type(0))]
    while (width := 1 << (len(levels) - 1)) * 2 <= min(merits.size, most):
        before = levels[-1]
        after = before.copy()
        np.maximum(before[:-width], before[width:], out=after[:-width])
        levels.append(after)
    return np.stack(levels)


def _greatest(table: Array, first: Array, end: Array) -> Array:
    length = end - first
    some = length > 0
    level = np.frexp(np.where(some, length, 1).astype(np.float64))[1].astype(np.int64) - 1
    begin = np.where(some, first, 0)
    tail = np.where(some, end - (1 << level), 0)
    return np.where(some, np.maximum(table[level, begin], table[level, tail]), 0)
