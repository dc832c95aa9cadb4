"""Resampling of clusters: which unit each row belongs to, how often each draw takes it, and metrics of the draws.

A draw never touches the rows. Clusters are spread at random over at most 1,024 units (sums of independent clusters
are independent, so the variance is the same), scores are collected in at most 2,048 bins, and all draws of a metric
are one product of the counts (draws x units) with the units' sums. The value itself is exact; only the draws'
distances from it are binned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from setpoint.core.errors import DataError
from setpoint.core.rng import seed_for
from setpoint.measure.metrics import MetricSpec
from setpoint.measure.rows import Array, Codes, Mask, Rows, need_probabilities, totals
from setpoint.measure.scores import ScoreTable, bins_of_equal_weight, rank

UNITS = 1024
BINS = 2048


class Drawn(NamedTuple):
    """A metric's value on the rows and on each draw; NaN where a draw leaves it undefined."""

    estimate: float
    draws: Array


@dataclass(frozen=True)
class Resample:
    """The unit of each row, and how often each draw takes each unit."""

    unit: Codes
    counts: Array
    clusters: int


def resample(codes: Codes, clusters: int, *, draws: int = 500, seed: int = 0) -> Resample:
    """Draws of clusters with replacement, the same for the same seed; `codes` is the cluster of each row.

    >>> resample(np.array([0, 0, 1, 2]), 3, draws=2).counts.sum(axis=1)
    array([3., 3.])
    """
    if draws < 1:
        raise DataError(f"draws={draws}.", expected="at least 1")
    rng = np.random.default_rng(seed_for(seed, "bootstrap"))
    units = min(clusters, UNITS)
    if clusters > UNITS:
        codes = (rng.permutation(clusters) % UNITS)[codes]
    taken = rng.integers(0, max(units, 1), size=(draws, units)) + units * np.arange(draws)[:, None]
    counts = np.bincount(taken.ravel(), minlength=draws * units).reshape(draws, units)
    return Resample(codes, counts.astype(np.float64), clusters)


def draw(
    spec: MetricSpec, rows: Rows, option: float, *, resample: Resample, bins: int = BINS, keep: Mask | None = None
) -> Drawn:
    """A metric on the rows (or those that `keep` masks) and on every draw of them."""
    if spec.probabilities:
        need_probabilities(rows.p)
    unit = resample.unit
    if keep is not None:
        rows, unit = rows.where(keep), unit[keep]
    estimate = spec.on(rows, option)
    if spec.ratio is not None:
        numerator, denominator = spec.ratio(rows.y, rows.p, option)
        parts = [rows.weight * numerator, rows.weight * denominator]
        units = resample.counts.shape[1]
        sums = [totals(unit, part, units) for part in parts]
        # einsum adds in one order whatever the number of threads, so the same seed gives the same bits
        top, bottom = (np.einsum("du,u->d", resample.counts, of_unit) for of_unit in sums)
        return Drawn(estimate, np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0))
    if spec.table is not None:
        return _draw_tables(spec, rows, option, unit=unit, counts=resample.counts, bins=bins, estimate=estimate)
    assert spec.whole is not None
    values = [spec.whole(rows.y, rows.p, rows.weight * counts[unit], option) for counts in resample.counts]
    return Drawn(estimate, np.array(values))


def _draw_tables(
    spec: MetricSpec, rows: Rows, option: float, *, unit: Codes, counts: Array, bins: int, estimate: float
) -> Drawn:
    assert spec.table is not None
    rows = Rows(rows.y, rows.p, _whole_weights(rows.weight))
    table, place = rank(rows)
    into = _bins_of(table, bins)
    size, units = int(into[-1]) + 1 if into.size else 0, counts.shape[1]
    cell = unit * size + into[place]
    positives = totals(cell, rows.weight * rows.y, units * size).reshape(units, size)
    negatives = totals(cell, rows.weight * (1 - rows.y), units * size).reshape(units, size)
    weight = table.positives + table.negatives
    mass = totals(into, weight, size)
    middle = totals(into, weight * table.scores, size)
    scores = np.divide(middle, mass, out=np.zeros_like(middle), where=mass > 0)
    if size == table.scores.size:
        scores = table.scores
    binned = float(spec.table(ScoreTable(scores, positives.sum(axis=0), negatives.sum(axis=0)), option))
    values = spec.table(ScoreTable(scores, counts @ positives, counts @ negatives), option)
    return Drawn(estimate, np.clip(values + (estimate - binned), spec.lower, spec.upper))


def _bins_of(table: ScoreTable, bins: int) -> Codes:
    """The bin of each distinct score: each its own, or bins that hold equal shares of both classes together."""
    if table.scores.size <= bins:
        return np.arange(table.scores.size, dtype=np.intp)
    classes = [part / part.sum() for part in (table.positives, table.negatives) if part.sum() > 0]
    mass = np.add.reduce(classes) if classes else np.ones_like(table.scores)
    return bins_of_equal_weight(mass, bins)


def _whole_weights(weight: Array) -> Array:
    """Weights as whole numbers, so that a matrix product of them is exact and the same on any number of threads."""
    if (weight == np.rint(weight)).all():
        return weight
    return np.asarray(np.rint(weight / weight.max() * 2.0**20))
