"""The focal loss: its derivatives are those of finite differences, its values those of the paper's formula."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.backends.lightgbm_losses import focal_gradient, focal_loss, focal_start

ODDS = np.linspace(-9, 9, 61)
STEP = 1e-4


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_gradient_is_the_slope_of_the_loss(gamma: float, label: float) -> None:
    """Central differences of the loss itself, at easy and at hard rows."""
    labels = np.full(ODDS.size, label)
    up, down = (focal_loss(ODDS + side, labels, gamma=gamma) for side in (STEP, -STEP))
    gradient, _ = focal_gradient(ODDS, labels, gamma=gamma)
    assert np.abs(gradient - (up - down) / (2 * STEP)).max() < 1e-7


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_curvature_is_the_slope_of_the_gradient_where_that_is_convex_enough(gamma: float, label: float) -> None:
    """Elsewhere it is the log loss's times the focal factor, which is above zero."""
    labels = np.full(ODDS.size, label)
    up, down = (focal_gradient(ODDS + side, labels, gamma=gamma)[0] for side in (STEP, -STEP))
    right = 1 / (1 + np.exp(-np.where(labels > 0, ODDS, -ODDS)))
    least = (1 - right) ** (gamma + 1) * right
    _, curvature = focal_gradient(ODDS, labels, gamma=gamma)
    assert np.abs(curvature - np.maximum((up - down) / (2 * STEP), least)).max() < 1e-7
    assert (curvature > 0).all()


def test_the_loss_is_that_of_the_paper() -> None:
    """Lin et al. (2017), equation 4: at p = .9 and gamma 2 a hundredth of the log loss, at .968 a thousandth of it."""
    odds = np.log(np.array([0.9, 0.968]) / np.array([0.1, 0.032]))
    ones = np.ones(2)
    smaller = focal_loss(odds, ones, gamma=0.0) / focal_loss(odds, ones, gamma=2.0)
    assert smaller[0] == pytest.approx(100)
    assert smaller[1] == pytest.approx(1000, rel=0.03)


def test_far_off_rows_neither_overflow_nor_vanish() -> None:
    """Log odds of a thousand on the wrong side cost a thousand, and pull with the whole gradient."""
    odds, labels = np.array([-1000.0, 1000.0]), np.array([1.0, 0.0])
    assert focal_loss(odds, labels, gamma=2.0) == pytest.approx([1000, 1000])
    gradient, curvature = focal_gradient(odds, labels, gamma=2.0)
    assert gradient == pytest.approx([-1, 1])
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("rate", [0.002, 0.3, 0.97])
def test_a_boosting_starts_where_one_score_for_all_rows_loses_least(gamma: float, rate: float) -> None:
    """On a fine grid of log odds no other is better, with weights as with rows."""
    weight = np.array([rate, 1 - rate]) * 1000
    start = focal_start(np.array([1.0, 0.0]), weight, gamma=gamma)
    grid = np.append(np.linspace(-10, 10, 2001), start)
    losses = rate * focal_loss(grid, np.ones(2002), gamma=gamma)
    losses += (1 - rate) * focal_loss(grid, np.zeros(2002), gamma=gamma)
    assert losses[-1] <= losses.min() + 1e-12
    if gamma == 0:
        assert start == pytest.approx(np.log(rate / (1 - rate)), abs=1e-9)


def test_the_gradient_of_the_class_balanced_focal_loss_is_its_slope() -> None:
    """Cui et al. (2019): each row's focal loss over the effective number of its class, differenced row by row."""
    labels = np.r_[np.ones(20), np.zeros(980)]
    numbers = [(1 - 0.999**n) / (1 - 0.999) for n in (20, 980)]
    weight = np.where(labels > 0, 1 / numbers[0], 1 / numbers[1])
    odds = np.random.default_rng(0).normal(size=1000)

    def loss(at: np.ndarray) -> np.ndarray:
        return weight * focal_loss(at, labels, gamma=1.5)

    slope = (loss(odds + STEP) - loss(odds - STEP)) / (2 * STEP)
    assert np.abs(weight * focal_gradient(odds, labels, gamma=1.5)[0] - slope).max() < 1e-8
