"""The focal loss: its derivatives are those of finite differences, its values those of the paper's formula."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.backends.lightgbm_losses import focal_gradient, focal_loss

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
