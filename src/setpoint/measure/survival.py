"""Times until an event, of which some are cut off before it: the survival curve, and weights for what was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, Codes, Mask, column, totals
from setpoint.measure.statistic import weights_for


class Lifetimes(NamedTuple):
    """For each row the time to its event, or for how long there was none; `event` says which of the two it is."""

    time: npt.ArrayLike
    event: npt.ArrayLike


@dataclass(frozen=True)
class SurvivalCurve:
    """A step function of time: the share that is left after each of some times, 1 before the first.

    >>> SurvivalCurve(np.array([2.0]), np.array([0.5])).at([1.0, 2.0])
    array([1. , 0.5])
    """

    times: Array
    left: Array

    def at(self, times: npt.ArrayLike) -> Array:
        """The share that is left after each time, what happens at the time itself included."""
        return self._read(np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="right"))

    def before(self, times: npt.ArrayLike) -> Array:
        """The share that is left just before each time."""
        return self._read(np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="left"))

    def _read(self, place: Codes) -> Array:
        return np.asarray(np.concatenate([[1.0], self.left])[place])


def survival_curve(truth: Lifetimes, *, weight: npt.ArrayLike | None = None) -> SurvivalCurve:
    """The share without an event by time.

    Kaplan and Meier (1958), "Nonparametric Estimation from Incomplete Observations", Journal of the American
    Statistical Association 53(282).

    >>> survival_curve(Lifetimes([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])).left.round(3)
    array([0.75 , 0.75 , 0.375, 0.   ])
    """
    time, event = lifetimes(truth)
    return _curve(time, event, np.zeros(time.size), weights_for(weight, time.size))


def censoring_curve(truth: Lifetimes, *, weight: npt.ArrayLike | None = None) -> SurvivalCurve:
    """The share that was not cut off by time; at one time events come first, so those rows were not at risk any more.

    >>> censoring_curve(Lifetimes([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])).left.round(3)
    array([1.   , 0.667, 0.667, 0.667])
    """
    time, event = lifetimes(truth)
    return _curve(time, ~event, event.astype(np.float64), weights_for(weight, time.size))


def lifetimes(truth: Lifetimes) -> tuple[Array, Mask]:
    """The checked times, and whether each is that of an event.

    >>> lifetimes(Lifetimes([1.0, 2.0], [1, 0]))[1]
    array([ True, False])
    """
    time, event = column(truth.time, "times"), column(truth.event, "events")
    if time.size != event.size:
        raise DataError(f"There are {time.size} times and {event.size} events.", expected="one of each")
    if not ((event == 0) | (event == 1)).all():
        raise DataError("Some events are neither 0 nor 1.", expected="whether the time is that of an event")
    if (time < 0).any():
        raise DataError(f"A time is {time.min():g}.", expected="zero or more")
    return time, event > 0


def _curve(time: Array, leaves: Mask, gone_first: Array, weight: Array) -> SurvivalCurve:
    times, place = np.unique(time, return_inverse=True)
    there = totals(place, weight, times.size)
    at_risk = np.cumsum(there[::-1])[::-1] - totals(place, weight * gone_first, times.size)
    left = totals(place, weight * leaves, times.size)
    stays = 1 - np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 0)
    return SurvivalCurve(times, np.cumprod(np.maximum(stays, 0.0)))
