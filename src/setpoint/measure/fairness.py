"""Rates by group and the gaps between groups that fairness criteria speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.measure.bootstrap import intervals
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import as_rows, codes_of
from setpoint.measure.slices import LEAST_ROWS, gap

RATES = ("base_rate", "selection_rate", "recall", "false_positive_rate")
CRITERIA = {
    "demographic_parity": "selection_rate",
    "equal_opportunity": "recall",
    "predictive_equality": "false_positive_rate",
}


@dataclass(frozen=True)
class GroupRates:
    """How one group is treated: its positives, how often it is acted on, and how often rightly and wrongly."""

    group: Any
    n: int
    base_rate: Interval
    selection_rate: Interval
    recall: Interval
    false_positive_rate: Interval


def group_rates(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    threshold: float = 0.5,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[GroupRates, ...]:
    """The rates of each group, with Wilson intervals, in the groups' order.

    >>> rates = group_rates([1, 0, 1, 0], [0.9, 0.8, 0.2, 0.1], ["a", "a", "b", "b"])
    >>> [(rate.group, rate.selection_rate.estimate) for rate in rates]
    [('a', 1.0), ('b', 0.0)]
    """
    rows = as_rows(y, p, weight)
    names, group = codes_of(groups)
    clusters = np.arange(rows.y.size) if cluster is None else np.asarray(cluster)
    found = []
    for i, name in enumerate(names.tolist()):
        keep = group == i
        part, options = rows.where(keep), dict.fromkeys(RATES, threshold)
        rates = intervals(options, part.y, part.p, cluster=clusters[keep], weight=part.weight, level=level)
        found.append(GroupRates(name, int(keep.sum()), **rates))
    return tuple(found)


def fairness_gaps(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    threshold: float = 0.5,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
    least_rows: int = LEAST_ROWS,
) -> dict[str, Interval]:
    """The gap between groups by criterion: demographic parity, equal opportunity, predictive equality.

    Equalised odds is the larger of the last two. Hardt, Price and Srebro (2016); Chouldechova (2017).

    >>> y, p, who = [1, 0] * 100, [0.9, 0.2] * 100, ["a"] * 100 + ["b"] * 100
    >>> sorted(fairness_gaps(y, p, who))
    ['demographic_parity', 'equal_opportunity', 'predictive_equality']
    """
    return {
        criterion: gap(
            metric,
            y,
            p,
            groups,
            cluster=cluster,
            weight=weight,
            threshold=threshold,
            draws=draws,
            seed=seed,
            level=level,
            least_rows=least_rows,
        )
        for criterion, metric in CRITERIA.items()
    }
