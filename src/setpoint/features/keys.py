"""Keys of rows and requests as small integers: columns are compared one by one, never as joined text."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Array

FEW = 512
"""Up to this many requests, Python's own hashing is quicker than Arrow's."""

DENSE, MANY = 2, 1 << 20
"""In a column of MANY rows, whole numbers lie close together when DENSE times as many lie between the ends."""

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
        self._parts: list[_Values | _Whole] = []
        self._pairs: list[_Values | _Whole] = []
        codes, self.size = np.zeros(rows, dtype=np.int32), 1
        for place, column in enumerate(columns):
            part = _values(column)
            self._parts.append(part)
            if place == 0:
                codes, self.size = part.codes, part.size
            else:
                pairs = _values(_paired(codes, part.codes, part.size))
                self._pairs.append(pairs)
                codes, self.size = pairs.codes, pairs.size
        for part in self._parts + self._pairs:
            part.forget_codes()
        self.codes = codes

    def forget_codes(self) -> None:
        """Keep what finds keys, and not which row has which."""
        self.codes = np.zeros(0, dtype=np.int32)

    def find(self, fields: Sequence[Column], *, rows: int) -> Array:
        """The numbers of requested keys, -1 for a key that no row has."""
        if rows <= FEW:
            return self.find_few([field.to_pylist() for field in fields], rows=rows)
        codes = np.zeros(rows, dtype=np.int32)
        for place, (field, part) in enumerate(zip(fields, self._parts, strict=True)):
            found = part.find(field)
            codes = found if place == 0 else self._pairs[place - 1].find(_paired(codes, found, part.size))
        return codes

    def find_few(self, fields: Sequence[Sequence[Any]], *, rows: int) -> Array:
        """`find` of values as Python has them, None for NULL."""
        codes = [0] * rows
        for place, (field, part) in enumerate(zip(fields, self._parts, strict=True)):
            found = part.places(field)
            if place == 0:
                codes = found
            else:
                pairs = [
                    left * part.size + right if left >= 0 <= right else None
                    for left, right in zip(codes, found, strict=True)
                ]
                codes = self._pairs[place - 1].places(pairs)
        return np.array(codes, dtype=np.int32)


def _values(column: Column) -> _Values | _Whole:
    """What numbers the values of a column: whole numbers that lie close together are their own places."""
    column = _canonical(column)
    if pa.types.is_int64(column.type) and not column.null_count and len(column) >= MANY:
        ends = pc.min_max(column).as_py()
        if ends["max"] - ends["min"] <= DENSE * len(column):
            return _Whole(column, ends["min"], ends["max"])
    return _Values(column)


class _Whole:
    """Whole numbers from `least` to `greatest`, whether they come or not, and each row's place among them."""

    def __init__(self, column: Column, least: int, greatest: int) -> None:
        self._least, self._greatest, self.size = least, greatest, greatest - least + 1
        self.codes = np.empty(len(column), dtype=np.int32)
        done = 0
        for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            np.subtract(chunk.to_numpy(), least, out=self.codes[done : done + len(chunk)], casting="unsafe")
            done += len(chunk)

    def forget_codes(self) -> None:
        """Keep what finds values, and not which row has which."""
        self.codes = np.zeros(0, dtype=np.int32)

    def find(self, column: Column) -> Array:
        """The place of each value of another column; -1 for NULL and for a value that is not there."""
        wanted = _canonical(column)
        if not pa.types.is_int64(wanted.type):
            return _found_by(self.places, wanted)
        known = pc.fill_null(wanted, self._least).to_numpy() if wanted.null_count else wanted.to_numpy()
        inside = (known >= self._least) & (known <= self._greatest)
        if wanted.null_count:
            inside &= np.asarray(pc.is_valid(wanted))
        return np.where(inside, known - self._least, -1).astype(np.int32)

    def places(self, values: Sequence[Any]) -> list[int]:
        """`find` of values as Python has them, None for NULL."""
        return [self._place(value) for value in values]

    def _place(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value - self._least if isinstance(value, int) and self._least <= value <= self._greatest else -1


class _Values:
    """The different values of a column, and each row's place among them; -1 for NULL."""

    def __init__(self, column: Column) -> None:
        self.codes, self._values = _encoded(column)
        self.size = len(self._values)

    def forget_codes(self) -> None:
        """Keep what finds values, and not which row has which."""
        self.codes = np.zeros(0, dtype=np.int32)

    def find(self, column: Column) -> Array:
        """The place of each value of another column; -1 for NULL and for a value that is not there."""
        wanted = _canonical(column)
        if wanted.type == self._values.type:
            return _places(pc.index_in(wanted, value_set=self._values, skip_nulls=True))
        return _found_by(self.places, wanted)

    def places(self, values: Sequence[Any]) -> list[int]:
        """`find` of values as Python has them, None for NULL."""
        return [self._index.get(value, -1) for value in values]

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {value: place for place, value in enumerate(self._values.to_pylist())}


def _encoded(column: Column) -> tuple[Array, pa.Array]:
    """The place of each value among the different ones, -1 for NULL, and these."""
    if pa.types.is_dictionary(column.type):
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        if any(chunk.dictionary.null_count for chunk in chunks):  # which Arrow cannot unify
            return _encoded(_canonical(column.cast(column.type.value_type)))
        whole = pa.chunked_array(chunks, column.type).unify_dictionaries().combine_chunks()
        places, values = _encoded(_canonical(whole.dictionary))
        return np.append(places, np.int32(-1))[_places(whole.indices)], values
    coded = column.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return _places(coded.indices), coded.dictionary


def _found_by(find: Callable[[Sequence[Any]], list[int]], column: Column) -> Array:
    codes, values = _encoded(column)
    return np.array([*find(values.to_pylist()), -1], dtype=np.int32)[codes]


def _canonical(column: Column) -> Column:
    """A column in which equal values are equal bytes: one type of whole numbers, floats without -0.0, one of texts."""
    arrow = column.type
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
