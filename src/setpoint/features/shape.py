"""What the state keeps for each key of a group: a group is a source under some of its columns, with its folds.

A blob has layers, and a layer has entries in order of time. Sums, counts and extremes stand side by side in one layer
of tiles; the newest rows need no tiles and have a layer of their own; what counts different values has one layer each.
Tiles get wider with age: a window's far edge moves in steps of its hop, so rows that only longer windows still have an
edge among are kept in tiles as wide as the hops of those allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from setpoint.core.digest import digest
from setpoint.data.arrays import Array
from setpoint.declare.expr import Expr, to_dict
from setpoint.declare.kinds import BOOL, NUMBER, TEXT
from setpoint.features.needs import Fold, Window

FORMAT: Final = 1
"""The version of what a blob looks like; another one is another group."""

TILES, NEWEST, DISTINCT, TOP, QUANTILE = range(5)
"""The kinds of layers."""

COUNT, SUM, SQUARES, LEAST, GREATEST, OLDEST, LATEST = range(7)
"""What a part of an entry is: its rows counted, summed (128 bits), summed in squares (128 bits), the least or greatest
value in order, the oldest or newest row as its time, position and value."""

PART_WORDS: Final = (1, 2, 2, 1, 1, 3, 3)
"""How many words each part takes."""

RECORD_WORDS: Final = (0, 0, 1, 2, 2)
"""How many words each value takes in a layer of values: itself, and how often it came."""

OF_COUNT, OF_SUM, OF_MEAN, OF_VAR, OF_STD, OF_EXTREME, OF_ROW = range(7)
OF_DISTINCT, OF_TOP, OF_QUANTILE, OF_NEIGHBOURS = range(7, 11)
"""How a fold is finished."""

FIRST, LAST, NAN = -(2**63), 2**63 - 1, 0x7FF8 << 48
"""The least and the greatest word, and the bits of the number that is NULL."""

AS_NUMBER, AS_WORD = 0, 1
"""What NULL is in the result: NaN, or NULL_TIME."""

AT, KNOWN_AT, POSITION, TRUTHS, VALUES = range(5)
"""The places of what `Added` has. Compiled code gets it as a plain tuple: numba keeps the names of classes on disk."""

WINDOW_WORDS: Final = 3
LAYER_WORDS: Final = 8
LEVEL_WORDS: Final = 2
PART_PLAN_WORDS: Final = 5
FOLDED_WORDS: Final = 6
FOLD_WORDS: Final = 9
"""How many words the description of each takes."""

_SQUARED = ("var", "std")
_SUMMED = ("sum", "mean", *_SQUARED)
_SKETCHED = {"distinct": DISTINCT, "top": TOP, "quantile": QUANTILE, "neighbours": DISTINCT}
_BITS = 62


@dataclass(frozen=True, eq=False)
class Truth:
    """Whether a row counts: the condition `where` holds and `column` is not NULL; or one of `any_of` holds."""

    column: Expr | None
    where: Expr | None
    any_of: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """Its identity: equal names, equal truths."""
        return digest([*[None if part is None else to_dict(part) for part in (self.column, self.where)], self.any_of])


@dataclass(frozen=True, eq=False)
class Value:
    """What is kept of a column in each row, as 64 bits: in one of the forms of `words_of`."""

    column: Expr
    form: str
    kind: str
    decimals: int = 0

    @cached_property
    def name(self) -> str:
        """Its identity: equal names, equal values."""
        return digest([to_dict(self.column), self.form, self.kind, self.decimals])


class Part(NamedTuple):
    """A part of the entries of a layer: what it is, and the places of the truth and the value that it is made of.

    `offset` is its first word in an entry; the bits of `expires` are the windows that read the newest row, 0 when one
    of them is all time.
    """

    what: int
    offset: int
    truth: int
    value: int
    expires: int = 0


class Place(NamedTuple):
    """Where a fold finds what it is finished from: its layer, its window, the words of an entry, its numbers."""

    layer: int
    finish: int
    window: int
    first: int = 0
    second: int = 0
    third: int = 0
    number: int = 0
    parameter: float = 0.0
    result: int = AS_NUMBER


@dataclass(frozen=True)
class Layer:
    """Entries in order of time: `parts` of a tile each, or values counted up to `cap`.

    `windows` are the places of the windows that have an edge among the entries, shortest first; `tail` says that rows
    older than all of them are kept together. `truth` says whether a row has anything to add.
    """

    kind: int
    windows: tuple[int, ...]
    grains: tuple[int, ...]
    tail: bool
    truth: int
    parts: tuple[Part, ...]
    cap: int = 0

    @property
    def width(self) -> int:
        """The words of an entry, its time included; of a value that is counted."""
        if self.kind > NEWEST:
            return RECORD_WORDS[self.kind]
        return 1 + sum(PART_WORDS[part.what] for part in self.parts)

    @property
    def row_words(self) -> int:
        """The most words that a row can add."""
        return self.width + (2 if self.kind > NEWEST else 0)

    def program(self) -> list[int]:
        """The layer as numbers, for the compiled code."""
        head = [self.kind, 0, len(self.windows), self.tail, self.width, self.cap, len(self.parts), self.truth]
        levels = [number for level in zip(self.windows, self.grains, strict=True) for number in level]
        found = [*head, *levels, *[number for part in self.parts for number in part]]
        found[1] = len(found)
        return found


class Shape:
    """Everything the blobs of one group hold, and where each fold finds its own in them.

    >>> from setpoint.declare.feature import count, sum
    >>> from setpoint.declare.source import events
    >>> buys = events("buys", "b.parquet", at="ts", delay="0s")
    >>> few, spent = count(buys, by="user", last="1h"), sum(buys.price, by="user", last="30d")
    >>> shape = Shape(("user",), [Fold(few, NUMBER, 0), Fold(spent, NUMBER, 2)])
    >>> [(len(layer.parts), layer.grains) for layer in shape.layers]
    [(2, (15000000, 10800000000))]
    """

    def __init__(self, columns: tuple[str, ...], folds: Sequence[Fold]) -> None:
        self.columns = columns
        folds = sorted(folds, key=_order)  # so that the order in which features are declared is none of the state's
        self.truths: dict[str, Truth] = {}
        self.values: dict[str, Value] = {}
        self.windows = sorted({fold.stretch for fold in folds}, key=_reach)
        self.layers: list[Layer] = []
        self.places: dict[str, Place] = {}
        self.texts: list[tuple[int, int]] = []
        self._tiles([fold for fold in folds if fold.node.kind not in (*_SKETCHED, "last", "latest")])
        self._newest([fold for fold in folds if fold.node.kind in ("last", "latest")])
        self._sketches([fold for fold in folds if fold.node.kind in _SKETCHED])
        self.digest = digest(self._described())

    @property
    def exprs(self) -> Iterator[Expr]:
        """Every expression that is computed when rows are fed."""
        for truth in self.truths.values():
            yield from (part for part in (truth.column, truth.where) if part is not None)
        yield from (value.column for value in self.values.values())

    @property
    def calendars(self) -> list[Window]:
        """The windows that a calendar gives."""
        return [window for window in self.windows if window.unit]

    @property
    def row_words(self) -> int:
        """The most words that a row can add to a blob."""
        return sum(layer.row_words for layer in self.layers)

    @property
    def head_words(self) -> int:
        """The words of a blob before its first layer."""
        return 2 + len(self.layers)

    def program(self) -> Array:
        """The shape as numbers, for the compiled code that merges rows in."""
        found = [len(self.windows), len(self.layers), *window_numbers(self.windows)]
        for layer in self.layers:
            found += layer.program()
        return np.array(found, dtype=np.int64)

    def _described(self) -> list[Any]:
        """What equal shapes have in common."""
        told = [
            [*layer.program(), list(layer.grains), [tuple(self.windows[place]) for place in layer.windows]]
            for layer in self.layers
        ]
        windows = [tuple(window) for window in self.windows]
        return [FORMAT, list(self.columns), list(self.truths), list(self.values), self.texts, windows, told]

    def _tiles(self, folds: Sequence[Fold]) -> None:
        """One layer for everything that has a fixed size, with the windows of all."""
        if not folds:
            return
        parts, layer = _Parts(), len(self.layers)
        for fold in folds:
            kind, truth = fold.node.kind, self._truth(fold)
            place = {"window": self.windows.index(fold.stretch), "number": fold.decimals}
            if kind in ("min", "max"):
                value = self._value(fold, "order")
                first = parts.offset(LEAST if kind == "min" else GREATEST, truth, value)
                found = Place(layer, OF_EXTREME, first=first, **place, result=_result(fold))
            elif kind == "first":
                first = parts.offset(OLDEST, truth, self._word(fold, truth))
                found = Place(layer, OF_ROW, first=first, **place, result=_result(fold))
            else:
                first = 0 if kind == "sum" else parts.offset(COUNT, truth, 0)
                second = parts.offset(SUM, truth, self._value(fold, "scaled")) if kind in _SUMMED else 0
                third = parts.offset(SQUARES, truth, self._value(fold, "scaled")) if kind in _SQUARED else 0
                found = Place(layer, _FINISH[kind], first=first, second=second, third=third, **place)
            self.places[fold.key] = found
        self._add(TILES, [fold.stretch for fold in folds], parts.found)

    def _newest(self, folds: Sequence[Fold]) -> None:
        """One layer for the newest rows: all that a decision can see by now is one entry, whatever the window."""
        if not folds:
            return
        parts, layer, readers = _Parts(), len(self.layers), dict[int, list[int]]()
        for fold in folds:
            truth, window = self._truth(fold), self.windows.index(fold.stretch)
            first = parts.offset(LATEST, truth, self._word(fold, truth))
            readers.setdefault(first, []).append(window)
            self.places[fold.key] = Place(layer, OF_ROW, window, first=first, result=_result(fold))
        endless = [place for place, window in enumerate(self.windows) if not window.last]
        for number, part in enumerate(parts.found):
            windows = set(readers[part.offset])
            if not windows & set(endless) and max(windows) < _BITS:
                parts.found[number] = part._replace(expires=sum(1 << window for window in windows))
        self._add(NEWEST, [Window(0, 1)], parts.found)

    def _sketches(self, folds: Sequence[Fold]) -> None:
        """One layer for each column whose different values are counted."""
        wanted: dict[str, list[Fold]] = {}
        for fold in folds:
            node = fold.node
            name = digest([_SKETCHED[node.kind], self._truth(fold), to_dict(fold.column), node.cap])
            wanted.setdefault(name, []).append(fold)
        for theirs in wanted.values():
            fold, layer = theirs[0], len(self.layers)
            kind, truth = fold.node.kind, self._truth(fold)
            value = self._value(fold, _FORMS[kind])
            if kind == "top" and fold.kind == TEXT:
                self.texts.append((truth, value))
            for one in theirs:
                if one.node.kind == "neighbours" and one.kind == TEXT:
                    self._word(one, truth)
                self.places[one.key] = Place(
                    layer,
                    _FINISH[one.node.kind],
                    self.windows.index(one.stretch),
                    number=one.node.cap,
                    parameter=one.node.parameter,
                    result=AS_NUMBER if kind in ("distinct", "quantile") else _result(one),
                )
            stretches = [one.stretch for one in theirs]
            self._add(_SKETCHED[kind], stretches, [Part(COUNT, 0, truth, value)], cap=fold.node.cap)

    def _add(self, kind: int, stretches: Sequence[Window], parts: Sequence[Part], *, cap: int = 0) -> None:
        bounded = sorted({window for window in stretches if window.last}, key=_reach)
        grains = [math.gcd(*[window.hop for window in bounded[place:]]) for place in range(len(bounded))]
        self.layers.append(
            Layer(
                kind,
                tuple(self.windows.index(window) for window in bounded),
                tuple(grains),
                len(bounded) < len(set(stretches)),
                self._any(sorted({part.truth for part in parts})),
                tuple(parts),
                cap,
            )
        )

    def _truth(self, fold: Fold) -> int:
        column = None if fold.node.kind == "latest" else fold.node.column
        return _place(self.truths, Truth(column, fold.node.where))

    def _value(self, fold: Fold, form: str) -> int:
        decimals = fold.decimals if form == "scaled" else 0
        return _place(self.values, Value(fold.column, form, fold.kind, decimals))

    def _word(self, fold: Fold, truth: int) -> int:
        """The place of a value that is given back as it is; a text is kept beside, under its hash."""
        value = self._value(fold, "row")
        if fold.kind == TEXT and (truth, value) not in self.texts:
            self.texts.append((truth, value))
        return value

    def _any(self, truths: Sequence[int]) -> int:
        """The place of the truth that one of these holds."""
        if len(truths) == 1:
            return truths[0]
        names = list(self.truths)
        return _place(self.truths, Truth(None, None, tuple(names[place] for place in truths)))


class _Parts:
    """The parts of an entry, each once."""

    def __init__(self) -> None:
        self.found: list[Part] = []
        self._end = 1

    def offset(self, what: int, truth: int, value: int) -> int:
        for part in self.found:
            if (part.what, part.truth, part.value) == (what, truth, value):
                return part.offset
        self.found.append(Part(what, self._end, truth, value))
        self._end += PART_WORDS[what]
        return self.found[-1].offset


def window_numbers(windows: Sequence[Window]) -> list[int]:
    """Windows as numbers: length, hop, and which of the calendar's windows it is (-1: none)."""
    found: list[int] = []
    calendars = 0
    for window in windows:
        found += [window.last, window.hop, calendars if window.unit else -1]
        calendars += bool(window.unit)
    return found


def _reach(window: Window) -> tuple[float, Window]:
    return (math.inf if window.reach is None else window.reach, window)


def _order(fold: Fold) -> Any:
    node = fold.node
    parts = ["" if part is None else digest(to_dict(part)) for part in (node.column, node.where)]
    return (*parts, node.kind, tuple(fold.stretch), node.parameter, node.cap, fold.decimals)


def _place(among: dict[str, Any], one: Truth | Value) -> int:
    name = one.name
    among.setdefault(name, one)
    return list(among).index(name)


def _result(fold: Fold) -> int:
    return AS_NUMBER if fold.kind in (NUMBER, BOOL) else AS_WORD


_FINISH: Final = {
    "count": OF_COUNT,
    "sum": OF_SUM,
    "mean": OF_MEAN,
    "var": OF_VAR,
    "std": OF_STD,
    "distinct": OF_DISTINCT,
    "top": OF_TOP,
    "quantile": OF_QUANTILE,
    "neighbours": OF_NEIGHBOURS,
}
_FORMS: Final = {"distinct": "hash", "neighbours": "hash", "top": "order", "quantile": "bucket"}
