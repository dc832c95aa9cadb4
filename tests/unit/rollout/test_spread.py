"""Rows that are far from each other."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from setpoint.learn.points import as_points
from setpoint.rollout.spread import k_center, weighted_clusters


def test_each_center_is_the_farthest_from_those_before() -> None:
    """Distances never grow, and the cover is at most twice as wide as the best (checked on a line)."""
    points = np.random.default_rng(0).uniform(0, 1, (200, 1))
    places, far = k_center(points, 10)
    assert (np.diff(far[1:]) <= 1e-12).all()
    cover = np.abs(points - points[places].T).min(axis=1).max()
    best = (points.max() - points.min()) / 20
    assert cover <= 2 * best + 0.02


def test_clusters_are_those_of_scikit_learn() -> None:
    """On five clouds the picks lie next to scikit-learn's weighted centers."""
    rng = np.random.default_rng(3)
    centers = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [4, 4]], dtype=float)
    points = np.concatenate([rng.normal(center, 0.5, (60, 2)) for center in centers])
    weight = rng.random(300)
    picked = points[weighted_clusters(points, weight, 5, seed=1)]
    theirs = KMeans(5, n_init=5, random_state=0).fit(points, sample_weight=weight).cluster_centers_
    assert np.sqrt(((theirs[:, None] - picked[None]) ** 2).sum(axis=2)).min(axis=1).max() < 0.3


def test_equal_points_are_still_picked_once_each() -> None:
    """Rows that are all alike do not stop a batch."""
    points = np.zeros((6, 2))
    assert sorted(k_center(points, 4)[0].tolist()) == sorted(set(k_center(points, 4)[0].tolist()))
    assert np.unique(weighted_clusters(points, np.ones(6), 4, seed=0)).size == 4


def test_points_have_no_nulls_and_no_extremes() -> None:
    """A constant column is 0, an absurd number is kept near, an unseen code is nowhere."""
    matrix = np.array([[1.0, 5.0, 0.0], [1.0, 1e12, 1.0], [np.nan, np.nan, np.nan], *[[1.0, 5.0, 0.0]] * 20])
    points = as_points(matrix, (2,))
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= 3.0
    assert points[:, 0].tolist() == [0.0] * 23
