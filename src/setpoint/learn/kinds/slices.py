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
from setpoint.measure.draws import difference_of, gap_of, interval_of
from setpoint.measure.intervals import Interval, normal_quantile
from setpoint.measure.multiplicity import holm
from setpoint.measure.rows import Mask, effective
from setpoint.measure.slices import LEAST_ROWS, Slice
from setpoint.measure.statistic import Statistic

LEVEL = 0.95


def slices_of_kind(
    kind: Kind, metric: Metric, rows: Examples, predicted: np.ndarray, name: str, *, draws: int, seed: int
) -> tuple[Slice, ...]:
    """The metric of each group of a request field or feature, and a test against all other rows on common draws.

    Chances are one-sided, of a normal difference, and adjusted by Holm.
    """
    groups, cluster = groups_of_kind(kind, rows, name), kind.cluster(rows)
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
            parts = [of_part(kind, metric, rows, predicted, kept) for kept in (~inside, inside)]
            apart = difference_of(*parts, cluster=cluster, draws=draws, seed=seed, level=LEVEL)
            shortfall = -apart.estimate if metric.greater_is_better else apart.estimate
            spread = (apart.high - apart.low) / (2 * normal_quantile((1 + LEVEL) / 2))
            chance = float(ndtr(-shortfall / spread)) if spread > 0 else float("nan")
        found.append((group, n, own, shortfall))
        chances.append(chance)
    adjusted = holm(chances)
    return tuple(Slice(*part, p_value=float(chance)) for part, chance in zip(found, adjusted, strict=True))


def gap_of_kind(
    kind: Kind, metric: Metric, rows: Examples, predicted: np.ndarray, name: str, *, draws: int, seed: int, level: float
) -> Interval:
    """The difference of the metric between the groups of a request field or feature; small groups are left out."""
    groups = groups_of_kind(kind, rows, name)
    judged = [inside for inside in (groups == each for each in np.unique(groups)) if _large(rows, inside)]
    lower, upper, _ = RANGES[metric.name]
    return gap_of(
        [of_part(kind, metric, rows, predicted, inside) for inside in judged],
        cluster=kind.cluster(rows),
        weight=rows.weight,
        lower=lower,
        upper=upper,
        draws=draws,
        seed=seed,
        level=level,
    )


def groups_of_kind(kind: Kind, rows: Examples, name: str) -> np.ndarray:
    """The group of each row; the items of a query are of the group of its first one."""
    groups = groups_of(rows, name)
    if not isinstance(kind, Ranking):
        return groups
    _, first, place = np.unique(kind.codes(rows), return_index=True, return_inverse=True)
    return groups[first][place]


def of_part(kind: Kind, metric: Metric, rows: Examples, predicted: np.ndarray, kept: Mask) -> Statistic:
    """The metric of some of the rows, to be drawn with all of them: the others weigh nothing."""
    return kind.statistic(metric, replace(rows, weight=np.where(kept, rows.weight, 0.0)), predicted)


def _large(rows: Examples, inside: Mask) -> bool:
    return effective(rows.weight[inside]) >= LEAST_ROWS
