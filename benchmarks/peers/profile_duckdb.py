"""DuckDB's SUMMARIZE of a Parquet file, on one thread; MIT licence: profile_duckdb.py FILE."""

from __future__ import annotations

import sys

import duckdb
from common.costs import peak_mb, spent, tell

connection = duckdb.connect(config={"threads": 1})
before = spent()
rows = connection.execute(f"SUMMARIZE SELECT * FROM '{sys.argv[1]}'").fetchall()
distinct = {row[0]: int(row[4]) for row in rows}
halves = {row[0]: float(row[8]) for row in rows if row[0].startswith("number")}
tell(cpu=spent() - before, peak=peak_mb(), rows=int(rows[0][10]), distinct=distinct, halves=halves)
