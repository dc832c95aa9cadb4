"""What a retraining costs against what was forecast, by a system that is trained again and again on more rows.

The error is that of a forecast made before a training, by the runs before it, against the CPU seconds that it took.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common import Row, main

import setpoint as sp
from setpoint.core.times import DAY, HOUR, time
from setpoint.declare.declaration import System

START, COLUMNS, DAYS = time("2024-01-01"), 12, 200
FROM, EVERY = 60, 20
"""The first training is after so many days, and another one every so many."""


def measure(*, quick: bool) -> list[Row]:
    """The median error of the forecasts of all retrainings but the first."""
    rows = 20_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), rows)
        with sp.open_system(declare(), root=Path(name)) as live:
            for day in range(FROM, DAYS + 1, EVERY):
                live.train(as_of=START + day * DAY)
            found = sorted((live.run(each["run"]) for each in live.runs()["runs"]), key=lambda run: int(run["rows"]))
    judged = [run for run in found if run["forecast"] is not None and run["forecast"]["runs"] > 1]
    off = [abs(run["forecast"]["cpu_seconds"] / run["cpu_seconds"] - 1) for run in judged]
    size = f"{len(judged)} retrainings of {judged[0]['rows']:,} to {judged[-1]['rows']:,} rows x {COLUMNS} columns"
    return [
        Row("error of the forecast, median", statistics.median(off), "of the cost", size, most=0.1, shrunk=quick),
        Row("error of the forecast, most", max(off), "of the cost", size),
    ]


def declare() -> System:
    """A system of numbers; its first model is refitted at every training."""
    rows = sp.events("rows", "rows.parquet", key="id", at="ts")
    outcomes = sp.events("outcomes", "outcomes.parquet", at="ts", delay="0s")
    names = [f"x{place}" for place in range(COLUMNS)]
    return sp.System(
        "cost",
        decide=sp.decide(rows, fields=names),
        features={name: sp.field(name) for name in names},
        label=sp.label(outcomes.y > 0, on="id", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("go"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("x0") > 1)),
    )


def write(folder: Path, rows: int) -> None:
    """The rows, and what came of them an hour later."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, rows))
    x = rng.normal(size=(rows, COLUMNS))
    y = (rng.random(rows) < 1 / (1 + np.exp(-x[:, 0] - x[:, 1] * x[:, 2]))).astype(float)
    ids = pa.array([f"r{place}" for place in range(rows)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    columns = {f"x{place}": x[:, place] for place in range(COLUMNS)}
    pq.write_table(pa.table({"id": ids, "ts": times, **columns}), folder / "rows.parquet")
    known = pa.array(at + HOUR, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"id": ids, "ts": known, "y": y}), folder / "outcomes.parquet")


if __name__ == "__main__":
    main(__doc__.splitlines()[0], measure)
