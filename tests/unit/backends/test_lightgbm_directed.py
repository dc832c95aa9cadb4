"""LightGBM that is told directions: its scores never fall where they may only rise."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.backends.lightgbm import LightGBMLearner, LightGBMModel
from setpoint.backends.sklearn import LogisticLearner
from setpoint.conformance.learner import CATEGORIES, NAMES, LearnerLaws, make_data
from setpoint.core.ports import DirectedLearner, Learner


class TestDirected(LearnerLaws):
    """A directed learner is a learner like any other."""

    def make(self, *, threads: int = 1) -> Learner:
        return LightGBMLearner(threads=threads).directed({"steep": 1, "curved": -1})


def fitted(directions: dict[str, int], *, recipe: int = 0, focal: bool = False) -> LightGBMModel:
    """A model of rows in which nothing is monotone in the second column."""
    data, learner = make_data(2000, 0), LightGBMLearner().directed(directions)
    chosen = {**learner.recipes(rounds=40)[recipe], **({"focal_gamma": 2.0} if focal else {})}
    return learner.fit(chosen, data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES)[0]


def steps(model: LightGBMModel, column: int) -> np.ndarray:
    """How each score moves as a column goes up in twenty steps."""
    rows = make_data(300, 1).rows
    scores = []
    for value in np.linspace(-3, 3, 20):
        rows[:, column] = value
        scores.append(model.predict(rows))
    return np.diff(np.array(scores), axis=0)


@pytest.mark.parametrize("recipe", range(6))
def test_a_score_never_falls_when_an_input_told_to_raise_it_is_raised(recipe: int) -> None:
    """By every recipe, for a column whose truth is not monotone; -1 is the other way about."""
    assert steps(fitted({}, recipe=recipe), 1).min() < -0.01
    assert steps(fitted({"curved": 1}, recipe=recipe), 1).min() >= 0
    assert steps(fitted({"curved": -1}, recipe=recipe), 1).max() <= 0


def test_the_focal_loss_keeps_to_directions_too() -> None:
    """Another objective, the same trees' constraint."""
    assert steps(fitted({"curved": 1}, focal=True), 1).min() >= 0


def test_without_a_direction_the_model_is_the_same_to_the_byte() -> None:
    """Names of inputs that a model does not have say nothing."""
    rows = make_data(300, 1).rows
    assert np.array_equal(fitted({}).predict(rows), fitted({"absent": 1}).predict(rows))
    assert np.array_equal(fitted({}).predict(rows), fitted({"curved": 0}).predict(rows))


def test_only_learners_that_can_are_directed() -> None:
    """Logistic regression is judged by the gate alone."""
    assert isinstance(LightGBMLearner(), DirectedLearner)
    assert not isinstance(LogisticLearner(), DirectedLearner)
