"""Metrics of ranks, read off one table of scores: exact on the data, and on any resampling of its weights."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from setpoint.measure.rows import Array, Codes, Rows, totals


class ScoreTable(NamedTuple):
    """Weight of positives and negatives at each score, ascending.

    `positives` and `negatives` may carry leading axes (one table per bootstrap draw); metrics keep them.
    """

    scores: Array
    positives: Array
    negatives: Array


class Ranked(NamedTuple):
    """A table of distinct scores, and each row's place in it."""

    table: ScoreTable
    place: Codes


def rank(rows: Rows) -> Ranked:
    """The table of the distinct scores of some rows.

    >>> from setpoint.measure.rows import as_rows
    >>> rank(as_rows([1, 0, 1], [0.7, 0.2, 0.7])).table.positives
    array([0., 2.])
    """
    order = np.argsort(rows.p)
    ascending = rows.p[order]
    first = np.ones(order.size, dtype=bool)
    first[1:] = ascending[1:] != ascending[:-1]
    place = np.empty(order.size, dtype=np.intp)
    place[order] = np.cumsum(first) - 1
    scores = ascending[first]
    positives = totals(place, rows.weight * rows.y, scores.size)
    negatives = totals(place, rows.weight * (1 - rows.y), scores.size)
    return Ranked(ScoreTable(scores, positives, negatives), place)


def auc_of(table: ScoreTable) -> Array:
    """How often a positive scores above a negative, ties counting half; NaN with one class only."""
    positives, negatives = table.positives, table.negatives
    below = np.cumsum(negatives, axis=-1) - negatives
    won = (positives * (below + negatives / 2)).sum(axis=-1)
    return _share(won, positives.sum(axis=-1) * negatives.sum(axis=-1))


def average_precision_of(table: ScoreTable) -> Array:
    """Mean precision at the score of each positive; NaN without positives."""
    hits, taken = _taken_from_the_top(table)
    precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
    return _share((table.positives * precision).sum(axis=-1), table.positives.sum(axis=-1))


def recall_at_precision_of(table: ScoreTable, precision: float) -> Array:
    """The best recall among thresholds that reach a precision, 0 where none does; NaN without positives."""
    hits, taken = _taken_from_the_top(table)
    reached = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0) >= precision
    best = np.where(reached, hits, 0.0).max(axis=-1, initial=0.0)
    return _share(best, table.positives.sum(axis=-1))


def ece_of(table: ScoreTable, bins: int) -> Array:
    """Mean distance between score and rate over bins of equal weight; NaN without rows.

    Rows with equal scores share a bin, so that the order of rows does not matter.
    """
    weight = table.positives + table.negatives
    bin_ = bins_of_equal_weight(weight, bins)
    tables = math.prod(weight.shape[:-1])
    cell = bin_.reshape(tables, weight.shape[-1]) + bins * np.arange(tables)[:, None]
    excess = (table.positives - weight * table.scores).ravel()
    sums = totals(cell.ravel(), excess, tables * bins)
    distance = np.abs(sums).reshape(*weight.shape[:-1], bins).sum(axis=-1)
    return _share(distance, weight.sum(axis=-1))


def bins_of_equal_weight(weight: Array, bins: int) -> Codes:
    """The bin of each score, such that bins carry about equal weight; `weight` is that of ascending scores.

    >>> bins_of_equal_weight(np.array([1.0, 1.0, 2.0]), 2)
    array([0, 0, 1])
    """
    total = weight.sum(axis=-1, keepdims=True)
    middle = np.cumsum(weight, axis=-1) - weight / 2
    share = np.divide(middle, total, out=np.zeros_like(middle), where=total > 0)
    return np.asarray(np.minimum(share * bins, bins - 1), dtype=np.intp)


def _taken_from_the_top(table: ScoreTable) -> tuple[Array, Array]:
    hits = np.cumsum(table.positives[..., ::-1], axis=-1)[..., ::-1]
    misses = np.cumsum(table.negatives[..., ::-1], axis=-1)[..., ::-1]
    return hits, hits + misses


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.divide(part, whole))
