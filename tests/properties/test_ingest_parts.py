"""A source taken in part by part is what it is when it is taken in at once, whatever the parts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.backends.parquet import ParquetTables
from setpoint.core.errors import BatchRefused, SourceEmpty
from setpoint.data.contract import infer_contract
from setpoint.data.files import read_parts
from setpoint.data.ingest import ingest
from setpoint.data.ingest_parts import IngestedParts, ingest_parts
from setpoint.data.quarantine import read_quarantine
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import days, moments, sales, write

DAYS = moments(*[f"2013-01-0{day}" for day in range(1, 6)])


def cut(raw: pa.Table, places: Sequence[int]) -> Iterator[pa.Table]:
    """A table in parts that end at these places."""
    ends = [0, *sorted(places), raw.num_rows]
    for first, last in pairwise(ends):
        yield raw.slice(first, last - first)


def take(info: SourceInfo, parts: Any, **options: Any) -> tuple[IngestedParts, pa.Table, ParquetTables]:
    """What became of the parts, and the rows that were written, by identity."""
    tables = ParquetTables(Path(tempfile.mkdtemp()))
    done = ingest_parts(info, parts, tables=tables, shelf="sales", **options)
    rows = tables.read("sales")
    return done, rows, tables


def said(rows: pa.Table) -> list[str]:
    """Rows as texts, in one order."""
    return sorted(str(row) for row in rows.select(sorted(rows.column_names)).to_pylist())


rows_ = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 4), st.sampled_from([1.0, 2.0]), st.integers(0, 4)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(rows_, st.lists(st.integers(0, 40), max_size=4), st.sampled_from(["id", "content", "version"]))
def test_parts_give_the_rows_of_the_whole(rows: list[Any], places: list[int], kind: str) -> None:
    """Repeats and contradictions lie in any parts; the row that was known first counts."""
    number, day, price, known = zip(*rows, strict=True)
    raw = pa.table(
        {"id": number, "ts": DAYS.take(pa.array(day)), "price": price, "seen": DAYS.take(pa.array(known)), "v": day}
    )
    named = {"id": {"id": "id"}, "content": {}, "version": {"id": "id", "version": "v"}}[kind]
    info = sales(known_at="seen", delay=None, **named)
    contract = infer_contract(info, raw)
    whole = ingest(info, raw, loose(contract))
    done, found, tables = take(info, cut(raw, [min(place, len(rows)) for place in places]), contract=loose(contract))
    assert said(found) == said(whole.delivered)
    assert (done.rows, done.repeated) == (whole.delivered.num_rows, whole.repeated)
    assert done.quarantined == whole.quarantined.num_rows == read_quarantine(tables, "sales").num_rows


def loose(contract: Any) -> Any:
    """The contract that refuses no batch."""
    return type(contract)(contract.info, contract.columns, 1.0)


def test_a_contradiction_in_another_file_is_named(tmp_path: Path) -> None:
    """With the rows of both."""
    for name, price in (("a", 1.0), ("b", 1.0), ("c", 9.0)):
        columns = {"id": [f"{name}{number}" for number in range(9)] + ["x"], "ts": moments(*["2013-01-01"] * 10)}
        pq.write_table(pa.table({**columns, "price": [1.0] * 9 + [price]}), tmp_path / f"{name}.parquet")
    info = sales("*.parquet", id="id")
    done, _, tables = take(info, read_parts(info, tmp_path, rows=4))
    assert (done.rows, done.repeated, done.rules) == (28, 1, {"conflicting-id": 1})
    aside = read_quarantine(tables, "sales").to_pylist()
    words = "row 10: 'x' is also in row 10 of a.parquet, with other content"
    assert [(row["file"], row["row"], row["reason"]) for row in aside] == [("c.parquet", 10, words)]


def test_a_column_has_one_type_in_the_end(tmp_path: Path) -> None:
    """A fraction that comes late widens the whole numbers before it, and their identities."""
    pq.write_table(pa.table({"id": [1, 2], "ts": days(2), "n": [5, 6]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [3.5, 2.0], "ts": days(2), "n": [6.5, 6]}), tmp_path / "b.parquet")
    info = sales("*.parquet", id="id", columns=["n"])
    done, found, _ = take(info, read_parts(info, tmp_path), contract=None)
    assert (done.rows, done.rules, done.repeated) == (3, {}, 1)
    assert found.schema.field("n").type == found.schema.field("id").type == pa.float64()
    assert len(set(found["__id"].to_pylist())) == found.num_rows


def test_a_file_that_lacks_a_column_is_told(tmp_path: Path) -> None:
    """Its rows have nothing there; without what says which they are they break the contract."""
    for name in "abcdefg":
        write(tmp_path / f"{name}.csv", f"id,ts,n\n{name}1,2013-01-01,1\n")
    write(tmp_path / "h.csv", "id,ts\nh1,2013-01-01\n")
    write(tmp_path / "i.csv", "ident,ts,n\ni1,2013-01-01,1\n")
    info = sales("*.csv", id="id")
    done, found, _ = take(info, read_parts(info, tmp_path))
    assert (done.rows, done.rules) == (8, {"missing-column": 1})
    assert done.lacking == {"h.csv": ("n",), "i.csv": ("id",)}
    assert done.left_out == {"ident": "not in the contract"}
    assert found["n"].to_pylist() == [1] * 7 + [None]


def test_too_many_bad_rows_leave_nothing_behind(tmp_path: Path) -> None:
    """The share is that of all parts together."""
    info = sales(id="id", expect={"price": (0, 5)})
    raw = pa.table({"id": list(range(10)), "ts": moments(*["2013-01-01"] * 10), "price": [1.0] * 7 + [9.0] * 3})
    tables = ParquetTables(tmp_path)
    with pytest.raises(
        BatchRefused, match="3 of 10 rows of source 'sales' break its contract, 3 of them the rule range"
    ):
        ingest_parts(info, cut(raw, [4, 8]), tables=tables, shelf="sales")
    assert tables.parts("sales") == []
    with pytest.raises(SourceEmpty):
        ingest_parts(info, iter(()), tables=tables, shelf="sales")


def test_progress_is_told_and_parts_say_when_they_were_known(tmp_path: Path) -> None:
    """Rows read so far, and the file."""
    write(tmp_path / "s.csv", "id,ts\n" + "".join(f"{n},2013-01-0{n}T00:00:00Z\n" for n in range(1, 8)))
    info, told = sales("s.csv", id="id"), list[tuple[int, str]]()
    done, _, _ = take(info, read_parts(info, tmp_path, size=60), progress=lambda rows, file: told.append((rows, file)))
    assert told[-1] == (7, "s.csv")
    assert len(told) == len(done.parts) > 2
    assert done.parts[0].known_until < done.parts[-1].known_from


MEASURED = """
import resource, sys
from pathlib import Path
import setpoint as sp
from setpoint.backends.parquet import ParquetTables
from setpoint.data.files import read_parts
from setpoint.data.ingest_parts import ingest_parts
from setpoint.declare.source import info
folder = Path(sys.argv[1])
source = info(sp.events("sales", "s.csv", id="id", at="ts", delay="0s"))
for turn in ("first.csv", "s.csv"):
    (folder / "now").unlink(missing_ok=True)
    source = info(sp.events("sales", turn, id="id", at="ts", delay="0s"))
    done = ingest_parts(source, read_parts(source, folder, size=1 << 20), tables=ParquetTables(folder / "t"), shelf="s")
    print(done.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file twenty times as large takes little more memory, much less than the file has bytes."""
    rng = np.random.default_rng(7)
    lines = [
        f"{n},2013-01-01T00:{n // 60 % 60:02d}:{n % 60:02d}Z,{x:.6f},{'x' * 80}\n"
        for n, x in enumerate(rng.random(250_000).tolist())
    ]
    head = "id,ts,price,note\n"
    (tmp_path / "first.csv").write_text(head + "".join(lines[:12_000]))
    (tmp_path / "s.csv").write_text(head + "".join(lines))
    size = (tmp_path / "s.csv").stat().st_size // 1024
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    (few, before), (many, after) = (int(found[0]), int(found[1])), (int(found[2]), int(found[3]))
    assert (few, many) == (12_000, 250_000)
    assert after - before < size / 2


PARQUET = """
import resource, sys
from pathlib import Path
import setpoint as sp
from setpoint.data.files import read_parts
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
