"""How far scores are from rates: the calibration error and the table behind a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.measure.metrics import ECE_BINS
from setpoint.measure.proportions import wilson
from setpoint.measure.rows import as_rows, need_probabilities, totals
from setpoint.measure.scores import bins_of_equal_weight, ece_of, rank


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of like scores: their mean score, their rate of positives with its interval, and how many they are."""

    mean_p: float
    rate: float
    n: int
    low: float
    high: float


def ece(y: npt.ArrayLike, p: npt.ArrayLike, *, bins: int = ECE_BINS, weight: npt.ArrayLike | None = None) -> float:
    """Expected calibration error: the mean distance between score and rate over bins of equal weight.

    Naeini, Cooper and Hauskrecht (2015), with bins of equal mass (Nixon et al. 2019), which have no empty bins.
    Noise only ever adds to it: about sqrt(bins * rate / n) on perfect scores. `bootstrap.interval("ece", ...)` gives
    bounds that correct this.

    >>> round(ece([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], bins=2), 3)
    0.2
    """
    rows = as_rows(y, p, weight)
    need_probabilities(rows.p)
    return float(ece_of(rank(rows).table, bins))


def reliability(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    bins: int = ECE_BINS,
    weight: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """The table of a reliability diagram: the bins of `ece`, ascending, without empty ones.

    Intervals are Wilson's; with weights at the effective number of rows (Kish 1965).

    >>> table = reliability([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], bins=2)
    >>> [(round(row.mean_p, 2), row.rate, row.n) for row in table]
    [(0.2, 0.0, 2), (0.8, 1.0, 2)]
    """
    rows = as_rows(y, p, weight)
    need_probabilities(rows.p)
    table, place = rank(rows)
    bin_ = bins_of_equal_weight(table.positives + table.negatives, bins)[place]
    mass, squares = totals(bin_, rows.weight, bins), totals(bin_, rows.weight**2, bins)
    filled = np.flatnonzero(mass > 0)
    mean_p = totals(bin_, rows.weight * rows.p, bins)[filled] / mass[filled]
    rate = totals(bin_, rows.weight * rows.y, bins)[filled] / mass[filled]
    low, high = wilson(rate, mass[filled] ** 2 / squares[filled], level=level)
    count = np.bincount(bin_[rows.weight > 0], minlength=bins)[filled]
    return tuple(
        ReliabilityBin(float(mean_p[i]), float(rate[i]), int(count[i]), float(low[i]), float(high[i]))
        for i in range(filled.size)
    )
