"""Rows that may have the same values as another row, found without telling all rows apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Mask
from setpoint.data.identity import mix

Ints = npt.NDArray[np.int64]

SPARSE = 4
"""A range of so many whole numbers for each row is looked at number by number, a longer one is sorted."""

_BITS = 20


def shared_rows(columns: Sequence[pa.Array | Ints]) -> Ints:
    """The rows, in order, whose values in all these columns another row may have too: every one that does.

    A row with a NULL among them shares nothing. Where one column, or whole numbers in short ranges, are given, the rows
    are just those that do; otherwise equal 64-bit hashes may add a few.

    >>> shared_rows([pa.array(["a", "b", "a", None, None])]).tolist()
    [0, 2]
    >>> shared_rows([pa.array([1, 1, 1]), pa.array([1, 2, 1])]).tolist()
    [0, 2]
    """
    arrays = [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns]
    valid = reduce(_and, [_valid(column) for column in arrays], None)
    keys = _keys(arrays)
    if valid is not None:
        places = np.flatnonzero(valid)
        return np.asarray(places[_repeated(keys[places])])
    return _repeated(keys)


def _and(one: Mask | None, other: Mask | None) -> Mask | None:
    return other if one is None else one if other is None else one & other


def _valid(column: pa.Array) -> Mask | None:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False)) if column.null_count else None


def _keys(columns: Sequence[pa.Array]) -> Ints:
    """A whole number for each row, the same where all values are."""
    numbers = [_numbers(column) for column in columns]
    if len(numbers) == 1:
        return numbers[0]
    ends = [(int(each.min()), int(each.max())) if each.size else (0, 0) for each in numbers]
    sizes = [high - low + 1 for low, high in ends]
    if np.prod(sizes, dtype=float) < 2.0**62:
        found = np.zeros(len(columns[0]), dtype=np.int64)
        for each, (low, _), size in zip(numbers, ends, sizes, strict=True):
            found *= size
            found += each
            found -= low
        return found
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for each in numbers:
        hashes = mix(hashes + mix(each.view(np.uint64)))
    return hashes.view(np.int64)


def _numbers(column: pa.Array) -> Ints:
    """Each value as a whole number, equal ones as the same; what stands for a NULL may be anything."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode().indices
    if pa.types.is_floating(column.type):
        floats = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
        return np.asarray((floats + 0.0).view(np.int64))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if column.null_count:
        column = pc.fill_null(column, pa.scalar(pc.min(column).as_py() or 0, column.type))
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _repeated(keys: Ints) -> Ints:
    """The places of numbers that are there more than once."""
    if keys.size < 2:
        return np.zeros(0, dtype=np.int64)
    low, high = int(keys.min()), int(keys.max())
    if high - low < SPARSE * keys.size:
        slots = keys - low
        there = np.zeros(high - low + 1, dtype=bool)
        there[slots] = True
        if int(np.count_nonzero(there)) == keys.size:
            return np.zeros(0, dtype=np.int64)
        last = np.zeros(there.size, dtype=np.int32 if keys.size < 2**31 else np.int64)
        last[slots] = places = np.arange(keys.size, dtype=last.dtype)
        twice = np.unique(keys[last[slots] != places])
    else:
        ordered = np.sort(keys)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not twice.size:
        return np.zeros(0, dtype=np.int64)
    likely = np.zeros(1 << _BITS, dtype=bool)
    likely[_slots(twice)] = True
    found = np.flatnonzero(likely[_slots(keys)])
    return np.asarray(found[np.isin(keys[found], twice)])


def _slots(keys: Ints) -> npt.NDArray[np.uint64]:
    """One of a few numbers for each, by multiplication (Knuth, The Art of Computer Programming 3, section 6.4)."""
    return (keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)
