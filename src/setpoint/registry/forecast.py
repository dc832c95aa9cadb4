"""What the next training will cost, by what earlier ones of the system took: a line through rows for each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NEWEST = 12
"""Earlier runs that are looked at, the newest."""
SEARCHING = ("search", "leak audit", "pre-flight")
"""Steps of a first training alone: a retraining refits the stored recipe."""


@dataclass(frozen=True)
class Forecast:
    """CPU seconds of a training of so many rows, by so many earlier runs."""

    cpu_seconds: float
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """The forecast as JSON-like data."""
        return {"cpu_seconds": round(self.cpu_seconds, 3), "runs": self.runs}


def forecast(earlier: Sequence[Mapping[str, Any]], rows: int) -> Forecast | None:
    """What a retraining of so many rows will cost; None where no earlier run says how many rows it had.

    Each step is a line through what it took of how many rows, by least squares, which neither falls with the rows nor
    begins below zero. Where only searches ran so far, a fit is one of their trials.

    >>> steps = lambda n: [{"step": "fit", "cpu_seconds": 1.0 + n / 1000}]
    >>> runs = [{"rows": n, "steps": steps(n), "tried": 0} for n in (1000, 2000)]
    >>> forecast(runs, 5000)
    Forecast(cpu_seconds=6.0, runs=2)
    """
    known = [each for each in earlier if each.get("rows") and each.get("steps")][-NEWEST:]
    fitted = [each for each in known if all(step["step"] != "search" for step in each["steps"])]
    used = fitted or known
    if not used:
        return None
    points: dict[str, list[tuple[float, float]]] = {}
    for each in used:
        for step in each["steps"]:
            name, took = step["step"], step["cpu_seconds"]
            if name == "search":
                name, took = "fit", took / max(1, each.get("tried") or 1)
            if name not in SEARCHING:
                points.setdefault(name, []).append((float(each["rows"]), took))
    newest = {("fit" if step["step"] == "search" else step["step"]) for step in used[-1]["steps"]}
    return Forecast(sum(_at(rows, each) for name, each in points.items() if name in newest), len(used))


def _at(rows: int, points: Sequence[tuple[float, float]]) -> float:
    """The value at so many rows of the best line that neither falls nor begins below zero."""
    n = len(points)
    mean_rows, mean = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_rows) ** 2 for x, _ in points)
    if spread == 0:
        return mean * rows / mean_rows
    slope = sum((x - mean_rows) * (y - mean) for x, y in points) / spread
    if slope <= 0:
        return mean
    start = mean - slope * mean_rows
    if start < 0:  # the best line through the origin
        return rows * sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return start + slope * rows
