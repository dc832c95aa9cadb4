"""Ours, in a process of its own.

python ours.py windows FOLDER RESULT [late]
python ours.py lookup FOLDER RESULT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

import setpoint as sp
from feature_bench.system import payments, planned, rows_of, windowed
from setpoint.declare.plan import Plan
from setpoint.features.reader import FeatureReader


def read(plan: Plan, folder: Path, name: str, *, compiled: bool | None = None) -> pa.Table:
    """The features of the decisions in a folder, from the payments there, all read from disk."""
    reader = FeatureReader(plan, {"payments": rows_of(folder / name)}, compiled=compiled)
    requests = pq.read_table(folder / "decisions.parquet")
    return reader.read(requests, requests.column("at").cast(pa.int64()).to_numpy())


def offline(plan: Plan, name: str, folder: Path, result: str) -> None:
    """What reading the features costs, imports and a first call on a few rows left out; the values as a file."""
    read(plan, folder / "few", name, compiled=True)
    before = spent()
    found = read(plan, folder, name)
    cpu, peak = spent() - before, peak_mb()
    np.savez(result, **{name: found[name].to_numpy() for name in found.column_names})
    tell(cpu=cpu, peak=peak)


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    late = sys.argv[4:] == ["late"]
    paid = payments(late=late)
    features = windowed(paid) if what == "windows" else {"amount": sp.last(paid.amount, by="card")}
    offline(planned(features), "arrived.parquet" if late else "payments.parquet", folder, result)
