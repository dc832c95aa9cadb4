"""Confident learning: which labels are wrong, from the labels given and probabilities that have not seen them.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70. Its answers
are those of cleanlab 2.9, its authors' package, but for ties in rounding, which ours breaks alike on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, Mask

Counts = npt.NDArray[np.int64]
Classes = npt.NDArray[np.intp]

NO_PROBABILITY = 2.0
"""The threshold of a class that no label names: no probability reaches it."""
LEAST_THRESHOLD = 2e-6
NEARLY = 1e-6
"""A probability this close under a threshold reaches it."""


def confident_joint(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Counts:
    """How many rows have each label given (row) and each true class (column), estimated; rows sum to the labels given.

    A row counts for the class whose probability reaches the mean probability of that class among the rows labelled as
    it; the most probable one if several do, none if no one does. Counts are then scaled to the labels given.

    >>> confident_joint([0, 0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
    array([[2, 1],
           [0, 2]])
    """
    given, p = _checked(labels, probabilities)
    size = p.shape[1]
    counts = np.bincount(given, minlength=size)
    sums = np.array([p[given == k, k].sum() for k in range(size)])
    threshold = np.where(counts > 0, sums / np.maximum(counts, 1), NO_PROBABILITY)
    reached = p >= np.maximum(threshold, LEAST_THRESHOLD) - NEARLY
    reaching = reached.sum(axis=1)
    guess = np.where(reaching > 1, p.argmax(axis=1), reached.argmax(axis=1))
    sure = reaching > 0
    joint = np.bincount(given[sure] * size + guess[sure], minlength=size * size).reshape(size, size).astype(float)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
    scaled = joint / joint.sum(axis=1, keepdims=True) * counts[:, None]
    return np.stack([_whole(row) for row in scaled])


def wrong_labels(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Mask:
    """True for the labels that are likely wrong: of each pair of classes as many as the confident joint has.

    Of the rows labelled a those come first whose probability of b exceeds that of a by most; none whose label is the
    most probable class ("prune by noise rate" of the paper).

    >>> wrong_labels([0, 0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]]).tolist()
    [False, False, True, False, False]
    """
    given, p = _checked(labels, probabilities)
    joint = _leave_one(confident_joint(given, p))
    found = np.zeros(given.size, dtype=np.bool_)
    for k in range(p.shape[1]):
        rows = np.flatnonzero(given == k)
        if rows.size < 2:  # the last row of a class stays
            continue
        for j in np.flatnonzero(joint[k] > 0):
            if j != k:
                order = np.argsort(p[rows, k] - p[rows, j], kind="stable")
                found[rows[order[: joint[k, j]]]] = True
    own = p[np.arange(given.size), given]
    return np.asarray(found & (own < p.max(axis=1)), dtype=np.bool_)


def self_confidence(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Array:
    """The probability of the label given: the lower, the likelier it is wrong.

    >>> self_confidence([0, 1], [[0.9, 0.1], [0.8, 0.2]])
    array([0.9, 0.2])
    """
    given, p = _checked(labels, probabilities)
    return np.asarray(p[np.arange(given.size), given])


def two_classes(p: npt.ArrayLike) -> Array:
    """Probabilities of two classes from those of the positive one.

    >>> two_classes([0.25])
    array([[0.75, 0.25]])
    """
    positive = np.asarray(p, dtype=np.float64)
    return np.stack([1.0 - positive, positive], axis=1)


def _checked(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Classes, Array]:
    given, p = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or given.shape != p.shape[:1]:
        raise DataError(
            f"There are labels of the shape {given.shape} and probabilities of the shape {p.shape}.",
            expected="a label and a probability of each class per row",
        )
    if not np.isfinite(p).all() or (p < 0).any() or (p > 1).any():
        raise DataError("A probability is none.", expected="0 to 1")
    classes = given.astype(np.intp)
    if given.size and ((classes != given).any() or classes.min() < 0 or classes.max() >= p.shape[1]):
        raise DataError("A label is no class number.", expected=f"0 to {p.shape[1] - 1}")
    return classes, p


def _leave_one(joint: Counts) -> Counts:
    """The joint with at least one right label for every true class, taken evenly from its wrong ones."""
    diagonal = joint.diagonal()
    lacking = np.maximum(diagonal, 1) - diagonal
    others = np.maximum(np.count_nonzero(joint, axis=1) - 1, 1)
    left = np.maximum(joint - (lacking / others)[:, None], 0.0)
    np.fill_diagonal(left, np.maximum(diagonal, 1))
    return np.stack([_whole(column) for column in left.T], axis=1)


def _whole(values: Array) -> Counts:
    """Numbers rounded so that their sum stays; those are moved that rounding moved furthest the other way."""
    rounded = np.round(values)
    missing = int(round(float(values.sum())) - rounded.sum())
    if missing:
        step = 1 if missing > 0 else -1
        order = np.argsort(values - rounded, kind="stable")[::-step]
        rounded[order[: abs(missing)]] += step
    return rounded.astype(np.int64)
