"""Thresholds that new rows stay under as often as is promised, whatever the model and the distribution.

Split conformal prediction: each calibration row, none of which the model learned from, has a score of how badly its
outcome fits the prediction. The threshold is the ceil((n + 1) level)-th smallest of them. A new row stays under it with
a chance of `level` to level + 1 / (n + 1), if it could as well have been any of the calibration rows (exchangeability;
Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World"; Lei and others 2018). Time breaks that
slowly, so calibrate on the newest rows held out (`rows.newest_of`), and check on later ones (`coverage_check`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, Codes, codes_for, codes_of, column, effective, totals
from setpoint.measure.statistic import weights_for

NEAR = 1e-9
"""A rank this close above a whole number is that number: 0.9 times 10 is nine."""


@dataclass(frozen=True)
class Cut:
    """A threshold, and on how many effective rows it rests; infinite where they are too few for the level."""

    threshold: float
    rows: float


@dataclass(frozen=True)
class Cuts:
    """The thresholds of a level: one for each group that has its own (Mondrian), and one for all other rows.

    Groups with too few rows share the threshold of the others, as do groups that calibration did not see; where it saw
    no others, that threshold is infinite.
    """

    level: float
    others: Cut
    groups: tuple[tuple[str, Cut], ...] = ()

    def of(self, group: npt.ArrayLike | None, n: int) -> Array:
        """The threshold of each of `n` rows.

        >>> Cuts(0.9, Cut(1.0, 50), (("a", Cut(0.5, 40)),)).of(["a", "b"], 2)
        array([0.5, 1. ])
        """
        if not self.groups:
            return np.full(n, self.others.threshold)
        if group is None:
            raise DataError("The thresholds differ by group.", expected="the group of each row")
        names, codes = codes_of(group)
        if codes.size != n:
            raise DataError(f"There are {n} rows and {codes.size} groups.", expected="one for each row")
        by_name = dict(self.groups)
        return np.array([by_name.get(str(name), self.others).threshold for name in names])[codes]

    def cut_of(self, group: str) -> Cut:
        """The cut of one group.

        >>> Cuts(0.9, Cut(1.0, 50)).cut_of("a").rows
        50
        """
        return dict(self.groups).get(group, self.others)

    def to_dict(self) -> dict[str, Any]:
        """The cuts as JSON-like data; an infinite threshold becomes None."""
        return {
            "level": self.level,
            "others": _told(self.others),
            "groups": {name: _told(cut) for name, cut in self.groups},
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Cuts:
        """The cuts that `to_dict` wrote.

        >>> cuts = Cuts(0.9, Cut(math.inf, 0.0), (("a", Cut(0.5, 40.0)),))
        >>> Cuts.from_dict(cuts.to_dict()) == cuts
        True
        """
        groups = tuple((name, _read(cut)) for name, cut in data["groups"].items())
        return Cuts(float(data["level"]), _read(data["others"]), groups)


def conformal_quantile(scores: npt.ArrayLike, level: float, *, weight: npt.ArrayLike | None = None) -> float:
    """The smallest score that at least ceil((n + 1) level) of the n scores do not exceed; infinite if there is none.

    A row of weight w is w rows; the new row, which is the 1 in n + 1, is one.

    >>> conformal_quantile(range(1, 11), 0.8)
    9.0
    >>> conformal_quantile(range(1, 9), 0.9)
    inf
    """
    values = column(scores, "scores")
    weights = weights_for(weight, values.size)
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    place = int(np.searchsorted(passed, needed(float(weights.sum()), level) - NEAR))
    return float(values[order[place]]) if place < values.size else math.inf


def needed(rows: float, level: float) -> float:
    """How many of so many calibration rows must stay under the threshold of a level.

    >>> needed(9, 0.9)
    9.0
    """
    if not 0 < level < 1:
        raise DataError(f"level={level}.", expected="a level between 0 and 1, such as 0.9")
    return float(math.ceil((rows + 1) * level - NEAR))


def least_rows(level: float) -> int:
    """The fewest calibration rows that give a level a finite threshold.

    >>> least_rows(0.9)
    9
    """
    return math.ceil(level / (1 - level) - NEAR)


def fit_cuts(
    scores: npt.ArrayLike,
    *,
    level: float,
    group: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    least: int | None = None,
) -> Cuts:
    """The thresholds of calibration scores, one for each `group` with at least `least` rows (the fewest that will do).

    Coverage then holds in every group and not only on average (Vovk and others 2005, section 4.5, Mondrian). With
    `cluster`, rows alike count as fewer when coverage is checked; the thresholds are the same.

    >>> fit_cuts(range(20), level=0.8, group=["a"] * 10 + ["b"] * 9 + ["c"]).groups[1]
    ('b', Cut(threshold=17.0, rows=9.0))
    """
    values = column(scores, "scores")
    weights = weights_for(weight, values.size)
    codes, clusters = codes_for(cluster, values.size)
    if group is None:
        return Cuts(level, _cut(values, weights, codes, clusters, level))
    names, member = codes_of(group)
    if member.size != values.size:
        raise DataError(f"There are {values.size} rows and {member.size} groups.", expected="one for each row")
    enough = totals(member, weights, names.size) >= (least_rows(level) if least is None else least)
    cuts = tuple(
        (str(names[i]), _cut(values[mine], weights[mine], codes[mine], clusters, level))
        for i in np.flatnonzero(enough)
        for mine in [member == i]
    )
    rest = ~enough[member]
    return Cuts(level, _cut(values[rest], weights[rest], codes[rest], clusters, level), cuts)


def _cut(values: Array, weight: Array, codes: Codes, clusters: int, level: float) -> Cut:
    threshold = conformal_quantile(values, level, weight=weight)
    return Cut(threshold, effective_rows((values <= threshold).astype(np.float64), weight, codes, clusters))


def effective_rows(hits: Array, weight: Array, codes: Codes, clusters: int) -> float:
    """How many independent rows say as much of the share of hits as these rows, weighted and alike in clusters.

    >>> effective_rows(np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4), np.array([0, 0, 1, 1]), 2)
    1.0
    """
    whole = float(weight.sum())
    if whole <= 0:
        return 0.0
    rows = effective(weight)
    units = int((totals(codes, weight, clusters) > 0).sum())
    share = float((weight * hits).sum()) / whole
    if units == int((weight > 0).sum()) or not 0 < share < 1:
        return rows if units == int((weight > 0).sum()) else float(units)
    if units < 2:
        return 1.0
    residual = totals(codes, weight * (hits - share), clusters)
    variance = units / (units - 1) * float((residual**2).sum()) / whole**2
    return min(rows, max(share * (1 - share) / variance, 1.0)) if variance > 0 else rows


def _told(cut: Cut) -> dict[str, float | None]:
    return {"threshold": cut.threshold if math.isfinite(cut.threshold) else None, "rows": cut.rows}


def _read(data: Mapping[str, Any]) -> Cut:
    return Cut(math.inf if data["threshold"] is None else float(data["threshold"]), float(data["rows"]))
