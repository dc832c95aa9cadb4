"""What going on from a model keeps of what training anew gains, month by month over flights out of New York."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from common import Row, main

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.linear_sgd import SgdLearner
from setpoint.measure.metrics import METRICS

FLIGHTS = Path(__file__).resolve().parents[1] / "src/setpoint/examples/flights/data/flights.parquet"
CATEGORIES = (4, 5, 6)
EVERY, QUICK = 4, 16
"""Every so-manieth flight is taken."""
FIRST = 2
"""Months that the first model learns from; each of the others is predicted before it is learned from."""


class Months(NamedTuple):
    """Flights as a matrix, whether each landed late, and the month of each."""

    rows: np.ndarray
    late: np.ndarray
    month: np.ndarray


@dataclass
class Way:
    """One way to keep up: the AUC of each month that came, and the CPU seconds of all trainings after the first."""

    auc: list[float] = field(default_factory=list)
    cpu: float = 0.0


def flights(every: int) -> Months:
    """Flights that landed, in order of time."""
    table = pq.read_table(FLIGHTS)
    table = table.filter(pc.is_valid(table["arr_delay"])).sort_by("sched_dep")
    table = table.take(pa.array(np.arange(0, table.num_rows, every)))
    at = table["sched_dep"]

    def code(name: str) -> np.ndarray:
        found = pc.index_in(table[name], value_set=pc.unique(table[name]))
        return np.asarray(found.to_numpy(), dtype=np.float64)

    numbers = [pc.hour(at), table["distance"], pc.day_of_week(at), pc.day(at)]
    columns = [np.asarray(each.to_numpy(), dtype=np.float64) for each in numbers]
    rows = np.column_stack([*columns, code("carrier"), code("origin"), code("dest")])
    late = np.asarray(table["arr_delay"].to_numpy() > 15, dtype=np.float64)
    return Months(rows, late, np.asarray(pc.month(at).to_numpy()))


def keep_up(months: Months) -> dict[str, Way]:
    """Every way to keep up over the year."""
    trees, line = LightGBMLearner(), SgdLearner()
    recipes = {"lightgbm": trees.recipes(rounds=100)[0], "sgd": line.recipes(rounds=10)[0]}

    def anew(learner: Any, some: np.ndarray) -> Any:
        rows, late = months.rows[some], months.late[some]
        return learner.fit(recipes[learner.name], rows, late, categories=CATEGORIES, seed=1)[0]

    def go_on(learner: Any, model: Any, way: str, some: np.ndarray) -> Any:
        recipe, rows, late = recipes[learner.name], months.rows[some], months.late[some]
        return learner.update(model, recipe, rows, late, way=way, categories=CATEGORIES, seed=1)

    begun = months.month <= FIRST
    first, first_line = anew(trees, begun), anew(line, begun)
    ways: dict[str, Callable[[Any, np.ndarray, np.ndarray, np.ndarray], Any]] = {
        "refit": lambda model, new, _known, _near: go_on(trees, model, "refit", new),
        "continue": lambda model, new, _known, _near: go_on(trees, model, "continue", new),
        "never again": lambda model, _new, _known, _near: model,
        "anew": lambda _model, _new, known, _near: anew(trees, known),
        "anew on two months": lambda _model, _new, _known, near: anew(trees, near),
        "sgd, continue": lambda model, new, _known, _near: go_on(line, model, "continue", new),
        "sgd, never again": lambda model, _new, _known, _near: model,
    }
    found = {name: Way() for name in ways}
    models = {name: first_line if name.startswith("sgd") else first for name in ways}
    for month in range(FIRST + 1, 13):
        ahead, new = months.month == month, months.month == month - 1
        known, near = months.month < month, (months.month < month) & (months.month >= month - 2)
        for name, keep in ways.items():
            if month > FIRST + 1:
                before = time.process_time()
                models[name] = keep(models[name], new, known, near)
                found[name].cpu += time.process_time() - before
            scores = models[name].predict(months.rows[ahead])
            late = months.late[ahead]
            found[name].auc.append(METRICS["auc"].function(late, scores, np.ones(late.size), 0.5))
    return found


def measure(*, quick: bool) -> list[Row]:
    """What each way loses (1 - AUC, the mean of ten months), and what it costs."""
    months = flights(QUICK if quick else EVERY)
    found = keep_up(months)
    size = f"{months.late.size:,} flights, 10 months ahead"
    lost = {name: 1 - float(np.mean(way.auc)) for name, way in found.items()}
    cpu = {name: way.cpu for name, way in found.items() if not name.endswith("never again")}
    kept = (lost["never again"] - lost["refit"]) / (lost["never again"] - lost["anew"])
    return [
        Row("1 - AUC, leaves refitted every month", lost.pop("refit"), "", size, lost, shrunk=quick),
        Row("CPU of all updates", cpu.pop("refit"), "CPU s", size, {**cpu}, shrunk=quick),
        Row("gain of training anew that a refit loses", 1 - kept, "", size, most=0.3, shrunk=quick),
    ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
