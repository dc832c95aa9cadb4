"""DeltaTables against the laws of the Tables port, and what is its own: what other engines see, and other writers."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from setpoint.backends.delta import DeltaTables
from setpoint.backends.parquet import ParquetTables
from setpoint.conformance.tables import COLUMNS, TablesLaws
from setpoint.core.errors import DataError, MissingExtra, SettingInvalid, StorageUnavailable


class TestDeltaTables(TablesLaws):
    code = """
from setpoint.backends.delta import DeltaTables
opened = lambda folder: DeltaTables(f"delta://{folder}")
"""

    def opened(self, folder: Path) -> DeltaTables:
        return DeltaTables(f"delta://{folder}")


def test_a_set_is_a_delta_table_that_any_engine_reads(tmp_path: Path) -> None:
    """Rows under the names of their columns, partitioned by part, with a version for each write."""
    tables = DeltaTables(f"delta:{tmp_path}")
    tables.write("log/flights", "2013-01", pa.table({"carrier": ["AA", "UA"], "delay": [5, None]}))
    tables.write("log/flights", "2013-02", pa.table({"carrier": ["DL"], "delay": [7], "gate": ["B2"]}))
    table = deltalake.DeltaTable(tmp_path / "log+flights")
    assert table.version() == 1
    assert table.metadata().partition_columns == ["_part"]
    read = pa.table(
        deltalake.QueryBuilder()
        .register("t", table)
        .execute("select _part, carrier, delay, gate from t order by _part, _row")
    )
    assert read.to_pylist() == [
        {"_part": "2013-01", "carrier": "AA", "delay": 5, "gate": None},
        {"_part": "2013-01", "carrier": "UA", "delay": None, "gate": None},
        {"_part": "2013-02", "carrier": "DL", "delay": 7, "gate": "B2"},
    ]


def test_a_digest_is_that_of_the_same_rows_in_parquet(tmp_path: Path) -> None:
    """What hangs on the digest of a part, as the chain of a loop does, is the same wherever the tables are."""
    rows = pa.table(COLUMNS)
    delta, parquet = DeltaTables(f"delta:{tmp_path}/d"), ParquetTables(tmp_path / "p")
    assert delta.write("set", "part", rows) == parquet.write("set", "part", rows)


def test_columns_of_one_name_and_several_types_live_side_by_side(tmp_path: Path) -> None:
    """Delta has one type for a name, and none that differs only in capitals; parts may have others."""
    tables = DeltaTables(f"delta:{tmp_path}")
    parts = {
        "1": pa.table({"a": [1, 2]}),
        "2": pa.table({"a": ["x"]}),
        "3": pa.table({"A": [1.5], "a": [2]}),
        "4": pa.table({"_part": ["mine"], "_row": [7], "a b": [1], "a_b": [2], "price (EUR)": [3]}),
    }
    for part, rows in parts.items():
        tables.write("set", part, rows)
    for part, rows in parts.items():
        assert tables.read("set", parts=[part]).equals(rows)


def test_a_type_that_delta_cannot_hold_is_refused(tmp_path: Path) -> None:
    """With the column, before anything is written."""
    tables = DeltaTables(f"delta:{tmp_path}")
    with pytest.raises(DataError, match="The column 'pair' of part '1' of the set 'set' holds struct"):
        tables.write("set", "1", pa.table({"pair": [{"a": 1}]}))
    assert tables.parts("set") == []


def test_writers_at_once_all_get_through(tmp_path: Path) -> None:
    """Each of several threads writes parts of its own with columns of its own, into one set that is not there yet."""

    def write(number: int) -> None:
        tables = DeltaTables(f"delta:{tmp_path}")
        for part in range(3):
            tables.write("set", f"{number}-{part}", pa.table({f"c{number}": [part]}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tables = DeltaTables(f"delta:{tmp_path}")
    assert tables.parts("set") == [f"{number}-{part}" for number in range(4) for part in range(3)]
    for number in range(4):
        assert tables.read("set", parts=[f"{number}-2"]).to_pylist() == [{f"c{number}": 2}]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Bytes that are no Parquet file are an error of the part, not of the reader."""
    tables = DeltaTables(f"delta:{tmp_path}")
    tables.write("set", "part", pa.table({"a": [1]}))
    (file,) = (tmp_path / "set").rglob("*.parquet")
    file.write_bytes(b"half a file")
    with pytest.raises(DataError, match=r"Part 'part' of the set 'set' cannot be read: .* delete the part"):
        tables.read("set")


@pytest.mark.parametrize("url", ["delta:", "delta://", "delta:///", "parquet:/tmp/x", "/tmp/x"])
def test_a_url_without_a_path_is_refused(url: str) -> None:
    """Tables are somewhere."""
    with pytest.raises(SettingInvalid, match="delta:///folder"):
        DeltaTables(url)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MissingExtra, match=r"pip install 'setpoint\[delta\]'"):
        DeltaTables(f"delta:{tmp_path}").parts("set")


def test_a_full_disk_keeps_the_part_that_was_there() -> None:
    """The write fails, and the part is the one before."""
    code = """
import resource, signal, tempfile
import numpy as np
import pyarrow as pa
from setpoint.backends.delta import DeltaTables
from setpoint.core.errors import StorageUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tables = DeltaTables("delta:" + tempfile.mkdtemp())
tables.write("set", "part", pa.table({"a": [1]}))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    tables.write("set", "part", pa.table({"a": np.random.default_rng(0).random(100_000)}))
except StorageUnavailable as error:
    assert "Part 'part' of the set 'set' cannot be written" in str(error), error
    assert "File too large" in str(error), error
else:
    raise SystemExit("the write went through")
assert tables.read("set").to_pylist() == [{"a": 1}]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert StorageUnavailable.code == "storage-unavailable"
