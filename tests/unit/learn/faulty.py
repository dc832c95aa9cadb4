"""Learners with a planted bug: the fifteen of training a network, as they happen to the learners of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.ports import Learner, Model

Predict = Callable[[Model, np.ndarray], np.ndarray]
Given = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class FaultyModel:
    """A model whose scores pass through a bug."""

    inner: Model
    bug: Predict
    row_exact: bool = True

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.bug(self.inner, np.asarray(rows, dtype=np.float64))

    def importances(self) -> np.ndarray:
        return self.inner.importances()

    def save(self, folder: Path) -> None:
        self.inner.save(folder)


def honest(model: Model, rows: np.ndarray) -> np.ndarray:
    """No bug."""
    return model.predict(rows)


def as_given(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """No bug."""
    return rows, y


class Faulty:
    """A learner whose rows, recipe, trainings or scores pass through a bug."""

    losses = ("log_loss",)

    def __init__(
        self,
        inner: Learner,
        *,
        given: Given = as_given,
        predict: Predict = honest,
        recipe: Mapping[str, Any] | None = None,
        weights: bool = True,
        unseeded: bool = False,
        keeps_state: bool = False,
        in_place: bool = False,
        trains_on_validation: bool = False,
    ) -> None:
        self.inner, self.name = inner, inner.name
        self.given, self.bug, self.changed, self.weights = given, predict, recipe or {}, weights
        self.unseeded, self.keeps_state, self.in_place = unseeded, keeps_state, in_place
        self.trains_on_validation = trains_on_validation
        self.before: list[tuple[np.ndarray, np.ndarray]] = []

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        return [{**each, **self.changed} for each in self.inner.recipes(rounds=rounds)]

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Model, dict[str, Any]]:
        if self.in_place:
            rows[:, :1] = np.nan_to_num(rows[:, :1]) + 1.0
        x, y = self.given(rows, labels)
        if self.trains_on_validation and validation is not None:
            many = 20
            x = np.concatenate([x, *[validation[0]] * many])
            y, weight = np.concatenate([y, *[validation[1]] * many]), None
        if self.keeps_state:
            self.before.append((x, y))
            x, y = (np.concatenate(parts) for parts in zip(*self.before, strict=True))
            weight = None
        if self.unseeded:
            drawn = np.random.default_rng().integers(0, len(y), len(y))
            x, y, weight = x[drawn], y[drawn], None
        model, settled = self.inner.fit(
            recipe,
            x,
            y,
            categories=categories,
            seed=seed,
            weight=weight if self.weights else None,
            validation=validation,
            validation_weight=validation_weight,
            names=names,
        )
        return FaultyModel(model, self.bug), settled

    def load(self, folder: Path) -> Model:
        return self.inner.load(folder)


def odds(p: np.ndarray) -> np.ndarray:
    """Log odds."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Probabilities."""
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def through(change: Callable[[np.ndarray], np.ndarray]) -> Predict:
    """Scores changed one by one."""
    return lambda model, rows: change(model.predict(rows))


def without(*columns: int) -> Given:
    """Inputs that are lost on their way into the training."""

    def given(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = rows.copy()
        rows[:, list(columns)] = np.nan
        return rows, y

    return given


def scaled_by_batch(model: Model, rows: np.ndarray) -> np.ndarray:
    """Scores that are centred over the batch, as by a batch normalisation that still learns."""
    z = odds(model.predict(rows))
    return sigmoid(z - z.mean())


def of_the_neighbour(model: Model, rows: np.ndarray) -> np.ndarray:
    """Scores into which the row before leaks, as by a reshape across rows."""
    p = model.predict(rows)
    return 0.5 * (p + np.roll(p, 1))


def by_chance(model: Model, rows: np.ndarray) -> np.ndarray:
    """Scores with the dropout of a training."""
    p = model.predict(rows)
    return sigmoid(odds(p) * np.random.default_rng().choice([0.5, 2.0], p.shape))


def null_through(model: Model, rows: np.ndarray) -> np.ndarray:
    """A NULL of any input makes the score one."""
    return np.where(np.isnan(rows).any(axis=1), np.nan, model.predict(rows))


def shuffled(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows put into another order than their labels."""
    return rows, np.random.default_rng(5).permutation(y)


def unscaled(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs too large for the arithmetic of the training: they saturate it, and all rows are alike."""
    return np.where(np.isnan(rows), np.nan, np.minimum(np.abs(rows) * 1e6 + 40, 40.0)), y


def bugs() -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Each bug of a training, what plants it, and the kinds of findings that name it."""
    return {
        "started far from the prior": ({"predict": through(lambda p: sigmoid(odds(p) + 2))}, {"wrong-start"}),
        "dead units": ({"predict": through(lambda p: np.full_like(p, 0.5))}, {"cannot-learn"}),
        "a part cut off from training": ({"given": without(2, 3, 4)}, {"ignores-input"}),
        "normalised over the batch": ({"predict": scaled_by_batch}, {"mixes-rows"}),
        "reshaped across rows": ({"predict": of_the_neighbour}, {"mixes-rows"}),
        "the link applied twice": ({"predict": through(sigmoid)}, {"wrong-start", "cannot-learn"}),
        "an input ignored": ({"given": without(1)}, {"ignores-input"}),
        "steps too large": (
            {"predict": through(lambda p: sigmoid(40 * odds(p)))},
            {"cannot-learn", "worse-than-chance"},
        ),
        "steps next to nothing": ({"predict": through(lambda p: 0.5 + 1e-4 * (p - 0.5))}, {"cannot-learn"}),
        "a part missing from what is trained": ({"given": without(0)}, {"ignores-input"}),
        "labels in another order": ({"given": shuffled}, {"cannot-learn"}),
        "NULL makes the score none": ({"predict": null_through}, {"scores-not-finite"}),
        "inputs not scaled": ({"given": unscaled}, {"cannot-learn", "ignores-input"}),
        "state left from the training before": ({"keeps_state": True}, {"not-deterministic"}),
        "still in training mode": ({"predict": by_chance}, {"scores-by-chance"}),
        "weights not handed on": ({"weights": False}, {"ignores-weights"}),
        "seed not used": ({"unseeded": True}, {"not-deterministic"}),
        "rows changed in place": ({"in_place": True}, {"changes-its-rows"}),
    }
