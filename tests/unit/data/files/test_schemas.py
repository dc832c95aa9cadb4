"""Files of one pattern whose columns differ: a clear outcome for each row, and words for what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from setpoint.data.files.read import read_source
from setpoint.data.files.schemas import changes_of
from tests.unit.data.make import days, reasons, sales, taken, write


def put(folder: Path, **files: dict[str, Any]) -> None:
    """Parquet files of these names, each with two days."""
    for name, columns in files.items():
        pq.write_table(pa.table({"ts": days(2), **columns}), folder / f"{name}.parquet")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({}, {"n": [1, 2]}, "b.parquet: column 'n' is new; it is empty in the files before"),
        ({"n": [1, 2]}, {}, "b.parquet: column 'n' is gone; it is empty there"),
        (
            {"price": [1, 2]},
            {"prices": [1, 2]},
            "b.parquet: column 'prices' looks like 'price' renamed; each is empty where the other is",
        ),
        ({"n": [1, 2]}, {"n": [1.5, 2]}, "b.parquet: column 'n' is double, not int64 as before"),
        ({"n": [1, 2]}, {"n": ["x", "3"]}, "b.parquet: column 'n' is string, not int64 as before"),
    ],
)
def test_what_changes_between_files_is_told(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], words: str
) -> None:
    """Added, removed, renamed, wider, and of another type."""
    put(tmp_path, a=first, b=second)
    assert [str(change) for change in changes_of(read_source(sales("*.parquet"), tmp_path))] == [words]


def test_files_that_are_alike_change_nothing(tmp_path: Path) -> None:
    """Nor does an empty one, or a column without a value."""
    put(tmp_path, a={"n": [1, 2]}, b={"n": pa.nulls(2)}, c={"n": [3, 4]})
    write(tmp_path / "d.csv", "")
    raw = read_source(sales("*"), tmp_path)
    assert (changes_of(raw), raw["n"].to_pylist()) == ([], [1, 2, None, None, 3, 4])


def test_values_of_another_type_are_judged_by_the_contract_row_by_row(tmp_path: Path) -> None:
    """Numbers that came as texts are numbers, other texts are none."""
    put(tmp_path, a={"n": [1, 2]}, b={"n": [3, 4]}, c={"n": ["x", "6.5"]})
    source = sales("*.parquet")
    done = taken(source, read_source(source, tmp_path))
    assert sorted(done.rows["n"].to_pylist()) == [1, 2, 3, 4, 6.5]
    assert reasons(done) == [("wrong-kind", "row 1: n is 'x'; expected a number")]


def test_rows_of_a_file_that_does_not_say_which_they_are_break_the_contract(tmp_path: Path) -> None:
    """The reason says what the file has instead."""
    for name in "abcdef":
        put(tmp_path, **{name: {"id": [f"{name}1", f"{name}2"]}})
    put(tmp_path, g={"ids": ["g1", "g2"]})
    source = sales("*.parquet", id="id")
    raw = read_source(source, tmp_path)
    done = taken(source, raw)
    words = "g.parquet has no column 'id', as other files have; it has ts, ids"
    assert reasons(done) == [("missing-column", words)] * 2
    assert done.rows.num_rows == 12
    assert [change.change for change in changes_of(raw)] == ["renamed"]


def test_a_file_of_which_nothing_has_happened_needs_no_time(tmp_path: Path) -> None:
    """Where that is what a missing time means."""
    write(tmp_path / "a.jsonl", '{"n": 1, "ts": "2013-01-01T00:00:00Z"}\n')
    write(tmp_path / "b.jsonl", '{"n": 2}\n')
    source = sales("*.jsonl", null_at="skip")
    assert taken(source, read_source(source, tmp_path)).skipped == 1
