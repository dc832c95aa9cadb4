"""Keys of rows and requests as small integers: columns are compared one by one, never as joined text."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Array

_DIRECT = 512
"""Up to this many requests, Python's own hashing is quicker than Arrow's."""

Column: TypeAlias = "pa.ChunkedArray | pa.Array"


class KeyIndex:
    """The keys of a source's rows, numbered from 0.

    Two keys are the same when every part is equal as a Python value: 1 equals 1.0, and "1", "12" is not "11", "2". A
    key with a NULL part is no key: its number is -1.

    >>> index = KeyIndex([pa.array(["1", "11", None]), pa.array(["12", "2", "2"])], rows=3)
    >>> index.codes
    array([ 0,  1, -1], dtype=int32)
    >>> index.find([pa.array(["11", "1"]), pa.array(["2", "2"])], rows=2)
    array([ 1, -1], dtype=int32)
    """

    def __init__(self, columns: Sequence[Column], *, rows: int) -> None:
        self._parts: list[_Values] = []
        self._pairs: list[_Values] = []
        codes, self.size = np.zeros(rows, dtype=np.int32), 1
        for place, column in enumerate(columns):
            part = _Values(column)
            self._parts.append(part)
            if place == 0:
                codes, self.size = part.codes, part.size
            else:
                pairs = _Values(_paired(codes, part.codes, part.size))
                self._pairs.append(pairs)
                codes, self.size = pairs.codes, pairs.size
        for part in self._parts + self._pairs:
            part.forget_codes()
        self.codes = codes

    def find(self, fields: Sequence[Column], *, rows: int) -> Array:
        """The numbers of requested keys, -1 for a key that no row has."""
        codes = np.zeros(rows, dtype=np.int32)
        for place, (field, part) in enumerate(zip(fields, self._parts, strict=True)):
            found = part.find(field)
            codes = found if place == 0 else self._pairs[place - 1].find(_paired(codes, found, part.size))
        return codes


class _Values:
    """The different values of a column, and each row's place among them; -1 for NULL."""

    def __init__(self, column: Column) -> None:
        plain = _canonical(column)
        coded = plain.dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        self._values = coded.dictionary
        self.size = len(self._values)
        self.codes = _places(coded.indices)

    def forget_codes(self) -> None:
        """Keep what finds values, and not which row has which."""
        self.codes = np.zeros(0, dtype=np.int32)

    def find(self, column: Column) -> Array:
        """The place of each value of another column; -1 for NULL and for a value that is not there."""
        if len(column) <= _DIRECT:
            return _looked_up(column.to_pylist(), self._index)
        wanted = _canonical(column)
        if wanted.type == self._values.type:
            return _places(pc.index_in(wanted, value_set=self._values, skip_nulls=True))
        coded = wanted.dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        return np.append(_looked_up(coded.dictionary.to_pylist(), self._index), np.int32(-1))[_places(coded.indices)]

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {value: place for place, value in enumerate(self._values.to_pylist())}


def _looked_up(values: Sequence[Any], index: dict[Hashable, int]) -> Array:
    return np.array([-1 if value is None else index.get(value, -1) for value in values], dtype=np.int32)


def _canonical(column: Column) -> Column:
    """A column in which equal values are equal bytes: one type of whole numbers, floats without -0.0, one of texts."""
    arrow = column.type
    if pa.types.is_dictionary(arrow):
        column = column.cast(arrow.value_type)
        arrow = arrow.value_type
    if pa.types.is_integer(arrow) and not pa.types.is_uint64(arrow):
        return column if pa.types.is_int64(arrow) else column.cast(pa.int64())
    if pa.types.is_floating(arrow):
        plain = column.cast(pa.float64())
        plain = pc.if_else(pc.is_nan(plain), None, plain) if pc.any(pc.is_nan(plain)).as_py() else plain
        return pc.add(plain, 0.0)
    if pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
        return column.cast(pa.string())
    return column


def _paired(left: Array, right: Array, size: int) -> pa.Array:
    """Two codes as one; NULL where either is missing. Both are below 2**31, so nothing overflows."""
    pairs = left.astype(np.int64) * size + right
    missing = (left < 0) | (right < 0)
    return pa.array(pairs, mask=missing) if missing.any() else pa.array(pairs)


def _places(indices: Column) -> Array:
    """Arrow's places as numbers that may be written, NULL as -1."""
    if isinstance(indices, pa.ChunkedArray):
        indices = indices.combine_chunks()
    filled = pc.fill_null(indices, -1) if indices.null_count else indices
    return np.array(filled.to_numpy(zero_copy_only=False), dtype=np.int32)
