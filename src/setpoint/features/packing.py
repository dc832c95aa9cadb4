"""Rows of events as bytes: what the online state keeps in its tiles, appended to and read back as one matrix.

A row is words of 64 bits: when it happened, when it was known, its position where the order of rows matters, its truth
values as bits, then its values. Texts stand behind their row, in further rows of the same width that begin with a mark
no time can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from setpoint.data.arrays import NULL_TIME, Array, Mask
from setpoint.declare.kinds import TEXT, TIME

_BITS = 62
_MORE = NULL_TIME


@dataclass(frozen=True)
class Layout:
    """What a packed row holds: its position if `ordered`, so many truth values, then values of these kinds."""

    ordered: bool
    truths: int
    kinds: tuple[str, ...]

    @cached_property
    def first_truth(self) -> int:
        """The word of the first truth values."""
        return 3 if self.ordered else 2

    @cached_property
    def first_value(self) -> int:
        """The word of the first value."""
        return self.first_truth + -(-self.truths // _BITS)

    @cached_property
    def width(self) -> int:
        """The words of a row."""
        return self.first_value + len(self.kinds)


@dataclass(frozen=True)
class Rows:
    """Rows of one group, as columns: `truths` and `values` in the order of the layout.

    A number is float64, a time or whole number int64, a text an object: a str, or None for NULL.
    """

    at: Array
    known_at: Array
    position: Array
    truths: Sequence[Mask]
    values: Sequence[Array]


def pack(layout: Layout, rows: Rows, order: Array) -> tuple[bytes, Array]:
    """The bytes of rows in this order, and where each begins in them.

    >>> layout = Layout(True, 1, ("number", "text"))
    >>> rows = Rows(*[np.array([5, 6])] * 3, [np.array([True, False])], [np.array([0.5, 1]), np.array(["a", None])])
    >>> content, starts = pack(layout, rows, np.array([1, 0]))
    >>> starts // (8 * layout.width)
    array([0, 1])
    >>> unpack(layout, content).texts(1, np.array([0, 1]))
    [None, b'a']
    """
    matrix = np.zeros((rows.at.size, layout.width), dtype=np.int64)
    matrix[:, 0], matrix[:, 1] = rows.at, rows.known_at
    if layout.ordered:
        matrix[:, 2] = rows.position
    for place, truth in enumerate(rows.truths):
        matrix[:, layout.first_truth + place // _BITS] |= truth.astype(np.int64) << (place % _BITS)
    texts: list[list[bytes | None]] = []
    for word, (kind, value) in enumerate(zip(layout.kinds, rows.values, strict=True), start=layout.first_value):
        if kind == TEXT:
            texts.append([None if text is None else text.encode() for text in value.tolist()])
            matrix[:, word] = [-1 if text is None else len(text) for text in texts[-1]]
        else:
            matrix[:, word] = value.view(np.int64)
    heads, size = matrix[order], 8 * layout.width
    if not texts:
        return heads.tobytes(), np.arange(order.size) * size
    payloads = [b"".join(filter(None, parts)) for parts in zip(*texts, strict=True)]
    content, starts = _with_texts(heads, [payloads[row] for row in order.tolist()])
    return content, starts[:-1] * size


def _with_texts(heads: Array, payloads: list[bytes]) -> tuple[bytes, Array]:
    """Rows with their texts behind them, and the number of each row's head."""
    width = heads.shape[1]
    room = 8 * width - 8
    more = [-(-len(payload) // room) for payload in payloads]
    starts = np.concatenate([[0], np.cumsum(np.array(more, dtype=np.int64) + 1)])
    found = np.empty((starts[-1], width), dtype=np.int64)
    found[:, 0] = _MORE
    behind = np.ones(starts[-1], dtype=np.bool_)
    behind[starts[:-1]] = False
    padded = b"".join(payload.ljust(count * room, b"\x00") for payload, count in zip(payloads, more, strict=True))
    found[behind, 1:] = np.frombuffer(padded, dtype=np.int64).reshape(-1, width - 1)
    found[starts[:-1]] = heads
    return found.tobytes(), starts


def unpack(layout: Layout, content: bytes) -> Unpacked:
    """The rows in the bytes of tiles."""
    return Unpacked(layout, np.frombuffer(content, dtype=np.int64).reshape(-1, layout.width))


class Unpacked:
    """Rows read back: columns on demand."""

    def __init__(self, layout: Layout, matrix: Array) -> None:
        self._layout, self._matrix = layout, matrix
        self._heads = np.flatnonzero(matrix[:, 0] != _MORE) if TEXT in layout.kinds else None
        heads = matrix if self._heads is None else matrix[self._heads]
        self._columns = np.ascontiguousarray(heads.T)
        self.at, self.known_at = self._columns[0], self._columns[1]

    @property
    def position(self) -> Array:
        """The position of each row, where rows are ordered."""
        assert self._layout.ordered, "a layout that keeps no position has none to give"
        return np.asarray(self._columns[2])

    def truth(self, place: int) -> Mask:
        """A truth value of each row."""
        word = self._columns[self._layout.first_truth + place // _BITS]
        return np.asarray(np.not_equal(word & (1 << place % _BITS), 0))

    def values(self, place: int) -> Array:
        """A value of each row that is not a text."""
        words: Array = self._columns[self._layout.first_value + place]
        return words if self._layout.kinds[place] == TIME else words.view(np.float64)

    def texts(self, place: int, rows: Array) -> list[bytes | None]:
        """The text of some rows, as UTF-8; None for NULL."""
        assert self._heads is not None, "a layout without texts has none to give"
        first = self._layout.first_value
        lengths = self._columns[first + place][rows]
        begins = (self._heads[rows] + 1) * (8 * self._layout.width - 8)
        for before in range(place):
            if self._layout.kinds[before] == TEXT:
                begins = begins + np.maximum(self._columns[first + before][rows], 0)
        return [
            None if length < 0 else self._behind[begin : begin + length]
            for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True)
        ]

    @cached_property
    def _behind(self) -> bytes:
        """Every row without its first word: the texts of a row stand in one piece behind it."""
        return self._matrix[:, 1:].tobytes()
