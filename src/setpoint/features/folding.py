"""Folding the rows of one key, as they lie in the tiles: every row looked at, nothing prepared.

This is the online counterpart of `history`, and shares only the formulas of `finalise` with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.data.arrays import NULL_TIME, Array, Mask
from setpoint.declare.kinds import BOOL, TEXT, TIME
from setpoint.features.carried import FoldPlaces
from setpoint.features.finalise import deviation, mean, start_of, total
from setpoint.features.packing import Unpacked


class View:
    """The rows of one key as a decision at `at` may see them.

    Rows stand in order of their tile, which is `tile` microseconds long; within one, in the order of becoming known.
    """

    def __init__(self, rows: Unpacked, at: int, *, tile: int) -> None:
        self.rows, self.at = rows, at
        self._tile = tile
        self.visible = self.sees()
        self._windows: dict[tuple[int, int], tuple[int, Mask]] = {}
        self._truths: dict[int, Mask] = {}
        self._counted: dict[tuple[int, tuple[int, int]], tuple[int, Mask]] = {}

    def sees(self) -> Mask:
        """Which rows the decision may see: they happened before it and could be known by then."""
        return np.asarray((self.rows.at < self.at) & (self.rows.known_at <= self.at))

    def within(self, at: Array, start: int) -> Mask:
        """Which of these times lie in a window from `start` on."""
        return np.asarray(at >= start)

    def fold(self, places: FoldPlaces) -> Array:
        """The value of a fold."""
        return _FOLD[places.fold.node.kind](_Counted(self, places))

    def newest(self, first: int, among: Mask, place: int, kind: str) -> Array:
        """A value of the newest of some rows: greatest by (at, known_at, position), as by (at, known_at, id)."""
        found = np.flatnonzero(among) + first
        for column in (self.rows.at, self.rows.known_at, self.rows.position):
            if found.size > 1:
                mine = column[found]
                found = found[mine == mine.max()]
        if not found.size:
            return single(None, kind)
        if kind != TEXT:
            return self.rows.values(place)[found[:1]]
        (text,) = self.rows.texts(place, found[:1])
        return single(None if text is None else text.decode(), TEXT)

    def window(self, window: tuple[int, int]) -> tuple[int, Mask]:
        """The rows visible in a window: the first row that can be, and which are from it on."""
        if window not in self._windows:
            self._windows[window] = self._seen(window)
        return self._windows[window]

    def counted(self, truth: int, window: tuple[int, int]) -> tuple[int, Mask]:
        """The rows visible in a window for which a truth holds, as `window` gives them."""
        if (truth, window) not in self._counted:
            first, seen = self.window(window)
            self._counted[truth, window] = first, seen & self.truth(truth)[first:]
        return self._counted[truth, window]

    def truth(self, place: int) -> Mask:
        """A truth of each row."""
        if place not in self._truths:
            self._truths[place] = self.rows.truth(place)
        return self._truths[place]

    def _seen(self, window: tuple[int, int]) -> tuple[int, Mask]:
        if not window[0]:
            return 0, self.visible
        start = start_of(self.at, *window)
        first = int(self.rows.at.searchsorted(start // self._tile * self._tile))  # rows before stand in earlier tiles
        return first, self.visible[first:] & self.within(self.rows.at[first:], start)


@dataclass(frozen=True)
class _Counted:
    """The rows that one fold counts."""

    view: View
    places: FoldPlaces

    @property
    def kind(self) -> str:
        """The kind of their values."""
        return self.places.fold.kind

    @property
    def decimals(self) -> int:
        """The decimals of their sums."""
        return self.places.fold.decimals

    def count(self) -> int:
        """How many there are."""
        _, among = self.view.counted(self.places.counts, self.places.fold.window)
        return int(np.count_nonzero(among))

    def moments(self) -> tuple[Array, Callable[[], Array], Array]:
        """The exact sum of their scaled values, what gives the sum of squares, and how many there are."""
        if self.kind == BOOL:
            _, among = self.view.counted(self.places.true, self.places.fold.window)
            true = np.array([np.count_nonzero(among)])
            return true, lambda: true, np.array([self.count()])
        values = self.values()
        return _exact(values, 1), lambda: _exact(values, 2), np.array([values.size])

    def values(self) -> Array:
        """Their values."""
        first, among = self.view.counted(self.places.counts, self.places.fold.window)
        return np.asarray(self.view.rows.values(self.places.value)[first:][among])

    def texts(self) -> list[bytes | None]:
        """Their texts."""
        first, among = self.view.counted(self.places.counts, self.places.fold.window)
        return self.view.rows.texts(self.places.value, np.flatnonzero(among) + first)

    def newest(self) -> Array:
        """The value of the newest."""
        first, among = self.view.counted(self.places.counts, self.places.fold.window)
        return self.view.newest(first, among, self.places.value, self.kind)


def _fold_count(rows: _Counted) -> Array:
    return np.array([float(rows.count())])


def _fold_sum(rows: _Counted) -> Array:
    sums, _, _ = rows.moments()
    return total(sums, rows.decimals)


def _fold_mean(rows: _Counted) -> Array:
    sums, _, counts = rows.moments()
    return mean(sums, counts, rows.decimals)


def _fold_std(rows: _Counted) -> Array:
    sums, squares, counts = rows.moments()
    return deviation(sums, squares(), counts, rows.decimals)


def _fold_min(rows: _Counted) -> Array:
    values = rows.values()
    return _unsigned_zero(values.min(keepdims=True)) if values.size else single(None, rows.kind)


def _fold_max(rows: _Counted) -> Array:
    values = rows.values()
    return _unsigned_zero(values.max(keepdims=True)) if values.size else single(None, rows.kind)


def _fold_distinct(rows: _Counted) -> Array:
    values: Sequence[Any] = rows.texts() if rows.kind == TEXT else rows.values().tolist()
    return np.array([float(len(set(values)))])


_FOLD: Mapping[str, Callable[[_Counted], Array]] = {
    "count": _fold_count,
    "sum": _fold_sum,
    "mean": _fold_mean,
    "std": _fold_std,
    "min": _fold_min,
    "max": _fold_max,
    "last": _Counted.newest,
    "distinct": _fold_distinct,
}


def _exact(values: Array, power: int) -> Array:
    """The sum of whole numbers or of their squares, as one exact integer."""
    bound = max(int(values.max(initial=0)), -int(values.min(initial=0))) ** power * values.size
    if bound < 2**63:
        return np.array([int((values if power == 1 else values * values).sum())])
    return np.array([sum(value**power for value in values.tolist())], dtype=object)


def _unsigned_zero(values: Array) -> Array:
    """The values with -0.0 as 0.0."""
    return np.asarray(values + values.dtype.type(0))


def single(value: Any, kind: str) -> Array:
    """One value of a kind as an array.

    >>> single(None, "number"), single("a", "text")
    (array([nan]), array(['a'], dtype=object))
    """
    if kind == TIME:
        return np.array([NULL_TIME if value is None else value], dtype=np.int64)
    if kind == TEXT:
        found = np.empty(1, dtype=object)
        found[0] = value
        return found
    return np.array([math.nan if value is None else value], dtype=np.float64)
