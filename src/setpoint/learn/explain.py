"""What a model goes by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.declare.kinds import NUMBER
from setpoint.learn.explain_permutation import REPEATS, Shuffled, find_unread, permutation_importance
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples
from setpoint.measure.ale import LocalEffects, local_effects
from setpoint.measure.metrics import log_losses

MOST = 2000
"""Rows on which inputs are shuffled: a random sample of those held out."""
CURVES, BINS = 6, 16
"""Features whose effects are worked out, and in how many bins of as many rows."""


@dataclass(frozen=True)
class GoesBy:
    """By how much the loss on rows rises without each input, on how many rows and days, and what is never read.

    `loss` names the loss; `before` is its mean on the rows as they are. `unread` are the inputs that change no score of
    the model that would be released; `effects` are those of the numbers that matter most on the score.
    """

    loss: str
    before: float
    rows: int
    days: int
    inputs: tuple[Shuffled, ...]
    unread: tuple[str, ...]
    effects: tuple[tuple[str, LocalEffects], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What it goes by as JSON-like data."""
        return {
            "loss": self.loss,
            "before": self.before,
            "rows": self.rows,
            "days": self.days,
            "repeats": REPEATS,
            "inputs": [each.to_dict() for each in self.inputs],
            "unread": list(self.unread),
            "effects": [{"feature": name, **each.to_dict()} for name, each in self.effects],
        }


def importances(scorer: Scorer) -> tuple[tuple[str, float], ...]:
    """Each feature with its share in the model's gain or weights, greatest first, equal ones by name."""
    shares = np.asarray(scorer.model.importances(), dtype=np.float64)
    pairs = zip(scorer.inputs, shares.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def goes_by(
    procedure: Scorer,
    released: Scorer,
    held_out: Examples,
    *,
    seed: int,
    loss: str = "log_loss",
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray] = log_losses,
) -> GoesBy:
    """What the judged procedure goes by on held-out rows, or a sample of them, rows of a day taken to be alike.

    `losses` turns outcomes and scores into a loss for each row.
    """
    rows = _sample(held_out, seed=seed)
    matrix = procedure.encoder.matrix(rows.features)
    found = permutation_importance(
        lambda some: _score(procedure, some),
        matrix,
        lambda scores: losses(rows.y, scores),
        procedure.inputs,
        cluster=rows.days,
        weight=rows.weight,
        seed=seed,
    )
    before = float(np.average(losses(rows.y, _score(procedure, matrix)), weights=rows.weight))
    unread, days = _unread(released, rows, seed=seed), np.unique(rows.days).size
    return GoesBy(loss, before, rows.y.size, days, found, unread, _effects(procedure, matrix, rows, found))


def _sample(rows: Examples, *, seed: int) -> Examples:
    if rows.y.size <= MOST:
        return rows
    rng = np.random.default_rng(seed_for(seed, "goes by"))
    return rows.take(np.sort(rng.choice(rows.y.size, MOST, replace=False)))


def _score(scorer: Scorer, matrix: np.ndarray) -> np.ndarray:
    return scorer.calibration.apply(scorer.model.predict(matrix))


def _unread(scorer: Scorer, rows: Examples, *, seed: int) -> tuple[str, ...]:
    idle = np.flatnonzero(np.asarray(scorer.model.importances()) == 0).tolist()
    found = find_unread(scorer.model.predict, scorer.encoder.matrix(rows.features), idle, seed=seed)
    return tuple(sorted(scorer.inputs[j] for j in found))


def _effects(
    scorer: Scorer, matrix: np.ndarray, rows: Examples, found: Sequence[Shuffled]
) -> tuple[tuple[str, LocalEffects], ...]:
    """How the score changes along the numbers without which the loss is shown to rise most, in their own units.

    Nothing where a row has several scores, such as one for each class.
    """
    if _score(scorer, matrix[:1]).ndim > 1:
        return ()
    columns = {column.name: (j, column) for j, column in enumerate(scorer.encoder.columns) if column.kind == NUMBER}
    told = []
    for name in [each.feature for each in found if each.matters and each.feature in columns][:CURVES]:
        j, column = columns[name]
        each = local_effects(
            lambda some: _score(scorer, some), matrix, j, cluster=rows.days, weight=rows.weight, bins=BINS
        )
        if each is not None:
            told.append((name, replace(each, at=each.at * column.unit + column.center)))
    return tuple(told)
