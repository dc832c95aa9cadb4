"""Rows that are far from each other: the farthest first, and the middles of weighted clusters."""

from __future__ import annotations

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.measure.rows import Array

STEPS = 20
"""Steps of Lloyd's algorithm; the picks hardly move after the first few."""


def k_center(points: Array, n: int, *, known: Array | None = None) -> tuple[np.ndarray, Array]:
    """The places of `n` points, each the farthest from all before it and from `known`; and how far each was.

    Gonzalez (1985), "Clustering to minimize the maximum intercluster distance": at most twice the best radius. Without
    known points the first is the one nearest the mean, at an infinite distance.

    >>> k_center(np.array([[0.0], [1.0], [10.0]]), 2, known=np.array([[0.0]]))[0].tolist()
    [2, 1]
    """
    far = np.full(len(points), np.inf)
    for each in np.zeros((0, points.shape[1])) if known is None else known:
        far = np.minimum(far, _apart(points, each))
    found, distance = [], []
    for _ in range(min(n, len(points))):
        first = np.isinf(far).all()
        place = int(_apart(points, points.mean(axis=0)).argmin() if first else far.argmax())
        found.append(place)
        distance.append(float(np.sqrt(far[place])))
        far = np.minimum(far, _apart(points, points[place]))
        far[place] = -1.0
    return np.array(found, dtype=np.intp), np.array(distance)


def weighted_clusters(points: Array, weight: Array, n: int, *, seed: int) -> np.ndarray:
    """The places of `n` points, each the nearest to the middle of its cluster; heavy points draw middles to them.

    Zhdanov (2019), "Diverse mini-batch Active Learning": weighted k-means, begun at random by weight and distance
    (Arthur and Vassilvitskii 2007, "k-means++").

    >>> weighted_clusters(np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([1.0, 9.0, 9.0, 1.0]), 2, seed=0).tolist()
    [1, 2]
    """
    n = min(n, len(points))
    middles = _begin(points, weight, n, rng=np.random.default_rng(seed_for(seed, "clusters")))
    for _ in range(STEPS):
        nearest = _to_all(points, middles).argmin(axis=1)
        total = np.bincount(nearest, weights=weight, minlength=n)
        sums = np.stack([np.bincount(nearest, weights=weight * column, minlength=n) for column in points.T], axis=1)
        moved = np.where(total[:, None] > 0, sums / np.where(total > 0, total, 1.0)[:, None], middles)
        if np.array_equal(moved, middles):
            break
        middles = moved
    apart, found = _to_all(points, middles), []
    for j in range(n):
        found.append(int(apart[:, j].argmin()))
        apart[found[-1]] = np.inf
    return np.sort(np.array(found, dtype=np.intp))


def _begin(points: Array, weight: Array, n: int, *, rng: np.random.Generator) -> Array:
    """First middles: the heavier and the farther from the others, the likelier."""
    chance, found = weight.astype(np.float64), []
    far = np.full(len(points), np.inf)
    for _ in range(n):
        usable = chance if chance.sum() > 0 else np.ones(len(points))
        found.append(int(rng.choice(len(points), p=usable / usable.sum())))
        far = np.minimum(far, _apart(points, points[found[-1]]))
        chance = weight * far
    return points[np.array(found, dtype=np.intp)]


def _apart(points: Array, other: Array) -> Array:
    return np.asarray(((points - other) ** 2).sum(axis=1))


def _to_all(points: Array, middles: Array) -> Array:
    squares = (points**2).sum(axis=1)[:, None] - 2 * points @ middles.T + (middles**2).sum(axis=1)[None]
    return np.asarray(squares)
