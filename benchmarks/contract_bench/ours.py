"""Ours, in a process of its own.

python ours.py arrow|parquet FOLDER RESULT
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

from contract_bench.data import FEW, RULES
from contract_bench.rules import orders, stated
from setpoint.data.contracts.check import check
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.contracts.rules import Around
from setpoint.data.files.parquet import parquet_parts, repeated_texts
from setpoint.data.ingest.check_parts import check_parts
from setpoint.data.ingest.ingest import REASON, RULE, set_aside
from setpoint.data.rows import AT
from setpoint.declare.source import info

PART = 1 << 17
"""Rows that are read from Parquet and checked together."""


def bad(folder: Path, *, arrow: bool) -> tuple[float, pa.Table]:
    """CPU seconds of the check of every column and rule, and the rows set aside with the rule and their values."""
    known = pq.read_table(folder / "merchants.parquet")
    around = Around.of({"merchants": known.append_column(AT, pa.array(np.zeros(known.num_rows, dtype=np.int64)))})
    path = folder / "orders.parquet"
    with pq.ParquetFile(path) as file:
        contract = infer_contract(info(orders), file.read_row_group(0).slice(0, FEW)).with_rules(stated())
        raw = file.read().combine_chunks() if arrow else None

    def read(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        return parquet_parts(path, columns, PART, repeated_texts([path]))

    before = spent()
    if raw is None:
        found = check_parts(contract, read, around=around).quarantined
    else:
        found = set_aside(raw, check(contract, raw, around=around).violations)
    return spent() - before, found


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    bad(folder / "few", arrow=what == "arrow")
    cpu, found = bad(folder, arrow=what == "arrow")
    peak = peak_mb()
    assert all(found[REASON].to_pylist()), "every row has its reason"
    rule = np.array([RULES.index(name) for name in found[RULE].to_pylist()])
    order = np.argsort(found["order"].to_numpy())
    np.savez(result, order=found["order"].to_numpy()[order], rule=rule[order])
    tell(cpu=cpu, peak=peak)
