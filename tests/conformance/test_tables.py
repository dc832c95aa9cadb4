"""ParquetTables against the laws of the Tables port, and what is its own: drafts, damage, a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from setpoint.backends.parquet import ParquetTables
from setpoint.conformance.tables import TablesLaws
from setpoint.core.errors import DataError


class TestParquetTables(TablesLaws):
    code = """
from pathlib import Path
from setpoint.backends.parquet import ParquetTables
opened = lambda folder: ParquetTables(Path(folder))
"""

    def opened(self, folder: Path) -> ParquetTables:
        return ParquetTables(folder)


def test_a_part_is_a_parquet_file_that_any_tool_reads(tmp_path: Path) -> None:
    """A set is a folder, a part a file with its name."""
    ParquetTables(tmp_path).write("log/flights", "2013-01", pa.table({"a": [1, 2]}))
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")] == ["log/flights/2013-01.parquet"]
    assert pq.read_table(tmp_path / "log" / "flights" / "2013-01.parquet")["a"].to_pylist() == [1, 2]


def test_a_draft_that_a_crash_left_is_no_part(tmp_path: Path) -> None:
    """Only what was moved to its place counts."""
    tables = ParquetTables(tmp_path)
    tables.write("set", "part", pa.table({"a": [1]}))
    (tmp_path / "set" / ".other.parquet.draft_0").write_bytes(b"PAR1 half")
    (tmp_path / "set" / ".other.parquet").write_bytes(b"PAR1 half")
    assert tables.parts("set") == ["part"]
    assert tables.read("set").num_rows == 1


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Bytes that are no Parquet file are an error of the part, not of the reader."""
    tables = ParquetTables(tmp_path)
    tables.write("set", "part", pa.table({"a": [1]}))
    (tmp_path / "set" / "part.parquet").write_bytes(b"half a file")
    with pytest.raises(DataError, match=r"Part 'part' of the set 'set' cannot be read: .* delete the part"):
        tables.read("set")


def test_a_file_of_another_writer_is_read(tmp_path: Path) -> None:
    """A Parquet file that does not carry an Arrow schema is read by what Parquet says."""
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table({"a": pa.array([1], pa.int32())}), tmp_path / "set" / "p.parquet", store_schema=False)
    assert ParquetTables(tmp_path).read("set").schema == pa.schema([("a", pa.int32())])


def test_a_full_disk_keeps_the_part_that_was_there() -> None:
    """The write fails, its draft is gone, and the part is the one before."""
    code = """
import resource, signal, tempfile
from pathlib import Path
import numpy as np
import pyarrow as pa
from setpoint.backends.parquet import ParquetTables
from setpoint.core.errors import StorageUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(tempfile.mkdtemp())
tables = ParquetTables(folder)
tables.write("set", "part", pa.table({"a": [1]}))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    tables.write("set", "part", pa.table({"a": np.random.default_rng(0).random(100_000)}))
except StorageUnavailable as error:
    assert "Part 'part' of the set 'set' cannot be written (File too large)" in str(error), error
else:
    raise SystemExit("the write went through")
assert tables.read("set").to_pylist() == [{"a": 1}]
assert [path.name for path in (folder / "set").iterdir()] == ["part.parquet"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
