"""Metrics of several labels a row against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from setpoint.core.errors import DataError
from setpoint.measure.multilabel_metrics import hamming, macro_average_precision, macro_f1, micro_f1


def rows(n: int = 300, labels: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of differing frequency, scores that know something of them, and weights."""
    rng = np.random.default_rng(seed)
    y = rng.random((n, labels)) < np.linspace(0.02, 0.6, labels)
    return y.astype(int), np.clip(0.4 * y + rng.random((n, labels)) * 0.7, 0, 1), rng.integers(0, 4, n)


def test_the_values_are_those_of_scikit_learn() -> None:
    """With weights, at a threshold."""
    y, p, weight = rows()
    given = p >= 0.4
    for ours, average in ((micro_f1, "micro"), (macro_f1, "macro")):
        wanted = sk.f1_score(y, given, average=average, sample_weight=weight, zero_division=0)
        assert ours(y, p, threshold=0.4, weight=weight) == pytest.approx(wanted)
    assert hamming(y, p, threshold=0.4, weight=weight) == pytest.approx(sk.hamming_loss(y, given, sample_weight=weight))
    wanted = sk.average_precision_score(y, p, average="macro", sample_weight=weight)
    assert macro_average_precision(y, p, weight=weight) == pytest.approx(wanted)


def test_labels_that_are_nowhere_are_no_success() -> None:
    """They count 0 in F1, as for scikit-learn, and are left out where there is nothing to rank."""
    y, p = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]])
    assert macro_f1(y, p) == 0.5
    assert macro_average_precision(y, p) == 1.0
    assert np.isnan(micro_f1([[0, 0]], [[0.1, 0.1]]))


@pytest.mark.parametrize(
    ("y", "p"), [([0, 1], [0.1, 0.2]), ([[2, 0]], [[0.1, 0.1]]), ([[1, 0]], [[np.nan, 0.1]]), ([[1]], [[0.1, 0.2]])]
)
def test_what_means_nothing_is_refused(y: list[object], p: list[object]) -> None:
    """One dimension, labels that are no labels, scores that are no numbers, shapes that differ."""
    with pytest.raises(DataError):
        hamming(y, p)
