"""Our profile of a Parquet file, read in batches: ours.py FILE."""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

from setpoint.data.contracts.profile import Profiler

pa.set_cpu_count(1)
before, profiler = spent(), Profiler()
with pq.ParquetFile(sys.argv[1]) as file:
    for batch in file.iter_batches(batch_size=65_536, use_threads=False):
        profiler.add(pa.Table.from_batches([batch]))
found = profiler.done()
distinct = {name: column.distinct for name, column in found.columns.items()}
halves = {name: column.quantiles[4] for name, column in found.columns.items() if name.startswith("number")}
tell(cpu=spent() - before, peak=peak_mb(), rows=found.rows, distinct=distinct, halves=halves)
