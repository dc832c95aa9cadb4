"""Losses that LightGBM does not have: the focal loss of log odds, its gradient and its curvature."""

from __future__ import annotations

import numpy as np

_FARTHEST, _HALVINGS = 40.0, 60
"""Between which log odds a start is looked for, and in how many halvings."""


def focal_loss(odds: np.ndarray, labels: np.ndarray, *, gamma: float) -> np.ndarray:
    """The focal loss of each row at its log odds: the log loss times how far off the row is, to the power of gamma.

    Lin, Goyal, Girshick, He and Dollar (2017), "Focal Loss for Dense Object Detection", equation 4; with gamma 0 it is
    the log loss. Row weights by class make it the class-balanced focal loss of Cui et al. (2019).

    >>> focal_loss(np.array([0.0]), np.array([1.0]), gamma=2.0).round(4)
    array([0.1733])
    """
    towards = np.where(labels > 0, odds, -odds)
    return np.asarray(np.exp(gamma * _log_of(-towards)) * -_log_of(towards))


def focal_gradient(odds: np.ndarray, labels: np.ndarray, *, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """The first and second derivative of each row's focal loss by its log odds.

    The loss is not convex where a row is far off. There the second derivative is kept at that of the log loss times
    the focal factor, so that a step of Newton goes downhill and is no longer than one of the log loss.

    >>> gradient, curvature = focal_gradient(np.array([0.0]), np.array([1.0]), gamma=0.0)
    >>> gradient, curvature
    (array([-0.5]), array([0.25]))
    """
    sign = np.where(labels > 0, 1.0, -1.0)
    log_right = _log_of(sign * odds)
    right, wrong = np.exp(log_right), np.exp(_log_of(-sign * odds))
    factor = wrong**gamma
    gradient = factor * (gamma * right * log_right - wrong)
    exact = factor * right * (wrong * (1 + 2 * gamma + gamma * log_right) - gamma**2 * right * log_right)
    return sign * gradient, np.maximum(exact, factor * right * wrong)


def focal_start(labels: np.ndarray, weight: np.ndarray | None, *, gamma: float) -> float:
    """The log odds that, the same for all rows, have the least focal loss: where a boosting starts.

    With gamma 0 they are those of the rate of positives; labels of one class count as if half a row were of the other.

    >>> round(focal_start(np.array([1.0, 0.0, 0.0, 0.0]), None, gamma=0.0), 4)
    -1.0986
    """
    total, positive = (labels.size, labels.sum()) if weight is None else (weight.sum(), (weight * labels).sum())
    positive = np.clip(positive, 0.5, total - 0.5) if positive in (0, total) else positive
    of_classes = np.array([positive, total - positive])
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slopes, _ = focal_gradient(np.full(2, middle), np.array([1.0, 0.0]), gamma=gamma)
        low, high = (low, middle) if float((of_classes * slopes).sum()) > 0 else (middle, high)
    return (low + high) / 2


def _log_of(odds: np.ndarray) -> np.ndarray:
    """The logarithm of the probability of log odds, without overflow."""
    return np.asarray(-np.logaddexp(0.0, -odds))
