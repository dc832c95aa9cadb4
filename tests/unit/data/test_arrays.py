"""Columns as arrays and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.data.arrays import NULL_TIME, UTC_MICROSECONDS, null_mask, to_array, to_arrow

MOMENT = datetime(2013, 1, 1, tzinfo=UTC)
MICROSECONDS = 1_356_998_400_000_000
COLUMNS: dict[str, tuple[pa.Array, list[Any]]] = {
    "number": (pa.array([1.5, None]), [1.5, None]),
    "bool": (pa.array([True, False, None]), [True, False, None]),
    "text": (pa.array(["a", None, ""]), ["a", None, ""]),
    "time": (pa.array([MOMENT, None], UTC_MICROSECONDS), [MOMENT, None]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_goes_to_an_array_and_comes_back(kind: str) -> None:
    """Values and nulls of every kind survive the way to numpy and back."""
    column, values = COLUMNS[kind]
    assert to_arrow(to_array(column, kind), kind).to_pylist() == values


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_in_chunks_is_one_array(kind: str) -> None:
    """Chunks, and slices of them, do not show in the array."""
    column, values = COLUMNS[kind]
    chunks = pa.chunked_array([column.slice(1), column.slice(0, 0), column])
    assert to_arrow(to_array(chunks, kind), kind).to_pylist() == values[1:] + values


@pytest.mark.parametrize("kind", COLUMNS)
def test_no_values_are_an_empty_array(kind: str) -> None:
    """A column without rows has an array of the kind's own type."""
    column, _ = COLUMNS[kind]
    array = to_array(column.slice(0, 0), kind)
    assert array.size == 0
    assert array.dtype == to_array(column, kind).dtype


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (pa.array([1, None], pa.int8()), "number", [1.0, np.nan]),
        (pa.array([2**53 + 1], pa.int64()), "number", [2.0**53]),
        (pa.array([2**64 - 1], pa.uint64()), "number", [2.0**64]),
        (pa.array([0.5], pa.float32()), "number", [0.5]),
        (pa.array([True, None]), "bool", [1.0, np.nan]),
        (pa.array([True, None]), "number", [1.0, np.nan]),
        (pa.nulls(2), "number", [np.nan, np.nan]),
    ],
)
def test_every_number_becomes_a_float64(column: pa.Array, kind: str, expected: list[float]) -> None:
    """Whole numbers beyond 2**53 become the nearest float64."""
    np.testing.assert_array_equal(to_array(column, kind), expected)


@pytest.mark.parametrize("type_", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_every_type_of_text_becomes_python_texts(type_: pa.DataType) -> None:
    """A dictionary or a large column is read as its texts."""
    assert to_array(pa.array(["a", None, "a"], type_), "text").tolist() == ["a", None, "a"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_of_the_only_type_of_rows_is_microseconds(unit: str) -> None:
    """Rows hold microseconds; the array is those, and a null is NULL_TIME."""
    column = pa.array([MOMENT, None], pa.timestamp(unit, tz="UTC")).cast(UTC_MICROSECONDS)
    assert to_array(column, "time").tolist() == [MICROSECONDS, NULL_TIME]


def test_an_array_shares_the_memory_of_a_column_without_nulls() -> None:
    """Numbers without a null are not copied."""
    column = pa.array([1.0, 2.0])
    assert np.shares_memory(to_array(column, "number"), column.to_numpy())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, np.nan]), [False, True]),
        (np.array([0, NULL_TIME]), [False, True]),
        (np.array(["", None], dtype=object), [False, True]),
        (np.array([], dtype=object), []),
    ],
)
def test_null_is_seen_in_every_kind(values: Any, expected: list[bool]) -> None:
    """NaN, NULL_TIME and None are NULL; an empty text is not."""
    mask = null_mask(values)
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected


def test_a_date_is_refused_here() -> None:
    """Dates become times when they are taken in, not when they are computed with."""
    with pytest.raises(pa.ArrowInvalid):
        to_array(pa.array([date(2013, 1, 1)], pa.date64()).cast(pa.string()), "time")
