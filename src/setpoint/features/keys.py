"""Keys as small integers, of rows and of requests: columns are compared one by one, never as joined text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import Array

_DIRECT = 512
"""Up to this many values, Python's own hashing is quicker than Arrow's dictionary."""


@dataclass(frozen=True)
class Encoded:
    """A column as values, each at least once, and for each row the place of its own; -1 for NULL."""

    values: tuple[Any, ...]
    codes: Array

    def translated(self, index: Mapping[Hashable, int]) -> Array:
        """The code that another column gave to each row's value; -1 for NULL and for a value it does not have."""
        table = np.array([-1 if value is None else index.get(value, -1) for value in self.values] + [-1])
        return np.asarray(table[self.codes])


def encode(column: pa.ChunkedArray | pa.Array) -> Encoded:
    """The values of a column and each row's place among them; a long column names each value once.

    >>> encode(pa.array(["a", None])).codes
    array([ 0, -1])
    """
    if len(column) <= _DIRECT:
        plain = column.to_pylist()
        return Encoded(
            tuple(plain), np.array([-1 if one is None else place for place, one in enumerate(plain)], dtype=np.int64)
        )
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    coded = column.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Encoded(tuple(coded.dictionary.to_pylist()), codes)


class KeyIndex:
    """The keys of a source's rows, numbered from 0.

    Two keys are the same when every part is equal as a Python value: 1 equals 1.0, and "1", "12" is not "11", "2". A
    key with a NULL part is no key: its number is -1.

    >>> index = KeyIndex([pa.array(["1", "11", None]), pa.array(["12", "2", "2"])], rows=3)
    >>> index.codes
    array([ 0,  1, -1])
    >>> index.find([encode(pa.array(["11", "1"])), encode(pa.array(["2", "2"]))], rows=2)
    array([ 1, -1])
    """

    def __init__(self, columns: Sequence[pa.ChunkedArray | pa.Array], *, rows: int) -> None:
        self._parts: list[dict[Hashable, int]] = []
        self._pairs: list[Array] = []
        codes = np.zeros(rows, dtype=np.int64)
        for place, column in enumerate(columns):
            part, index = _numbered(encode(column))
            self._parts.append(index)
            if place == 0:
                codes = part
            else:
                pairs = _paired(codes, part, len(index))
                known = np.unique(pairs[pairs >= 0])
                self._pairs.append(known)
                codes = _places(known, pairs)
        self.codes = codes

    def find(self, fields: Sequence[Encoded], *, rows: int) -> Array:
        """The numbers of requested keys, -1 for a key that no row has."""
        codes = np.zeros(rows, dtype=np.int64)
        for place, (field, index) in enumerate(zip(fields, self._parts, strict=True)):
            part = field.translated(index)
            if place == 0:
                codes = part
            else:
                codes = _places(self._pairs[place - 1], _paired(codes, part, len(index)))
        return codes


def _numbered(column: Encoded) -> tuple[Array, dict[Hashable, int]]:
    """Codes in which equal values have equal numbers (0.0 and -0.0 too), and the number of each value."""
    index: dict[Hashable, int] = {}
    for value in column.values:
        if value is not None and value == value:  # noqa: PLR0124 (NaN is NULL, and differs from itself)
            index.setdefault(value, len(index))
    return column.translated(index), index


def _paired(left: Array, right: Array, size: int) -> Array:
    """Two codes as one; -1 where either is missing. Both are below 2**31, so nothing overflows."""
    return np.where((left < 0) | (right < 0), -1, left * size + right)


def _places(known: Array, wanted: Array) -> Array:
    """The place of each wanted value among the known ones, which are sorted; -1 where it is not there."""
    if not known.size:
        return np.full(wanted.shape, -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    return np.where(known[places] == wanted, places, -1)
