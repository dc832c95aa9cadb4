"""The goal's metric by group, for every kind of goal: each group's interval, and whether it is worse than the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from setpoint.declare.goal import RANGES, Metric
from setpoint.learn.groups import groups_of
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.kinds.ranking import Ranking
from setpoint.learn.sides import Examples
from setpoint.measure.draws import difference_of, interval_of
from setpoint.measure.intervals import normal_quantile
from setpoint.measure.multiplicity import holm
from setpoint.measure.slices import LEAST_ROWS, Slice

LEVEL = 0.95


def slices_of_kind(
    kind: Kind, metric: Metric, rows: Examples, predicted: np.ndarray, name: str, *, draws: int, seed: int
) -> tuple[Slice, ...]:
    """The metric of each group of a request field or feature, and a test against all other rows on common draws.

    Chances are one-sided, of a normal difference, and adjusted by Holm. The items of a query are of the group of its
    first one.
    """
    groups, cluster = groups_of(rows, name), kind.cluster(rows)
    if isinstance(kind, Ranking):
        _, first, place = np.unique(kind.codes(rows), return_index=True, return_inverse=True)
        groups = groups[first][place]
    found, chances = [], []
    for group in np.unique(groups).tolist():
        inside = groups == group
        n, ours = int(inside.sum()), np.flatnonzero(inside)
        own = interval_of(
            kind.statistic(metric, rows.take(ours), predicted[ours]),
            cluster=cluster[ours],
            weight=rows.weight[ours],
            lower=RANGES[metric.name][0],
            upper=RANGES[metric.name][1],
            draws=draws,
            seed=seed,
            level=LEVEL,
        )
        shortfall, chance = float("nan"), float("nan")
        if LEAST_ROWS <= n <= rows.y.size - LEAST_ROWS:
            parts = [
                kind.statistic(metric, replace(rows, weight=np.where(kept, rows.weight, 0.0)), predicted)
                for kept in (~inside, inside)
            ]
            apart = difference_of(*parts, cluster=cluster, draws=draws, seed=seed, level=LEVEL)
            shortfall = -apart.estimate if metric.greater_is_better else apart.estimate
            spread = (apart.high - apart.low) / (2 * normal_quantile((1 + LEVEL) / 2))
            chance = float(ndtr(-shortfall / spread)) if spread > 0 else float("nan")
        found.append((group, n, own, shortfall))
        chances.append(chance)
    adjusted = holm(chances)
    return tuple(Slice(*part, p_value=float(chance)) for part, chance in zip(found, adjusted, strict=True))
