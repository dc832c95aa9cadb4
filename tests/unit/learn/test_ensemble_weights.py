"""The weights of an ensemble: second implementations, and the leak that in-fold predictions are."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import LogisticRegression

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import DataError
from setpoint.data.splits import Split
from setpoint.declare.ensemble import ensemble
from setpoint.learn.ensemble_weights import check_apart, greedy_weights, stacked_weights
from setpoint.learn.origins import rolling_origins
from setpoint.learn.pooled import NUMBER, ODDS, SHARES, pool, predictions_of, scores_of
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import divide
from setpoint.learn.train import train
from tests.unit.learn.world import make_examples, make_system, make_world_plan


def test_stacked_weights_of_numbers_are_those_of_least_squares_that_are_not_negative() -> None:
    """As scipy's `nnls` has them on centred predictions, with a member that would get a weight below 0."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400)
    good, fair = truth + rng.normal(0, 0.5, 400), truth + rng.normal(0, 1, 400)
    scores = np.stack([good, fair, good + fair + rng.normal(0, 0.1, 400), rng.normal(size=400) - truth])
    weights, bias = stacked_weights(scores, lambda made: float(((made - truth) ** 2).mean()), NUMBER)
    centred = scores - scores.mean(axis=1, keepdims=True)
    theirs, _ = nnls(centred.T, truth - truth.mean())
    assert np.allclose(weights, theirs, atol=2e-3)
    assert bias == pytest.approx(truth.mean() - theirs @ scores.mean(axis=1), abs=2e-3)
    assert (weights == 0).any()


def test_stacked_weights_of_probabilities_are_a_logistic_regression_on_log_odds() -> None:
    """Without a penalty, where no weight would be below 0."""
    rng = np.random.default_rng(1)
    odds = rng.normal(size=(2, 3000))
    truth = (rng.random(3000) < 1 / (1 + np.exp(-(0.4 + 0.8 * odds[0] + 0.5 * odds[1])))).astype(float)

    def loss(made: np.ndarray) -> float:
        return float(-np.log(np.where(truth > 0, made, 1 - made)).mean())

    weights, bias = stacked_weights(odds, loss, ODDS)
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(odds.T, truth)
    assert np.allclose([*weights, bias], [*theirs.coef_[0], theirs.intercept_[0]], atol=5e-3)


def test_a_greedy_bag_is_as_good_as_the_best_of_all_small_bags() -> None:
    """Of four models, against every bag of up to four; and no member is worse than the whole."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=200)
    scores = truth + rng.normal(0, [[0.6], [0.7], [0.9], [2.0]], (4, 200)) + np.array([[0.3], [-0.3], [0.0], [0.0]])

    def value(made: np.ndarray) -> float:
        return -float(((made - truth) ** 2).mean())

    found = value(pool(scores, greedy_weights(scores, value, NUMBER), 0.0, NUMBER))
    bags = [bag for size in (1, 2, 3, 4) for bag in combinations_with_replacement(range(4), size)]
    assert found >= max(value(scores[list(bag)].mean(axis=0)) for bag in bags)


def test_pooled_predictions_are_those_of_their_scale() -> None:
    """There and back; of classes they add up to one, and a row alone is the row among others, to the bit."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), (2, 50))
    made = pool(np.stack([scores_of(each, SHARES) for each in shares]), np.array([0.3, 0.7]), 0.0, SHARES)
    assert np.allclose(made.sum(axis=1), 1)
    alone = [
        pool(np.stack([scores_of(each[row : row + 1], SHARES) for each in shares]), np.array([0.3, 0.7]), 0.0, SHARES)
        for row in range(50)
    ]
    assert np.array_equal(np.concatenate(alone), made)
    for scale in (ODDS, SHARES, "log", NUMBER):
        assert np.allclose(predictions_of(scores_of(shares[0], scale), scale), shares[0])


def test_a_stack_of_in_fold_predictions_is_caught() -> None:
    """A member that learns by heart takes the weight in-fold and loses on newer rows; blocks that were seen raise."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(1200, 3))
    labels = (rng.random(1200) < 1 / (1 + np.exp(-rows[:, 0]))).astype(float)
    older, block, newer = slice(0, 400), slice(400, 800), slice(800, 1200)
    by_heart = {"rounds": 150, "min_data_in_leaf": 2, "num_leaves": 63, "learning_rate": 0.3}
    made = [
        learner.fit(recipe, rows[older], labels[older], categories=(), seed=1)[0]
        for learner, recipe in ((LightGBMLearner(), by_heart), (LogisticLearner(), {}))
    ]

    def weights(seen: slice) -> tuple[np.ndarray, float]:
        scores = np.stack([scores_of(model.predict(rows[seen]), ODDS) for model in made])
        return stacked_weights(
            scores, lambda p: float(-np.log(np.maximum(np.where(labels[seen] > 0, p, 1 - p), 1e-12)).mean()), ODDS
        )

    def loses(found: tuple[np.ndarray, float]) -> float:
        scores = np.stack([scores_of(model.predict(rows[newer]), ODDS) for model in made])
        p = pool(scores, *found, ODDS)
        return float(-np.log(np.maximum(np.where(labels[newer] > 0, p, 1 - p), 1e-12)).mean())

    in_fold, out_of_fold = weights(older), weights(block)
    assert in_fold[0][0] > in_fold[0][1]
    assert out_of_fold[0][0] < out_of_fold[0][1]
    assert loses(out_of_fold) < loses(in_fold) - 0.05

    plan = make_world_plan()
    origins = rolling_origins(plan, divide(plan, make_examples()))
    check_apart(plan, origins)
    first = origins[0].sides
    seen = Split(first.split.train, first.split.validation, first.split.train, 0, 0, 0)
    with pytest.raises(DataError, match="have seen it"):
        check_apart(plan, [replace(origins[0], sides=replace(first, split=seen))])


def test_an_ensemble_that_was_put_together_stands_at_the_next_training() -> None:
    """Its recipe, members and weights stay; it is compared with the single model of then all the same."""
    plan = make_world_plan(must=[])
    plan = replace(plan, system=make_system(must=[], ensemble=ensemble("bagging", members=6)))
    learners = {"lightgbm": LightGBMLearner()}
    recipe = Recipe("lightgbm", {"rounds": 1, "num_leaves": 63, "min_data_in_leaf": 2, "learning_rate": 1.0})
    first = train(plan, make_examples(8000), learners=learners, seed=1, recipe=recipe)
    assert first.ensemble is not None
    assert first.ensemble.taken
    later = train(plan, make_examples(9000, days=70), learners=learners, seed=1, recipe=first.recipe)
    assert later.ensemble is not None
    assert later.ensemble.taken
    assert later.recipe == first.recipe
    assert later.ensemble.held_out is not None
