"""Takes in the file that `make.py` wrote: words are `csv` or `parquet`, the folder, and how many rows it has."""

from __future__ import annotations

import sys
from pathlib import Path

from common.costs import spent, tell

import setpoint as sp
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.mapped_source import MappedSource
from setpoint.declare.source import info


def anonymous_mb() -> float:
    """The memory of this process that no file stands behind: what is mapped from files is the system's to give back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def main(kind: str, folder: Path, rows: int) -> None:
    """Read, checked, compared, put in order and written."""
    before, held = spent(), list[float]()
    source = info(sp.events("payments", f"payments.{kind}", id="id", at="at", delay="0s"))
    mapped = MappedSource(source, folder, home=folder / "mapped", progress=lambda *_: held.append(anonymous_mb()))
    done = mapped.ingested(infer_contract(source, mapped.raw()))
    assert done.rows.num_rows + done.repeated == rows, (done.rows.num_rows, done.repeated)
    tell(cpu=spent() - before, peak=max(*held, anonymous_mb()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
