"""Ours: a system declared on the rows and trained once, by the search of its goal; the gate's report included."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from common.costs import peak_mb, spent, tell

import setpoint as sp
from setpoint.core.times import DAY, HOUR, time
from setpoint.declare.declaration import System
from setpoint.learn.scorer import load_scorer
from setpoint.system.backends import open_learners

DEADLINE = 1.1
"""How much more CPU than that the search may take before it ends."""
OUTCOME, START = "outcome__", time("2024-01-01")


def losses(kind: str, y: np.ndarray, p: np.ndarray) -> float:
    """The log loss of probabilities, or the root of the mean squared error."""
    if kind == "regression":
        return math.sqrt(float(np.mean((y - p) ** 2)))
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def write_sources(folder: Path, rows: pa.Table) -> list[str]:
    """The rows as decisions and as what came of them an hour later; gives the names of the features."""
    ids = pa.array([f"r{place}" for place in range(rows.num_rows)])
    at = pa.array((rows["at"].to_numpy() * DAY).astype(np.int64) + START)
    names = [name for name in rows.column_names if name not in ("at", OUTCOME)]
    times = at.cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table({"id__": ids, "ts__": times, **{name: rows[name] for name in names}}), folder / "rows.parquet"
    )
    known = pc.add(at, HOUR).cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"id__": ids, "ts__": known, "outcome": rows[OUTCOME]}), folder / "outcomes.parquet")
    return names


def declare(kind: str, names: list[str], seconds: float) -> System:
    """The system: every column is a feature; `seconds` 0 leaves the search to the plan."""
    rows = sp.events("rows", "rows.parquet", key="id__", at="ts__")
    outcomes = sp.events("outcomes", "outcomes.parquet", at="ts__", delay="0s")
    search = {} if seconds <= 0 else {"search": sp.search(seconds=seconds, deadline=f"{int(seconds * DEADLINE)}s")}
    if kind == "binary":
        label = sp.label(outcomes.outcome > 0, on="id__", within="2h")
        costs = sp.cost(false_positive=1, false_negative=1)
        goal = sp.goal(sp.log_loss(), business="errors", act=sp.act("flag"), cost=costs, **search)
        rule = sp.rule(sp.field(names[0]).is_null())
    else:
        label = sp.label(outcomes.outcome, on="id__", within="2h", absent="void")
        goal, rule = sp.goal(sp.rmse(), **search), sp.rule(0)
    return sp.System(
        "table",
        decide=sp.decide(rows, fields=names),
        features={name: sp.field(name) for name in names},
        label=label,
        goal=goal,
        release=sp.release(sp.shadow("7d"), fallback=rule),
    )


def main(table: Path, kind: str, seconds: float) -> None:
    """Train, and say what the released model loses on the newer rows."""
    train, test = (pq.read_table(f"{table}.{kind}.{part}.parquet") for part in ("train", "test"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = write_sources(folder, train)
        before = spent()
        with sp.open_system(declare(kind, names, seconds), root=folder) as live:
            end = START + int(train["at"][-1].as_py() * DAY) + DAY
            model = live.train(as_of=end)["model"]
            run = live.run(model)
        cpu = spent() - before
        path = next(path for path in folder.rglob("scorer.json") if path.parent.name == model).parent
        scorer = load_scorer(path, open_learners(1), expected=model)
        score = scorer.score(test.select(names))
    y = test[OUTCOME].to_numpy().astype(np.float64)
    tell(cpu=cpu, peak=peak_mb(), loss=losses(kind, y, score), learner=scorer.learner, trials=len(run["trials"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
