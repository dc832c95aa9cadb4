"""What reading the file alone costs and holds: read.py FILE."""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

pa.set_cpu_count(1)
before = spent()
with pq.ParquetFile(sys.argv[1]) as file:
    rows = sum(batch.num_rows for batch in file.iter_batches(batch_size=65_536, use_threads=False))
tell(cpu=spent() - before, peak=peak_mb(), rows=rows)
