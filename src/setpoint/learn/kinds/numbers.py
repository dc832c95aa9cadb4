"""What goals have in common whose outcome is a number: errors that may cost, a rule that stands in, no map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.declare.error_cost import NumberCost
from setpoint.declare.goal import Metric
from setpoint.learn.kinds.kind import PER, Calibrated
from setpoint.learn.kinds.maps import AsItIs
from setpoint.learn.sides import Examples

NO_MAP = "a number is judged by its errors; nothing is calibrated"


@dataclass(frozen=True)
class Numbers:
    """A goal whose outcome is a number, and what being off costs."""

    metric: Metric
    errors: NumberCost | None = None

    @property
    def trial(self) -> Metric:
        """The goal's metric."""
        return self.metric

    def cluster(self, rows: Examples) -> np.ndarray:
        """Rows of one day."""
        return rows.days

    def calibrate(self, rows: Examples, predicted: np.ndarray) -> Calibrated:
        """None."""
        del rows, predicted
        return Calibrated(AsItIs(), NO_MAP)

    def stand_in(self, values: np.ndarray) -> np.ndarray | None:
        """The rule's number."""
        return values

    def value(self, rows: Examples, predicted: np.ndarray) -> np.ndarray | None:
        """What being off by so much costs."""
        return cost_of_numbers(self.errors, rows.y, predicted)


def cost_of_numbers(errors: NumberCost | None, y: np.ndarray, predicted: np.ndarray) -> np.ndarray | None:
    """The worth of each error, for 1000 decisions; None without costs.

    >>> cost_of_numbers(NumberCost(1.0, 4.0), np.array([1.0, 3.0]), np.array([2.0, 2.0])).tolist()
    [-1000.0, -4000.0]
    """
    if errors is None:
        return None
    off = predicted - y
    return np.asarray(-PER * (errors.over * np.maximum(off, 0.0) + errors.under * np.maximum(-off, 0.0)))
