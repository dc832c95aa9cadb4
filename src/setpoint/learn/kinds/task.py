"""What the pre-flight must know of a kind of goal: what its rows lose, and what knowing nothing predicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.row_losses import row_loss
from setpoint.learn.preflight_task import Task, above_median
from setpoint.learn.sides import Examples

BOUNDS = {"multiclass": (0.0, 1.0), "multilabel": (0.0, 1.0), "survival": (0.0, 1.0), "count": (0.0, np.inf)}
"""Between what predictions lie, where something bounds them."""


def task_of(kind: Kind, rows: Examples) -> Task:
    """The task of a kind of goal. The items of a ranking lose nothing by themselves, so only their scores are checked.

    >>> import pyarrow as pa
    >>> from setpoint.declare.goal import Metric
    >>> from setpoint.learn.kinds.regression import Regression
    >>> rows = Examples(pa.table({}), pa.table({}), np.array([1.0, 3.0]), np.array([0, 1]))
    >>> task_of(Regression(Metric("rmse")), rows).of_prior(rows.y, rows.weight)
    1.0
    """
    loss, (least, most) = row_loss(kind), BOUNDS.get(kind.name, (-np.inf, np.inf))

    def prior(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return kind.constant(replace(rows, y=y, weight=weight))[1]

    def nothing(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        del predicted
        return np.zeros(y.size)

    return Task(nothing if loss is None else loss.of, prior, above_median, least=least, most=most)
