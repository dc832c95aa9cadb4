"""DuckDB: the fifteen rules of the contract benchmark as one query written by hand; MIT licence.

python contracts_duckdb.py arrow|parquet FOLDER RESULT
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

RULES = """
    WITH twice AS (
        SELECT account, number, min("order") AS holder FROM orders
        WHERE account IS NOT NULL GROUP BY account, number HAVING count(*) > 1
    ), one_by_one AS (
        SELECT "order", CASE
            WHEN account IS NULL THEN 0
            WHEN NOT price BETWEEN 0.01 AND 10000 THEN 3
            WHEN NOT quantity BETWEEN 1 AND 100 THEN 4
            WHEN currency NOT IN ('EUR', 'USD', 'GBP', 'JPY', 'CHF', 'SEK', 'PLN', 'CZK') THEN 5
            WHEN status NOT IN ('placed', 'paid', 'shipped', 'returned', 'refunded') THEN 6
            WHEN NOT regexp_full_match(email, '[^@ ]+@[^@ ]+\\.[a-z]+') THEN 7
            WHEN length(country) <> 2 THEN 8
            WHEN paid_at < ordered_at THEN 9
            WHEN discount > price * quantity THEN 10
            WHEN abs(total - (price * quantity - discount)) > 0.01 THEN 11
            WHEN status = 'refunded' AND refund IS NULL THEN 12
            WHEN NOT (latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180) THEN 13
            WHEN NOT score BETWEEN 0 AND 1 THEN 14
        END AS rule FROM orders
    )
    SELECT "order", rule FROM one_by_one WHERE rule IS NOT NULL
    UNION ALL
    SELECT "order", 1 FROM orders JOIN twice USING (account, number) WHERE "order" > holder
    UNION ALL
    SELECT "order", 2 FROM orders ANTI JOIN merchants USING (merchant) WHERE merchant IS NOT NULL
"""


def bad(connection: duckdb.DuckDBPyConnection, folder: Path, *, arrow: bool) -> tuple[float, dict[str, np.ndarray]]:
    """CPU seconds of the query, and the orders that break a rule with its number."""
    for name in ("orders", "merchants"):
        file = folder / f"{name}.parquet"
        if arrow:
            connection.register(name, pq.read_table(file))
        else:
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM '{file}'")
    before = spent()
    found = connection.execute(RULES).fetchnumpy()
    return spent() - before, found


if __name__ == "__main__":
    what, folder, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    connection = duckdb.connect(config={"threads": 1})  # as ours; with more it costs more CPU
    bad(connection, folder / "few", arrow=what == "arrow")
    cpu, found = bad(connection, folder, arrow=what == "arrow")
    peak = peak_mb()
    order = np.argsort(found["order"])
    np.savez(result, order=found["order"][order], rule=found["rule"][order])
    tell(cpu=cpu, peak=peak, version=duckdb.__version__)
