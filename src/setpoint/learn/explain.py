"""What a model goes by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.declare.kinds import NUMBER
from setpoint.learn.explain_permutation import REPEATS, Shuffled, find_unread, permutation_importance
from setpoint.learn.scorer import ENDS, Scorer
from setpoint.learn.sides import Examples
from setpoint.measure.ale import LocalEffects, local_effects
from setpoint.measure.metrics import log_losses

MOST = 2000
"""Rows on which inputs are shuffled: a random sample of those held out."""
CURVES, BINS = 6, 16
"""Effects that are worked out, and in how many bins of as many rows."""
OUTPUTS = 3
"""Of so many scores of a row, the greatest, effects are worked out."""


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
    names: Sequence[str] = (),
) -> GoesBy:
    """What the judged procedure goes by on held-out rows, or a sample of them, rows of a day taken to be alike.

    `losses` turns outcomes and scores into a loss for each row; `names` are those of its scores, where it has several.
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
    return GoesBy(loss, before, rows.y.size, days, found, unread, _effects(procedure, matrix, rows, found, names))


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
    scorer: Scorer, matrix: np.ndarray, rows: Examples, found: Sequence[Shuffled], names: Sequence[str]
) -> tuple[tuple[str, LocalEffects], ...]:
    """How the score changes along the numbers without which the loss is shown to rise most, in their own units.

    Where a row has several scores, such as one for each class, that of each of the greatest, for fewer numbers.
    """
    scores = _score(scorer, matrix).reshape(len(matrix), -1)
    outputs = np.argsort(-scores.mean(axis=0), kind="stable")[:OUTPUTS].tolist()
    told = names if len(names) == scores.shape[1] else ENDS if scores.shape[1] == len(ENDS) else ()
    columns = {column.name: (j, column) for j, column in enumerate(scorer.encoder.columns) if column.kind == NUMBER}
    known = [each.feature for each in found if each.matters and each.feature in columns]
    drawn = []
    for name, output in product(known[: CURVES // len(outputs)], sorted(outputs)):
        j, column = columns[name]
        each = local_effects(
            partial(_output, scorer, output), matrix, j, cluster=rows.days, weight=rows.weight, bins=BINS
        )
        if each is not None:
            of = f"{name}, {told[output]}" if told else name
            drawn.append((of, replace(each, at=each.at * column.unit + column.center)))
    return tuple(drawn)


def _output(scorer: Scorer, output: int, matrix: np.ndarray) -> np.ndarray:
    """One of the scores of each row."""
    return _score(scorer, matrix).reshape(len(matrix), -1)[:, output]
