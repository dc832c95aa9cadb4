"""The neighbours of a key: which ones the rows of a window name, and the fold of what each of them is like."""

from __future__ import annotations

import numpy as np

from setpoint.data.arrays import Array
from setpoint.declare.expr import Neighbours, spell
from setpoint.features.finalise import mean, to_scaled, total
from setpoint.features.pairs import Pairs, exact_sums


def newest_of_each(pairs: Pairs, codes: Array, cap: int) -> tuple[Array, Array]:
    """The newest row of each different code of each decision, of more than `cap` codes those with the newest rows.

    `codes` are those of the pairs' rows. Gives the decision and the row of each.

    >>> pairs = Pairs(1, np.array([0, 0, 0]), np.array([4, 5, 6]))
    >>> newest_of_each(pairs, np.array([1, 2, 1]), 1)
    (array([0]), array([6]))
    """
    width = int(codes.max(initial=0)) + 1
    packed = pairs.of.astype(np.int64) * width + codes
    newest = packed.size - 1 - np.unique(packed[::-1], return_index=True)[1]
    newest.sort()
    of = pairs.of[newest]
    stops = np.cumsum(np.bincount(of, minlength=pairs.decisions))
    kept = np.arange(newest.size) >= stops[of] - cap
    return of[kept], pairs.row[newest[kept]]


def fold_neighbours(node: Neighbours, of: Array, values: Array, decisions: int) -> Array:
    """The fold of each decision's neighbours: `values[i]` is that of a neighbour of decision `of[i]`, NaN for none."""
    real = ~np.isnan(values)
    pairs, values = Pairs(decisions, of[real], np.flatnonzero(real)), values[real]
    counts = pairs.counts
    if node.fold == "count":
        return counts.astype(np.float64)
    if node.fold in ("min", "max"):
        found = np.full(decisions, np.inf if node.fold == "min" else -np.inf)
        (np.minimum if node.fold == "min" else np.maximum).at(found, pairs.of, values)
        return np.where(counts > 0, found + 0.0, np.nan)
    sums = exact_sums(pairs, to_scaled(values, node.decimals, column=spell(node.of)))
    return total(sums, node.decimals) if node.fold == "sum" else mean(sums, counts, node.decimals)
