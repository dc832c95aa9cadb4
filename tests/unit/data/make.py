"""Builders of sources and files for the tests of what takes them in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

import setpoint as sp
from setpoint.core.times import time
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.ingest.ingest import Ingested, ingest, read_source
from setpoint.declare.source import SourceInfo, info


def sales(path: str = "sales.parquet", **options: Any) -> SourceInfo:
    """Events with the time `ts`, known at once unless the options say otherwise."""
    given = {"at": "ts", "delay": "0s", **options}
    return info(sp.events("sales", path, **{name: value for name, value in given.items() if value is not None}))


def moments(*values: str | int | None) -> pa.Array:
    """A column of times in UTC."""
    return pa.array([None if value is None else time(value) for value in values], pa.int64()).cast(UTC_MICROSECONDS)


def days(count: int) -> pa.Array:
    """The midnights of the first days of 2013."""
    first = time("2013-01-01")
    return moments(*[first + 86_400_000_000 * day for day in range(count)])


def taken(source: SourceInfo, raw: pa.Table, contract: Contract | None = None, **options: Any) -> Ingested:
    """A table taken in, under the contract it suggests unless one is given."""
    return ingest(source, raw, contract or infer_contract(source, raw), **options)


def taken_from(root: Path, source: SourceInfo) -> Ingested:
    """What the files of a source give."""
    return taken(source, read_source(source, root))


def write(path: Path, content: str | bytes | Sequence[Mapping[str, Any]]) -> Path:
    """A file of text, bytes or JSON lines; gzip when its name says so."""
    if not isinstance(content, (str, bytes)):
        content = "".join(json.dumps(record) + "\n" for record in content)
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def reasons(done: Ingested) -> list[tuple[str, str]]:
    """Rule and reason of each row that was set aside."""
    rules, words = done.quarantined["__rule"].to_pylist(), done.quarantined["__reason"].to_pylist()
    return list(zip(rules, words, strict=True))
