"""Keys of rows and requests as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.features import keys
from setpoint.features.keys import KeyIndex


def found(rows: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> list[int]:
    """Which row's key each wanted key is, by the first row that has it; -1 for none."""
    index = KeyIndex([pa.array(part) for part in zip(*rows, strict=True)], rows=len(rows))
    codes = index.find([pa.array(part) for part in zip(*wanted, strict=True)], rows=len(wanted))
    places = index.codes.tolist()
    return [places.index(code) if code >= 0 else -1 for code in codes.tolist()]


def test_composite_keys_do_not_run_together() -> None:
    """("1", "12") is another key than ("11", "2"), and neither is ("112", "")."""
    rows = [("1", "12"), ("11", "2"), ("112", "")]
    assert found(rows, [("11", "2"), ("112", ""), ("1", "12"), ("1", "2")]) == [1, 2, 0, -1]


@pytest.mark.parametrize(
    ("row", "wanted"), [(1, 1.0), (1.0, 1), (0.0, -0.0), (2**53 + 1, 2**53 + 1), (True, True), ("é\x00", "é\x00")]
)
def test_equal_values_are_one_key(row: Any, wanted: Any) -> None:
    """Whole numbers equal their float64, zero has no sign, and every byte of a text counts."""
    assert found([(row,)], [(wanted,)]) == [0]


@pytest.mark.parametrize("many", [1, 600])
@pytest.mark.parametrize(
    ("row", "wanted"), [(2**53 + 1, 2.0**53), (1, 1.5), ("a", "a\x00"), ("a", "A"), (1.5, float("inf"))]
)
def test_unequal_values_are_not(row: Any, wanted: Any, many: int) -> None:
    """A whole number beyond 2**53 is not the float64 next to it."""
    assert found([(row,)], [(wanted,)] * many) == [-1] * many


def test_a_key_with_a_null_is_no_key() -> None:
    """NULL equals nothing, itself included; a NaN is NULL."""
    index = KeyIndex([pa.array(["a", None, "a"]), pa.array([1.0, 1.0, float("nan")])], rows=3)
    assert index.codes.tolist() == [0, -1, -1]
    fields = [pa.array([None, "a", "a"]), pa.array([1.0, None, 1.0])]
    assert index.find(fields, rows=3).tolist() == [-1, -1, 0]


def test_no_parts_are_one_key_for_all() -> None:
    """`by=[]` puts every row, and every request, under one key."""
    index = KeyIndex([], rows=2)
    assert (index.codes.tolist(), index.find([], rows=3).tolist()) == ([0, 0], [0, 0, 0])


def test_no_rows_have_no_keys() -> None:
    """An empty source answers every request with no key."""
    index = KeyIndex([pa.array([], pa.string()), pa.array([], pa.string())], rows=0)
    assert index.find([pa.array(["a"]), pa.array(["b"])], rows=1).tolist() == [-1]


def test_long_columns_are_found_as_short_ones_are() -> None:
    """Whether a column is looked up value by value or by its dictionary is a matter of speed."""
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 40, 3000), rng.choice(["x", "y", "z"], 3000)
    index = KeyIndex([pa.array(left), pa.array(right)], rows=3000)
    long = index.find([pa.chunked_array([left[:5], left[5:]]), pa.array(right)], rows=3000)
    short = [
        index.find([pa.array(left[at : at + 9]), pa.array(right[at : at + 9])], rows=len(left[at : at + 9]))
        for at in range(0, 3000, 9)
    ]
    assert long.tolist() == index.codes.tolist() == np.concatenate(short).tolist()
    pairs = {
        (code, pair)
        for code, *pair in zip(long.tolist(), left.tolist(), right.tolist(), strict=True)
        for pair in [tuple(pair)]
    }
    assert len(pairs) == len({code for code, _ in pairs}) == len({pair for _, pair in pairs})


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_(), pa.dictionary(pa.int8(), pa.int64())],
)
def test_the_type_of_a_number_does_not_matter(kind: pa.DataType) -> None:
    """Few requests or many, a key is found by its value."""
    index = KeyIndex([pa.array([1.0, None, 0.0])], rows=3)
    for many in (1, 600):
        wanted = (
            pa.array([0, 1, None] * many)
            .cast(pa.int8())
            .cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
        )
        wanted = wanted.dictionary_encode() if pa.types.is_dictionary(kind) else wanted
        assert index.find([wanted], rows=3 * many).tolist() == index.codes[[2, 0, 1]].tolist() * many


def test_a_column_of_nothing_has_no_keys() -> None:
    """A column whose every value is NULL may have no type."""
    assert KeyIndex([pa.nulls(2)], rows=2).codes.tolist() == [-1, -1]
    assert KeyIndex([pa.array(["a"])], rows=1).find([pa.nulls(600)], rows=600).tolist() == [-1] * 600


@pytest.mark.parametrize(
    "wanted", [[3, 7, 8, None, 2], [3.0, 7.0, 3.5, float("nan"), float("inf")], ["3", "7", "", None, "x"]]
)
def test_whole_numbers_close_together_are_keys_like_others(wanted: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids from a sequence need no dictionary, and are found by the same rules."""
    monkeypatch.setattr(keys, "MANY", 1)
    index = KeyIndex([pa.array([7, 3, 5, 3])], rows=4)
    places = {7: index.codes[0], 3: index.codes[1]}
    expected = [int(places.get(value, -1)) for value in wanted]
    assert len({int(code) for code in index.codes}) == 3
    for many in (1, 200):
        assert index.find([pa.array(wanted * many)], rows=5 * many).tolist() == expected * many


def test_dictionaries_are_keys_by_what_they_stand_for() -> None:
    """Chunks of a column may have dictionaries of their own, with a value in them twice or NULL."""
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int8()), pa.array(["a", "b", "a"]))
    other = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array([None, "a"]))
    rows = pa.chunked_array([one, other])
    codes = KeyIndex([rows], rows=6).codes.tolist()
    assert codes == [codes[0], codes[1], codes[0], -1, -1, codes[0]]
    assert (
        KeyIndex([pa.array(["b", "a"])], rows=2).find([pa.chunked_array([one] * 200)], rows=800).tolist()
        == [1, 0, 1, -1] * 200
    )
