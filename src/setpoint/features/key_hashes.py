"""Keys as 128 bits: two hashes of the values of some columns, equal for equal keys of columns of one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.values import hash_word
from setpoint.features.wide import Int

_WHOLE, _FLOAT, _TEXT = 1, 2, 3
_ONE: Final = np.uint64(0x100000001B3)
_OTHER: Final = np.uint64(0x9E3779B97F4A7C15)


class Hashes(NamedTuple):
    """Two hashes of 64 bits of each key, and whether a row has none."""

    first: Array
    second: Array
    none: Array

    def of(self, rows: Array) -> Hashes:
        """Those of some rows."""
        return Hashes(self.first[rows], self.second[rows], self.none[rows])


def hashes_of(columns: Sequence[pa.ChunkedArray]) -> Hashes | None:
    """The hashes of the rows of columns; None for columns of a type that this does not know.

    A number alone is told apart exactly, everything else by 128 bits.

    >>> found = hashes_of([pa.chunked_array([["a", "b", None, "a"]])])
    >>> bool(found.first[0] == found.first[3]), bool(found.first[0] == found.first[1]), found.none.tolist()
    (True, False, [False, False, True, False])
    """
    found: Hashes | None = None
    for column in columns:
        one = _hashes(column.combine_chunks())
        if one is None:
            return None
        if found is None:
            found = one
        else:
            join(found.first, found.second, one.first, one.second)
            found = found._replace(none=found.none | one.none)
    return found


def _hashes(column: pa.Array) -> Hashes | None:
    arrow = column.type
    none = np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False))
    first, second = np.empty(len(column), dtype=np.int64), np.empty(len(column), dtype=np.int64)
    if pa.types.is_string(arrow):
        _, offsets, data = column.buffers()
        places = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
        spell_out(np.frombuffer(data or b"", dtype=np.uint8), places, first, second)
    elif pa.types.is_floating(arrow):
        values = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()) + 0.0
        none |= ~np.isfinite(values)
        spread_out(values.view(np.int64), _FLOAT, first, second)
    elif pa.types.is_boolean(arrow) or (pa.types.is_integer(arrow) and not pa.types.is_uint64(arrow)):
        whole = pc.fill_null(column.cast(pa.int8()) if pa.types.is_boolean(arrow) else column, 0).cast(pa.int64())
        spread_out(np.array(whole.to_numpy()), _WHOLE, first, second)
    else:
        return None
    return Hashes(first, second, none)


@compiled
def spread_out(values: Array, tag: Int, first: Array, second: Array) -> None:
    """The hash of each 64-bit value, and the value itself."""
    for row in range(values.size):
        first[row], second[row] = hash_word(values[row] ^ tag), values[row]


@compiled
def spell_out(data: Array, places: Array, first: Array, second: Array) -> None:
    """Two hashes of each text: of its bytes one by one, as Fowler, Noll and Vo do it, with two multipliers."""
    for row in range(first.size):
        one, other = np.uint64(places[row + 1] - places[row]), np.uint64(3)
        for byte in range(places[row], places[row + 1]):
            one = (one ^ np.uint64(data[byte])) * _ONE
            other = (other + np.uint64(data[byte])) * _OTHER
        first[row], second[row] = hash_word(np.int64(one)), hash_word(np.int64(other))


@compiled
def join(first: Array, second: Array, more_first: Array, more_second: Array) -> None:
    """The hashes of two parts as those of a whole: the parts cannot change places."""
    for row in range(first.size):
        one = np.uint64(first[row]) * _OTHER + np.uint64(more_first[row])
        other = np.uint64(second[row]) * _ONE + np.uint64(more_second[row])
        first[row], second[row] = hash_word(np.int64(one)), hash_word(np.int64(other))


@compiled
def numbered(slots: Array, many: int, numbers: Array, found: Array) -> Any:
    """Number the different slots of rows in order of first appearance; gives how many they are. -1 stays -1."""
    places, count = np.full(many, -1, np.int64), 0
    for row in range(slots.size):
        slot = slots[row]
        if slot >= 0 and places[slot] < 0:
            places[slot] = count
            found[count] = slot
            count += 1
        numbers[row] = places[slot] if slot >= 0 else -1
    return count
