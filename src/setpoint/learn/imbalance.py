"""A rare class while a model is fitted: what the rows undergo, and by how much that moves the odds of a score.

Only rows that fit a model come here, after the split: a copy or a made-up row is never on another side than the rows
that it was made from. Rows that stop a training, calibrate or judge stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner
from setpoint.core.rng import seed_for
from setpoint.declare.imbalance import Imbalance
from setpoint.measure.calibrators import CalibrationMap
from setpoint.measure.logistic import sigmoid
from setpoint.measure.rows import Array

FOCAL = "focal_gamma"
"""The parameter by which a recipe asks for the focal loss."""
FARTHEST, KNOTS = 16.0, 641
"""The log odds up to which the focal loss is undone, and at how many places, with straight lines between."""
POOL, BLOCK = 4096, 256
"""Rare rows among which neighbours are looked for, and how many at a time."""


class FitRows(NamedTuple):
    """What a learner is given: a matrix, labels and weights."""

    rows: Array
    y: Array
    weight: Array


@dataclass(frozen=True)
class Balance:
    """A method as settled on the training side: the `rare` class (1.0 or 0.0) counts `factor` times as much.

    A refit on other rows keeps the factor, so that the map from its scores to probabilities stays the same.
    """

    imbalance: Imbalance
    rare: float
    factor: float

    @property
    def shift(self) -> float:
        """By how much the log odds of a score are too high because of it.

        Elkan (2001), "The Foundations of Cost-Sensitive Learning", theorem 2.

        >>> round(Balance(Imbalance("oversample", ()), 1.0, math.e).shift, 3)
        1.0
        """
        return math.log(self.factor) * (1.0 if self.rare else -1.0)

    @property
    def correction(self) -> CalibrationMap:
        """The map from what a model says that was fitted so to a probability: what the method does to one, undone.

        >>> Balance(Imbalance("undersample", ()), 1.0, 1.0).correction.apply_one(0.25).__round__(6)
        0.25
        """
        gamma = self.imbalance.option("gamma")
        if gamma == 0:
            return CalibrationMap("platt", (1.0, -self.shift))
        odds = np.linspace(-FARTHEST, FARTHEST, KNOTS)
        truth = focal_truth(odds, gamma=gamma) - self.shift
        return CalibrationMap("isotonic", tuple(sigmoid(truth).tolist()), tuple(sigmoid(odds).tolist()))

    @property
    def loss(self) -> dict[str, float]:
        """What a recipe says of the loss, besides its own parameters."""
        gamma = self.imbalance.option("gamma")
        return {FOCAL: gamma} if gamma > 0 else {}

    def of_classes(self, y: Array) -> Array:
        """How much more each row of untouched labels counts, so that they are as balanced as those of the training."""
        return np.where(y == self.rare, self.factor, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The balance as JSON-like data."""
        return {**self.imbalance.to_dict(), "rare": self.rare, "factor": self.factor}


def settle(imbalance: Imbalance, y: Array, weight: Array) -> Balance:
    """How much more the rarer class of these rows is to count; not more where it is common enough.

    >>> y = np.array([1.0, 0.0, 0.0, 0.0])
    >>> settle(Imbalance("class_weight", (("share", 0.5),)), y, np.ones(4)).factor
    3.0
    """
    positive, negative = float(weight[y > 0].sum()), float(weight[y <= 0].sum())
    rare = 1.0 if positive <= negative else 0.0
    few, many = min(positive, negative), max(positive, negative)
    factor = 1.0
    if imbalance.method == "class_balanced":
        beta = imbalance.option("beta")
        factor = effective_number(many, beta=beta) / effective_number(few, beta=beta)
    elif imbalance.option("share") > 0:
        share = imbalance.option("share")
        factor = share / (1 - share) * many / few
    return Balance(imbalance, rare, max(factor, 1.0))


def effective_number(n: float, *, beta: float) -> float:
    """How many distinct rows n overlapping ones are worth: (1 - beta^n) / (1 - beta), at most 1 / (1 - beta).

    Cui, Jia, Lin, Song and Belongie (2019), "Class-Balanced Loss Based on Effective Number of Samples", proposition 1.

    >>> round(effective_number(10, beta=0.9), 3)
    6.513
    """
    return -math.expm1(n * math.log(beta)) / (1 - beta)


def focal_truth(odds: Array, *, gamma: float) -> Array:
    """The log odds of an outcome whose focal loss is least at these log odds: those are nearer to 0 than the truth.

    Charoenphakdee, Vongkulbhisal, Chairatanakul and Sugiyama (2021), "On Focal Loss for Class-Posterior Probability
    Estimation: A Theoretical Perspective", theorem 11, for two classes.

    >>> focal_truth(np.array([0.0, 1.0]), gamma=0.0)
    array([0., 1.])
    """
    right, wrong = sigmoid(odds), sigmoid(-odds)
    pull = np.log(right - gamma * wrong * np.log(wrong)) - np.log(wrong - gamma * right * np.log(right))
    return np.asarray(gamma * odds + pull)


def rebalance(balance: Balance, rows: FitRows, *, categories: Sequence[int], seed: int) -> FitRows:
    """The rows that fit a model, after the method; for the focal loss they stay as they are.

    >>> rows = FitRows(np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 0.0]), np.ones(3))
    >>> twice = Balance(Imbalance("oversample", (("share", 0.5),)), 1.0, 2.0)
    >>> rebalance(twice, rows, categories=(), seed=0).rows.ravel()
    array([1., 1., 2., 3.])
    """
    rng = np.random.default_rng(seed_for(seed, "imbalance"))
    method, factor = balance.imbalance.method, balance.factor
    if method in ("class_weight", "class_balanced"):
        weight = rows.weight * balance.of_classes(rows.y)
        return FitRows(rows.rows, rows.y, weight * (rows.weight.sum() / weight.sum()))
    if method == "oversample":
        return _repeated(rows, rows.y == balance.rare, factor, rng)
    if method == "undersample":
        return _thinned(rows, rows.y != balance.rare, factor, rng)
    if method == "smote":
        neighbours = int(balance.imbalance.option("neighbours"))
        return _made_up(rows, rows.y == balance.rare, factor, rng, neighbours=neighbours, categories=categories)
    return rows


def able(learners: Mapping[str, Learner], imbalance: Imbalance | None) -> dict[str, Learner]:
    """The learners that can do what a method asks for; raises NameUnknown when none can."""
    if imbalance is None or imbalance.option("gamma") == 0:
        return dict(learners)
    found = {name: learner for name, learner in learners.items() if "focal" in learner.losses}
    if not found:
        raise NameUnknown("loss", "focal", ["log_loss"], where=f"The learners {', '.join(learners)}")
    return found


def _repeated(rows: FitRows, rare: np.ndarray, factor: float, rng: np.random.Generator) -> FitRows:
    """Every rare row as often as the factor says, a random part of them once more for its fraction."""
    places = np.flatnonzero(rare)
    times = np.ones(rare.size, dtype=np.intp)
    times[places] = int(factor)
    times[rng.choice(places, round((factor - int(factor)) * places.size), replace=False)] += 1
    return FitRows(*(np.repeat(part, times, axis=0) for part in rows))


def _thinned(rows: FitRows, common: np.ndarray, factor: float, rng: np.random.Generator) -> FitRows:
    """All rare rows and a random part of the common ones."""
    places = np.flatnonzero(common)
    kept = ~common
    kept[rng.choice(places, max(1, round(places.size / factor)), replace=False)] = True
    return FitRows(*(part[kept] for part in rows))


def _made_up(
    rows: FitRows,
    rare: np.ndarray,
    factor: float,
    rng: np.random.Generator,
    *,
    neighbours: int,
    categories: Sequence[int],
) -> FitRows:
    """All rows, and rare ones made up at random places between a rare row and one of its nearest.

    Chawla, Bowyer, Hall and Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling Technique", sections 4.2 and
    6.1: numbers lie between the two; a category is the commonest among the neighbours, and differing ones are as far
    apart as the median standard deviation of the numbers. A NULL of either row is a NULL. Neighbours are looked for
    among 4,096 rare rows.
    """
    pool = np.flatnonzero(rare)
    count = round((factor - 1) * pool.size)
    if pool.size > POOL:
        pool = np.sort(rng.choice(pool, POOL, replace=False))
    if count == 0 or pool.size < 2:
        return rows
    points, coded = rows.rows[pool], sorted(categories)
    near = _nearest(points, coded, min(neighbours, pool.size - 1))
    base = rng.choice(pool.size, count, p=rows.weight[pool] / rows.weight[pool].sum())
    other = near[base, rng.integers(0, near.shape[1], count)]
    made = points[base] + rng.random((count, 1)) * (points[other] - points[base])
    for column in coded:
        made[:, column] = _commonest(points[:, column], near)[base]
    weight = np.full(count, rows.weight[pool].mean())
    made_up = FitRows(made, rows.y[pool[base]], weight)
    return FitRows(*(np.concatenate(parts) for parts in zip(rows, made_up, strict=True)))


def _nearest(points: Array, coded: Sequence[int], count: int) -> np.ndarray:
    """The places of each point's nearest others, in standard deviations of the numbers."""
    numbers = np.setdiff1d(np.arange(points.shape[1]), coded)
    values = points[:, numbers]
    filled = ~np.isnan(values)
    known = np.maximum(filled.sum(axis=0), 1)
    mean = np.where(filled, values, 0.0).sum(axis=0) / known
    spread = np.sqrt(np.where(filled, (values - mean) ** 2, 0.0).sum(axis=0) / known)
    standard = np.where(filled, (values - mean) / np.where(spread > 0, spread, 1.0), 0.0)
    squares = (standard**2).sum(axis=1)
    found = np.empty((len(points), count), dtype=np.intp)
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        apart = squares[part, None] + squares - 2 * np.einsum("ik,jk->ij", standard[part], standard)
        for column in coded:
            apart += points[part, column, None] != points[:, column]  # of standardised numbers the median spread is 1
        rows = np.arange(len(apart))
        apart[rows, start + rows] = np.inf
        found[part] = np.argsort(apart, axis=1, kind="stable")[:, :count]
    return found


def _commonest(codes: Array, near: np.ndarray) -> Array:
    """The commonest code among each point's neighbours; of equally common ones that of the nearest."""
    around = codes[near]
    votes = (around[:, :, None] == around[:, None, :]).sum(axis=2)
    return np.asarray(around[np.arange(len(around)), votes.argmax(axis=1)])
