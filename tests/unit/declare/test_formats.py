"""Formats by how something is read: measured in bytes, and found in what a system writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.core.errors import WrongType
from setpoint.declare.formats import APPEND, FETCH, FORMATS, SCAN, format_choices, format_for
from tests.integration.live_shop import open_shop, payments, write

ROWS, COLUMNS = 20_000, 30

READ = """
import sys
def count():
    return int(next(line for line in open("/proc/self/io") if line.startswith("rchar")).split()[1])
import sqlite3, pyarrow.csv, pyarrow.parquet as pq
kind, how, path = sys.argv[1:]
names, key = ["c3", "c7"], 12345
before = count()
if kind == "parquet":
    with pq.ParquetFile(path, memory_map=False) as file:
        if how == "scan":
            rows = file.read(columns=names).num_rows
        else:
            groups = [file.metadata.row_group(number).column(0).statistics for number in range(file.num_row_groups)]
            number = next(number for number, each in enumerate(groups) if each.min <= key <= each.max)
            group = file.read_row_group(number)
            rows = group.filter(pyarrow.compute.equal(group["key"], key)).num_rows
elif kind == "sqlite":
    with sqlite3.connect(path) as connection:
        asked = "SELECT c3, c7 FROM t" if how == "scan" else f"SELECT * FROM t WHERE key = {key}"
        rows = len(connection.execute(asked).fetchall())
else:
    table = pyarrow.csv.read_csv(path)
    rows = table.num_rows if how == "scan" else table.filter(pyarrow.compute.equal(table["key"], key)).num_rows
print(rows, count() - before)
"""


def bytes_read(kind: str, how: str, path: Path) -> int:
    """The bytes that a process reads of a file to scan two of its columns, or to fetch one of its rows by its key."""
    words = [
        sys.executable,
        "-c",
        READ.replace("import sqlite3", "import pyarrow.compute, sqlite3"),
        kind,
        how,
        str(path),
    ]
    rows, count = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == (ROWS if how == "scan" else 1)
    return int(count)


def test_each_way_of_reading_costs_least_in_the_format_that_is_chosen_for_it(tmp_path: Path) -> None:
    """A wide scan reads a tenth of the bytes by column, a row by its key a tenth by row; text is the worst of both."""
    rng = np.random.default_rng(7)
    columns = {"key": np.arange(ROWS)} | {f"c{number}": rng.random(ROWS) for number in range(COLUMNS)}
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "t.parquet", use_dictionary=False, compression="zstd", row_group_size=5000)
    pa_csv.write_csv(table, tmp_path / "t.csv")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute(
            f"CREATE TABLE t (key INTEGER PRIMARY KEY, {', '.join(f'c{n} REAL' for n in range(COLUMNS))})"
        )
        marks = ", ".join("?" * (COLUMNS + 1))
        connection.executemany(
            f"INSERT INTO t VALUES ({marks})", zip(*[c.tolist() for c in columns.values()], strict=True)
        )
    connection.close()
    files = {"parquet": tmp_path / "t.parquet", "sqlite": tmp_path / "t.db", "csv": tmp_path / "t.csv"}
    scan = {kind: bytes_read(kind, "scan", path) for kind, path in files.items()}
    fetch = {kind: bytes_read(kind, "fetch", path) for kind, path in files.items()}
    assert min(scan, key=lambda kind: scan[kind]) == FORMATS[SCAN].name.lower()
    assert min(fetch, key=lambda kind: fetch[kind]) == FORMATS[FETCH].name.lower()
    assert scan["sqlite"] > 8 * scan["parquet"]
    assert scan["csv"] > 15 * scan["parquet"]
    assert fetch["parquet"] > 10 * fetch["sqlite"]


def test_a_system_writes_what_its_plan_says(tmp_path: Path) -> None:
    """Tables that are scanned, records that are fetched and logs that are appended to."""
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", payments(30)))
    with live.session() as session:
        session.refresh()
        session.decide({"order_id": "o1", "card": "c1"})
    SqliteBlobs(live.folders.home / "blobs.db").close()
    live.close()
    starts = {
        path.suffix: path.read_bytes()[:6] for path in live.folders.home.rglob("*") if path.is_file() and path.suffix
    }
    assert starts[".parquet"][:4] == b"PAR1"
    assert starts[".db"] == b"SQLite"
    assert ".log" in starts
    shown = {choice["name"]: choice["value"] for choice in live.show_plan()["choices"]}
    assert shown["format of snapshots, archived decisions, quarantine"] == str(format_for(SCAN))
    assert shown["format of decisions and events as they come"] == str(format_for(APPEND))


def test_every_choice_has_its_reason() -> None:
    """And what is no way of reading is refused."""
    assert all(choice.reason for choice in format_choices())
    with pytest.raises(WrongType, match="'sideways' is no way of reading"):
        format_for("sideways")
