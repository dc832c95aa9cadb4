"""Whether a file would be taken in: its rows held to the contract of a source, and nothing kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from setpoint.core.errors import NameUnknown
from setpoint.data.files.read import read_parts
from setpoint.data.ingest.check_parts import check_parts
from setpoint.data.ingest.ingest import REASON
from setpoint.system.opened import Opened

TOLD = 20
"""How many reasons are told."""


def check_file(opened: Opened, file: Path, source: str) -> dict[str, Any]:
    """What the contract of a source says of a file that is not part of it yet."""
    if source not in opened.contracts:
        raise NameUnknown("source", source, opened.contracts, where=f"The system {opened.declared.name!r}")
    contract = opened.contracts[source]
    there = replace(contract.info, path=str(file.resolve()))

    def read(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        return read_parts(there if columns is None else replace(there, columns=tuple(columns)), opened.root)

    found = check_parts(contract, read, around=opened.sources.around(source))
    return {
        "system": opened.declared.name,
        "source": source,
        "file": str(file),
        "passed": found.refused is None and not found.quarantined.num_rows,
        "rows": found.rows,
        "skipped": found.skipped,
        "quarantined": found.quarantined.num_rows,
        "rules": dict(found.rules),
        "reasons": found.quarantined[REASON].slice(0, TOLD).to_pylist(),
        "refused": None if found.refused is None else str(found.refused),
    }
