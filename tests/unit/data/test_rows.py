"""Rows: kinds of columns, and what was known when."""

from __future__ import annotations

import pyarrow as pa
import pytest

from setpoint.data.rows import (
    AT,
    ID,
    KNOWN_AT,
    POSITION,
    canonical_type,
    kind_of_type,
    kinds,
    known_rows,
    schemas,
    times_of,
)

KINDS: list[tuple[pa.DataType, str | None]] = [
    (pa.int8(), "number"),
    (pa.uint64(), "number"),
    (pa.float16(), "number"),
    (pa.decimal128(9, 2), "number"),
    (pa.null(), "number"),
    (pa.bool_(), "bool"),
    (pa.string(), "text"),
    (pa.large_string(), "text"),
    (pa.string_view(), "text"),
    (pa.dictionary(pa.int8(), pa.string()), "text"),
    (pa.dictionary(pa.int8(), pa.float64()), "number"),
    (pa.timestamp("s"), "time"),
    (pa.timestamp("ns", tz="Asia/Kolkata"), "time"),
    (pa.date32(), "time"),
    (pa.date64(), "time"),
    (pa.binary(), None),
    (pa.list_(pa.float64()), None),
    (pa.struct([("a", pa.int8())]), None),
    (pa.time32("s"), None),
    (pa.duration("s"), None),
]


@pytest.mark.parametrize(("arrow", "kind"), KINDS, ids=str)
def test_an_arrow_type_holds_one_kind(arrow: pa.DataType, kind: str | None) -> None:
    """Types that no expression can read have none."""
    assert kind_of_type(arrow) == kind


@pytest.mark.parametrize("kind", ["number", "text", "bool", "time"])
def test_a_kind_has_one_type_in_rows(kind: str) -> None:
    """The canonical type of a kind is of that kind."""
    assert kind_of_type(canonical_type(kind)) == kind


def test_kinds_are_those_of_a_sources_own_columns() -> None:
    """System columns and unreadable ones are not part of a schema."""
    table = pa.table(
        {"a": [1], "b": ["x"], "c": [[1]], AT: [0], KNOWN_AT: [0], ID: ["i"], POSITION: [0]},
    )
    assert schemas({"s": table}) == {"s": kinds(table)} == {"s": {"a": "number", "b": "text"}}


@pytest.mark.parametrize(("as_of", "count"), [(9, 0), (10, 1), (19, 1), (20, 3), (29, 3), (30, 4), (99, 4)])
def test_a_row_is_known_from_its_known_at_on(as_of: int, count: int) -> None:
    """At that very microsecond it is known; rows of one time are known together."""
    table = pa.table({KNOWN_AT: pa.chunked_array([[10, 20], [20, 30]])})
    assert times_of(known_rows(table, as_of), KNOWN_AT).tolist() == [10, 20, 20, 30][:count]
