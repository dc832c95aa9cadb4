"""Models put together from several, or asked several times: sets of labels, intervals, times until an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.errors import ModelCorrupt
from setpoint.core.ports import Learner, Model

FILE = "composed.json"
LABELS, INTERVAL, PERIODS = "labels", "interval", "periods"


@dataclass(frozen=True)
class Composed:
    """One prediction from several.

    labels    a model for each column
    interval  a model for each end; ends that cross change places (Chernozhukov, Fernandez-Val and Galichon 2010)
    periods   one model of the chance of an event in each stretch of time, told which by its last column, `edges` being
              where stretches end; the prediction is the chance of an event in any of them
    """

    by: str
    parts: tuple[Model, ...]
    edges: tuple[float, ...] = ()

    @property
    def row_exact(self) -> bool:
        """Whether every part gives a row the same bits in any batch."""
        return all(part.row_exact for part in self.parts)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What the parts make of each row together."""
        if self.by == PERIODS:
            return np.asarray(1.0 - self.staying(rows)[:, -1])
        columns = np.stack([part.predict(rows) for part in self.parts], axis=1)
        return np.sort(columns, axis=1) if self.by == INTERVAL else columns

    def staying(self, rows: np.ndarray) -> np.ndarray:
        """The chance that nothing has happened by the end of each period: rows x periods."""
        periods = len(self.edges)
        chance = self.parts[0].predict(in_periods(np.asarray(rows, dtype=np.float64), periods))
        stays = 1.0 - chance.reshape(len(rows), periods)
        for place in range(1, periods):
            stays[:, place] *= stays[:, place - 1]
        return stays

    def importances(self) -> np.ndarray:
        """The mean share of each input in the parts; time itself is no input."""
        shares = np.mean([part.importances() for part in self.parts], axis=0)
        if self.by == PERIODS:
            shares = shares[:-1]
        total = float(shares.sum())
        return np.asarray(shares / total if total > 0 else shares)

    def save(self, folder: Path) -> None:
        """Write every part into a folder of its own, and how they are put together."""
        body = {"by": self.by, "parts": len(self.parts), "edges": list(self.edges)}
        (folder / FILE).write_text(json.dumps(body, sort_keys=True) + "\n")
        for place, part in enumerate(self.parts):
            inside = folder / f"part{place}"
            inside.mkdir(exist_ok=True)
            part.save(inside)


def in_periods(rows: np.ndarray, periods: int) -> np.ndarray:
    """Every row once for each period, whose number is one more column.

    >>> in_periods(np.array([[5.0]]), 2).tolist()
    [[5.0, 0.0], [5.0, 1.0]]
    """
    times = np.tile(np.arange(periods, dtype=np.float64), len(rows))
    return np.column_stack([np.repeat(rows, periods, axis=0), times])


def load_model(folder: Path, learner: Learner) -> Model:
    """The model saved in a folder, of one learner's models or put together from them."""
    if not (folder / FILE).exists():
        return learner.load(folder)
    try:
        body = json.loads((folder / FILE).read_text())
        by, parts, edges = str(body["by"]), int(body["parts"]), tuple(float(edge) for edge in body["edges"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelCorrupt(f"{FILE} cannot be read: {error}.", expected=f"{FILE} as it was saved") from error
    return Composed(by, tuple(learner.load(folder / f"part{place}") for place in range(parts)), edges)


def fit_parts(by: str, fits: Sequence[Callable[[], tuple[Model, dict[str, Any]]]]) -> tuple[Model, dict[str, Any]]:
    """The models of several fits side by side; a recipe for all of them takes the most of what each settled."""
    made = [each() for each in fits]
    return Composed(by, tuple(model for model, _ in made)), _most([settled for _, settled in made])


def _most(told: Sequence[Any]) -> Any:
    """The greatest of each number in data of one form; of anything else the first.

    >>> _most([{"rounds": 3, "loss": "l2"}, {"rounds": 5, "loss": "l2"}])
    {'rounds': 5, 'loss': 'l2'}
    """
    first = told[0]
    if isinstance(first, dict):
        return {name: _most([each[name] for each in told]) for name in first}
    if isinstance(first, list):
        return [_most(parts) for parts in zip(*told, strict=True)]
    return max(told) if isinstance(first, (int, float)) else first
