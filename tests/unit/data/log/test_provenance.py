"""Where the rows of a source came from: its contract, its files by digest, its batches."""

from __future__ import annotations

import hashlib
from pathlib import Path

from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.core.times import DAY, time
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.files.read import read_source
from setpoint.data.log.provenance import trace_source, with_batches
from setpoint.data.log.taken import take_in
from tests.unit.data.make import sales, taken, write

FIRST = time("2013-01-01")


def test_every_file_of_a_pattern_is_named_with_its_digest(tmp_path: Path) -> None:
    """As anybody computes it; a source elsewhere, or one whose files are gone, names none."""
    files = {
        name: write(tmp_path / name, [{"id": name, "ts": "2013-01-01T00:00:00Z"}]) for name in ("a.jsonl", "b.jsonl")
    }
    source = sales("*.jsonl", id="id")
    contract = infer_contract(source, read_source(source, tmp_path))
    found = trace_source(source, contract, root=tmp_path)
    assert found.contract == contract.digest
    assert found.files == {name: hashlib.sha256(path.read_bytes()).hexdigest()[:32] for name, path in files.items()}
    assert trace_source(sales("https://shop.example/sales.csv", id="id"), contract, root=tmp_path).files == {}
    assert trace_source(source, contract, root=tmp_path / "gone").files == {}


def test_batches_are_those_that_a_live_system_took_in(tmp_path: Path) -> None:
    """When, and how many rows; none before anything was taken in."""
    source, metadata = sales("s.jsonl", id="id"), SqlMetadata("sqlite://")
    rows = [{"id": name, "ts": "2013-01-01T00:00:00Z"} for name in "abc"]
    for count, now in ((2, FIRST), (3, FIRST + DAY)):
        write(tmp_path / "s.jsonl", rows[:count])
        done = taken(source, read_source(source, tmp_path))
        plain = trace_source(source, infer_contract(source, read_source(source, tmp_path)), root=tmp_path)
        assert plain.batches == ()
        take_in(source, done, tables=ParquetTables(tmp_path / "tables"), metadata=metadata, now=now)
    batches = with_batches(plain, source, metadata).batches
    assert [(batch["rows"], batch["taken_at"]) for batch in batches] == [(2, None), (1, FIRST + DAY)]
    metadata.close()
