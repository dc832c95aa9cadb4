"""Metrics of goals that are a number: how far predictions are from outcomes, in the outcome's unit or as a share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, column
from setpoint.measure.statistic import Sums, mean_of, share, weights_for


def mae(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Mean absolute error, in the unit of the outcome; the median is its best constant.

    >>> mae([3.0, 5.0], [2.0, 7.0])
    1.5
    """
    return mae_sums(y, p, weight).value()


def rmse(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Root of the mean squared error, in the unit of the outcome; the mean is its best constant.

    >>> rmse([3.0, 5.0], [2.0, 12.0])
    5.0
    """
    return rmse_sums(y, p, weight).value()


def bias(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """How much predictions are too high on average, in the unit of the outcome; below 0 they are too low.

    >>> bias([3.0, 5.0], [2.0, 8.0])
    1.0
    """
    outcomes, guesses, weights = checked(y, p, weight)
    return mean_of(guesses - outcomes, weights).value()


def mape(y: npt.ArrayLike, p: npt.ArrayLike, *, least: float = 0.0, weight: npt.ArrayLike | None = None) -> float:
    """Mean of each error's share of its outcome; outcomes nearer to 0 than `least` are taken as that large.

    Without `least` an outcome of 0 is refused, since one such row would decide the whole. It punishes predictions that
    are too high more than those that are too low (Hyndman and Koehler 2006, "Another look at measures of forecast
    accuracy", International Journal of Forecasting 22(4)); `wape` does not.

    >>> mape([100.0, 0.0], [110.0, 3.0], least=10.0).__round__(3)
    0.2
    """
    return mape_sums(y, p, weight, least).value()


def wape(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """Sum of absolute errors over the sum of absolute outcomes: a share that outcomes of 0 do no harm to.

    Also known as MAD/mean. Kolassa and Schuetz (2007), "Advantages of the MAD/Mean ratio over the MAPE", Foresight 6.

    >>> wape([100.0, 0.0], [110.0, 3.0])
    0.13
    """
    return wape_sums(y, p, weight).value()


def r2(y: npt.ArrayLike, p: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """The share of the outcomes' variance that predictions explain; below 0 the mean is better than they are.

    NaN where outcomes do not vary.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    return r2_sums(y, p, weight).value()


def mae_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `mae`.

    >>> mae_sums([3.0, 5.0], [2.0, 7.0]).adds.sum(axis=0)
    array([3., 2.])
    """
    outcomes, guesses, weights = checked(y, p, weight)
    return mean_of(np.abs(guesses - outcomes), weights)


def rmse_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `rmse`.

    >>> rmse_sums([3.0, 5.0], [2.0, 12.0]).value()
    5.0
    """
    outcomes, guesses, weights = checked(y, p, weight)
    squares = mean_of((guesses - outcomes) ** 2, weights)
    return Sums(squares.adds, lambda sums: np.sqrt(squares.of(sums)))


def bias_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind the distance of `bias` from 0.

    >>> bias_sums([3.0, 5.0], [2.0, 4.0]).value()
    1.0
    """
    outcomes, guesses, weights = checked(y, p, weight)
    errors = mean_of(guesses - outcomes, weights)
    return Sums(errors.adds, lambda sums: np.abs(errors.of(sums)))


def mape_sums(
    y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None, least: float | None = None
) -> Sums:
    """The sums behind `mape`.

    >>> mape_sums([100.0], [110.0]).value().__round__(3)
    0.1
    """
    outcomes, guesses, weights = checked(y, p, weight)
    size = np.maximum(np.abs(outcomes), least or 0.0)
    if (size == 0).any():
        raise DataError(
            f"{int((size == 0).sum())} of the outcomes are 0, of which no error is a share.",
            expected="outcomes other than 0",
            hint="Say least=, the smallest outcome that a share is taken of, or use wape.",
        )
    return mean_of(np.abs(guesses - outcomes) / size, weights)


def wape_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `wape`.

    >>> wape_sums([100.0, 0.0], [110.0, 3.0]).adds.sum(axis=0)
    array([ 13., 100.])
    """
    outcomes, guesses, weights = checked(y, p, weight)
    adds = np.stack([weights * np.abs(guesses - outcomes), weights * np.abs(outcomes)], axis=1)
    return Sums(adds, lambda sums: share(sums[..., 0], sums[..., 1]))


def r2_sums(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `r2`; outcomes are counted from their mean, so that a large one loses no digits.

    >>> r2_sums([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).value()
    0.5
    """
    outcomes, guesses, weights = checked(y, p, weight)
    whole = float(weights.sum())
    centred = outcomes - (float((weights * outcomes).sum()) / whole if whole > 0 else 0.0)
    parts = [np.ones_like(centred), centred, centred**2, (guesses - outcomes) ** 2]
    return Sums(np.stack([weights * part for part in parts], axis=1), _explained)


def _explained(sums: Array) -> Array:
    rows, first, second, errors = np.moveaxis(sums, -1, 0)
    varies = second - share(first**2, rows)
    return 1 - share(errors, np.where(varies > 1e-12 * second, varies, 0.0))


def checked(y: npt.ArrayLike, p: npt.ArrayLike, weight: npt.ArrayLike | None) -> tuple[Array, Array, Array]:
    """Outcomes, predictions and weights of the same rows, all finite numbers.

    >>> checked([1], [2], None)[1]
    array([2.])
    """
    outcomes, guesses = column(y, "outcomes"), column(p, "predictions")
    if outcomes.size != guesses.size:
        raise DataError(f"There are {outcomes.size} outcomes and {guesses.size} predictions.", expected="one of each")
    return outcomes, guesses, weights_for(weight, outcomes.size)
