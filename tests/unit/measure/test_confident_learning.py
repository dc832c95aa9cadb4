"""Which labels are wrong, from probabilities: against cleanlab, and against what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.confident_learning import confident_joint, self_confidence, two_classes, wrong_labels


def planted(seed: int, *, n: int, classes: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with some drawn anew, probabilities that know the truth by half, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    labels = np.where(rng.random(n) < noise, rng.integers(0, classes, n), truth)
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), truth] += 2.5
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True), labels != truth


@pytest.mark.parametrize(
    ("seed", "n", "classes", "joint", "flagged", "sum_of_places"),
    [
        (1, 400, 2, [[172, 18], [28, 182]], 46, 8346),
        (2, 600, 3, [[187, 9, 19], [12, 173, 13], [13, 12, 162]], 77, 24578),
        (3, 500, 4, [[95, 18, 10, 4], [11, 98, 11, 4], [7, 10, 108, 3], [5, 8, 6, 102]], 89, 23191),
    ],
)
def test_the_answers_are_those_of_cleanlab(
    seed: int, n: int, classes: int, joint: list[list[int]], flagged: int, sum_of_places: int
) -> None:
    """Cleanlab 2.9.0 gave these joints, and flagged this many rows whose places have this sum, on the same arrays."""
    labels, p, _ = planted(seed, n=n, classes=classes, noise=0.2)
    places = np.flatnonzero(wrong_labels(labels, p))
    assert confident_joint(labels, p).tolist() == joint
    assert (places.size, places.sum()) == (flagged, sum_of_places)


def test_planted_errors_are_most_of_what_is_flagged() -> None:
    """Nine of ten wrong labels are found where probabilities know the truth well, and few right ones are doubted."""
    labels, p, wrong = planted(2, n=600, classes=3, noise=0.2)
    found = wrong_labels(labels, p)
    assert (found & wrong).sum() / wrong.sum() > 0.9
    assert (found & wrong).sum() / found.sum() > 0.9


def test_a_label_that_is_the_most_probable_class_is_never_doubted() -> None:
    """Only labels that the probabilities contradict are flagged."""
    labels, p, _ = planted(4, n=500, classes=2, noise=0.3)
    assert (p[wrong_labels(labels, p)].argmax(axis=1) != labels[wrong_labels(labels, p)]).all()


def test_the_joint_keeps_how_many_labels_were_given() -> None:
    """Rows of the joint sum to the labels given, also where no label names a class."""
    labels, p, _ = planted(5, n=300, classes=4, noise=0.2)
    kept = labels != 2
    joint = confident_joint(labels[kept], p[kept])
    assert joint.sum(axis=1).tolist() == np.bincount(labels[kept], minlength=4).tolist()


def test_the_last_label_of_a_class_stays() -> None:
    """A class does not lose its only label."""
    assert not wrong_labels([0, 0, 1], two_classes([0.1, 0.2, 0.05])).any()
    assert self_confidence([0, 0, 1], two_classes([0.1, 0.2, 0.05])).round(2).tolist() == [0.9, 0.8, 0.05]


@pytest.mark.parametrize(
    ("labels", "p", "words"),
    [
        ([0], [0.5, 0.5], "shape"),
        ([0], [[1.5, -0.5]], "probability"),
        ([2], [[0.5, 0.5]], "class number"),
        ([0.5], [[0.5, 0.5]], "class number"),
    ],
)
def test_what_means_nothing_is_refused(labels: list[float], p: list[object], words: str) -> None:
    """Arrays of other shapes, probabilities that are none, and labels that no class has."""
    with pytest.raises(DataError, match=words):
        wrong_labels(labels, p)  # type: ignore[arg-type]
