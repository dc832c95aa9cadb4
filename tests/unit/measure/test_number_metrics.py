"""Metrics of numbers, quantiles and counts against scikit-learn and published values."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from setpoint.core.errors import DataError
from setpoint.measure.count_metrics import poisson_deviance, poisson_explained
from setpoint.measure.number_metrics import bias, mae, mape, r2, rmse, wape
from setpoint.measure.quantile_metrics import Bounds, coverage, interval_score, interval_width, pinball


def rows(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes far from 0, predictions that know something of them, and weights."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(3.0, 2.0, n) + 1000
    return y, y + rng.normal(0.5, 2.0, n), rng.integers(0, 5, n).astype(float)


def test_the_values_are_those_of_scikit_learn() -> None:
    """With weights, for every metric that scikit-learn has."""
    y, p, weight = rows()
    assert mae(y, p, weight=weight) == pytest.approx(sk.mean_absolute_error(y, p, sample_weight=weight))
    assert rmse(y, p, weight=weight) == pytest.approx(sk.root_mean_squared_error(y, p, sample_weight=weight))
    assert r2(y, p, weight=weight) == pytest.approx(sk.r2_score(y, p, sample_weight=weight))
    assert mape(y, p, weight=weight) == pytest.approx(sk.mean_absolute_percentage_error(y, p, sample_weight=weight))
    wanted = sk.mean_pinball_loss(y, p, sample_weight=weight, alpha=0.8)
    assert pinball(y, p, quantile=0.8, weight=weight) == pytest.approx(wanted)


def test_the_deviance_of_counts_is_that_of_scikit_learn() -> None:
    """And so is the share of it that predictions explain."""
    rng = np.random.default_rng(1)
    means, weight = rng.gamma(2.0, 1.0, 500), rng.integers(1, 4, 500)
    y, p = rng.poisson(means), means * rng.uniform(0.7, 1.4, 500)
    assert poisson_deviance(y, p, weight=weight) == pytest.approx(sk.mean_poisson_deviance(y, p, sample_weight=weight))
    wanted = sk.d2_tweedie_score(y, p, sample_weight=weight, power=1)
    assert poisson_explained(y, p, weight=weight) == pytest.approx(wanted)


def test_bias_has_a_sign() -> None:
    """Too high is above 0, too low below."""
    y, p, weight = rows()
    assert bias(y, p, weight=weight) == pytest.approx(np.average(p - y, weights=weight))
    assert bias(p, y, weight=weight) == pytest.approx(-bias(y, p, weight=weight))


def test_shares_of_an_outcome_of_zero_are_refused_unless_told_how() -> None:
    """`wape` needs nothing told."""
    with pytest.raises(DataError, match="least="):
        mape([0.0, 1.0], [1.0, 1.0])
    assert mape([0.0, 1.0], [1.0, 1.0], least=2.0) == 0.25
    assert wape([0.0, 1.0], [1.0, 1.0]) == 1.0


def test_without_variance_there_is_none_to_explain() -> None:
    """R2 of a constant is NaN, also far from 0 where digits are lost; and so is that of counts."""
    assert np.isnan(r2([7.1e8] * 9, [7.1e8] * 9))
    assert all(np.isnan(r2([value] * 10, [0.2] * 10)) for value in (0.1, 0.7, 1.3, 7.1e8 + 0.1))
    assert np.isnan(poisson_explained([3] * 9, [2.0] * 9))
    assert np.isnan(mae([], []))


def test_digits_of_large_outcomes_are_not_lost() -> None:
    """R2 is the same when a billion is added to everything."""
    y, p, _ = rows()
    assert r2(y + 1e9, p + 1e9) == pytest.approx(r2(y, p), rel=1e-6)


def test_the_true_quantiles_have_the_least_loss() -> None:
    """Of the pinball loss one quantile, of the interval score both (Gneiting and Raftery 2007)."""
    y = np.random.default_rng(2).normal(size=20_000)
    at = [pinball(y, np.full_like(y, guess), quantile=0.9) for guess in (1.18, 1.2816, 1.38)]
    assert at[1] == min(at)
    scores = [
        interval_score(y, Bounds(np.full_like(y, -half), np.full_like(y, half)), level=0.8)
        for half in (1.18, 1.2816, 1.38)
    ]
    assert scores[1] == min(scores)


def test_the_interval_score_is_the_sum_of_its_quantiles_pinball_losses() -> None:
    """2 / (1 - level) times the two losses, a second way to the same number."""
    y, p, weight = rows()
    low, high = p - 2, p + 3
    losses = pinball(y, low, quantile=0.05, weight=weight) + pinball(y, high, quantile=0.95, weight=weight)
    assert interval_score(y, Bounds(low, high), level=0.9, weight=weight) == pytest.approx(2 / 0.1 * losses)
    assert interval_width(Bounds(low, high), weight=weight) == pytest.approx(5)
    inside = (y >= low) & (y <= high)
    assert coverage(y, Bounds(low, high), weight=weight) == pytest.approx(np.average(inside, weights=weight))


@pytest.mark.parametrize(
    "call",
    [
        lambda: mae([1.0], [1.0, 2.0]),
        lambda: mae([1.0], [np.nan]),
        lambda: mae([1.0], [1.0], weight=[-1.0]),
        lambda: pinball([1.0], [1.0], quantile=1.0),
        lambda: coverage([1.0], Bounds([2.0], [1.0])),
        lambda: coverage([1.0], Bounds([0.0, 0.0], [1.0, 1.0])),
        lambda: poisson_deviance([-1], [1.0]),
        lambda: poisson_deviance([1], [0.0]),
    ],
)
def test_what_means_nothing_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    """Lengths that differ, what is no number, weights and counts below zero, intervals that end first."""
    with pytest.raises(DataError):
        call()
