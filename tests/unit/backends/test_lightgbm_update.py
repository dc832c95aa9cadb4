"""What an update does to LightGBM's leaves, against LightGBM's own refit and the formula by hand."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.backends.booster import open_booster
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.core.target import Target


def leaves(text: str) -> list[np.ndarray]:
    """The values of the leaves of every tree of a model's text."""
    booster = open_booster(text)
    sizes = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    return [np.array([booster.get_leaf_output(k, leaf) for leaf in range(size)]) for k, size in enumerate(sizes)]


def test_where_all_starts_at_nothing_a_refit_is_lightgbms_own() -> None:
    """Half of the rows positive in every leaf's reach: the same leaves as `Booster.refit`, to the ninth decimal."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (2000, 2)).astype(float)
    labels = rows[:, 0] - 1.5 + rng.normal(0, 0.5, 2000)
    labels -= labels.mean()
    learner, target = LightGBMLearner(), Target("regression")
    recipe = {"rounds": 12, "learning_rate": 0.2}
    parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, target=target)
    newer = labels + 0.5 * rows[:, 1]
    ours = learner.update(parent, recipe, rows, newer, way="refit", categories=(), seed=1, target=target)
    theirs = open_booster(parent.text).refit(rows, newer, decay_rate=0.9)
    assert np.abs(ours.predict(rows) - np.asarray(theirs.predict(rows))).max() < 1e-9


def test_a_leaf_moves_a_tenth_of_the_way_to_the_mean_of_its_newer_rows() -> None:
    """Of one tree, by hand: nine tenths of what it adds to the mean, and one tenth of what newer rows ask for."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2, (600, 1)).astype(float)
    labels = 500.0 + 10 * rows[:, 0] + rng.normal(0, 1, 600)
    learner, target = LightGBMLearner(), Target("regression")
    recipe = {"rounds": 1, "learning_rate": 1.0}
    parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, target=target)
    newer = labels + np.where(rows[:, 0] > 0, 7.0, 0.0)
    child = learner.update(parent, recipe, rows, newer, way="refit", categories=(), seed=1, target=target)
    for value in (0.0, 1.0):
        before, asked = labels[rows[:, 0] == value].mean(), newer[rows[:, 0] == value].mean()
        assert child.predict(np.array([[value]]))[0] == pytest.approx(0.9 * before + 0.1 * asked, abs=1e-4)


def test_leaves_that_no_newer_row_falls_into_keep_their_values() -> None:
    """To the last bits that adding and taking away the start leaves; the others move."""
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
        assert np.abs(after - before)[~there].max() < 1e-12
        assert np.abs(after - before)[there].min() > 1e-4


def test_trees_that_are_added_keep_to_directions_and_leaves_are_not_moved() -> None:
    """A model that may not fall as an input rises is only continued, and its update does not fall either."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2000, 2))
    labels = (rng.random(2000) < 1 / (1 + np.exp(-rows[:, 0]))).astype(float)
    learner, recipe = LightGBMLearner().directed({"steep": 1}), {"rounds": 20}
    assert learner.ways(recipe) == ("continue",)
    parent, _ = learner.fit(recipe, rows, labels, categories=(), seed=1, names=("steep", "other"))
    more = {"way": "continue", "categories": (), "seed": 1, "names": ("steep", "other")}
    child = learner.update(parent, recipe, rows, 1 - labels, **more)
    grid = np.column_stack([np.linspace(-3, 3, 200), np.zeros(200)])
    assert (np.diff(child.predict(grid)) >= 0).all()
    assert child.booster.num_trees() == parent.booster.num_trees() + 5
