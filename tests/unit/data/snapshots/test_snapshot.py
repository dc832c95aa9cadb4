"""Snapshots: rows as of a time, and the digest of what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY, time
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.rows import KNOWN_AT, POSITION
from setpoint.data.snapshots.snapshot import ContentDigests, take_snapshot
from tests.unit.data.make import days, moments, sales, taken

FIRST = time("2013-01-01")
RAW = pa.table({"id": list("abcde"), "ts": days(5), "price": [1, 2, None, 4, 5], "note": ["x", None, "", "y", "x"]})


def digest(table: pa.Table) -> str:
    """The digest of a table, computed afresh."""
    return ContentDigests().of(table)


def test_a_snapshot_holds_what_was_known_by_its_time() -> None:
    """In every source, as a slice of the rows."""
    rows = {"now": taken(sales(id="id"), RAW).rows, "late": taken(sales(id="id", delay="2d"), RAW).rows}
    snapshot = take_snapshot(rows, FIRST + 3 * DAY)
    assert {name: table["id"].to_pylist() for name, table in snapshot.rows.items()} == {
        "now": ["a", "b", "c", "d"],
        "late": ["a", "b"],
    }
    assert snapshot.as_of == FIRST + 3 * DAY
    assert np.shares_memory(
        snapshot.rows["now"][KNOWN_AT].chunk(0).to_numpy(), rows["now"][KNOWN_AT].chunk(0).to_numpy()
    )


def test_a_snapshot_is_the_same_whenever_it_is_taken() -> None:
    """What becomes known later changes nothing of it, be it a new row, a correction or a contradiction."""
    later = pa.table(
        {"id": list("fgb"), "ts": moments(FIRST, FIRST, FIRST + DAY), "price": [1.5, None, 99], "note": ["n", "n", "n"]}
    )
    seen = moments(*[FIRST + day * DAY for day in range(5)], *[FIRST + 9 * DAY] * 3)
    source = sales(id="id", known_at="seen", delay=None)
    before = RAW.append_column("seen", seen.slice(0, 5))
    after = pa.concat_tables([RAW, later], promote_options="permissive").append_column("seen", seen)
    old, new = taken(source, before), taken(source, after)
    assert new.quarantined["id"].to_pylist() == ["b"]
    for as_of in (FIRST - 1, FIRST, FIRST + 2 * DAY, FIRST + 9 * DAY - 1):
        one, two = take_snapshot({"s": old.rows}, as_of), take_snapshot({"s": new.rows}, as_of)
        assert one.digest == two.digest
        assert one.rows["s"].drop_columns([POSITION]).to_pylist() == two.rows["s"].drop_columns([POSITION]).to_pylist()
    assert (
        take_snapshot({"s": new.rows}, FIRST + 9 * DAY).digest != take_snapshot({"s": old.rows}, FIRST + 9 * DAY).digest
    )


def test_rows_without_an_id_keep_theirs_when_more_arrive() -> None:
    """Equal rows are told apart by when they became known."""
    raw = pa.table(
        {"ts": moments(FIRST, FIRST, FIRST), "seen": moments(FIRST, FIRST + DAY, FIRST + 2 * DAY), "x": [5] * 3}
    )
    source = sales(known_at="seen", delay=None)
    digests = [
        take_snapshot({"s": taken(source, raw.take(pa.array(order))).rows}, FIRST + DAY).digest
        for order in ([0, 1], [1, 0], [0, 1, 2], [2, 1, 0])
    ]
    assert len(set(digests)) == 1


def test_the_digest_of_a_snapshot_is_of_its_rows() -> None:
    """Not of the time: as long as nothing new is known, nothing changes; and the order of sources does not matter."""
    rows = {"a": taken(sales(id="id"), RAW).rows, "b": taken(sales(id="id", delay="2d"), RAW).rows}
    quiet = take_snapshot(rows, FIRST + DAY + 1)
    assert quiet.digest == take_snapshot(dict(reversed(rows.items())), FIRST + 2 * DAY - 1).digest
    assert quiet.digest != take_snapshot(rows, FIRST + 2 * DAY).digest
    assert set(quiet.digests) == {"a", "b"}
    assert quiet.digest != take_snapshot({"a": rows["b"], "b": rows["a"]}, FIRST + DAY).digest


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 3, 4]),
        pa.array([1.5, None, -0.0, 4.0]),
        pa.array(["a", None, "", "ü"]),
        pa.array([True, None, False, True]),
        pa.array([0, None, 1, 2], UTC_MICROSECONDS),
        pa.array(["a", None, "", "ü"], pa.large_string()),
    ],
    ids=lambda column: str(column.type),
)
def test_a_digest_is_of_values_not_of_their_layout(column: pa.Array) -> None:
    """Chunks, offsets, and whatever memory holds under a null do not count."""
    expected = digest(pa.table({"x": column}))
    padded = pa.concat_arrays([column, column, column])
    assert digest(pa.table({"x": padded.slice(4, 4)})) == expected
    assert (
        digest(pa.table({"x": pa.chunked_array([column.slice(0, 1), column.slice(1, 0), column.slice(1)])})) == expected
    )
    valid = np.asarray(column.is_valid())
    other = column.take(pa.array([0, 0, 2, 3]))
    masked = pa.Array.from_buffers(
        column.type, 4, [pa.py_buffer(np.packbits(valid, bitorder="little").tobytes()), *other.buffers()[1:]], 1
    )
    assert masked.equals(column)
    assert digest(pa.table({"x": masked})) == expected


def test_a_column_of_codes_is_a_column_of_texts() -> None:
    """A dictionary is a layout too."""
    texts = pa.array(["a", None, "b", "a"])
    assert digest(pa.table({"x": texts.dictionary_encode()})) == digest(pa.table({"x": texts}))


def test_columns_count_by_name_not_by_place() -> None:
    """The same columns in another order are the same rows; under other names they are not."""
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    assert digest(table.select(["b", "a"])) == digest(table)
    assert digest(table.rename_columns(["b", "a"])) != digest(table)


DIFFERENT: list[dict[str, Any]] = [
    {"x": [1, 2, 3]},
    {"x": [1, 2, 4]},
    {"x": [2, 1, 3]},
    {"x": [1, 2]},
    {"x": [1, 2, None]},
    {"x": [1, 2, 0]},
    {"x": [1.0, 2.0, 3.5]},
    {"x": ["1", "2", "3"]},
    {"x": ["12", "", "3"]},
    {"x": [True, True, True]},
    {"x": [None, None, None]},
    {"y": [1, 2, 3]},
    {"x": [1, 2, 3], "y": [1, 2, 3]},
    {"x": [2**53, 2, 3]},
    {"x": [2**53 + 1, 2, 3]},
    {"x": [2**53, None, 3]},
    {"x": [2**53 + 1, None, 3]},
    {"x": [2.0, 2.0, 2.0]},
    {"x": [2**62, 2**62, 2**62]},
    {"x": [b"1", b"2", b"3"]},
    {"x": [b"12", b"", b"3"]},
    {},
]


def test_whatever_differs_has_another_digest() -> None:
    """A value, a null, a kind, a name, an order or a length."""
    assert len({digest(pa.table(columns)) for columns in DIFFERENT}) == len(DIFFERENT)


def test_a_whole_number_is_the_same_as_integer_and_float() -> None:
    """A fraction further down a file turns the whole column into floats, and changes no earlier snapshot."""
    assert digest(pa.table({"x": [1, None, 3]})) == digest(pa.table({"x": [1.0, None, 3.0]}))


def test_what_was_digested_before_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beginnings of one table share their blocks, and the digests are those computed afresh."""
    monkeypatch.setattr("setpoint.data.snapshots.snapshot.BLOCK", 100)
    table = pa.table({"x": np.arange(1000), KNOWN_AT: np.arange(1000)})
    shared = ContentDigests()
    for count in (1000, 250, 0, 1, 99, 100, 101, 999, 250):
        assert shared.of(table, count) == ContentDigests().of(table, count) == digest(table.slice(0, count))
        assert shared.of(table, count) == take_snapshot({"s": table}, count - 1, contents=shared).digests["s"]
    assert len({shared.of(table, count) for count in range(0, 1001, 50)}) == 21
