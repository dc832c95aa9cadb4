"""What a bootstrap can draw anew: sums over rows, and means of tables of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from setpoint.core.errors import DataError
from setpoint.measure.metrics import MetricSpec
from setpoint.measure.resample import Resample, draw
from setpoint.measure.rows import Array, Codes, Rows, totals


class Statistic(Protocol):
    """A value of some rows that can be drawn anew.

    Laws: a draw that takes every row once gives the value; a row whose unit a draw takes twice counts twice; the order
    of rows does not matter.
    """

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def together(self) -> Codes | None:
        """The number of the item that each row is a part of (a query), for rows that cannot be drawn apart."""
        ...

    def value(self) -> float:
        """The value on the rows; NaN where it is undefined."""
        ...

    def drawn(self, resample: Resample) -> Array:
        """The value on every draw; NaN where a draw leaves it undefined."""
        ...


@dataclass(frozen=True)
class Sums:
    """A function of weighted sums over rows: what each row adds (rows x sums), and what the sums are made into.

    `of` takes sums on the last axis. All draws are one product of counts (draws x units) and the units' sums, so that
    a draw costs as little as the units are few.

    >>> mean = Sums(np.array([[1.0, 1.0], [3.0, 1.0]]), lambda sums: sums[..., 0] / sums[..., 1])
    >>> mean.value()
    2.0
    """

    adds: Array
    of: Callable[[Array], Array]
    together: Codes | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.adds.shape[0])

    def value(self) -> float:
        """The function of the sums over all rows."""
        return float(self.of(self.adds.sum(axis=0)))

    def drawn(self, resample: Resample) -> Array:
        """The function of the sums of every draw."""
        units = resample.counts.shape[1]
        sums = np.stack([totals(resample.unit, each, units) for each in self.adds.T], axis=1)
        # einsum adds in one order whatever the number of threads, so the same seed gives the same bits
        return self.of(np.einsum("du,us->ds", resample.counts, sums))


@dataclass(frozen=True)
class MeanOfTables:
    """The mean of a metric of scores over several tables of rows, such as one for each label.

    Tables on which the metric is undefined are left out.

    >>> from setpoint.measure.metrics import METRICS
    >>> from setpoint.measure.rows import as_rows
    >>> MeanOfTables(METRICS["auc"], (as_rows([0, 1], [0.1, 0.7]), as_rows([0, 1], [0.5, 0.5]))).value()
    0.75
    """

    spec: MetricSpec
    tables: Sequence[Rows]
    option: float = 0.5
    together: Codes | None = None

    @property
    def rows(self) -> int:
        """How many rows each table has."""
        return int(self.tables[0].y.size)

    def value(self) -> float:
        """The mean over the tables on which the metric is defined."""
        return float(_mean(np.array([[self.spec.on(rows, self.option) for rows in self.tables]]))[0])

    def drawn(self, resample: Resample) -> Array:
        """The mean of every draw."""
        drawn = [draw(self.spec, rows, self.option, resample=resample).draws for rows in self.tables]
        return _mean(np.stack(drawn, axis=1))


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    return share(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1))


def share(part: Array, whole: Array) -> Array:
    """Part over whole; NaN where there is nothing to divide by.

    >>> share(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))


def mean_of(values: Array, weight: Array) -> Sums:
    """The weighted mean of the rows' values.

    >>> mean_of(np.array([1.0, 4.0]), np.array([2.0, 1.0])).value()
    2.0
    """
    return Sums(np.stack([weight * values, weight], axis=1), lambda sums: share(sums[..., 0], sums[..., 1]))


def weights_for(weight: object, n: int) -> Array:
    """One weight for each of `n` rows; 1 each where there are none.

    >>> weights_for(None, 2)
    array([1., 1.])
    """
    if weight is None:
        return np.ones(n)
    weights = np.asarray(weight, dtype=np.float64)
    if weights.shape != (n,) or not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise DataError(
            f"There are {n} rows and weights of shape {weights.shape}.",
            expected="one finite weight, zero or more, for each row",
        )
    return weights
