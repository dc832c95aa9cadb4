"""Metrics of goals that are a count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from setpoint.core.errors import DataError
from setpoint.measure.number_metrics import checked
from setpoint.measure.rows import Array
from setpoint.measure.statistic import Sums, mean_of, share


def poisson_deviance(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Mean Poisson deviance of predicted means: 0 where they are the counts, more the less likely the counts are.

    Nelder and Wedderburn (1972), "Generalized Linear Models". It asks for the mean whatever the distribution.

    >>> poisson_deviance([0, 2], [1.0, 2.0])
    1.0
    """
    return poisson_deviance_sums(y, p, weight).value()


def poisson_explained(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """The share of the counts' deviance from their own mean that predictions explain: R2 for counts.

    Cameron and Windmeijer (1996), "R-Squared Measures for Count Data Regression Models". Below 0 the mean is better.

    >>> poisson_explained([0, 2], [0.1, 1.9]).__round__(3)
    0.926
    """
    return poisson_explained_sums(y, p, weight).value()


def poisson_deviance_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `poisson_deviance`.

    >>> poisson_deviance_sums([0, 2], [1.0, 2.0]).value()
    1.0
    """
    counts, means, weights = _checked(y, p, weight)
    return mean_of(_deviances(counts, means), weights)


def poisson_explained_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `poisson_explained`.

    >>> poisson_explained_sums([0, 2], [0.1, 1.9]).value().__round__(3)
    0.926
    """
    counts, means, weights = _checked(y, p, weight)
    parts = [np.ones_like(counts), counts, xlogy(counts, counts), _deviances(counts, means)]
    return Sums(np.stack([weights * part for part in parts], axis=1), _explained)


def _explained(sums: Array) -> Array:
    rows, counts, logs, deviance = np.moveaxis(sums, -1, 0)
    alone = 2 * (logs - xlogy(counts, share(counts, rows)))
    return 1 - share(deviance, np.where(alone > 1e-12 * np.abs(logs), alone, 0.0))


def _deviances(counts: Array, means: Array) -> Array:
    return np.asarray(2 * (xlogy(counts, counts / means) - counts + means))


def _checked(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None) -> tuple[Array, Array, Array]:
    counts, means, weights = checked(y, p, weight)
    if (counts < 0).any():
        raise DataError(f"A count is {counts.min():g}.", expected="zero or more")
    if (means <= 0).any():
        raise DataError(f"A predicted mean is {means.min():g}.", expected="more than 0")
    return counts, means, weights
