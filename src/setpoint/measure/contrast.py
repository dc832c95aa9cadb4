"""The mean of some rows against that of the others: their difference and ratio, with intervals, rows of a day alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from setpoint.core.errors import DataError
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import Array, Mask, codes_for, column, effective, totals


@dataclass(frozen=True)
class Moments:
    """Two means with the variances and the covariance of their errors, and the degrees of freedom behind them."""

    inside: float
    outside: float
    var_inside: float
    var_outside: float
    covariance: float
    freedom: float

    def inside_above(self, value: float) -> float:
        """How often chance alone puts the inner mean so far above a value."""
        return Moments(self.inside, 1.0, self.var_inside, 0.0, 0.0, self.freedom).above(value)

    def above(self, times: float) -> float:
        """How often chance alone puts the inner mean so far above so many times the outer one: a one-sided p-value."""
        spread = self.var_inside + times**2 * self.var_outside - 2 * times * self.covariance
        if not self.freedom > 0 or not math.isfinite(spread) or spread <= 0:
            return float("nan")
        return float(stdtr(self.freedom, -(self.inside - times * self.outside) / math.sqrt(spread)))


@dataclass(frozen=True)
class Contrast:
    """The mean inside and outside of a group of rows, their difference and their ratio; `mean` is that inside."""

    n: int
    inside: float
    outside: float
    difference: Interval
    ratio: Interval
    mean: Interval
    moments: Moments

    def to_dict(self) -> dict[str, Any]:
        """The contrast as JSON-like data."""
        return {
            "n": self.n,
            "inside": _number(self.inside),
            "outside": _number(self.outside),
            "difference": self.difference.to_dict(),
            "ratio": self.ratio.to_dict(),
            "mean": self.mean.to_dict(),
        }


def contrast(
    values: npt.ArrayLike,
    inside: Mask,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Contrast:
    """The mean of the rows inside against that of all others.

    Errors are linearised and summed by cluster (Taylor linearisation for a ratio of totals, Binder 1983, International
    Statistical Review 51), with Student's quantile at the effective number of clusters inside; the ratio has the
    interval of Fieller (1954, JRSS B 16). A bound that does not exist is NaN.

    >>> rows = np.arange(400)
    >>> found = contrast(np.where(rows < 100, 2.0, 1.0) + rows % 2, rows < 100)
    >>> round(found.difference.estimate, 6), round(found.ratio.estimate, 3), round(found.ratio.low, 3)
    (1.0, 1.667, 1.577)
    """
    numbers = column(values, "values")
    weights = np.ones_like(numbers) if weight is None else column(weight, "weights")
    if inside.dtype != bool or not inside.shape == numbers.shape == weights.shape:
        raise DataError(
            f"There are {numbers.size} values, {weights.size} weights and a mask of {inside.size} {inside.dtype}.",
            expected="one of each per row, and a mask of truth values",
        )
    codes, clusters = codes_for(cluster, numbers.size)
    found = _moments(numbers, inside, weights, codes, clusters)
    n = int((inside & (weights > 0)).sum())
    units = int(np.unique(codes[inside & (weights > 0)]).size)
    quantile = float(stdtrit(found.freedom, (1 + level) / 2)) if found.freedom > 0 else float("nan")
    change = found.inside - found.outside
    half = quantile * math.sqrt(max(found.var_inside + found.var_outside - 2 * found.covariance, 0.0))
    difference = Interval(change, change - half, change + half, level, n, units, 0, "linearised")
    times = found.inside / found.outside if found.outside > 0 else float("nan")
    low, high = _fieller(found, quantile)
    ratio = Interval(times, low, high, level, n, units, 0, "fieller")
    half = quantile * math.sqrt(found.var_inside)
    mean = Interval(found.inside, found.inside - half, found.inside + half, level, n, units, 0, "linearised")
    return Contrast(n, found.inside, found.outside, difference, ratio, mean, found)


def _moments(values: Array, inside: Mask, weight: Array, codes: npt.NDArray[np.intp], clusters: int) -> Moments:
    nan = float("nan")
    within, without = np.where(inside, weight, 0.0), np.where(inside, 0.0, weight)
    w_in, w_out = float(within.sum()), float(without.sum())
    if w_in <= 0 or w_out <= 0:
        return Moments(_mean(values, within), _mean(values, without), nan, nan, nan, nan)
    m_in, m_out = float((within * values).sum()) / w_in, float((without * values).sum()) / w_out
    u_in = totals(codes, within * (values - m_in) / w_in, clusters)
    u_out = totals(codes, without * (values - m_out) / w_out, clusters)
    units = totals(codes, within, clusters)
    freedom = effective(units[units > 0]) - 1
    each = clusters / (clusters - 1) if clusters > 1 else nan
    few = (freedom + 1) / freedom if freedom > 0 else nan
    return Moments(
        m_in,
        m_out,
        few * float((u_in**2).sum()),
        each * float((u_out**2).sum()),
        each * float((u_in * u_out).sum()),
        freedom if freedom > 0 else nan,
    )


def _fieller(found: Moments, quantile: float) -> tuple[float, float]:
    """All ratios r for which inside - r * outside is within its error of 0; NaN where they have no end."""
    square = quantile**2
    a = found.outside**2 - square * found.var_outside
    b = found.inside * found.outside - square * found.covariance
    c = found.inside**2 - square * found.var_inside
    inner = b * b - a * c
    if not (a > 0 and inner >= 0):
        return float("nan"), float("nan")
    root = math.sqrt(inner)
    return (b - root) / a, (b + root) / a


def _mean(values: Array, weight: Array) -> float:
    total = float(weight.sum())
    return float((weight * values).sum()) / total if total > 0 else float("nan")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
