"""What the checks of a pre-flight must know of a kind of goal: its loss, its prior, and labels that can be planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from setpoint.measure.metrics import log_losses, squared_errors
from setpoint.measure.rows import Array


@dataclass(frozen=True)
class Task:
    """What a learner is to predict, so that the checks need not know whether these are classes or numbers.

    `losses` gives the loss of each row of labels and predictions, `prior` the best prediction that knows no input, for
    one row, and `plant` labels that follow a signal. `least` and `most` bound a prediction, where something does.

    >>> BINARY.mean(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.ones(2)).__round__(3)
    0.693
    """

    losses: Callable[[Array, Array], Array]
    prior: Callable[[Array, Array], Array]
    plant: Callable[[Array], Array]
    least: float = -np.inf
    most: float = np.inf

    def mean(self, y: Array, predicted: Array, weight: Array) -> float:
        """The mean loss of predictions."""
        return float(np.average(self.losses(y, predicted), weights=weight))

    def of_prior(self, y: Array, weight: Array) -> float:
        """The mean loss of the prior, which every model should beat on the rows that it learned from."""
        return self.mean(y, self.everywhere(y, weight), weight)

    def everywhere(self, y: Array, weight: Array) -> Array:
        """The prior of these labels as a prediction for each of them."""
        prior = self.prior(y, weight)
        return np.broadcast_to(prior, (len(y), *np.shape(prior)))


def mean_of(y: Array, weight: Array) -> Array:
    """The mean of the labels: the prior of every loss whose best constant is the mean.

    >>> float(mean_of(np.array([1.0, 0.0]), np.array([3.0, 1.0])))
    0.75
    """
    return np.asarray(np.average(y, axis=0, weights=weight))


def above_median(signal: Array) -> Array:
    """Two classes of a signal: 1 above its median. Where that is its largest value, 1 at it.

    >>> above_median(np.array([0.0, 0.0, 1.0, 2.0])), above_median(np.array([0.0, 1.0, 1.0, 1.0]))
    (array([0., 0., 1., 1.]), array([0., 1., 1., 1.]))
    """
    middle = float(np.median(signal))
    return np.asarray(signal > middle if middle < signal.max() else signal >= middle, dtype=np.float64)


BINARY = Task(log_losses, mean_of, above_median, least=0.0, most=1.0)
"""Probabilities of the positive class."""
REGRESSION = Task(squared_errors, mean_of, lambda signal: np.asarray(signal, dtype=np.float64))
"""Numbers under the squared error."""
