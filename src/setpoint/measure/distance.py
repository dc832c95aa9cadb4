"""How far a sample has moved from a reference: distances, and tests whose alarms are as rare as they say.

All take both samples as samples. Taking the reference as exact (a one-sample goodness of fit) raises the false
alarms of a 5 % test to 20-26 % with 3 categories and to 96-99 % with 50, at equal sizes.

Histograms are counts over the same bins in the same order; categories are aligned by `align`. A `dispersion` above 1
says how much more than chance the windows of a stationary past already differ (see `dispersion_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, kolmogorov

from setpoint.core.errors import DataError
from setpoint.measure.proportions import TwoSample
from setpoint.measure.rows import Array, column

LEAST_EXPECTED = 5.0


def ks(reference: npt.ArrayLike, current: npt.ArrayLike, *, dispersion: float = 1.0) -> TwoSample:
    """The two-sample Kolmogorov-Smirnov test on values.

    The p-value is the asymptotic one of Smirnov (1939); ties make it conservative.

    >>> round(ks(range(100), range(40, 140)).statistic, 3)
    0.4
    """
    a, b = np.sort(column(reference, "reference")), np.sort(column(current, "current values"))
    if not a.size or not b.size:
        return TwoSample(float("nan"), 1.0)
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, side="right") / a.size
    below_b = np.searchsorted(b, both, side="right") / b.size
    return _kolmogorov(float(np.abs(below_a - below_b).max()), a.size, b.size, dispersion=dispersion)


def ks_binned(reference: npt.ArrayLike, current: npt.ArrayLike, *, dispersion: float = 1.0) -> TwoSample:
    """The two-sample Kolmogorov-Smirnov test on counts over common ascending bins.

    It sees the largest difference at the edges of bins only, so it is conservative: hardly with 100 bins, much with 5,
    where `chi2_homogeneity` is the better test.

    >>> ks_binned([50, 50], [25, 75]).statistic
    0.25
    """
    a, b = _pair(reference, current)
    if not a.sum() or not b.sum():
        return TwoSample(float("nan"), 1.0)
    apart = float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).max())
    return _kolmogorov(apart, float(a.sum()), float(b.sum()), dispersion=dispersion)


def chi2_homogeneity(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    dispersion: float = 1.0,
    least_expected: float = LEAST_EXPECTED,
) -> TwoSample:
    """Pearson's test that two rows of counts come from one distribution, rare levels pooled.

    Pooling looks at the sum of both rows only, which keeps the test valid. With one level left nothing can differ and
    the p-value is 1.

    >>> chi2_homogeneity([30, 70], [50, 50]).statistic.__round__(3)
    8.333
    """
    a, b = pool_rare(reference, current, least_expected=least_expected)
    n_a, n_b = a.sum(), b.sum()
    if a.size < 2 or not n_a or not n_b:
        return TwoSample(float("nan"), 1.0)
    # Pearson's sum over both rows in one: (a / n_a - b / n_b)^2 over the pooled share
    statistic = float(((a * n_b - b * n_a) ** 2 / (a + b)).sum() / (n_a * n_b)) / max(dispersion, 1.0)
    return TwoSample(statistic, float(chdtrc(a.size - 1, statistic)))


def pool_rare(
    reference: npt.ArrayLike, current: npt.ArrayLike, *, least_expected: float = LEAST_EXPECTED
) -> tuple[Array, Array]:
    """Both rows of counts with the levels pooled whose expected count in the smaller sample is too low.

    The pool comes last; if it is still too rare the rarest of the other levels joins it. Levels nobody has are dropped.

    >>> pool_rare([90, 1, 9, 0], [40, 3, 6, 0])
    (array([90., 10.]), array([40.,  9.]))
    """
    a, b = _pair(reference, current)
    both = a + b
    share = min(a.sum(), b.sum()) / max(both.sum(), 1)
    order = np.argsort(both, kind="stable")
    rare = both[order] * share < least_expected
    pooled = int(rare.sum())
    if pooled and both[order[:pooled]].sum() * share < least_expected and both[order[:pooled]].sum() > 0:
        pooled = min(pooled + 1, both.size)
    kept, pool = np.sort(order[pooled:]), order[:pooled]
    if not both[pool].sum():
        return a[kept], b[kept]
    return np.append(a[kept], a[pool].sum()), np.append(b[kept], b[pool].sum())


def align(reference: Mapping[Any, int], current: Mapping[Any, int]) -> tuple[list[Any], Array, Array]:
    """The levels of two counts of categories in the reference's order, new ones last, and both rows of counts.

    >>> align({"a": 3, "b": 1}, {"b": 2, "c": 5})
    (['a', 'b', 'c'], array([3., 1., 0.]), array([0., 2., 5.]))
    """
    levels = [*reference, *(level for level in current if level not in reference)]
    a = np.array([reference.get(level, 0) for level in levels], dtype=np.float64)
    return levels, a, np.array([current.get(level, 0) for level in levels], dtype=np.float64)


def dispersion_of(windows: Sequence[npt.ArrayLike]) -> float:
    """How much more than chance the histograms of a stationary past differ: 1 when only chance is at work.

    Each window against all others pooled, Pearson's statistic over its degrees of freedom (Wedderburn 1974,
    quasi-likelihood); never below 1. Divide a window's statistic by it, as the tests here do with `dispersion=`.

    >>> dispersion_of([[50, 50], [52, 48], [49, 51]])
    1.0
    """
    counts = [column(window, "counts") for window in windows]
    if len(counts) < 3 or len({count.size for count in counts}) > 1:
        raise DataError(f"There are {len(counts)} windows.", expected="at least 3 windows over the same bins")
    total = np.add.reduce(counts)
    statistic, freedom = 0.0, 0
    for count in counts:
        a, b = pool_rare(total - count, count)
        if a.size > 1 and a.sum() and b.sum():
            statistic += chi2_homogeneity(a, b, least_expected=0).statistic
            freedom += a.size - 1
    return max(1.0, statistic / freedom) if freedom else 1.0


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Population stability index: the symmetrised Kullback-Leibler divergence, in nats.

    Half a row is added to each bin so that an empty one stays finite. On n rows a side and k bins chance alone gives
    about 2 (k - 1) / n (Yurdakul 2018), so a fixed limit such as 0.1 is no test.

    >>> round(psi([500, 500], [400, 600]), 4)
    0.0405
    """
    a, b = _pair(reference, current)
    a, b = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    return float(((a - b) * np.log(a / b)).sum())


def js(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon distance, 0 to 1: the root of the divergence in bits (Endres and Schindelin 2003).

    >>> js([1, 0], [0, 1])
    1.0
    """
    a, b = _shares(reference, current)
    middle = (a + b) / 2
    bits = [float((part[part > 0] * np.log2(part[part > 0] / middle[part > 0])).sum()) / 2 for part in (a, b)]
    return float(np.sqrt(max(0.0, sum(bits))))


def hellinger(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Hellinger distance, 0 to 1.

    >>> hellinger([1, 0], [0, 1])
    1.0
    """
    a, b = _shares(reference, current)
    return float(np.sqrt(max(0.0, ((np.sqrt(a) - np.sqrt(b)) ** 2).sum() / 2)))


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Earth mover's distance between two samples, in standard deviations of the reference.

    >>> wasserstein([0.0, 2.0], [1.0, 3.0])
    1.0
    """
    a, b = np.sort(column(reference, "reference")), np.sort(column(current, "current values"))
    if not a.size or not b.size:
        return float("nan")
    both = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, both[:-1], side="right") / a.size
    below_b = np.searchsorted(b, both[:-1], side="right") / b.size
    return _per_deviation(float((np.abs(below_a - below_b) * np.diff(both)).sum()), float(a.std()))


def wasserstein_binned(reference: npt.ArrayLike, current: npt.ArrayLike, positions: npt.ArrayLike) -> float:
    """Earth mover's distance between two histograms over bins at ascending positions, in reference deviations.

    `positions` are the bins' means or middles; the deviation is that of the binned reference.

    >>> wasserstein_binned([1, 1, 0], [0, 1, 1], [0.0, 2.0, 4.0])
    2.0
    """
    a, b = _shares(reference, current)
    at = column(positions, "positions")
    if at.size != a.size or (np.diff(at) < 0).any():
        raise DataError(f"There are {a.size} bins and {at.size} positions.", expected="one per bin, ascending")
    moved = float((np.abs(np.cumsum(a - b))[:-1] * np.diff(at)).sum())
    mean = float((a * at).sum())
    return _per_deviation(moved, float(np.sqrt((a * (at - mean) ** 2).sum())))


def _pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Array, Array]:
    a, b = column(reference, "reference counts"), column(current, "current counts")
    if a.size != b.size:
        raise DataError(f"There are {a.size} reference counts and {b.size} current ones.", expected="the same bins")
    if (a < 0).any() or (b < 0).any():
        raise DataError(f"A count is {min(a.min(), b.min()):g}.", expected="zero or more")
    return a, b


def _shares(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Array, Array]:
    a, b = _pair(reference, current)
    if not a.sum() or not b.sum():
        raise DataError("A histogram is empty.", expected="at least one row on either side")
    return a / a.sum(), b / b.sum()


def _kolmogorov(apart: float, n_a: float, n_b: float, *, dispersion: float) -> TwoSample:
    root = np.sqrt(n_a * n_b / (n_a + n_b) / max(dispersion, 1.0))
    return TwoSample(apart, float(kolmogorov(root * apart)))


def _per_deviation(distance: float, deviation: float) -> float:
    if deviation > 0:
        return distance / deviation
    return 0.0 if distance == 0 else float("inf")
