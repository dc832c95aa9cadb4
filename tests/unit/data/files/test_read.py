"""Files as sources: formats, patterns, and files that are not what they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from setpoint.core.errors import DataError, SourceEmpty, SourceMissing
from setpoint.data.files.read import read_parts, read_source
from tests.unit.data.make import days, sales, write

HEAD = "id,ts,price\n"
GOOD = [{"id": number, "ts": f"2013-01-0{number}T00:00:00Z", "price": number + 0.5} for number in range(1, 6)]
LINES = "".join(f"{record['id']},{record['ts']},{record['price']}\n" for record in GOOD)


def rows(root: Path, path: str, **options: Any) -> list[dict[str, Any]]:
    """The rows of a source as Python values."""
    found: list[dict[str, Any]] = read_source(sales(path, **options), root).to_pylist()
    return found


def test_parquet_is_read_as_it_is(tmp_path: Path) -> None:
    """Types are those of the file; each row has its number and file."""
    pq.write_table(pa.table({"id": pa.array([7, 8], pa.int16()), "ts": days(2)}), tmp_path / "sales.parquet")
    raw = read_source(sales(), tmp_path)
    assert raw.schema.field("id").type == pa.int16()
    assert raw.select(["id", "__row", "__file"]).to_pylist() == [
        {"id": 7, "__row": 1, "__file": "sales.parquet"},
        {"id": 8, "__row": 2, "__file": "sales.parquet"},
    ]


@pytest.mark.parametrize("name", ["s.arrow", "s.feather", "s.ipc"])
@pytest.mark.parametrize("kind", ["file", "stream", "packed"])
def test_arrow_files_and_streams_are_read(tmp_path: Path, name: str, kind: str) -> None:
    """Told apart by their first bytes; only declared columns, and also in parts."""
    table = pa.table({"id": [1, 2, 3], "ts": days(3), "late": [5, 6, 7]})
    if kind == "packed":
        feather.write_feather(table, str(tmp_path / name), compression="zstd")
    else:
        with pa.OSFile(str(tmp_path / name), "wb") as file:
            opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
            with opened(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=2)
    source = sales(name, id="id", columns=["id"])
    raw = read_source(source, tmp_path)
    assert (raw.column_names, raw["id"].to_pylist()) == (["id", "ts", "__row", "__file"], [1, 2, 3])
    parts = pa.concat_tables(part.drop_columns(["__file"]) for part in read_parts(source, tmp_path))
    assert parts.to_pylist() == raw.drop_columns(["__file"]).to_pylist()


def test_an_arrow_file_that_is_none_is_told(tmp_path: Path) -> None:
    """At once and in parts."""
    write(tmp_path / "s.arrow", "id,ts\n1,2\n")
    for read in (read_source, lambda *words: list(read_parts(*words))):
        with pytest.raises(DataError, match=r"s\.arrow cannot be read as arrow"):
            read(sales("s.arrow"), tmp_path)


@pytest.mark.parametrize("name", ["s.csv.gz", "s.jsonl.gz", "s.parquet", "s.csv", "s.jsonl"])
def test_parts_of_a_file_are_its_rows(tmp_path: Path, name: str) -> None:
    """With the numbers that they have in it, also where it is compressed."""
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(GOOD), tmp_path / name)
    else:
        write(tmp_path / name, HEAD + LINES if "csv" in name else GOOD)
    parts = list(read_parts(sales(name), tmp_path, rows=2, size=70))
    assert len(parts) > 1
    assert [row for part in parts for row in part.to_pylist()] == read_source(sales(name), tmp_path).to_pylist()


def test_a_torn_file_is_told_in_parts(tmp_path: Path) -> None:
    """As it is at once."""
    packed = write(tmp_path / "s.csv.gz", HEAD + LINES * 1000)
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"s\.csv\.gz cannot be read as csv"):
        list(read_parts(sales("s.csv.gz"), tmp_path))


def test_only_declared_columns_of_a_parquet_file_are_read(tmp_path: Path) -> None:
    """A source that names its columns has no others."""
    pq.write_table(pa.table({"id": [1], "ts": days(1), "late": [5]}), tmp_path / "sales.parquet")
    raw = read_source(sales(id="id", columns=["id"]), tmp_path)
    assert raw.column_names == ["id", "ts", "__row", "__file"]


def test_csv_keeps_the_texts_of_the_file(tmp_path: Path) -> None:
    """Nothing is interpreted yet; an empty cell is a null, an empty quoted text is not."""
    write(tmp_path / "s.csv", 'id,note\n007,"a ""b"", c\nd"\n,""\n')
    assert rows(tmp_path, "s.csv") == [
        {"id": "007", "note": 'a "b", c\nd', "__row": 1, "__file": "s.csv"},
        {"id": None, "note": "", "__row": 2, "__file": "s.csv"},
    ]


def test_csv_may_begin_with_a_mark_and_end_lines_in_two_characters(tmp_path: Path) -> None:
    """A byte order mark and the line ends of Windows do not show."""
    write(tmp_path / "s.csv", b"\xef\xbb\xbfid,note\r\n1,x\r\n2,y\r\n")
    assert [(row["id"], row["note"]) for row in rows(tmp_path, "s.csv")] == [("1", "x"), ("2", "y")]


def test_tabs_separate_tsv(tmp_path: Path) -> None:
    """A comma is a letter like any other there."""
    write(tmp_path / "s.tsv", "id\tnote\n1\ta,b\n")
    assert rows(tmp_path, "s.tsv")[0]["note"] == "a,b"


@pytest.mark.parametrize("name", ["s.csv.gz", "s.jsonl.gz"])
def test_compressed_files_are_read(tmp_path: Path, name: str) -> None:
    """Gzip is told by the name."""
    write(tmp_path / name, HEAD + LINES if "csv" in name else GOOD)
    assert len(rows(tmp_path, name)) == 5


def test_a_record_of_the_wrong_width_stays_as_a_row_that_says_so(tmp_path: Path) -> None:
    """The other records keep their own numbers."""
    write(tmp_path / "s.csv", "id,ts\n1,a\n2\n3,c\n4,d,e\n5,f\n")
    found = rows(tmp_path, "s.csv")
    assert [(row["id"], row["__row"]) for row in found] == [("1", 1), ("3", 3), ("5", 5), (None, 2), (None, 4)]
    assert [row["__bad_reason"] for row in found] == [
        None,
        None,
        None,
        "row 2 has 1 cells, not 2: '2'",
        "row 4 has 3 cells, not 2: '4,d,e'",
    ]
    assert [row["__bad_rule"] for row in found[3:]] == ["malformed", "malformed"]


def test_bytes_that_are_no_text_spoil_only_their_row(tmp_path: Path) -> None:
    """What can be shown of them is kept."""
    write(tmp_path / "s.csv", b"id,note\n1,caf\xc3\xa9\n2,caf\xe9\n3,x\n")
    found = rows(tmp_path, "s.csv")
    assert [row["note"] for row in found] == ["café", "caf\ufffd", "x"]
    assert [row["__bad_reason"] for row in found] == [
        None,
        "row 2 is not UTF-8 text: 0xe9 in note, byte 21 of the file",
        None,
    ]


def test_json_lines_are_read_with_their_types(tmp_path: Path) -> None:
    """Times stay texts until they are cast; a field that a line lacks is null."""
    write(tmp_path / "s.jsonl", [{"id": 1, "ts": "2013-01-01T00:00:00+01:00"}, {"id": 2, "ok": True}])
    assert rows(tmp_path, "s.jsonl") == [
        {"id": 1, "ts": "2013-01-01T00:00:00+01:00", "ok": None, "__row": 1, "__file": "s.jsonl"},
        {"id": 2, "ts": None, "ok": True, "__row": 2, "__file": "s.jsonl"},
    ]


def test_json_rows_are_numbered_by_line(tmp_path: Path) -> None:
    """Empty lines count, as an editor counts them."""
    write(tmp_path / "s.jsonl", '{"id": 1}\n\n\n{"id": 2}\n')
    assert [row["__row"] for row in rows(tmp_path, "s.jsonl")] == [1, 4]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{half", "line 6 is not JSON: '{half'"),
        ("[1, 2]", "line 6 is not a JSON object: '[1, 2]'"),
        ("7", "line 6 is not a JSON object: '7'"),
        ('{"id": 6, "price": "dear"}', 'price is "dear", a text; expected a number'),
        ('{"id": 6, "ts": 5}', "ts is 5, a number; expected a text"),
        ('{"id": 6, "price": true}', "price is true, a truth value; expected a number"),
        ('{"id": {"a": 1}}', 'id is {"a": 1}, an object; expected a number'),
    ],
)
def test_one_bad_line_of_json_is_one_bad_row(tmp_path: Path, line: str, reason: str) -> None:
    """The other lines are read with the types they have without it."""
    write(tmp_path / "s.jsonl", "".join(json.dumps(record) + "\n" for record in GOOD) + line + "\n")
    found = rows(tmp_path, "s.jsonl")
    assert [row["__bad_reason"] for row in found] == [None] * 5 + [reason]
    assert [str(row["price"]) for row in found[:5]] == [str(record["price"]) for record in GOOD]
    assert [row["ts"] for row in found[:5]] == [record["ts"] for record in GOOD]


def test_a_pattern_reads_its_files_in_order_of_name(tmp_path: Path) -> None:
    """Each row says which file it is from; the columns are those of all files."""
    write(tmp_path / "in" / "b.csv", "ts,old\n2,x\n")
    write(tmp_path / "in" / "a.csv", "ts,new\n1,y\n")
    write(tmp_path / "in" / "notes.txt", "none")
    assert rows(tmp_path, "in/*.csv") == [
        {"ts": "1", "new": "y", "old": None, "__row": 1, "__file": "in/a.csv"},
        {"ts": "2", "new": None, "old": "x", "__row": 1, "__file": "in/b.csv"},
    ]


def test_files_with_narrower_numbers_go_together(tmp_path: Path) -> None:
    """Whole numbers of any width, and fractions."""
    for name, type_ in (("a", pa.int16()), ("b", pa.int64()), ("c", pa.float64())):
        pq.write_table(pa.table({"n": pa.array([1], type_)}), tmp_path / f"{name}.parquet")
    assert read_source(sales("*.parquet"), tmp_path).schema.field("n").type == pa.float64()


def test_files_of_other_types_do_not_go_together(tmp_path: Path) -> None:
    """Where one type cannot even be written as a text, which column it is, and of which type, is said."""
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"n": [[1]]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"do not fit together: column 'n' is list"):
        read_source(sales("*.parquet"), tmp_path)


def test_a_file_outside_the_folder_is_read_by_its_whole_path(tmp_path: Path) -> None:
    """An absolute path, or pattern, needs no folder."""
    file = write(tmp_path / "elsewhere" / "s.csv", HEAD + LINES)
    assert len(rows(tmp_path / "project", str(file))) == 5
    assert len(rows(tmp_path / "project", str(file.parent / "*.csv"))) == 5


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("data/saels.csv", r"Did you mean 'sales\.csv'\?"),
        ("data/flights.parquet", r"That folder has plan\.md, sales\.csv\."),
        ("dta/sales.csv", r"The folder .*dta does not exist\."),
        ("empty/sales.csv", r"That folder has no files\."),
        ("data", r'Name its files, such as "data/\*\.parquet"\.'),
        ("data/*.parquet", r"That folder has plan\.md, sales\.csv\."),
    ],
)
def test_a_missing_file_is_answered_with_what_is_there(tmp_path: Path, path: str, hint: str) -> None:
    """The error is also a FileNotFoundError, and says where to look."""
    write(tmp_path / "data" / "sales.csv", HEAD + LINES)
    write(tmp_path / "data" / "plan.md", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceMissing, match=hint) as raised:
        read_source(sales(path), tmp_path)
    assert isinstance(raised.value, FileNotFoundError)
    assert f"'sales' has no file at '{path}'" in raised.value.problem


@pytest.mark.parametrize(("name", "content"), [("s.csv", ""), ("s.csv", HEAD), ("s.jsonl", ""), ("s.jsonl", "\n\n")])
def test_a_file_without_a_row_is_an_empty_source(tmp_path: Path, name: str, content: str) -> None:
    """A header alone is no row."""
    write(tmp_path / name, content)
    with pytest.raises(SourceEmpty, match=f"'sales' has no row in {name}"):
        read_source(sales(name), tmp_path)


def test_a_parquet_file_without_a_row_is_an_empty_source(tmp_path: Path) -> None:
    """Columns alone are no rows."""
    pq.write_table(pa.table({"id": pa.array([], pa.int64())}), tmp_path / "sales.parquet")
    with pytest.raises(SourceEmpty):
        read_source(sales(), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.parquet", "id,ts\n1,2\n", "s.parquet cannot be read as parquet"),
        ("s.xlsx", "x", "s.xlsx, whose format its name does not tell"),
        ("s", "x", "s, whose format its name does not tell"),
        ("s.csv", "id,id\n1,2\n", "names the column 'id' twice"),
        ("s.csv", "id,__at\n1,2\n", "the column '__at' twice, or under a reserved name"),
        ("s.jsonl", '{"__row": 1}\n', "the column '__row' twice, or under a reserved name"),
        ("s.csv.gz", b"no gzip", "s.csv.gz cannot be read as csv"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    """The source, the file and the fault."""
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=words) as raised:
        read_source(sales(name), tmp_path)
    assert "'sales'" in str(raised.value)


def test_a_number_that_no_whole_number_holds_is_a_fraction(tmp_path: Path) -> None:
    """Also where a line is broken and each is read on its own."""
    write(tmp_path / "sales.jsonl", '{"x": 1}\n{"x": 36893488147419103232}\n{"x": 1' + "0" * 400 + "}\nbroken\n")
    values = read_source(sales("sales.jsonl"), tmp_path)["x"].to_pylist()
    assert values == [1.0, 2.0**65, float("inf"), None]
