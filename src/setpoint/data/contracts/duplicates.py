"""Rows that may have the same values as another row, found without telling all rows apart.

Rows are looked at block by block, so that of what is as long as all of them only one array is made, if any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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

BLOCK = 1 << 14
"""Rows that are looked at together; their turns are 16-bit numbers."""

_FAR = 2**62
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
    if len(columns[0]) < 2:
        return np.zeros(0, dtype=np.int64)
    keys = _Keys([pa.array(column) if isinstance(column, np.ndarray) else column for column in columns])
    if keys.size < 2:
        return np.zeros(0, dtype=np.int64)
    if keys.range is not None and keys.range < SPARSE * keys.size:
        return _repeated_in_range(keys, keys.range)
    return _repeated(keys)


class _Keys:
    """A whole number for each row without a NULL, the same where all values are; `size` is how many rows that are.

    The numbers are from 0 up to `range`; where that is None, anywhere.
    """

    def __init__(self, columns: Sequence[pa.Array]) -> None:
        self._columns = [
            each.dictionary_encode().indices if pa.types.is_string(each.type) else each for each in columns
        ]
        self._rows = len(columns[0])
        valid = [_valid(column) for column in self._columns if column.null_count]
        self._valid = reduce(np.logical_and, valid) if valid else None
        self.size = self._rows if self._valid is None else int(np.count_nonzero(self._valid))
        if len(columns) > 1:
            self._columns.sort(key=_spread)
        ends = [_ends(column) for column in self._columns]
        self._lows = [low for low, _ in ends]
        self._sizes = [high - low + 1 for low, high in ends]
        size = math.prod(self._sizes)
        self.range = size if size < _FAR else None

    def blocks(self) -> Iterator[tuple[Ints, Ints]]:
        """Rows without a NULL, and their numbers, block by block."""
        for start in range(0, self._rows, BLOCK):
            block = [_numbers(column.slice(start, BLOCK)) for column in self._columns]
            rows = np.arange(start, start + block[0].size)
            if self._valid is not None:
                kept = self._valid[start : start + BLOCK]
                if not kept.all():
                    rows, block = rows[kept], [each[kept] for each in block]
            yield rows, self._joined(block)

    def having(self, wanted: Callable[[Ints], Mask]) -> Ints:
        """The rows whose numbers are wanted."""
        return np.concatenate([rows[wanted(numbers)] for rows, numbers in self.blocks()])

    def _joined(self, block: Sequence[Ints]) -> Ints:
        if self.range is None and len(block) == 1:
            return block[0]
        if self.range is None:
            hashes = np.zeros(block[0].size, dtype=np.uint64)
            for each in block:
                hashes = mix(hashes + mix(each.view(np.uint64)))
            return hashes.view(np.int64)
        found = block[0] - self._lows[0]
        for each, low, size in zip(block[1:], self._lows[1:], self._sizes[1:], strict=True):
            found *= size
            found += each
            found -= low
        return found


def _valid(column: pa.Array) -> Mask:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False))


def _ends(column: pa.Array) -> tuple[int, int]:
    """The lowest and highest number of a column; those of a column without any are 0."""
    if pa.types.is_floating(column.type):
        blocks = [_numbers(column.slice(start, BLOCK)) for start in range(0, len(column), BLOCK)]
        return (min(int(each.min()) for each in blocks), max(int(each.max()) for each in blocks)) if blocks else (0, 0)
    ends = pc.min_max(_whole(column)).as_py()
    return (0, 0) if ends["min"] is None else (int(ends["min"]), int(ends["max"]))


def _spread(column: pa.Array) -> float:
    """How much of a column's range its first block covers: with little first, a block's numbers are near each other."""
    (low, high), (first, last) = _ends(column), _ends(column.slice(0, BLOCK))
    return (last - first + 1) / (high - low + 1)


def _whole(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column


def _numbers(column: pa.Array) -> Ints:
    """Each value as a whole number, equal ones as the same; what stands for a NULL may be anything."""
    if pa.types.is_floating(column.type):
        floats = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
        return np.asarray((floats + 0.0).view(np.int64))
    column = _whole(column)
    if column.null_count:
        column = pc.fill_null(column, pa.scalar(0, column.type))
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _repeated_in_range(keys: _Keys, size: int) -> Ints:
    """The rows whose number, below a size, is there more than once."""
    there = np.zeros(size, dtype=bool)
    for _, numbers in keys.blocks():
        there[numbers] = True
    if int(np.count_nonzero(there)) == keys.size:
        return np.zeros(0, dtype=np.int64)
    there[:] = False
    turns, last, twice = np.arange(BLOCK, dtype=np.uint16), np.zeros(size, dtype=np.uint16), []
    for _, numbers in keys.blocks():
        turn = turns[: numbers.size]
        last[numbers] = turn  # of equal numbers in a block, all but one find another's turn
        twice.append(numbers[there[numbers] | (last[numbers] != turn)])
        there[numbers] = True
    there[:] = False
    for again in twice:
        there[again] = True
    return keys.having(lambda numbers: there[numbers])


def _repeated(keys: _Keys) -> Ints:
    """The rows whose number is there more than once."""
    ordered, filled = np.empty(keys.size, dtype=np.int64), 0
    for _, numbers in keys.blocks():
        ordered[filled : filled + numbers.size] = numbers
        filled += numbers.size
    ordered.sort()
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not twice.size:
        return np.zeros(0, dtype=np.int64)
    likely = np.zeros(1 << _BITS, dtype=bool)
    likely[_slots(twice)] = True

    def wanted(numbers: Ints) -> Mask:
        found = likely[_slots(numbers)]
        some = numbers[found]
        found[found] = twice[np.minimum(np.searchsorted(twice, some), twice.size - 1)] == some
        return found

    return keys.having(wanted)


def _slots(keys: Ints) -> npt.NDArray[np.uint64]:
    """One of a few numbers for each, by multiplication (Knuth, The Art of Computer Programming 3, section 6.4)."""
    return (keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)
