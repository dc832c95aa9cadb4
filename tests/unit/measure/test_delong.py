"""The closed-form variance of AUC against the definition, a naive bootstrap and its own coverage."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.measure.bootstrap import interval, paired_difference
from setpoint.measure.delong import clustered_variance, influence
from setpoint.measure.metrics import auc
from setpoint.measure.rows import as_rows


def _rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % 3 == 0
    return y.astype(float), np.round(np.random.default_rng(9).normal(size=n) + y, 1)


def _delong(y: np.ndarray, *scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs and their covariance as DeLong, DeLong and Clarke-Pearson define them, pair by pair."""
    pairs = [np.sign(p[y > 0][:, None] - p[y == 0][None, :]) / 2 + 0.5 for p in scores]
    positives, negatives = [x.mean(axis=1) for x in pairs], [x.mean(axis=0) for x in pairs]
    by_positive, by_negative = np.atleast_2d(np.cov(positives)), np.atleast_2d(np.cov(negatives))
    covariance = by_positive / len(positives[0]) + by_negative / len(negatives[0])
    return np.array([x.mean() for x in pairs]), covariance


def test_the_variance_is_delongs() -> None:
    """Ties included, the sorted form equals the definition over all pairs."""
    y, p = _rows(200)
    values, covariance = _delong(y, p)
    found = influence(as_rows(y, p))
    variance, scarcer = clustered_variance(y, found.of_row, codes=np.arange(200), clusters=200)
    assert found.auc == pytest.approx(values[0], rel=1e-12)
    assert variance == pytest.approx(covariance[0, 0], rel=1e-9)
    assert scarcer == 67


def test_the_paired_difference_is_delongs() -> None:
    """The interval's half-width is Student's t times DeLong's standard error of the difference."""
    y, p_a = _rows(300)
    p_b = p_a + np.random.default_rng(10).normal(size=300)
    values, covariance = _delong(y, p_a, p_b)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = paired_difference("auc", y, p_a, p_b)
    assert found.estimate == pytest.approx(values[1] - values[0], rel=1e-9)
    assert (found.high - found.low) / 2 == pytest.approx(1.984217 * error, rel=1e-5)  # t with 99 degrees of freedom


def test_copied_rows_do_not_add_evidence_about_auc() -> None:
    """Every row five times, clustered by its origin, gives about the interval of the rows once."""
    y, p = _rows(300)
    once = interval("auc", y, p)
    copied = interval("auc", np.tile(y, 5), np.tile(p, 5), cluster=np.tile(np.arange(300), 5))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-9)


def test_the_clustered_error_is_that_of_a_naive_cluster_bootstrap() -> None:
    """Resampling whole clusters of rows by hand gives the same spread to 10 %."""
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(100), 6)
    y = (rng.random(600) < 0.3).astype(float)
    p = rng.normal(size=600) + y + rng.normal(size=100)[cluster]
    rows = np.arange(600).reshape(100, 6)
    draws = [rows[rng.integers(0, 100, 100)].ravel() for _ in range(400)]
    spread = np.std([auc(y[taken], p[taken]) for taken in draws])
    found = influence(as_rows(y, p))
    variance, _ = clustered_variance(y, found.of_row, codes=cluster, clusters=100)
    assert np.sqrt(variance) == pytest.approx(spread, rel=0.1)


def test_a_weight_counts_like_copies_of_the_row_in_its_cluster() -> None:
    """Weighted influences give the variance of the repeated rows when clustered by row."""
    y, p = _rows(150)
    weight = np.random.default_rng(10).integers(1, 4, 150)
    weighted = interval("auc", y, p, weight=weight)
    origin = np.repeat(np.arange(150), weight)
    repeated = interval("auc", np.repeat(y, weight), np.repeat(p, weight), cluster=origin)
    assert (weighted.low, weighted.high) == pytest.approx((repeated.low, repeated.high), abs=1e-9)


def test_bounds_of_auc_miss_as_often_as_stated() -> None:
    """90 % intervals hold the true AUC of two normals a standard deviation apart about 90 % of the time."""
    rng, truth, held = np.random.default_rng(6), 0.7602, []
    for _ in range(500):
        y = (np.arange(150) % 5 == 0).astype(float)
        found = interval("auc", y, rng.normal(size=150) + y, level=0.9)
        held.append(found.low <= truth <= found.high)
    assert 0.87 < np.mean(held) < 0.935


def test_perfect_separation_of_few_rows_is_not_certain() -> None:
    """Three positives above all others bound AUC at 0.368 from below, not at 1."""
    found = interval("auc", [0] * 20 + [1] * 3, range(23), level=0.9)
    assert (found.estimate, found.low, found.high) == pytest.approx((1.0, 0.3684, 1.0), abs=1e-4)
    upside_down = interval("auc", [1] * 3 + [0] * 20, range(23), level=0.9)
    assert (upside_down.low, upside_down.high) == pytest.approx((0.0, 1 - found.low))


@pytest.mark.parametrize("y", [[0, 0, 0], [1, 0, 0], []])
def test_too_few_of_a_class_bound_nothing(y: list[int]) -> None:
    """With fewer than two positives there is no variance to speak of."""
    found = interval("auc", y, np.linspace(0, 1, len(y)))
    assert np.isnan([found.low, found.high]).all()
    difference = paired_difference("auc", y, np.linspace(0, 1, len(y)), np.linspace(1, 0, len(y)))
    assert np.isnan([difference.low, difference.high]).all()
