"""Champion against challenger on the same decisions: the paired difference, once, at planned looks or all the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from setpoint.core.errors import DataError
from setpoint.measure.intervals import Interval, t_quantile
from setpoint.measure.proportions import TwoSample
from setpoint.measure.rows import codes_for, column, totals
from setpoint.measure.spending import Spending, group_sequential

LEAST_CLUSTERS = 50
"""An asymptotic confidence sequence says nothing before it has seen this many clusters."""


@dataclass(frozen=True)
class PairedMean:
    """The mean of b minus a over the same decisions, its clustered variance, and on how much it rests."""

    estimate: float
    variance: float
    n: int
    clusters: int

    def fixed(self, *, level: float = 0.95) -> Interval:
        """The interval for one look at a time fixed beforehand: Student's t over clusters."""
        half = t_quantile(level, self.clusters - 1) * float(np.sqrt(self.variance))
        return self._within(half, level=level, method="t")

    def at_look(
        self, fractions: Sequence[float], *, level: float = 0.95, spending: Spending = "obrien_fleming"
    ) -> Interval:
        """The repeated interval at the last of the looks so far (Jennison and Turnbull 1989).

        `fractions` of the planned maximum of information, one per look; valid at all of them together.

        >>> PairedMean(0.1, 0.0025, 400, 400).at_look([0.5, 1.0]).low.__round__(4)
        0.0016
        """
        boundary = group_sequential(fractions, alpha=1 - level, spending=spending)[-1]
        return self._within(
            boundary * float(np.sqrt(self.variance)), level=level, method=f"group sequential {spending}"
        )

    def always(self, *, planned: int, level: float = 0.95, sides: Literal[1, 2] = 2) -> Interval:
        """The asymptotic confidence sequence: valid at all times together, however often one looks.

        It is narrowest around `planned` clusters, which must be fixed beforehand. `sides=1` makes each bound alone
        valid at `level`: for guardrails. Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central
        limit theory and asymptotic confidence sequences", Annals of Statistics 52(6).

        >>> PairedMean(0.1, 0.0004, 2500, 2500).always(planned=2500).low.__round__(4)
        0.0393
        """
        if self.clusters < LEAST_CLUSTERS:
            return self._within(float("inf"), level=level, method="confidence sequence")
        spread = self.variance * self.clusters
        half = sequence_half_width(self.clusters, variance=spread, planned=planned, alpha=1 - level, sides=sides)
        return self._within(float(half), level=level, method="confidence sequence")

    def _within(self, half: float, *, level: float, method: str) -> Interval:
        low, high = self.estimate - half, self.estimate + half
        return Interval(self.estimate, low, high, level, self.n, self.clusters, 0, method)


def paired_mean(
    a: npt.ArrayLike, b: npt.ArrayLike, *, cluster: npt.ArrayLike | None = None, weight: npt.ArrayLike | None = None
) -> PairedMean:
    """The mean difference b - a of something measured on every decision for both: losses, values, errors.

    Challenger last: a negative difference of losses is a gain. Rows of a cluster are taken to be alike; the variance
    is that of the ratio of cluster sums.

    >>> paired_mean([1.0, 2.0, 3.0], [0.5, 2.0, 2.5]).estimate.__round__(4)
    -0.3333
    """
    first, second = column(a, "losses of a"), column(b, "losses of b")
    weights = np.ones_like(first) if weight is None else column(weight, "weights")
    if not first.size == second.size == weights.size:
        raise DataError(
            f"There are {first.size} losses of a, {second.size} of b and {weights.size} weights.",
            expected="one of each per decision",
        )
    codes, clusters = codes_for(cluster, first.size)
    total = float(weights.sum())
    if total <= 0:
        return PairedMean(float("nan"), float("nan"), first.size, 0)
    difference = second - first
    mean = float((weights * difference).sum()) / total
    residual = totals(codes, weights * (difference - mean), clusters)
    units = int((totals(codes, weights, clusters) > 0).sum())
    if units < 2:
        return PairedMean(mean, float("nan"), first.size, units)
    variance = units / (units - 1) * float((residual**2).sum()) / total**2
    return PairedMean(mean, variance, first.size, units)


def sequence_half_width(
    n: npt.ArrayLike, *, variance: npt.ArrayLike, planned: int, alpha: float = 0.05, sides: Literal[1, 2] = 2
) -> npt.NDArray[np.float64]:
    """The half-width of an asymptotic confidence sequence after n independent units of a variance each.

    The tuning is the one that makes it narrowest at `planned` units.

    >>> sequence_half_width([100, 1000], variance=1.0, planned=1000).round(4)
    array([0.3855, 0.096 ])
    """
    units = np.asarray(n, dtype=np.float64)
    both = alpha if sides == 2 else min(2 * alpha, 1 - 1e-9)
    log = -2 * np.log(both)
    rho2 = (log + np.log(log + 1)) / planned
    grown = units * rho2 + 1
    if sides == 2:
        crossing = np.log(np.sqrt(grown) / alpha)
    else:
        crossing = np.log(1 + np.sqrt(grown) / (2 * alpha))
    return np.asarray(np.sqrt(np.asarray(variance) * 2 * grown / (units**2 * rho2) * crossing))


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> TwoSample:
    """Whether arms got the shares of decisions they were meant to: a p-value below 0.001 stops an experiment.

    Pearson's goodness of fit, right here because the shares are known. Fabijan et al. (2019), "Diagnosing sample ratio
    mismatch in online controlled experiments".

    >>> sample_ratio([821588, 815482], [0.5, 0.5]).p_value.__round__(8)
    1.82e-06
    """
    found, wanted = np.asarray(counts, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    if found.size != wanted.size or found.size < 2 or (wanted <= 0).any():
        raise DataError(f"{found.size} counts and the shares {list(shares)}.", expected="a positive share per arm")
    if not found.sum():
        return TwoSample(0.0, 1.0)
    expected = found.sum() * wanted / wanted.sum()
    statistic = float(((found - expected) ** 2 / expected).sum())
    return TwoSample(statistic, float(chdtrc(found.size - 1, statistic)))
