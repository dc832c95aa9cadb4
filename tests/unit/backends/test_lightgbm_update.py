"""What an update does to LightGBM's leaves, against LightGBM's own refit and the formula by hand."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.backends.booster import open_booster
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.lightgbm_targets import Arranged
from setpoint.backends.lightgbm_update import refit_leaves
from setpoint.core.target import Target

TARGETS = (
    Target("regression"),
    Target("binary"),
    Target("multiclass", classes=3),
    Target("count"),
)


def leaves(text: str) -> list[np.ndarray]:
    """The values of the leaves of every tree of a model's text."""
    booster = open_booster(text)
    sizes = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    return [np.array([booster.get_leaf_output(k, leaf) for leaf in range(size)]) for k, size in enumerate(sizes)]


@pytest.mark.parametrize("target", TARGETS, ids=[target.kind for target in TARGETS])
def test_a_refit_is_lightgbms_own_where_every_leaf_is_reached(target: Target) -> None:
    """Of trees that start at nothing, with weights and a penalty: the same leaves as `Booster.refit`."""
    import lightgbm

    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (2000, 2)).astype(float)
    score = rows[:, 0] - 1.5 + rng.normal(0, 0.5, 2000)
    labels = {"regression": score, "count": rng.poisson(np.exp(score)).astype(float), "binary": (score > 0) * 1.0}.get(
        target.kind, np.digitize(score, [-0.5, 0.5]).astype(float)
    )
    objective = {"multiclass": "multiclass", "count": "poisson"}.get(target.kind, target.kind)
    settings = {"objective": objective, "learning_rate": 0.2, "lambda_l2": 3.0, "boost_from_average": False}
    settings |= {"verbosity": -1, "num_leaves": 5, **({"num_class": 3} if target.kind == "multiclass" else {})}
    grown = lightgbm.train(settings, lightgbm.Dataset(rows, labels, init_score=None), 12)
    for tree in range(grown.num_trees()):  # so that the first tree holds nothing that all rows begin with
        size = grown.dump_model()["tree_info"][tree]["num_leaves"]
        counts = np.bincount(np.asarray(grown.predict(rows, pred_leaf=True)).reshape(2000, -1)[:, tree].astype(int))
        values = np.array([grown.get_leaf_output(tree, leaf) for leaf in range(size)])
        for leaf in range(size):
            grown.set_leaf_output(tree, leaf, float(values[leaf] - np.average(values, weights=counts)))
    newer = labels[::-1].copy()
    weight = rng.integers(1, 4, 2000).astype(float)
    theirs = grown.refit(rows, newer, decay_rate=0.9, weight=weight)
    known = Arranged(rows, newer, weight, None)
    ours = refit_leaves(grown.model_to_string(), known, target, rate=0.2, ridge=3.0)
    assert np.abs(np.asarray(open_booster(ours).predict(rows)) - np.asarray(theirs.predict(rows))).max() < 1e-6


def test_a_leaf_moves_a_tenth_of_the_way_to_what_its_newer_rows_ask_for() -> None:
    """Of one tree, by hand: nine tenths of what it adds to the mean, and a tenth of a mean, a median or a quantile."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2, (600, 1)).astype(float)
    labels = 500.0 + 10 * rows[:, 0] + rng.normal(0, 1, 600)
    newer, learner, recipe = labels + 7.0 * rows[:, 0], LightGBMLearner(), {"rounds": 1, "learning_rate": 1.0}
    for target, asked_of in (
        (Target("regression"), np.mean),
        (Target("regression", robust=True), np.median),
        (Target("quantile", quantile=0.9), lambda values: np.quantile(values, 0.9)),
    ):
        parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, target=target)
        child = learner.update(parent, recipe, rows, newer, way="refit", categories=(), seed=1, target=target)
        for value in (0.0, 1.0):
            before, inside = parent.predict(np.array([[value]]))[0], rows[:, 0] == value
            after = child.predict(np.array([[value]]))[0]
            assert after == pytest.approx(0.9 * before + 0.1 * asked_of(newer[inside]), abs=0.02)


def test_leaves_that_no_newer_row_falls_into_keep_their_values() -> None:
    """To the bit; the others move."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 2))
    labels = (rng.random(3000) < 1 / (1 + np.exp(-2 * rows[:, 0]))).astype(float)
    learner, recipe = LightGBMLearner(), {"rounds": 5, "num_leaves": 7}
    parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1)
    told = rows[:, 0] > 0.5
    child = learner.update(parent, recipe, rows[told], 1 - labels[told], way="refit", categories=(), seed=1)
    reached = np.asarray(parent.booster.predict(rows[told], pred_leaf=True), dtype=int)
    for tree, (before, after) in enumerate(zip(leaves(parent.text), leaves(child.text), strict=True)):
        there = np.isin(np.arange(before.size), reached[:, tree])
        assert 0 < there.sum() < before.size
        assert np.array_equal(after[~there], before[~there])
        assert np.abs(after - before)[there].min() > 1e-4


def test_trees_that_are_added_keep_to_directions_and_leaves_are_not_moved() -> None:
    """A model that may not fall as an input rises is only continued, and its update does not fall either."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2000, 2))
    labels = (rng.random(2000) < 1 / (1 + np.exp(-rows[:, 0]))).astype(float)
    learner, recipe = LightGBMLearner().directed({"steep": 1}), {"rounds": 20}
    assert learner.ways(recipe) == ("continue",)
    parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, names=("steep", "other"))
    child = learner.update(
        parent, recipe, rows, 1 - labels, way="continue", categories=(), seed=1, names=("steep", "other")
    )
    grid = np.column_stack([np.linspace(-3, 3, 200), np.zeros(200)])
    assert (np.diff(child.predict(grid)) >= 0).all()
    assert child.booster.num_trees() == parent.booster.num_trees() + 5
