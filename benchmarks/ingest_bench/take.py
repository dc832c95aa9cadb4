"""Takes in the file that `make.py` wrote: words are `csv` or `parquet`, the folder, and how many rows it has."""

from __future__ import annotations

import sys
from pathlib import Path

from common.costs import peak_mb, spent, tell

import setpoint as sp
from setpoint.backends.parquet import ParquetTables
from setpoint.data.files import read_parts
from setpoint.data.ingest_parts import ingest_parts
from setpoint.declare.source import info


def main(kind: str, folder: Path, rows: int) -> None:
    """Read, checked, compared and written."""
    before = spent()
    source = info(sp.events("payments", f"payments.{kind}", id="id", at="at", delay="0s"))
    tables = ParquetTables(folder / "tables")
    done = ingest_parts(source, read_parts(source, folder), tables=tables, shelf="payments", work=folder)
    assert done.rows + done.repeated == rows, (done.rows, done.repeated, done.rules)
    tell(cpu=spent() - before, peak=peak_mb())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
