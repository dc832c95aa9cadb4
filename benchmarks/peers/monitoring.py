"""The drift report of one peer on two tables: its CPU seconds, its data already in memory; for the peer's own Python.

python monitoring.py PEER REFERENCE.parquet CURRENT.parquet
"""

from __future__ import annotations

import sys
import time
import warnings

import pandas as pd

warnings.filterwarnings("ignore")


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Its preset for data drift; it keeps no reference, so both tables are read."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    Report([DataDriftPreset()]).run(current, reference)


def nannyml(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Its univariate calculator with its defaults, fitted on the reference."""
    from nannyml import UnivariateDriftCalculator

    calculator = UnivariateDriftCalculator(column_names=list(reference.columns))
    calculator.fit(reference).calculate(current)


def whylogs(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """A profile of each table, which is what its drift scores are computed from."""
    import whylogs as why

    for frame in (reference, current):
        why.log(frame).view()


if __name__ == "__main__":
    peer = {"evidently": evidently, "nannyml": nannyml, "whylogs": whylogs}[sys.argv[1]]
    tables = [pd.read_parquet(path) for path in sys.argv[2:4]]
    peer(*[table.head(500) for table in tables])  # imports and first calls are not what is measured
    before = time.process_time()
    peer(*tables)
    print(time.process_time() - before)
