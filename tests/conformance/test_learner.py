"""The built-in learners against the laws of the Learner and Model ports, and what is their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.conformance.learner import CATEGORIES, NAMES, LearnerLaws, make_data
from setpoint.conformance.learner_update import UpdateLaws
from setpoint.core.ports import Learner


class TestLightGBM(LearnerLaws, UpdateLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return LightGBMLearner(threads=threads)


class TestLogistic(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return LogisticLearner()


def test_the_text_of_a_lightgbm_model_is_lightgbms_own(tmp_path: Path) -> None:
    """Any LightGBM reads the saved file, names of features included, and scores the same."""
    import lightgbm

    data = make_data(1000, 0)
    learner = LightGBMLearner()
    model, _ = learner.fit(
        learner.recipes(rounds=10)[0], data.rows, data.labels, categories=CATEGORIES, seed=1, names=NAMES
    )
    model.save(tmp_path)
    theirs = lightgbm.Booster(model_file=tmp_path / "model.txt")
    assert theirs.feature_name() == list(NAMES)
    assert np.array_equal(theirs.predict(data.rows), model.predict(data.rows))


def test_a_lightgbm_model_says_nothing_of_the_machine(tmp_path: Path) -> None:
    """The number of threads is not in its text."""
    data = make_data(300, 0)
    learner = LightGBMLearner(threads=2)
    model, _ = learner.fit({"rounds": 3}, data.rows, data.labels, categories=CATEGORIES, seed=1)
    model.save(tmp_path)
    assert "[num_threads: 1]" in (tmp_path / "model.txt").read_text()


def test_early_stopping_settles_on_a_tenth_more_than_the_best_round() -> None:
    """A training that overfits stops before its budget, and a refit on more rows may take 1.1 times the best round."""
    data, newer = make_data(300, 0), make_data(2000, 1)
    learner = LightGBMLearner()
    recipe = {"rounds": 150, "learning_rate": 0.3, "min_data_in_leaf": 5}
    _, settled = learner.fit(
        recipe,
        data.rows,
        data.labels,
        categories=CATEGORIES,
        seed=1,
        validation=(newer.rows, newer.labels),
    )
    losses = []
    for rounds in range(1, 60):
        model, _ = learner.fit({**recipe, "rounds": rounds}, data.rows, data.labels, categories=CATEGORIES, seed=1)
        scores = model.predict(newer.rows)
        losses.append(-np.log(np.where(newer.labels > 0, scores, 1 - scores)).mean())
    best = int(np.argmin(losses)) + 1
    assert settled["rounds"] == int(np.ceil(best * 1.1)) < 60


def test_where_bins_are_the_same_a_lightgbm_weight_of_two_is_the_row_twice() -> None:
    """On a few whole numbers nothing is lost in bins or leaves, and the scores agree to rounding."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (1500, 3)).astype(float)
    labels = (rng.random(1500) < 1 / (1 + np.exp(2 - rows[:, 0] + rows[:, 1] * rows[:, 2] / 3))).astype(float)
    times = rng.integers(1, 5, 1500)
    recipe, learner = {"rounds": 20, "lambda_l2": 1.0, "min_data_in_leaf": 2}, LightGBMLearner()
    weighted, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, weight=times.astype(float))
    repeated, _ = learner.fit(recipe, np.repeat(rows, times, axis=0), np.repeat(labels, times), categories=(), seed=1)
    assert np.abs(weighted.predict(rows) - repeated.predict(rows)).max() < 1e-5


def test_a_focal_loss_with_gamma_zero_grows_lightgbms_own_trees() -> None:
    """Our objective, its start and its probabilities are those of LightGBM's log loss, bit for bit."""
    data, newer = make_data(2000, 0), make_data(500, 1)
    weight = np.random.default_rng(3).integers(1, 4, 2000).astype(float)
    recipe = {"rounds": 30, "lambda_l2": 1.0}
    scores = [
        LightGBMLearner()
        .fit({**recipe, **loss}, data.rows, data.labels, categories=CATEGORIES, seed=1, weight=weight)[0]
        .predict(newer.rows)
        for loss in ({}, {"focal_gamma": 0.0})
    ]
    assert np.abs(scores[0] - scores[1]).max() < 1e-6


def test_a_weighted_logistic_model_is_what_scikit_learn_fitted() -> None:
    """With weights, too, scored by our few lines it gives the probabilities of scikit-learn's own fit."""
    from sklearn.linear_model import LogisticRegression

    data = make_data(1500, 0)
    weight = np.random.default_rng(3).integers(1, 5, 1500).astype(float)
    numbers = data.rows[:, :2]
    mean = np.average(numbers, axis=0, weights=weight)
    scale = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=weight))
    design = (numbers - mean) / scale
    theirs = LogisticRegression(C=0.1, max_iter=1000, tol=1e-10).fit(design, data.labels, sample_weight=weight)
    model, _ = LogisticLearner().fit(
        {"c": 0.1, "steps": 1000}, numbers, data.labels, categories=(), seed=1, weight=weight
    )
    assert np.abs(model.predict(numbers) - theirs.predict_proba(design)[:, 1]).max() < 2e-3


def test_a_logistic_model_of_repeated_rows_is_that_of_weights() -> None:
    """There are no bins, so that only where the solver stops is between the two."""
    data = make_data(1500, 0)
    times = np.random.default_rng(3).integers(1, 5, 1500)
    fit = LogisticLearner().fit
    weighted, _ = fit({}, data.rows, data.labels, categories=CATEGORIES, seed=1, weight=times.astype(float))
    repeated, _ = fit(
        {}, np.repeat(data.rows, times, axis=0), np.repeat(data.labels, times), categories=CATEGORIES, seed=1
    )
    assert np.abs(weighted.predict(data.rows) - repeated.predict(data.rows)).max() < 2e-3


def test_a_logistic_model_is_what_scikit_learn_fitted(tmp_path: Path) -> None:
    """Scored by our few lines, it gives the probabilities of scikit-learn's own pipeline to the tenth decimal."""
    from sklearn.linear_model import LogisticRegression

    data = make_data(2000, 0)
    numbers, codes = data.rows[:, :3], data.rows[:, 3:]
    mean, scale = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
    standard = np.nan_to_num((numbers - mean) / scale)
    flags = np.isnan(numbers[:, 2:3]).astype(float)
    onehot = [(codes[:, j : j + 1] == np.arange(size)).astype(float) for j, size in ((0, 5), (1, 40))]
    design = np.column_stack([standard, flags, *onehot])
    theirs = LogisticRegression(C=0.1, max_iter=1000, tol=1e-10).fit(design, data.labels)
    model, _ = LogisticLearner().fit({"c": 0.1, "steps": 1000}, data.rows, data.labels, categories=CATEGORIES, seed=1)
    assert np.abs(model.predict(data.rows) - theirs.predict_proba(design)[:, 1]).max() < 2e-3


def test_an_absurd_number_does_not_decide_a_logistic_score() -> None:
    """Beyond eight standard deviations a number counts as eight."""
    data = make_data(2000, 0)
    model, _ = LogisticLearner().fit({}, data.rows, data.labels, categories=CATEGORIES, seed=1)
    far, further = np.array([[0.0, 100.0, 0.0, 1.0, 3.0]]), np.array([[0.0, 1e9, 0.0, 1.0, 3.0]])
    assert model.predict(far)[0] == model.predict(further)[0]


def test_a_logistic_model_is_readable_numbers(tmp_path: Path) -> None:
    """Its file is JSON: a mean, a scale and a weight for each number, a weight for each level."""
    data = make_data(500, 0)
    model, _ = LogisticLearner().fit({}, data.rows, data.labels, categories=CATEGORIES, seed=1)
    model.save(tmp_path)
    body = json.loads((tmp_path / "model.json").read_text())
    assert [len(level["weight"]) for level in body["levels"]] == [5, 40]
    assert body["numbers"]["columns"] == [0, 1, 2]
    assert body["numbers"]["null"][2] == pytest.approx(body["numbers"]["null"][2])
    assert body["numbers"]["null"][:2] == [0.0, 0.0]
