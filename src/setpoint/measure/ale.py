"""How a prediction changes along one column, the other columns being what they are: accumulated local effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.intervals import t_quantile
from setpoint.measure.rows import Array, codes_for, totals
from setpoint.measure.statistic import weights_for


@dataclass(frozen=True)
class LocalEffects:
    """What a column's value does to the prediction, over its mean effect, at the edges of bins of as many rows."""

    at: Array
    effect: Array
    low: Array
    high: Array

    def to_dict(self) -> dict[str, Any]:
        """The effects as JSON-like data; a bound that is not a number becomes None."""
        return {
            name: [float(each) if np.isfinite(each) else None for each in getattr(self, name)]
            for name in ("at", "effect", "low", "high")
        }


def local_effects(
    value: Callable[[Array], Array],
    rows: Array,
    column: int,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    bins: int = 20,
    level: float = 0.95,
) -> LocalEffects | None:
    """The accumulated local effects of a column of numbers; None where it has fewer than two values.

    Apley and Zhu (2020), "Visualizing the effects of predictor variables in black box supervised learning models":
    in each bin the rows that are there are moved from its lower to its upper edge, and the mean changes are added up.
    Unlike partial dependence it asks about no row far from those that are: with columns that move together it does not
    give one the effect of the other. Rows without a value are left out. The pointwise bounds linearise the sums by
    `cluster`, for bins that stay where they are.

    >>> rows = np.random.default_rng(0).normal(size=(500, 2))
    >>> found = local_effects(lambda some: 3 * some[:, 0] + some[:, 1], rows, 0, bins=4)
    >>> slopes = np.diff(found.effect) / np.diff(found.at)
    >>> slopes.round(6)
    array([3., 3., 3., 3.])
    """
    if bins < 1:
        raise DataError(f"bins={bins}.", expected="at least 1")
    weights, (codes, _) = weights_for(weight, len(rows)), codes_for(cluster, len(rows))
    kept = ~np.isnan(rows[:, column]) & (weights > 0)
    rows, weights = rows[kept], weights[kept]
    codes, clusters = codes_for(codes[kept], int(kept.sum()))
    edges = np.unique(np.quantile(rows[:, column], np.linspace(0, 1, bins + 1))) if kept.any() else np.zeros(0)
    if edges.size < 2:
        return None
    place = np.clip(np.searchsorted(edges, rows[:, column], side="left") - 1, 0, edges.size - 2)
    lower, upper = rows.copy(), rows.copy()
    lower[:, column], upper[:, column] = edges[place], edges[place + 1]
    change = np.asarray(value(upper)) - np.asarray(value(lower))
    in_bin = totals(place, weights, edges.size - 1)
    mean = totals(place, weights * change, edges.size - 1) / in_bin
    centred = _centre(in_bin)
    off = np.zeros((clusters, edges.size - 1))
    np.add.at(off, (codes, place), weights * (change - mean[place]) / in_bin[place])
    sums = off @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.float64(clusters) / (clusters - 1) * (sums**2).sum(axis=0))
    half, effect = t_quantile(level, clusters - 1) * error, centred @ mean
    return LocalEffects(edges, effect, effect - half, effect + half)


def _centre(in_bin: Array) -> Array:
    """What turns the mean changes of bins into effects at their edges, less the mean effect over the rows.

    >>> _centre(np.array([1.0, 1.0])).tolist()
    [[-0.75, -0.25], [0.25, -0.25], [0.25, 0.75]]
    """
    adds = np.tri(in_bin.size + 1, in_bin.size, -1)
    middle = (adds[:-1] + adds[1:]) / 2
    return np.asarray(adds - (in_bin / in_bin.sum()) @ middle)
