"""Metrics of labels with any number of classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import accuracy_score, f1_score
from sklearn.metrics import log_loss as sklearn_log_loss

from setpoint.core.errors import DataError, NameUnknown
from setpoint.measure.class_calibration import SHARPNESS_SPREAD, SHIFT_SPREAD, fit_sharpness, fit_sharpness_many
from setpoint.measure.class_metrics import CLASS_METRICS, class_difference, class_interval, class_metric
from setpoint.measure.metrics import brier, log_loss


def rows(classes: int, n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, probabilities that know something of them, and whole weights."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    y = np.array([rng.choice(classes, p=each) for each in p])
    return y, p, rng.integers(1, 5, n).astype(float)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_values_are_those_of_scikit_learn(classes: int) -> None:
    """With weights too."""
    y, p, weight = rows(classes)
    given, labels = p.argmax(axis=1), list(range(classes))
    average = "binary" if classes == 2 else "macro"
    value = {name: metric(y, p, weight=weight) for name, metric in CLASS_METRICS.items()}
    assert value["log_loss"] == pytest.approx(sklearn_log_loss(y, p, sample_weight=weight, labels=labels))
    assert value["accuracy"] == pytest.approx(accuracy_score(y, given, sample_weight=weight))
    assert value["f1"] == pytest.approx(f1_score(y, given, sample_weight=weight, average=average))


def test_two_classes_are_as_the_metrics_of_decisions() -> None:
    """The Brier score sums both classes, so it is twice that of one."""
    y, p, weight = rows(2, seed=1)
    assert CLASS_METRICS["log_loss"](y, p, weight=weight) == pytest.approx(log_loss(y, p[:, 1], weight=weight))
    assert CLASS_METRICS["brier"](y, p, weight=weight) == pytest.approx(2 * brier(y, p[:, 1], weight=weight))


@pytest.mark.parametrize("name", sorted(CLASS_METRICS))
def test_a_weight_of_two_is_the_row_twice(name: str) -> None:
    """Whole weights are repetitions."""
    y, p, weight = rows(3, seed=2)
    times = weight.astype(int)
    repeated = CLASS_METRICS[name](np.repeat(y, times), np.repeat(p, times, axis=0))
    assert CLASS_METRICS[name](y, p, weight=weight) == pytest.approx(repeated)


@pytest.mark.parametrize("name", ["log_loss", "f1"])
def test_an_interval_covers_as_often_as_it_says(name: str) -> None:
    """Of 80 samples, about 95 in 100 intervals hold the value of the whole population."""
    y, p, _ = rows(2, n=100_000, seed=3)
    value, rng = CLASS_METRICS[name](y, p), np.random.default_rng(4)
    held = 0
    for seed in range(80):
        drawn = rng.integers(0, y.size, 200)
        interval = class_interval(name, y[drawn], p[drawn], seed=seed)
        held += interval.low <= value <= interval.high
    assert 70 <= held <= 80


def test_a_difference_is_that_of_the_metrics() -> None:
    """And of a thing to itself it is nothing."""
    y, p, weight = rows(3, seed=5)
    q = np.full_like(p, 1 / 3)
    gain = class_difference("log_loss", y, q, p, weight=weight)
    metric = CLASS_METRICS["log_loss"]
    assert gain.estimate == pytest.approx(metric(y, p, weight=weight) - metric(y, q, weight=weight))
    assert gain.low < gain.estimate < gain.high
    same = class_difference("log_loss", y, p, p)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


def test_rows_of_a_cluster_are_drawn_together() -> None:
    """Ten copies of each row are no more evidence than the rows."""
    y, p, _ = rows(2, n=60, seed=6)
    alone = class_interval("accuracy", y, p)
    copied = class_interval(
        "accuracy", np.repeat(y, 10), np.repeat(p, 10, axis=0), clusters=np.repeat(np.arange(60), 10)
    )
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


@pytest.mark.parametrize(
    ("y", "p", "weight"),
    [
        ([0, 2], [[0.5, 0.5]] * 2, None),
        ([0.0, 1.0], [[0.5, 0.5]] * 2, None),
        ([0], [[0.5, 0.5]] * 2, None),
        ([0, 1], [[0.5, 0.6]] * 2, None),
        ([0, 1], [[0.5, np.nan]] * 2, None),
        ([0, 1], [[0.5, 0.5]] * 2, [1.0, -1.0]),
    ],
)
def test_what_means_nothing_is_refused(y: list[float], p: list[list[float]], weight: list[float] | None) -> None:
    """A class that there is not, probabilities that are none, a weight below nothing."""
    with pytest.raises(DataError):
        CLASS_METRICS["accuracy"](y, p, weight=weight)


def test_a_metric_that_there_is_not_is_named() -> None:
    """With those that there are."""
    with pytest.raises(NameUnknown, match="log_loss"):
        class_metric("logloss")


def test_sharpness_and_shift_are_the_likeliest_under_their_prior() -> None:
    """As scipy's minimiser finds them, for two classes and for four."""
    for classes in (2, 4):
        y, p, weight = rows(classes, seed=7)
        scores = 3 * np.log(p) + np.arange(classes)
        sharpness, shift = fit_sharpness(scores, y, weight=weight)
        center = np.eye(classes) - 1 / classes

        def loss(at: np.ndarray, scores=scores, y=y, weight=weight, center=center) -> float:  # type: ignore[no-untyped-def]
            logits = at[0] * (scores - scores.mean(axis=1, keepdims=True)) + at[1:] @ center
            each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(y.size), y]
            prior = ((at[0] - 1) / SHARPNESS_SPREAD) ** 2 + ((at[1:] / SHIFT_SPREAD) ** 2).sum()
            return float(weight @ each + prior / 2)

        found = minimize(loss, np.array([1.0, *[0.0] * classes]), tol=1e-10).x
        assert sharpness == pytest.approx(found[0], abs=1e-4)
        assert shift == pytest.approx(found[1:] @ center, abs=1e-3)


def test_several_sets_are_fitted_as_each_alone() -> None:
    """The law of one and many."""
    y, p, weight = rows(3, seed=8)
    scores = np.stack([np.log(p), 5 * np.log(p), np.random.default_rng(9).normal(size=p.shape)])
    weights = np.stack([weight, np.ones_like(weight), weight])
    many = fit_sharpness_many(scores, y, weights)
    for i in range(3):
        alone = fit_sharpness(scores[i], y, weight=weights[i])
        assert many[0][i] == pytest.approx(alone[0], abs=1e-9)
        assert many[1][i] == pytest.approx(alone[1], abs=1e-9)


def test_scores_that_point_away_from_the_truth_are_made_to_say_nothing() -> None:
    """They are not turned round."""
    y, p, _ = rows(2, n=2000, seed=10)
    sharpness, _ = fit_sharpness(-3 * np.log(p), y)
    assert sharpness == 0.01
