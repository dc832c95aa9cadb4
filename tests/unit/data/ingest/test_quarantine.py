"""Quarantine: rows set aside are kept and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from setpoint.backends.parquet import ParquetTables
from setpoint.data.ingest.ingest import Ingested
from setpoint.data.ingest.quarantine import SCHEMA, leave, read_gone, read_quarantine, write_quarantine
from tests.unit.data.make import days, sales, taken, taken_from, write


def dirty(tmp_path: Path, *lines: str) -> Ingested:
    """A CSV source of ten good rows and these."""
    good = [f"{number},2013-01-01T00:00:00Z,1" for number in range(10)]
    write(tmp_path / "s.csv", "\n".join(["id,ts,price", *good, *lines]) + "\n")
    return taken_from(tmp_path, sales("s.csv", id="id"))


def test_what_a_row_held_is_kept_with_the_reason(tmp_path: Path) -> None:
    """Its file, its number, the rule, the reason, and all its cells as they came."""
    tables = ParquetTables(tmp_path / "tables")
    write_quarantine(tables, "sales", dirty(tmp_path, "10,2013-01-01T00:00:00Z,dear").quarantined, part="1")
    (kept,) = read_quarantine(tables, "sales").to_pylist()
    assert json.loads(kept.pop("held")) == {"id": "10", "ts": "2013-01-01T00:00:00Z", "price": "dear"}
    assert kept == {
        "file": "s.csv",
        "row": 11,
        "rule": "wrong-kind",
        "reason": "row 11: price is 'dear'; expected a number",
    }


def test_batches_of_any_columns_are_kept_side_by_side(tmp_path: Path) -> None:
    """Types that JSON lacks are spelled out; a table without a file has none."""
    tables = ParquetTables(tmp_path / "tables")
    typed = pa.table(
        {
            "id": range(10),
            "ts": days(10),
            "x": [float("inf"), *[1.0] * 9],
            "raw": [b"\xff", *[b""] * 9],
            "list": [[{"a": float("nan")}], *[[]] * 9],
            "when": pa.array([0] * 10, pa.date32()),
        }
    )
    write_quarantine(tables, "sales", dirty(tmp_path, "10,soon,1").quarantined, part="1")
    write_quarantine(tables, "sales", taken(sales(id="id"), typed).quarantined, part="2")
    kept = read_quarantine(tables, "sales")
    assert kept.schema == SCHEMA
    assert kept["file"].to_pylist() == ["s.csv", None]
    assert kept["rule"].to_pylist() == ["wrong-kind", "infinite"]
    assert json.loads(kept["held"][1].as_py()) == {
        "id": 0,
        "ts": "2013-01-01T00:00:00+00:00",
        "x": "inf",
        "list": [{"a": "nan"}],
        "raw": "b'\\xff'",
        "when": "1970-01-01",
    }


def test_a_batch_taken_in_again_replaces_what_it_left(tmp_path: Path) -> None:
    """What a mended batch no longer has set aside is kept apart: of a quarantine nothing is deleted."""
    tables = ParquetTables(tmp_path / "tables")
    assert write_quarantine(tables, "sales", dirty(tmp_path, "10,soon,1", "11,soon,1").quarantined, part="1")
    assert write_quarantine(tables, "sales", dirty(tmp_path, "10,soon,1").quarantined, part="1")
    assert read_quarantine(tables, "sales").num_rows == 1
    assert [json.loads(row["held"])["id"] for row in read_gone(tables, "sales").to_pylist()] == ["11"]
    assert write_quarantine(tables, "sales", dirty(tmp_path).quarantined, part="1") is None
    assert read_quarantine(tables, "sales").to_pylist() == []
    assert sorted(json.loads(row["held"])["id"] for row in read_gone(tables, "sales").to_pylist()) == ["10", "11"]
    assert read_gone(tables, "never").schema == SCHEMA
    assert read_quarantine(tables, "never").schema == SCHEMA


def test_what_is_gone_is_there_once_however_often_it_comes_back(tmp_path: Path) -> None:
    """A row that is mended, broken again and mended again; and batches that are taken in anew in other parts."""
    tables = ParquetTables(tmp_path / "tables")
    for lines in ([], ["10,soon,1"], ["11,soon,1"], ["10,soon,1", "11,soon,1"], []):
        write_quarantine(tables, "sales", dirty(tmp_path, *lines).quarantined, part="1")
    assert sorted(json.loads(row["held"])["id"] for row in read_gone(tables, "sales").to_pylist()) == ["10", "11"]
    for part in ("part-0", "part-1", "other"):
        write_quarantine(tables, "sales", dirty(tmp_path, "12,soon,1").quarantined, part=part)
    for _ in range(2):
        leave(tables, "sales", beginning=("part-",))
        held = [json.loads(row["held"])["id"] for row in read_gone(tables, "sales").to_pylist()]
        assert sorted(held) == ["10", "11", "12", "12"]
        assert read_quarantine(tables, "sales").num_rows == 1


def test_sources_of_any_name_keep_their_rows_apart(tmp_path: Path) -> None:
    """Spaces, slashes and letters of any script name no folder."""
    tables = ParquetTables(tmp_path / "tables")
    names = ["sales", "my sales", "my-sales", "../sales", "продажи", "продаже", "-"]
    for number, name in enumerate(names):
        bad = [f"{line},soon,1" for line in range(10, 10 + number % 2 + 1)]
        write_quarantine(tables, name, dirty(tmp_path, *bad).quarantined, part="1")
    assert [read_quarantine(tables, name).num_rows for name in names] == [1, 2, 1, 2, 1, 2, 1]
