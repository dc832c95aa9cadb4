"""Rows to train on from decisions whose label nobody knows: labelled by a model of the others, or by their neighbours.

They fit a model and do nothing else, and are kept only where a model with them is shown to be better on unseen rows:
with wrong labels of its own making a model can become worse, and often does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix, diags
from scipy.spatial import cKDTree

from setpoint.core.ports import Learner
from setpoint.core.rng import seed_for
from setpoint.data.labels import KNOWN, VOID
from setpoint.declare.plan import Plan
from setpoint.declare.unlabelled import CONSISTENCY, SPREADING, Unlabelled
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added
from setpoint.learn.augment import together
from setpoint.learn.encode import encoder_of
from setpoint.learn.fit import refit
from setpoint.learn.points import as_points
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import Examples
from setpoint.measure.rows import Array

MOST = 20_000
"""Of decisions without a label so many are looked at, drawn at random."""
STEPS, NEAR = 1000, 1e-4
"""Steps of spreading at most, and the change in all by which it stops."""

Places = npt.NDArray[np.intp]


def with_unlabelled(
    plan: Plan, examples: TrainingSet, added: Added, rows: Examples, *, learners: Mapping[str, Learner], seed: int
) -> Added:
    """What a training is given, with decisions that have no label beside it, as the system declares; else unchanged.

    Labels come from the real rows alone, and decisions are no newer than those.
    """
    if plan.system.unlabelled is None:
        return added
    found = self_labelled(plan, examples, rows, plan.system.unlabelled, learners=learners, seed=seed)
    return replace(added, rows=together(added.rows, found), self_labelled=found.y.size)


def self_labelled(
    plan: Plan,
    examples: TrainingSet,
    rows: Examples,
    how: Unlabelled,
    *,
    learners: Mapping[str, Learner],
    seed: int,
) -> Examples:
    """Decisions without a label, up to the newest of the rows, with the label that a method is confident of.

    A row's weight is that confidence. An encoding, and the model of the first learner's best guess, are fitted on the
    rows alone.
    """
    places = _without_label(plan, examples, until=rows.span[1], seed=seed)
    features = examples.features.take(pa.array(places))
    encoder = encoder_of(plan, rows.features)
    known, others = encoder.matrix(rows.features), encoder.matrix(features)
    if how.method == SPREADING:
        p = spread_labels(
            as_points(np.concatenate([known, others]), encoder.categories),
            rows.y,
            neighbours=how.neighbours,
            keep=how.keep,
            weight=rows.weight,
        )
        sure = np.maximum(p, 1.0 - p) >= how.confidence
    else:
        name, learner = next(iter(learners.items()))
        recipe = Recipe(name, learner.recipes(rounds=plan.rounds)[0])
        model = refit(learners, encoder, rows, settled=recipe, seed=seed)
        p = model.predict(others)
        sure = np.maximum(p, 1.0 - p) >= how.confidence
        if how.method == CONSISTENCY:
            numbers = [j for j in range(known.shape[1]) if j not in encoder.categories]
            rng = np.random.default_rng(seed_for(seed, "consistency"))
            for copy in noisy(others, known, numbers, by=how.noise, copies=how.copies, rng=rng):
                sure &= (model.predict(copy) >= 0.5) == (p >= 0.5)
    taken = places[sure]
    label = (p[sure] >= 0.5).astype(np.float64)
    weight = np.where(label > 0, p[sure], 1.0 - p[sure])
    return Examples(
        examples.features.take(pa.array(taken)),
        examples.fields.take(pa.array(taken)),
        label,
        examples.at[taken],
        dict.fromkeys(rows.outcome, np.full(taken.size, np.nan)),
        weight if examples.weight is None else weight * examples.weight[taken],
    )


def spread_labels(
    points: Array, y: Array, *, neighbours: int = 7, keep: float = 0.2, weight: Array | None = None
) -> Array:
    """The probability of each point without a label; `y` are the labels of the first points, 0 or 1.

    Zhou et al. (2004), "Learning with Local and Global Consistency": labels spread along a graph in which a point and
    its nearest neighbours are joined, `keep` of a label coming from neighbours at each step. What no label reaches
    has the rate of the labels.

    >>> points = np.array([[0.0], [9.0], [0.1], [0.2], [8.9], [8.8]])
    >>> spread_labels(points, np.array([0.0, 1.0]), neighbours=2).round(2)
    array([0., 0., 1., 1.])
    """
    size, n = len(points), y.size
    start = np.zeros((size, 2))
    start[np.arange(n), (y > 0).astype(np.intp)] = 1.0 if weight is None else weight
    graph = _graph(points, neighbours)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = diags(1.0 / np.sqrt(np.where(degree > 0, degree, 1.0)))
    step = scale @ graph @ scale
    found = start
    for _ in range(STEPS):
        before, found = found, keep * (step @ found) + (1.0 - keep) * start
        if np.abs(found - before).sum() < NEAR * n / size:
            break
    total = found[n:].sum(axis=1)
    rate = float(np.average(y > 0, weights=weight))
    return np.where(total > 0, found[n:, 1] / np.where(total > 0, total, 1.0), rate)


def noisy(
    rows: Array, known: Array, numbers: list[int], *, by: float, copies: int, rng: np.random.Generator
) -> list[Array]:
    """Copies of rows with noise on their numbers, in standard deviations of known rows; NULL stays NULL.

    >>> rng = np.random.default_rng(0)
    >>> known = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> noisy(np.array([[1.0, np.nan]]), known, [0, 1], by=0.1, copies=1, rng=rng)[0].round(2)
    array([[1.01,  nan]])
    """
    spread = np.zeros(rows.shape[1])
    for j in numbers:
        there = known[~np.isnan(known[:, j]), j]
        spread[j] = there.std() if there.size else 0.0
    return [rows + rng.normal(size=rows.shape) * by * spread for _ in range(copies)]


def _without_label(plan: Plan, examples: TrainingSet, *, until: int, seed: int) -> Places:
    """The places of decisions that may have a truth which nobody knows, no newer than a time."""
    state = np.asarray(examples.labels.state)
    open_ = (state != KNOWN) & (examples.at <= until)
    if plan.system.label.absent != "void":
        open_ &= state != VOID
    places = np.flatnonzero(open_)
    if places.size <= MOST:
        return places
    rng = np.random.default_rng(seed_for(seed, "unlabelled"))
    return np.sort(rng.choice(places, MOST, replace=False))


def _graph(points: Array, neighbours: int) -> csr_matrix:
    """Which points are joined: each with its nearest ones, both ways."""
    k = min(neighbours, len(points) - 1)
    if k < 1:
        return csr_matrix((len(points), len(points)))
    _, nearest = cKDTree(points).query(points, k=k + 1)
    rows = np.repeat(np.arange(len(points)), k + 1)
    columns = nearest.ravel()
    other = rows != columns
    joined = csr_matrix((np.ones(int(other.sum())), (rows[other], columns[other])), shape=(len(points),) * 2)
    both: csr_matrix = joined.maximum(joined.T).tocsr()
    return both
