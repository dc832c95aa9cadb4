"""The variance of AUC in closed form, for one model or the difference of two, clustered or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from setpoint.measure.intervals import Interval, all_agreed_bound, t_quantile
from setpoint.measure.rows import Array, Codes, Rows, effective, totals
from setpoint.measure.scores import auc_of, rank


class Influence(NamedTuple):
    """An AUC and how far each row moves it."""

    auc: float
    of_row: Array


def influence(rows: Rows) -> Influence:
    """The AUC of some rows, and each row's share in it above or below the mean.

    DeLong's structural components by mid-ranks, in the time of one sort (Sun and Xu 2014, "Fast implementation of
    DeLong's algorithm", IEEE Signal Processing Letters 21(11)).
    """
    table, place = rank(rows)
    value = float(auc_of(table))
    positives, negatives = table.positives.sum(), table.negatives.sum()
    below = (np.cumsum(table.negatives) - table.negatives / 2) / negatives
    above = 1 - (np.cumsum(table.positives) - table.positives / 2) / positives
    won = np.where(rows.y > 0, (below[place] - value) / positives, (above[place] - value) / negatives)
    return Influence(value, rows.weight * won)


def clustered_variance(y: Array, of_row: Array, *, codes: Codes, clusters: int) -> tuple[float, int]:
    """The variance of a sum of influences, and the number of clusters of the scarcer class.

    With every row its own cluster this is DeLong, DeLong and Clarke-Pearson (1988); with clusters it is Obuchowski
    (1997), "Nonparametric analysis of clustered ROC curve data", Biometrics 53(2). NaN with fewer than two clusters
    of either class.
    """
    positive = y > 0
    won = totals(codes[positive], of_row[positive], clusters)
    lost = totals(codes[~positive], of_row[~positive], clusters)
    with_positives = np.bincount(codes[positive], minlength=clusters) > 0
    with_negatives = np.bincount(codes[~positive], minlength=clusters) > 0
    scarcer = int(min(with_positives.sum(), with_negatives.sum()))
    if scarcer < 2:
        return float("nan"), scarcer
    units = int((with_positives | with_negatives).sum())
    variance = (
        _unbiased(int(with_positives.sum())) * float((won**2).sum())
        + _unbiased(int(with_negatives.sum())) * float((lost**2).sum())
        + _unbiased(units) * 2 * float((won * lost).sum())
    )
    return max(variance, 0.0), scarcer


def auc_interval(rows: Rows, *, codes: Codes, clusters: int, level: float = 0.95) -> Interval:
    """The interval of AUC, on the logit scale so that it stays between 0 and 1.

    Student's quantile with the clusters of the scarcer class. Perfect separation has no variance; its bound is the
    rule of three on as many disjoint pairs as there are such clusters, fewer where weights are unequal.
    """
    n, nan = rows.y.size, float("nan")
    if _one_class(rows):
        return Interval(nan, nan, nan, level, n, clusters, 0, "delong")
    value, of_row = influence(rows)
    variance, scarcer = clustered_variance(rows.y, of_row, codes=codes, clusters=clusters)
    low, high = value, value
    if np.isnan(variance):
        low, high = nan, nan
    elif value in {0.0, 1.0}:
        bound = all_agreed_bound(level, scarcer * _evenness(rows))
        low, high = (bound, 1.0) if value > 0 else (0.0, 1 - bound)
    elif variance > 0:
        half = t_quantile(level, scarcer - 1) * np.sqrt(variance) / (value * (1 - value))
        odds = (1 - value) / value
        low, high = float(1 / (1 + odds * np.exp(half))), float(1 / (1 + odds * np.exp(-half)))
    return Interval(value, low, high, level, n, clusters, 0, "delong")


def auc_difference(champion: Rows, challenger: Rows, *, codes: Codes, clusters: int, level: float) -> Interval:
    """The interval of the challenger's AUC minus the champion's on the same rows."""
    n, nan = champion.y.size, float("nan")
    if _one_class(champion):
        return Interval(nan, nan, nan, level, n, clusters, 0, "delong")
    ours, theirs = influence(challenger), influence(champion)
    difference = ours.auc - theirs.auc
    variance, scarcer = clustered_variance(champion.y, ours.of_row - theirs.of_row, codes=codes, clusters=clusters)
    half = t_quantile(level, scarcer - 1) * float(np.sqrt(variance))
    return Interval(difference, difference - half, difference + half, level, n, clusters, 0, "delong")


def _one_class(rows: Rows) -> bool:
    return float((rows.weight * rows.y).sum()) <= 0 or float((rows.weight * (1 - rows.y)).sum()) <= 0


def _evenness(rows: Rows) -> float:
    """One over the design effect of the weights, of the class where it is larger."""
    parts = [rows.weight[(rows.y == label) & (rows.weight > 0)] for label in (0.0, 1.0)]
    return float(min(effective(part) / part.size for part in parts))


def _unbiased(count: int) -> float:
    return count / (count - 1)
