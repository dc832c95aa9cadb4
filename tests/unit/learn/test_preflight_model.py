"""A trained model is looked at before it is judged."""

from __future__ import annotations

import numpy as np

from setpoint.learn.preflight_model import check_fit, check_newer, check_scores
from setpoint.learn.preflight_task import BINARY, REGRESSION
from tests.unit.learn.faulty import FaultyModel, Predict, by_chance, honest, of_the_neighbour, scaled_by_batch
from tests.unit.learn.world import learners

ROWS = np.random.default_rng(0).normal(size=(400, 2))
Y = (ROWS[:, 0] + np.random.default_rng(1).normal(size=400) > 0).astype(float)


def kinds(bug: Predict, *, row_exact: bool = True) -> list[str]:
    """What is found in the scores of a logistic model with a bug."""
    learner = learners()["logistic"]
    model, _ = learner.fit(learner.recipes(rounds=30)[0], ROWS, Y, categories=(), seed=0)
    return [each.kind for each in check_scores(FaultyModel(model, bug, row_exact), ROWS, task=BINARY)]


def test_scores_are_sound_each_rows_own_and_not_by_chance() -> None:
    """One fault, the first, is named."""
    assert kinds(honest) == []
    assert kinds(scaled_by_batch) == kinds(of_the_neighbour) == ["mixes-rows"]
    assert kinds(by_chance) == ["scores-by-chance"]
    assert kinds(lambda model, rows: model.predict(rows) + 0.9) == ["scores-not-finite"]
    assert kinds(lambda model, rows: model.predict(rows)[:-1]) == ["scores-not-finite"]
    assert kinds(lambda model, rows: np.where(rows[:, 0] > 1, np.nan, model.predict(rows))) == ["scores-not-finite"]


def test_a_model_without_the_promise_of_bits_may_round() -> None:
    """A difference of rounding between a batch and its rows is none."""

    def rounding(model: object, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), 0.5 + 1e-9 * len(rows) / 256)

    assert kinds(rounding, row_exact=False) == []
    assert kinds(rounding) == ["mixes-rows"]


def test_scores_of_several_columns_are_checked_too() -> None:
    """Such as one for each class."""

    def both(model: object, rows: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-rows[:, 0]))
        return np.column_stack([1 - p, p])

    assert kinds(both) == []
    assert kinds(lambda model, rows: both(model, rows - rows.mean(axis=0))) == ["mixes-rows"]


def test_a_training_that_diverged_is_found() -> None:
    """It is worse than knowing nothing on its own rows; where these were balanced that is a suspicion."""
    sound, wild = np.where(Y > 0, 0.7, 0.3), np.where(Y > 0, 0.01, 0.99)
    assert check_fit(sound, Y, np.ones(400), task=BINARY) == ()
    assert [each.level for each in check_fit(wild, Y, np.ones(400), task=BINARY)] == ["fault"]
    assert [each.level for each in check_fit(wild, Y, np.ones(400), task=BINARY, strict=False)] == ["suspicion"]
    assert [each.kind for each in check_fit(np.full(400, 9.0), ROWS[:, 1], np.ones(400), task=REGRESSION)] == [
        "diverged"
    ]
    assert [each.kind for each in check_fit(np.full(400, np.nan), Y, np.ones(400), task=BINARY)] == ["diverged"]


def test_knowing_nothing_beats_a_bad_model_on_newer_rows_and_no_model_of_nothing_is_blamed() -> None:
    """Scores that follow nothing are about as good as the prior: seldom worse by three standard errors."""
    days = np.arange(400) // 10

    def blamed(predicted: np.ndarray) -> bool:
        prior = np.array(Y.mean())
        return bool(check_newer(predicted, Y, np.ones(400), prior=prior, days=days, task=BINARY))

    assert not blamed(np.where(ROWS[:, 0] > 0, 0.8, 0.2))
    assert blamed(np.where(ROWS[:, 0] > 0, 0.2, 0.8))
    rng = np.random.default_rng(2)
    assert sum(blamed(Y.mean() + 0.02 * rng.normal(size=400)) for _ in range(200)) <= 2
