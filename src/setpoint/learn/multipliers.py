"""What a reduction adds to the rows that fit a model: for each group, what acting on one more of it is worth.

Agarwal, Beygelzimer, Dudik, Langford and Wallach (2018), "A Reductions Approach to Fair Classification": a limit on a
gap between rates becomes, for given multipliers, weights of the rows and, where these turn a row round, its label.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from setpoint.core.ports import Model
from setpoint.learn.calibrate import Calibration
from setpoint.learn.groups import groups_of
from setpoint.learn.sides import Examples
from setpoint.measure.fairness_thresholds import COUNTED


@dataclass(frozen=True)
class Multipliers:
    """For each group, in errors, what acting on one more of its rows that the rate counts is worth."""

    by: str
    rate: str
    each: tuple[tuple[str, float], ...]

    def of(self, rows: Examples) -> np.ndarray:
        """What acting on each row is worth beside its outcome: 0 where the rate does not count it.

        What one group is given the others pay, so that the sum over all rows is 0 (the multiplier of a group in the
        paper is this one times the group's share of the rows).
        """
        counted = counted_by(self.rate, rows.y)
        names, codes = np.unique(groups_of(rows, self.by), return_inverse=True)
        known = dict(self.each)
        given = np.where(counted, np.array([known.get(str(name), 0.0) for name in names.tolist()])[codes], 0.0)
        mass = float(rows.weight[counted].sum())
        paid = float((given * rows.weight).sum()) / mass if mass > 0 else 0.0
        return np.where(counted, given - paid, 0.0)


def counted_by(rate: str, y: np.ndarray) -> np.ndarray:
    """Whether a rate counts each row: all rows, the positives or the negatives."""
    negative, positive = COUNTED[rate]
    return np.asarray(np.where(y > 0, positive, negative) > 0)


def multiplied(rows: Examples, multipliers: Multipliers) -> Examples:
    """The rows as the reduction fits them: each weighs as much as acting or not matters, and is what is better so.

    >>> import pyarrow as pa
    >>> fields = pa.table({"sex": ["f", "f", "m", "m"]})
    >>> rows = Examples(pa.table({}), fields, np.array([1.0, 0.0, 1.0, 0.0]), np.arange(4))
    >>> made = multiplied(rows, Multipliers("sex", "recall", (("f", 1.5), ("m", -1.5))))
    >>> made.y.tolist(), made.weight.round(2).tolist()
    ([1.0, 0.0, 0.0, 0.0], [2.0, 0.8, 0.4, 0.8])
    """
    signed = np.where(rows.y > 0, 1.0, -1.0) + multipliers.of(rows)
    weight = rows.weight * np.abs(signed)
    weight = weight * (rows.weight.sum() / weight.sum()) if weight.sum() > 0 else rows.weight
    return replace(rows, y=(signed > 0).astype(np.float64), weight=weight)


@dataclass(frozen=True)
class Tried:
    """Multipliers that were tried, the model that they gave, and what it does before the held-out rows."""

    multipliers: Multipliers
    model: Model = field(repr=False)
    calibration: Calibration = field(repr=False)
    gap: float
    value: float


@dataclass(frozen=True)
class Reduced:
    """The multipliers that a model is fitted by, and all that were tried: none at all first."""

    multipliers: Multipliers
    tried: tuple[Tried, ...]
