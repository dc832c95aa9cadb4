"""From the numbers that folds are worked out as to their values."""

from __future__ import annotations

import numpy as np

from setpoint.data.arrays import Array
from setpoint.declare.kinds import BOOL, NUMBER, TIME
from setpoint.features.columns import Columns
from setpoint.features.needs import Fold

ROWS = ("first", "last", "latest")


def gives_value(fold: Fold) -> bool:
    """Whether a "first", "last" or "latest" is worked out as a value; otherwise as a row's position, -1 for none."""
    return fold.node.kind != "latest" and fold.kind in (NUMBER, BOOL)


def finish(fold: Fold, line: Array, columns: Columns) -> Array:
    """The values of a fold, from its line of numbers: values, rows of the source, or codes."""
    kind = fold.node.kind
    if kind in ROWS and not gives_value(fold):
        return columns.take(fold.column, fold.kind, line.astype(np.int64))
    if kind == "top":
        return columns.tops(fold.column, fold.node.where, line.astype(np.int64))
    if kind in ("min", "max") and fold.kind == TIME:
        return columns.back_to_times(fold.column, line)
    return line
