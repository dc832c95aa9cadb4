"""Metrics of goals that are a time until an event, where some times are cut off.

What was cut off is made up for by rows that were not (inverse probability of censoring weighting, IPCW), which holds
where the cut-off has nothing to do with what would have come. The curve of what was cut off is read from the rows
themselves, or given where it is known from more of them; draws keep it as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.pairs import weight_beyond
from setpoint.measure.rows import Array, Codes, Mask, column
from setpoint.measure.statistic import Sums, mean_of, share, weights_for
from setpoint.measure.survival import Lifetimes, SurvivalCurve, censoring_curve, lifetimes


class PredictedSurvival(NamedTuple):
    """For each row the predicted share that is left after each of some times: rows by times."""

    times: npt.ArrayLike
    left: npt.ArrayLike


def concordance(truth: Lifetimes, risk: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> float:
    """How often the row with the greater risk has its event first, of pairs whose order is known; equal risks are half.

    Harrell, Califf, Pryor, Lee and Rosati (1982), "Evaluating the Yield of Medical Tests", JAMA 247(18). It depends on
    how much is cut off; `uno_concordance` does not.

    >>> concordance(Lifetimes([1.0, 2.0, 3.0], [1, 0, 1]), [0.9, 0.5, 0.7])
    1.0
    """
    return concordance_sums(truth, risk, weight).value()


def uno_concordance(
    truth: Lifetimes,
    risk: npt.ArrayLike,
    *,
    until: float | None = None,
    censoring: SurvivalCurve | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """Concordance that does not depend on how much is cut off; of events before `until`, which should be seen often.

    Uno, Cai, Pencina, D'Agostino and Wei (2011), "On the C-statistics for evaluating overall adequacy of risk
    prediction procedures with censored survival data", Statistics in Medicine 30(10).

    >>> uno_concordance(Lifetimes([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1]), [0.9, 0.5, 0.2, 0.7]).__round__(3)
    0.571
    """
    return uno_concordance_sums(truth, risk, weight, until, censoring=censoring).value()


def brier_at(
    truth: Lifetimes,
    left: npt.ArrayLike,
    *,
    time: float,
    censoring: SurvivalCurve | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """Mean squared error of the predicted share that is left after a time, with IPCW.

    Graf, Schmoor, Sauerbrei and Schumacher (1999), "Assessment and comparison of prognostic classification schemes for
    survival data", Statistics in Medicine 18(17-18).

    >>> brier_at(Lifetimes([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]), [0.1, 0.4, 0.6, 0.8], time=2.5).__round__(4)
    0.0925
    """
    predicted = PredictedSurvival([time], np.asarray(left, dtype=np.float64)[:, None])
    value, weights = _errors(truth, predicted, weight, censoring)
    return mean_of(value[:, 0], weights).value()


def integrated_brier(
    truth: Lifetimes,
    predicted: PredictedSurvival,
    *,
    censoring: SurvivalCurve | None = None,
    weight: npt.ArrayLike | None = None,
) -> float:
    """The mean of `brier_at` over the time from the first to the last of the predicted times (trapezoids).

    >>> truth = Lifetimes([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1])
    >>> integrated_brier(truth, PredictedSurvival([1.0, 3.0], [[0.2, 0.1], [0.9, 0.3], [0.9, 0.6], [1.0, 0.9]]))
    0.06625
    """
    return integrated_brier_sums(truth, predicted, weight, censoring=censoring).value()


def concordance_sums(truth: Lifetimes, risk: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sums:
    """The sums behind `concordance`.

    >>> concordance_sums(Lifetimes([1.0, 2.0, 3.0], [1, 0, 1]), [0.9, 0.5, 0.7]).value()
    1.0
    """
    time, event = lifetimes(truth)
    weights = weights_for(weight, time.size)
    return _pairs(time, event, risk, first=weights * event, second=weights)


def uno_concordance_sums(
    truth: Lifetimes,
    risk: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    until: float | None = None,
    *,
    censoring: SurvivalCurve | None = None,
) -> Sums:
    """The sums behind `uno_concordance`.

    >>> uno_concordance_sums(Lifetimes([1.0, 2.0], [1, 1]), [0.9, 0.5], until=1.5).value()
    1.0
    """
    time, event = lifetimes(truth)
    weights = weights_for(weight, time.size)
    curve = censoring_curve(truth, weight=weights) if censoring is None else censoring
    counted = event if until is None else event & (time < until)
    return _pairs(time, event, risk, first=weights * _inverse(curve.before(time), counted) ** 2, second=weights)


def integrated_brier_sums(
    truth: Lifetimes,
    predicted: PredictedSurvival,
    weight: npt.ArrayLike | None = None,
    *,
    censoring: SurvivalCurve | None = None,
) -> Sums:
    """The sums behind `integrated_brier`.

    >>> integrated_brier_sums(Lifetimes([3.0], [1]), PredictedSurvival([1.0, 2.0], [[0.5, 0.5]])).value()
    0.25
    """
    errors, weights = _errors(truth, predicted, weight, censoring)
    times = np.asarray(predicted.times, dtype=np.float64)
    if times.size < 2:
        raise DataError(f"Survival is predicted at {times.size} times.", expected="at least 2 to integrate between")
    return mean_of(np.trapezoid(errors, times, axis=1) / (times[-1] - times[0]), weights)


def _pairs(time: Array, event: Mask, risk: npt.ArrayLike, *, first: Array, second: Array) -> Sums:
    """Won pairs over pairs, where `first` weighs the row whose event comes first and `second` the other one.

    Each row has the sums over its pairs as either of the two. Draws follow them to the first order (the weighted
    bootstrap of U-statistics, Janssen 1994): the pairs of a draw are its rows' sums less those of all rows once.
    """
    risks = column(risk, "risks")
    if risks.size != time.size:
        raise DataError(f"There are {time.size} times and {risks.size} risks.", expected="one of each")
    when = _ranks(time, ~event)
    danger = np.unique(risks, return_inverse=True)[1].astype(np.intp)
    backwards, safety = int(when.max(initial=0)) - when, int(danger.max(initial=0)) - danger
    one = np.zeros_like(danger)
    won = first * weight_beyond(when, danger, second) + second * weight_beyond(backwards, safety, first)
    known = 2 * (first * weight_beyond(when, one, second) + second * weight_beyond(backwards, one, first))
    sums = np.stack([won, known], axis=1)
    once = sums.sum(axis=0) / 2
    return Sums(sums, lambda drawn: share(drawn[..., 0] - once[0], drawn[..., 1] - once[1]))


def _ranks(time: Array, cut_off: Mask) -> Codes:
    """The order of times; of equal ones, an event comes before what is cut off, which outlived it."""
    return np.unique(np.stack([time, cut_off], axis=1), axis=0, return_inverse=True)[1].astype(np.intp)


def _errors(
    truth: Lifetimes,
    predicted: PredictedSurvival,
    weight: npt.ArrayLike | None,
    censoring: SurvivalCurve | None,
) -> tuple[Array, Array]:
    """The weighted squared error of each row at each time."""
    time, event = lifetimes(truth)
    weights = weights_for(weight, time.size)
    times, left = np.asarray(predicted.times, dtype=np.float64), np.asarray(predicted.left, dtype=np.float64)
    if left.shape != (time.size, times.size):
        raise DataError(
            f"Survival is predicted in shape {left.shape}.", expected=f"{time.size} rows by {times.size} times"
        )
    if not ((left >= 0) & (left <= 1)).all():
        raise DataError("Some predicted shares are outside 0 to 1.", expected="the share that is left")
    if (np.diff(times) <= 0).any():
        raise DataError("The predicted times do not rise.", expected="rising times")
    curve = censoring_curve(truth, weight=weights) if censoring is None else censoring
    had = event[:, None] & (time[:, None] <= times)
    still = time[:, None] > times
    of_event = _inverse(curve.before(time), event)
    of_time = _inverse(curve.at(times), np.asarray(still.any(axis=0)))
    return had * left**2 * of_event[:, None] + still * (1 - left) ** 2 * of_time, weights


def _inverse(shares: Array, wanted: Mask) -> Array:
    """One over each share that is wanted; where nothing was left uncut there is nothing to weigh."""
    if (wanted & (shares <= 0)).any():
        raise DataError(
            "Everything is cut off before some time that counts.",
            expected="some rows that were still followed then",
            hint="Look at earlier times only.",
        )
    return np.where(wanted, 1 / np.where(wanted, shares, 1.0), 0.0)
