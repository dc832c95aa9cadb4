"""Means, totals and ratios of a population from a sample of it, with intervals that follow from how it was drawn.

The estimate is the weighted sum of the sample (Horvitz and Thompson 1952), a mean or ratio the quotient of two (Hajek
1971). Its variance is that of the linearised values (Woodruff 1971), summed to the units that were drawn together,
within the strata that were drawn apart: Saerndal, Swensson and Wretman (1992), "Model assisted survey sampling".
Units of unequal chances count by Hajek's (1964) approximation, which for equal chances is exact.

A sample that somebody chose has no such interval, and asking for one is an error: how far it is from the population
is not a matter of its size.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.data.samples.frame import INDEPENDENT, REPLACED
from setpoint.data.samples.sample import Sample, effective_size
from setpoint.measure.intervals import Interval, normal_quantile, t_quantile
from setpoint.measure.proportions import wilson
from setpoint.measure.rows import Array, column, totals

CERTAIN = 1 - 1e-9


def mean_of(
    sample: Sample, values: npt.ArrayLike, *, where: npt.ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """The population's mean of a column, from its values on the sampled rows; `where` keeps it to some of the rows.

    >>> from setpoint.data.samples.sample import simple
    >>> sample = simple(1000, 100, seed=1)
    >>> found = mean_of(sample, sample.index)
    >>> found.low < 499.5 < found.high
    True
    """
    y = _values(sample, values)
    return _ratio(sample, y, np.ones_like(y), where=where, level=level)


def share_of(
    sample: Sample, hits: npt.ArrayLike, *, where: npt.ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """The share of the population's rows for which `hits` is 1, with bounds that stay between 0 and 1.

    The interval of Wilson (1927) at the size of the simple random sample that would know as much (Korn and Graubard
    1998; Franco et al. 2019, J. Survey Statistics and Methodology 7(3)): a mean's interval fails for rare hits, and
    has no width where nobody, or everybody, was hit.

    >>> from setpoint.data.samples.sample import simple
    >>> found = share_of(simple(100_000, 100, seed=1), np.zeros(100))
    >>> found.low, round(found.high, 3)
    (0.0, 0.038)
    """
    y = _values(sample, hits)
    if ((y != 0) & (y != 1)).any():
        raise DataError(f"A hit is {y[(y != 0) & (y != 1)][0]:g}.", expected="0 or 1", hint="mean_of() takes numbers.")
    top, bottom = _within(y, where), _within(np.ones_like(y), where)
    counted = sample.weight * bottom
    whole = float(counted.sum())
    if whole == 0:
        return _ratio(sample, top, bottom, where=None, level=level)
    share = min(float((sample.weight * top).sum()) / whole, 1.0)
    variance, freedom = _spread(sample, (top - share * bottom) / whole, level=level)
    unit = np.unique(sample.unit, return_inverse=True)[1]
    by_unit = totals(unit, counted, int(unit.max()) + 1)
    clusters = int((by_unit > 0).sum())
    if math.isinf(freedom):
        return Interval(share, share, share, level, len(sample), clusters, 0, "design")
    known = effective_size(by_unit)
    if 0 < share < 1:
        known = share * (1 - share) / variance if variance > 0 else math.nan
        known = min(known, _most_known(sample, counted))
    known *= (normal_quantile(level) / t_quantile(level, freedom)) ** 2
    low, high = (math.nan, math.nan) if math.isnan(known) else (float(end) for end in wilson(share, known, level=level))
    return Interval(share, min(low, share), max(high, share), level, len(sample), clusters, 0, "design")


def ratio_of(
    sample: Sample,
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    *,
    where: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """The population's total of one column over that of another; metrics such as precision are such ratios.

    >>> from setpoint.data.samples.sample import everything
    >>> ratio_of(everything(4), [1, 1, 0, 0], [1, 1, 1, 0]).estimate.__round__(3)
    0.667
    """
    return _ratio(sample, _values(sample, numerator), _values(sample, denominator), where=where, level=level)


def total_of(
    sample: Sample, values: npt.ArrayLike, *, where: npt.ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """The population's total of a column, by Horvitz and Thompson (1952): each value over its row's chance.

    >>> from setpoint.data.samples.sample import simple
    >>> total_of(simple(1000, 100, seed=1), np.ones(100)).estimate
    1000.0
    """
    y = _within(_values(sample, values), where)
    return _interval(sample, float((sample.weight * y).sum()), y, level=level)


def mean_alone(sample: Sample, values: npt.ArrayLike) -> float:
    """The weighted mean of the sampled values without an interval: all that a sample which was chosen can give.

    >>> from setpoint.data.samples.chosen import convenience
    >>> mean_alone(convenience([0, 1], 9, judged_by="who answered"), [1.0, 3.0])
    2.0
    """
    y = _values(sample, values)
    whole = float(sample.weight.sum())
    return float((sample.weight * y).sum()) / whole if whole > 0 else float("nan")


def variance_of(sample: Sample, values: npt.ArrayLike) -> float:
    """The estimated variance of the weighted sum of these values over the samples that could have been drawn.

    NaN where a stratum has but one unit that could have been another: nothing says how far that one would be.
    """
    need_probability(sample)
    return _variance(sample, _values(sample, values))


def need_probability(sample: Sample) -> None:
    """Refuses a sample in which rows have no known chance, and says what can be had instead."""
    if not sample.frame.probability:
        raise DataError(
            f"A {sample.frame.kind} sample (chosen by {sample.frame.judged_by}) has no design-based interval: "
            "no row has a known chance of being in it.",
            expected="a sample drawn at random, such as simple, stratified, pps, group, time or reservoir",
            hint="Draw one; or rake() this one to known margins, give mean_alone() without an interval, "
            "and show selection_bias() beside it.",
        )


def _ratio(
    sample: Sample, numerator: Array, denominator: Array, *, where: npt.ArrayLike | None, level: float
) -> Interval:
    top, bottom = _within(numerator, where), _within(denominator, where)
    whole = float((sample.weight * bottom).sum())
    if whole == 0:
        need_probability(sample)
        return _interval(sample, float("nan"), np.full_like(top, np.nan), level=level)
    ratio = float((sample.weight * top).sum()) / whole
    return _interval(sample, ratio, (top - ratio * bottom) / whole, level=level)


def _interval(sample: Sample, estimate: float, linear: Array, *, level: float) -> Interval:
    variance, freedom = _spread(sample, linear, level=level)
    half = math.sqrt(variance) * t_quantile(level, freedom) if variance > 0 or freedom < 1 else variance
    clusters = np.unique(sample.unit).size
    return Interval(estimate, estimate - half, estimate + half, level, len(sample), clusters, 0, "design")


def _spread(sample: Sample, linear: Array, *, level: float) -> tuple[float, float]:
    """The variance of sum(weight * linear) and its degrees of freedom, infinite where no row could be another."""
    need_probability(sample)
    if not 0 < level < 1:
        raise DataError(f"level={level}.", expected="more than 0 and less than 1")
    random = (sample.inclusion < CERTAIN) | (sample.frame.scheme == REPLACED)
    if len(sample) and not random.any():
        return 0.0, math.inf
    units = np.unique(sample.unit[random]).size
    freedom = units - (1 if sample.frame.scheme == INDEPENDENT else np.unique(sample.stratum[random]).size)
    return (_variance(sample, linear) if np.isfinite(linear).all() else float("nan")), freedom


def _most_known(sample: Sample, counted: Array) -> float:
    """The effective size if hits had nothing to do with weights, where rows of one stratum weigh differently.

    A few hits that all weigh little show a variance that is too small; this bounds what they are taken to know.
    """
    stratum = np.unique(sample.stratum, return_inverse=True)[1]
    heavy = np.zeros(int(stratum.max()) + 1)
    np.maximum.at(heavy, stratum, sample.weight)
    if (sample.weight >= heavy[stratum] * CERTAIN).all():
        return math.inf
    left_out = np.ones_like(counted) if sample.frame.scheme == REPLACED else 1 - sample.inclusion
    squares = float((left_out * counted**2).sum())
    return float(counted.sum()) ** 2 / squares if squares > 0 else math.inf


def _variance(sample: Sample, linear: Array) -> float:
    """The variance of sum(weight * linear): units within strata, as the scheme draws them."""
    first, unit = np.unique(sample.unit, return_index=True, return_inverse=True)[1:]
    sums = totals(unit, sample.weight * linear, first.size)
    stratum = np.unique(sample.stratum[first], return_inverse=True)[1]
    chances = sample.inclusion[first]
    random: Array = np.where(chances < CERTAIN, 1 - chances, 0.0)
    if sample.frame.scheme == REPLACED:
        random = np.ones(first.size)
    if sample.frame.scheme == INDEPENDENT:
        return float((random * sums**2).sum())
    strata = int(stratum.max()) + 1 if stratum.size else 0
    drawn = totals(stratum, (random > 0).astype(np.float64), strata)
    if (drawn == 1).any():
        return float("nan")
    weight = totals(stratum, random, strata)
    middle = np.divide(totals(stratum, random * sums, strata), weight, out=np.zeros(strata), where=weight > 0)
    apart = totals(stratum, random * (sums - middle[stratum]) ** 2, strata)
    return float((apart * np.divide(drawn, drawn - 1, out=np.zeros(strata), where=drawn > 1)).sum())


def _values(sample: Sample, values: npt.ArrayLike) -> Array:
    found = column(values, "values")
    if found.size != len(sample):
        raise DataError(
            f"There are {found.size} values for a sample of {len(sample)} rows.",
            expected="one per sampled row",
            hint="Give values[sample.index].",
        )
    return found


def _within(values: Array, where: npt.ArrayLike | None) -> Array:
    if where is None:
        return values
    return np.asarray(np.where(np.asarray(where, dtype=bool), values, 0.0))
