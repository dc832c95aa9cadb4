"""Where values are in other columns: a lookup of whole columns at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

FAR = 2**62
SPARSE, LEAST = 16, 1 << 20
"""Whole numbers are looked up in a list by number where it has at most so many places for each, or this many."""


def find(values: Sequence[pa.Array], known: Sequence[pa.Array]) -> Ints:
    """For each row, the first place among the known rows with the same values in all columns; -1 where there is none.

    NULL is found nowhere. Whole numbers and fractions are compared as float64 where both occur.

    >>> find([pa.array([3, 9, None])], [pa.array([1, 3, 3])]).tolist()
    [1, -1, -1]
    >>> find([pa.array(["a", "b"]), pa.array([1, 1])], [pa.array(["a", "a"]), pa.array([2, 1])]).tolist()
    [1, -1]
    """
    mine: Ints | None = None
    theirs = np.zeros(0, dtype=np.int64)
    for one, other in zip(values, known, strict=True):
        value, wanted = _alike(one, other)
        if len(values) == 1:
            return _find_one(value, wanted)
        distinct = pc.unique(wanted).drop_null()
        left, right = _find_one(value, distinct), _find_one(wanted, distinct)
        if mine is None:
            mine, theirs = left, right
            continue
        left, right = _joined(mine, left, len(distinct)), _joined(theirs, right, len(distinct))
        numbers = pa.array(np.unique(right[right >= 0]))  # numbered anew, so that they stay small
        mine, theirs = _find_one(pa.array(left), numbers), _find_one(pa.array(right), numbers)
    assert mine is not None, "a row is found by at least one column"
    return _find_one(pa.array(mine, mask=mine < 0), pa.array(theirs, mask=theirs < 0))


def _joined(first: Ints, second: Ints, size: int) -> Ints:
    """One number for two, the second of which is below a size; -1 where one of them is."""
    return np.where((first < 0) | (second < 0), -1, first * size + second)


def _alike(one: pa.Array, other: pa.Array) -> tuple[pa.Array, pa.Array]:
    if pa.types.is_floating(one.type) or pa.types.is_floating(other.type):
        # Adding zero makes -0.0 the 0.0 that it equals.
        return (
            pc.add(pc.cast(one, pa.float64(), safe=False), 0.0),
            pc.add(pc.cast(other, pa.float64(), safe=False), 0.0),
        )
    if pa.types.is_timestamp(one.type):
        return one.cast(pa.int64()), other.cast(pa.int64())
    return one, other


def _find_one(values: pa.Array, known: pa.Array) -> Ints:
    if pa.types.is_int64(values.type) and pa.types.is_int64(known.type) and len(known) > known.null_count:
        ends = pc.min_max(known).as_py()
        low, high = int(ends["min"]), int(ends["max"])
        if low > -FAR and high < FAR and high - low < max(SPARSE * len(known), LEAST):
            return _by_number(values, known, low, high)
    known = known.cast(values.type) if known.type != values.type else known
    found = pc.index_in(values, value_set=known, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _by_number(values: pa.Array, known: pa.Array, low: int, high: int) -> Ints:
    """A lookup of whole numbers in a list that has a place for each from below the lowest to above the highest."""
    places = np.full(high - low + 3, -1, dtype=np.int64)
    there = np.flatnonzero(known.is_valid().to_numpy(zero_copy_only=False))[::-1]
    places[known.drop_null().to_numpy(zero_copy_only=False)[::-1] - (low - 1)] = (
        there  # of equal ones the first is last
    )
    numbers = (pc.fill_null(values, low - 1) if values.null_count else values).to_numpy(zero_copy_only=False)
    return np.asarray(places[np.clip(numbers, low - 1, high + 1) - (low - 1)])
