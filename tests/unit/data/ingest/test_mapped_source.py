"""Sources in mapped files: every format and every difference between files gives what it gives in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import NaiveTime, SourceEmpty
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.files.schemas import changes_of
from setpoint.data.ingest.ingest import ingest, read_source
from setpoint.data.ingest.mapped_source import MappedSource
from setpoint.declare.source import SourceInfo
from tests.properties.test_ingest_mapped import assert_same
from tests.unit.data.make import days, sales, write

CSV = "id,ts,n\n" + "".join(f"{number},2013-01-0{number % 5 + 1},{number / 2:g}\n" for number in range(40))
FILES: dict[str, dict[str, Any]] = {
    "a torn record and a repeated row": {"a.csv": CSV, "b.csv": CSV[:100] + "\n9,x\n", "c.csv": "id,ts,n\n"},
    "a column that one lacks, and one renamed": {
        "a.csv": CSV,
        "b.csv": "id,ts\nz,2013-01-01\n",
        "c.csv": "ident,ts,n\ni,2013-01-01,1\n",
    },
    "packed": {"a.csv.gz": CSV},
    "lines": {
        "a.jsonl": [{"id": f"x{n}", "ts": "2013-01-01", "n": n} for n in range(9)]
        + [{"id": "y", "ts": "2013-01-02", "n": None}]
    },
    "types that differ": {
        "a.parquet": {"id": [1, 2], "ts": days(2), "n": [5, 6]},
        "b.parquet": {"id": [3, 2], "ts": days(2), "n": [6.5, 6]},
    },
    "words for numbers": {
        "a.parquet": {"id": [1, 2], "ts": days(2), "n": [5, 6]},
        "b.parquet": {"id": [3, 4], "ts": days(2), "n": ["x", "6"]},
    },
}


def laid_down(folder: Path, files: dict[str, Any]) -> SourceInfo:
    """The files in a folder, and the source that reads them."""
    for name, content in files.items():
        if name.endswith(".parquet"):
            pq.write_table(pa.table(content), folder / name)
        else:
            write(folder / name, content)
    return sales("[abc].*", id="id")


@pytest.mark.parametrize("what", FILES)
def test_files_give_what_they_give_in_memory(tmp_path: Path, what: str) -> None:
    """Rows as found, what is said of their files, the contract, rows taken in and set aside."""
    source = laid_down(tmp_path, FILES[what])
    raw, mapped = read_source(source, tmp_path), MappedSource(source, tmp_path, home=tmp_path / "mapped")
    found = mapped.raw()
    assert found.select(sorted(found.column_names)).to_pylist() == raw.select(sorted(raw.column_names)).to_pylist()
    assert changes_of(found) == changes_of(raw)
    contract = infer_contract(source, raw).with_rules(sp.contract(sp.events("sales", "s", at="ts"), refuse_above=1.0))
    assert infer_contract(source, found) == infer_contract(source, raw)
    assert_same(mapped.ingested(contract), ingest(source, raw, contract))


def test_what_refuses_a_source_in_memory_refuses_it(tmp_path: Path) -> None:
    """No rows, and times without a zone in most of them."""
    source = laid_down(tmp_path, {"a.csv": "id,ts\n"})
    with pytest.raises(SourceEmpty, match=r"has no row in a\.csv"):
        MappedSource(source, tmp_path, home=tmp_path / "mapped").raw()
    write(tmp_path / "a.csv", "id,ts\n1,2013-01-01T00:00:00\n2,2013-01-01T00:00:00\n")
    mapped = MappedSource(source, tmp_path, home=tmp_path / "mapped")
    with pytest.raises(NaiveTime, match="has the time '2013-01-01T00:00:00' in row 1"):
        mapped.ingested(infer_contract(source, mapped.raw()))


MEASURED = """
import sys, tracemalloc
from pathlib import Path
import pyarrow as pa
import setpoint as sp
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest_mapped import ingest_mapped, read_ingested
from setpoint.data.ingest.mapped_source import MappedSource
from setpoint.declare.source import info
folder, name = Path(sys.argv[1]), sys.argv[2]
source = info(sp.events("sales", name, id="id", at="ts", delay="0s"))
raw = MappedSource(source, folder, home=folder / name[:4]).raw()
contract, home = infer_contract(source, raw), folder / f"rows-{name}"
home.mkdir()
tracemalloc.start()
ingest_mapped(contract, raw, home, block_rows=8192, run_bytes=1 << 22)
held = pa.default_memory_pool().max_memory() + tracemalloc.get_traced_memory()[1]
print(read_ingested(source, home).rows.num_rows, held)
"""
"""Tells the rows taken in, and the most bytes that Arrow held in reading and numpy in taking in; no allocator's own."""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Rows in no order, a file three times as large: what is held grows by less than a thirtieth of its bytes."""
    rng = np.random.default_rng(7)
    lines = [
        f"{n},2013-01-01T00:{n * 7919 // 60 % 60:02d}:{n * 7919 % 60:02d}Z,{x:.6f},{'x' * 160}\n"
        for n, x in enumerate(rng.random(600_000).tolist())
    ]
    head = "id,ts,price,note\n"
    (tmp_path / "few.csv").write_text(head + "".join(lines[:200_000]))
    (tmp_path / "many.csv").write_text(head + "".join(lines))
    found = []
    for name in ("few.csv", "many.csv"):
        words = [sys.executable, "-c", MEASURED, str(tmp_path), name]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        found.append((int(told[0]), int(told[1])))
    assert [rows for rows, _ in found] == [200_000, 600_000]
    assert found[1][1] - found[0][1] < (tmp_path / "many.csv").stat().st_size / 30


PARQUET = """
import resource, sys
from pathlib import Path
import setpoint as sp
from setpoint.data.files.read import read_parts
from setpoint.declare.source import info
for name in ("few.parquet", "many.parquet"):
    source = info(sp.events("sales", name, id="id", at="ts", delay="0s"))
    rows = sum(part.num_rows for part in read_parts(source, Path(sys.argv[1]), rows=10_000))
    print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_parquet_file_is_read_page_by_page(tmp_path: Path) -> None:
    """Also one that is a single group of rows: what was read does not stay in memory."""
    rng = np.random.default_rng(7)
    table = pa.table({"id": np.arange(1_000_000), **{f"x{number}": rng.random(1_000_000) for number in range(8)}})
    table = table.append_column("ts", table["id"].cast(pa.timestamp("us", tz="UTC")))
    for name, rows in (("few", 20_000), ("many", 1_000_000)):
        part = table.slice(0, rows)
        pq.write_table(
            part, tmp_path / f"{name}.parquet", row_group_size=rows, compression="none", use_dictionary=False
        )
    words = [sys.executable, "-c", PARQUET, str(tmp_path)]
    found = [int(one) for one in subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()]
    assert (found[0], found[2]) == (20_000, 1_000_000)
    assert found[3] - found[1] < (tmp_path / "many.parquet").stat().st_size / 1024 / 2
