"""CSV: every malformed record is a row that says why, and the whole is the same whatever parts it is read in."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.data.files.csv import csv_parts, read_csv
from setpoint.data.files.read import read_parts, read_source
from tests.unit.data.make import sales, write

WORLD = (
    b'id,note\n1,plain\n2,"two\nlines, and ""quotes"""\n3\n4,a,b\n5,""\n6,caf\xc3\xa9\n7,caf\xe9\n8,\n'
    b'9,"never closed\n10,x\n11,"closed"\n12,last\n'
)


def told(table: pa.Table) -> list[tuple[Any, ...]]:
    """Number, id and reason of each row, in the order of the file."""
    reasons = table["__bad_reason"].to_pylist() if "__bad_reason" in table.column_names else [None] * table.num_rows
    rows = zip(table["__row"].to_pylist(), table["id"].to_pylist(), table["note"].to_pylist(), reasons, strict=True)
    return sorted(rows, key=lambda row: row[0])


def test_each_malformed_record_says_where_it_stands_and_what_it_holds() -> None:
    """Ragged, without UTF-8, and with a quote that would swallow all that comes after it."""
    found = told(read_csv(WORLD, ","))
    assert [row[0] for row in found] == list(range(1, 13))
    assert found[1][2] == 'two\nlines, and "quotes"'
    assert [row[3] for row in found if row[3] is not None] == [
        "row 3 has 1 cells, not 2: '3'",
        "row 4 has 3 cells, not 2: '4,a,b'",
        "row 7 is not UTF-8 text: 0xe9 in note",
        "row 9 has a quote that is never closed: '9,\"never closed'",
    ]
    assert [row[1] for row in found[9:]] == ["10", "11", "12"]


@pytest.mark.parametrize("size", [7, 16, 40, 1000])
def test_parts_are_the_whole(size: int) -> None:
    """Records that are whole within their part read the same, quotes and newlines in them included."""
    lines = [b'%d,"text\nwith ""%d"" lines"\n' % (number, number) for number in range(40)]
    data = b"id,note\n" + b"".join(lines) + b"40\n41,x\n"
    parts = list(csv_parts(io.BytesIO(data), ",", size=size))
    assert [row for part in parts for row in told(part)] == told(read_csv(data, ","))
    if size < 100:
        assert len(parts) > 10


def test_a_quote_in_the_middle_of_a_text_is_a_letter() -> None:
    """As in 5" pipes: nothing is swallowed."""
    found = told(read_csv(b'id,note\n1,5" pipe\n2,x\n', ","))
    assert [row[2] for row in found] == ['5" pipe', "x"]
    assert next(iter(csv_parts(io.BytesIO(b'id,note\n1,5" pipe\n2,x\n'), ",", size=4))).num_rows == 2


def test_quotes_that_pair_up_across_lines_swallow_none() -> None:
    """Two lines with an open quote each are two malformed rows; one with words behind its quotes is a row."""
    found = told(read_csv(b'id,note\n1,"open\n2,x\n3,"open\n4,"a" b\n5,"\n"\n', ","))
    assert [(row[0], row[2]) for row in found] == [(1, None), (2, "x"), (3, None), (4, "a b"), (5, "\n")]
    assert [row[3] for row in found if row[3]] == [
        f"row {number} has a quote that is never closed: '{number},\"open'" for number in (1, 3)
    ]


def test_a_file_of_one_column_may_have_open_quotes() -> None:
    """Its records cannot be too short."""
    table = read_csv(b'id\na\n"b\nc\n', ",")
    assert table["id"].to_pylist() == ["a", "c", None]


def test_a_header_that_is_no_text_is_refused_with_its_place(tmp_path: Path) -> None:
    """No row could be understood."""
    write(tmp_path / "s.csv", b"id,pr\xefce\n1,2\n")
    with pytest.raises(DataError, match="the header is not UTF-8: byte 5 of the file"):
        read_source(sales("s.csv"), tmp_path)


@pytest.mark.parametrize("read", [read_source, lambda *words: pa.concat_tables(read_parts(*words))])
def test_a_file_that_grows_while_it_is_read_gives_its_whole_lines(read: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """The line that is being written is left for the next time."""
    path = write(tmp_path / "s.csv", "id,ts\n1,a\n2,b\n3,half of a li")
    real = Path.open

    class Growing:
        """A file to which somebody writes after the first look at it."""

        def __init__(self) -> None:
            self._file = real(path, "rb")

        def __enter__(self) -> Growing:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def fileno(self) -> int:
            return self._file.fileno()

        def read(self, size: int) -> bytes:
            data = self._file.read(size)
            if size > 16:
                with real(path, "ab") as writer:
                    writer.write(b"ne\n")
            return data

        def seek(self, place: int) -> None:
            self._file.seek(place)

    monkeypatch.setattr(Path, "open", lambda self, mode="r": Growing() if self == path and mode == "rb" else real(self))
    assert read(sales("s.csv"), tmp_path)["id"].to_pylist() == ["1", "2"]
    monkeypatch.undo()
    assert read(sales("s.csv"), tmp_path)["ts"].to_pylist() == ["a", "b", "half of a line"]
