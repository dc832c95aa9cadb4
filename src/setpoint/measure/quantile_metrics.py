"""Metrics of predicted quantiles and of predicted intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.number_metrics import checked
from setpoint.measure.rows import Array, column
from setpoint.measure.statistic import Sums, mean_of, weights_for


class Bounds(NamedTuple):
    """The lower and the upper end of each row's predicted interval; an end may be infinite."""

    low: npt.ArrayLike
    high: npt.ArrayLike


def pinball(y: npt.ArrayLike, p: npt.ArrayLike, *, quantile: float, weight: npt.ArrayLike | None = None) -> float:
    """The pinball loss of a predicted quantile, in the unit of the outcome; the true quantile has the least.

    Koenker and Bassett (1978), "Regression Quantiles", Econometrica 46(1).

    >>> pinball([10.0, 10.0], [8.0, 12.0], quantile=0.9).__round__(3)
    1.0
    """
    return pinball_sums(y, p, weight, quantile).value()


def coverage(y: npt.ArrayLike, bounds: Bounds, *, weight: npt.ArrayLike | None = None) -> float:
    """The share of outcomes inside their intervals, ends included.

    >>> coverage([1.0, 5.0], Bounds([0.0, 0.0], [2.0, 2.0]))
    0.5
    """
    return coverage_sums(y, bounds, weight).value()


def interval_width(bounds: Bounds, *, weight: npt.ArrayLike | None = None) -> float:
    """The mean width of the intervals, in the unit of the outcome.

    >>> interval_width(Bounds([0.0, 0.0], [2.0, 4.0]))
    3.0
    """
    low, high = ends(bounds, np.asarray(bounds.low).size)
    return mean_of(high - low, weights_for(weight, low.size)).value()


def interval_score(y: npt.ArrayLike, bounds: Bounds, *, level: float, weight: npt.ArrayLike | None = None) -> float:
    """The mean width plus 2 / (1 - level) times how far outcomes lie outside: the true quantiles have the least.

    Gneiting and Raftery (2007), "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of the American
    Statistical Association 102(477), section 6.2.

    >>> interval_score([1.0, 3.0], Bounds([0.0, 0.0], [2.0, 2.0]), level=0.8).__round__(3)
    7.0
    """
    return interval_score_sums(y, bounds, weight, level).value()


def pinball_sums(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, quantile: float | None = None
) -> Sums:
    """The sums behind `pinball`; the median where no quantile is said.

    >>> pinball_sums([10.0, 10.0], [8.0, 12.0]).value()
    1.0
    """
    at = _share_of(0.5 if quantile is None else quantile, "quantile")
    outcomes, guesses, weights = checked(y, p, weight)
    over = outcomes - guesses
    return mean_of(np.maximum(at * over, (at - 1) * over), weights)


def coverage_sums(y: npt.ArrayLike, bounds: Bounds, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `coverage`.

    >>> coverage_sums([1.0, 5.0], Bounds([0.0, 0.0], [2.0, 2.0])).adds.sum(axis=0)
    array([1., 2.])
    """
    outcomes = column(y, "outcomes")
    low, high = ends(bounds, outcomes.size)
    inside = (outcomes >= low) & (outcomes <= high)
    return mean_of(inside.astype(np.float64), weights_for(weight, outcomes.size))


def interval_score_sums(
    y: npt.ArrayLike, bounds: Bounds, weight: npt.ArrayLike | None = None, level: float | None = None
) -> Sums:
    """The sums behind `interval_score`; of 90 % intervals where no level is said.

    >>> interval_score_sums([1.0], Bounds([0.0], [2.0])).value()
    2.0
    """
    miss = 1 - _share_of(0.9 if level is None else level, "level")
    outcomes = column(y, "outcomes")
    low, high = ends(bounds, outcomes.size)
    outside = np.maximum(low - outcomes, 0) + np.maximum(outcomes - high, 0)
    return mean_of(high - low + 2 / miss * outside, weights_for(weight, outcomes.size))


def ends(bounds: Bounds, n: int) -> tuple[Array, Array]:
    """The checked ends of `n` intervals.

    >>> ends(Bounds([0], [1]), 1)
    (array([0.]), array([1.]))
    """
    low, high = (np.asarray(end, dtype=np.float64) for end in bounds)
    if low.shape != (n,) or high.shape != (n,):
        raise DataError(f"The ends have shapes {low.shape} and {high.shape}.", expected=f"{n} of each")
    if not (low <= high).all():
        raise DataError(
            f"{int((~(low <= high)).sum())} intervals end before they begin.", expected="a lower end up to the upper"
        )
    return low, high


def _share_of(value: float, what: str) -> float:
    if not 0 < value < 1:
        raise DataError(f"The {what} is {value}.", expected="a number between 0 and 1")
    return value
