"""Each group of a protected attribute in numbers: what an audit of the sources of bias shows, whatever it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.times import DAY
from setpoint.measure.proportions import clustered_share

TOP = 10
"""Features that the facts name: those whose missing values, or whose telling of groups, differ most."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Bounded = tuple[float | None, float | None, float | None]
"""A share with the ends of its 95 % interval; None where there is no row, or nothing bounds it."""


@dataclass(frozen=True)
class GroupFacts:
    """One group: how much of the decisions it is, and of the population; its outcomes; what its features lack and tell.

    `weighed` is its share by the weights of the rows that train and judge, None where each counts once. `rate` is the
    share of positive outcomes among its `labelled` decisions, `contested` that of the items whose annotators disagree.
    `missing` has its share of missing values by feature, `tells` the AUC with which a feature alone tells the group.
    """

    group: str
    rows: int
    share: float
    margin: float | None
    weighed: float | None
    labelled: int
    rate: Bounded
    looked_at: int
    contested: Bounded
    missing: Mapping[str, float] = field(default_factory=dict)
    tells: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON-like data."""
        return {
            "group": self.group,
            "rows": self.rows,
            "share": self.share,
            "margin": self.margin,
            "weighed": self.weighed,
            "labelled": self.labelled,
            "rate": list(self.rate),
            "looked_at": self.looked_at,
            "contested": list(self.contested),
            "missing": dict(self.missing),
            "tells": dict(self.tells),
        }


def group_facts(
    column: npt.NDArray[np.object_],
    y: Floats,
    at: npt.NDArray[np.int64],
    *,
    margins: Mapping[str, float] | None = None,
    weight: Floats | None = None,
    contested: Floats | None = None,
    missing: Mapping[str, Flags] | None = None,
    tells: Mapping[tuple[str, str], float] | None = None,
) -> tuple[GroupFacts, ...]:
    """The facts of every group of a column, and of every group that only the margins know; the largest first.

    `y` is the outcome, NaN where none is known; `tells` has AUCs by group and feature. Intervals take the rows of a day
    (UTC) to be alike.

    >>> sex = np.array(["f", "m", "m", "m"], dtype=object)
    >>> facts = group_facts(sex, np.array([1.0, 0.0, 1.0, np.nan]), np.arange(4) * DAY, margins={"f": 0.5, "m": 0.5})
    >>> [(one.group, one.share, one.margin, one.labelled, one.rate[0]) for one in facts]
    [('m', 0.75, 0.5, 2, 0.5), ('f', 0.25, 0.5, 1, 1.0)]
    """
    names, codes, counts = np.unique(column.astype(str), return_inverse=True, return_counts=True)
    known = ~np.isnan(y)
    counted = np.where(known, 1.0 if weight is None else weight, 0.0)
    whole = float(counted.sum())
    days = np.unique(at // DAY, return_inverse=True)[1].astype(np.int64)
    empty = {name: flags for name, flags in (missing or {}).items() if flags.any()}
    lacking = _most({name: np.bincount(codes[flags], minlength=names.size) / counts for name, flags in empty.items()})
    best = _most_told(tells or {})
    found = []
    for place, name in enumerate(names.tolist()):
        inside = codes == place
        looked = np.zeros(inside.shape, dtype=np.bool_) if contested is None else inside & ~np.isnan(contested)
        found.append(
            GroupFacts(
                group=name,
                rows=int(counts[place]),
                share=float(counts[place] / column.size),
                margin=None if margins is None else margins.get(name),
                weighed=None if weight is None or whole <= 0 else float(counted[inside].sum()) / whole,
                labelled=int((inside & (counted > 0)).sum()),
                rate=_share(y, np.where(inside, counted, 0.0), days),
                looked_at=int(looked.sum()),
                contested=_share(y if contested is None else contested, looked.astype(np.float64), days),
                missing={feature: float(shares[place]) for feature, shares in lacking.items()},
                tells={feature: tells[name, feature] for feature in best if tells and (name, feature) in tells},
            )
        )
    nobody: Bounded = (None, None, None)
    absent = [name for name in margins or {} if name not in names]
    found += [GroupFacts(name, 0, 0.0, (margins or {})[name], None, 0, nobody, 0, nobody) for name in absent]
    return tuple(sorted(found, key=lambda one: (-one.rows, one.group)))


def _share(hits: Floats, counted: Floats, days: npt.NDArray[np.int64]) -> Bounded:
    """The share of hits among the rows that count, with its interval."""
    there = counted > 0
    if not there.any():
        return None, None, None
    codes = np.unique(days[there], return_inverse=True)[1].astype(np.int64)
    weight = counted[there]
    found = clustered_share(hits[there] * weight, weight, codes=codes, clusters=int(codes.max()) + 1)
    return _number(found.estimate), _number(found.low), _number(found.high)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _most(shares: Mapping[str, Floats]) -> dict[str, Floats]:
    """The features in which groups are furthest apart, that one first."""
    names = sorted(shares, key=lambda name: (-float(np.ptp(shares[name])), name))
    return {name: shares[name] for name in names[:TOP]}


def _most_told(tells: Mapping[tuple[str, str], float]) -> list[str]:
    """The features that tell a group best, the best one first."""
    best: dict[str, float] = {}
    for (_, feature), auc in tells.items():
        best[feature] = max(auc, best.get(feature, 0.0))
    return sorted(best, key=lambda name: (-best[name], name))[:TOP]
