"""What each row loses, for every kind of goal whose rows lose by themselves: what a model goes by is told by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from setpoint.learn.kinds.count import SMALLEST, Count
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.maps import EDGE
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.survival import CLOSE, Survival


class RowLoss(NamedTuple):
    """A loss of rows by name, from outcomes and predictions."""

    name: str
    of: Callable[[np.ndarray, np.ndarray], np.ndarray]


def row_loss(kind: Kind) -> RowLoss | None:
    """The loss of single rows; None for rankings, in which no item is wrong by itself.

    >>> from setpoint.declare.goal import Metric
    >>> row_loss(Regression(Metric("mae"))).of(np.array([3.0]), np.array([1.0]))
    array([2.])
    """
    if isinstance(kind, Regression):
        return RowLoss("absolute error", _absolute) if kind.robust else RowLoss("squared error", _squared)
    if isinstance(kind, Quantile):
        return RowLoss("pinball loss", _pinball_of(kind.quantiles))
    if isinstance(kind, Count):
        return RowLoss("Poisson deviance", _deviance)
    if isinstance(kind, Multiclass):
        return RowLoss("log loss", _log_loss)
    if isinstance(kind, Multilabel):
        return RowLoss("squared error of the labels", lambda y, p: np.mean((p - kind.matrix(y)) ** 2, axis=1))
    if isinstance(kind, Survival):
        return RowLoss("squared error at the end of the label's time", _brier_of(kind.within))
    return None


def loss_by_metric(kind: Kind, name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """The loss of single rows whose mean is a metric, for goals of numbers and classes; None for other metrics.

    >>> from setpoint.declare.goal import Metric
    >>> loss_by_metric(Multiclass(Metric("log_loss"), ("a", "b")), "accuracy")(np.array([1.0]), np.array([[0.7, 0.3]]))
    array([1.])
    """
    if name == "mae":
        return _absolute
    if name == "accuracy" and isinstance(kind, Multiclass):
        return lambda y, p: np.asarray(p.argmax(axis=1) != y, dtype=np.float64)
    found = row_loss(kind)
    own = {Multiclass: "log_loss", Quantile: "pinball", Count: "poisson_deviance"}.get(type(kind))
    return found.of if found is not None and own == name else None


def stated_loss(kind: Kind) -> str | None:
    """The metric by which the slices of every report of a kind are told apart; None where there is none."""
    names = {Regression: "mae", Multiclass: "log_loss", Quantile: "pinball", Count: "poisson_deviance"}
    return names.get(type(kind))


def _absolute(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(p - y))


def _squared(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray((p - y) ** 2)


def _deviance(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    means = np.maximum(p, SMALLEST)
    return np.asarray(2 * (xlogy(y, y / means) - y + means))


def _log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.maximum(p[np.arange(y.size), y.astype(np.intp)], EDGE)))


def _pinball_of(quantiles: tuple[float, ...]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    shares = np.array(quantiles)

    def loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        off = y[:, None] - p.reshape(y.size, shares.size)
        return np.asarray(np.maximum(shares * off, (shares - 1) * off).mean(axis=1))

    return loss


def _brier_of(within: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Rows that were cut off before lose nothing: what they would have is not known."""

    def loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        known = (y > 0) | (-y >= within - CLOSE)
        return np.asarray(np.where(known, (p - (y > 0)) ** 2, 0.0))

    return loss
