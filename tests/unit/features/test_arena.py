"""Blobs in an arena: a mapping like any other, whatever is moved where, and keys found by their hashes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.features.arena import FIRST_ROOM, Arena, Table
from setpoint.features.key_hashes import Hashes, hashes_of

KEYS = [f"k{number}" for number in range(12)]


def words(size: int, value: int) -> bytes:
    """A blob of so many words of one value."""
    return np.full(size, value, dtype=np.int64).tobytes()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["set", "drop", "put", "clear"]), st.sampled_from(KEYS), st.integers(1, 900)))
)
def test_an_arena_is_a_mapping(steps: list[tuple[str, str, int]]) -> None:
    """Set, dropped, put by slot and cleared in any order, it holds what a dict would."""
    arena, plain = Arena(), dict[str, bytes]()
    for number, (what, key, size) in enumerate(steps):
        if what == "set":
            arena[key] = plain[key] = words(size, number)
        elif what == "put":
            chosen = KEYS[: 1 + size % len(KEYS)]
            blobs = [words(size + place, number) for place in range(len(chosen))]
            ends = np.cumsum([0, *[len(blob) // 8 for blob in blobs]])
            arena.put(arena.slots(chosen), np.frombuffer(b"".join(blobs), np.int64), ends)
            plain.update(zip(chosen, blobs, strict=True))
        elif what == "drop":
            assert (arena.pop(key, None), key in arena) == (plain.pop(key, None), False)
        else:
            arena.clear()
            plain.clear()
        assert (dict(arena), len(arena)) == (plain, len(plain))
    with pytest.raises(KeyError, match="none"):
        arena["none"]
    with pytest.raises(KeyError, match="none"):
        del arena["none"]


def test_what_is_being_read_stays_as_it_is() -> None:
    """While blobs are read, others can be put until all are moved, and the words that were given stay."""
    arena = Arena()
    arena.put(arena.slots(["a", "b"]), np.arange(6), np.array([0, 2, 6]))
    with arena.reading(arena.slots(["b", "c"])) as (read, begins, size):
        for number in range(3 * FIRST_ROOM // 100):
            arena["a"] = words(100, number)
        assert (begins.tolist(), size) == ([2, -1], 4)
        assert read[2:6].tolist() == [2, 3, 4, 5]
    assert arena["b"] == np.arange(2, 6).tobytes()


def test_a_table_grows() -> None:
    """Every key that was written down is found, by both of its hashes, and no other."""
    rng, table = np.random.default_rng(0), Table(8)
    first, second = rng.integers(0, 99, 5000), np.arange(5000)
    for some in np.array_split(np.arange(5000), 7):
        table = table.with_more(Hashes(first[some], second[some], some < 0), some * 2)
    assert np.array_equal(table.find(Hashes(first, second, first < 0)), 2 * np.arange(5000))
    assert set(table.find(Hashes(first + 100, second, first < 0)).tolist()) == {-1}
    again = table.with_more(Hashes(first[:9], second[:9], first[:9] < 0), np.arange(9))
    assert again.find(Hashes(first[:9], second[:9], first[:9] < 0)).tolist() == list(range(9))


@pytest.mark.parametrize(
    ("columns", "same"),
    [
        ([pa.array(["a", "b", "a", None])], [[0, 2], [1]]),
        ([pa.array(["", "\0", "\0\0", ""])], [[0, 3], [1], [2]]),
        ([pa.array([0.0, -0.0, float("nan"), float("inf"), 1.5])], [[0, 1], [4]]),
        ([pa.array([1, 2**60, 2**60 + 1, 1])], [[0, 3], [1], [2]]),
        ([pa.array([True, False, None, True])], [[0, 3], [1]]),
        ([pa.array(["1", "11", "1"]), pa.array(["12", "2", "12"])], [[0, 2], [1]]),
        ([pa.array(["a", "b"]), pa.array(["b", "a"])], [[0], [1]]),
        ([pa.array(["a", "a", "b"]), pa.array([1, None, 1])], [[0], [2]]),
        ([pa.array(["x", "a", "b", "a"]).slice(1)], [[0, 2], [1]]),
    ],
)
def test_equal_keys_have_equal_hashes(columns: list[pa.Array], same: list[list[int]]) -> None:
    """Rows are told apart as their keys are; a row with a NULL, NaN or infinity has no key."""
    found = hashes_of([pa.chunked_array([column]) for column in columns])
    assert found is not None
    groups: dict[Any, list[int]] = {}
    for row, none in enumerate(found.none.tolist()):
        if not none:
            groups.setdefault((found.first[row], found.second[row]), []).append(row)
    assert list(groups.values()) == same


def test_columns_of_other_types_have_no_hashes() -> None:
    """Decimals, huge whole numbers and no column at all are found by their spelling instead."""
    decimals, huge = pa.array([Decimal("1.5")]), pa.array([2**63], pa.uint64())
    assert [hashes_of(columns) for columns in ([pa.chunked_array([decimals])], [pa.chunked_array([huge])], [])] == [
        None
    ] * 3
