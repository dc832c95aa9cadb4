"""How groups are treated: the rates of each, and the gaps between them that fairness criteria speak of.

Everything is computed from one table of counts (`count_groups`), so that guardrails, cards and reports say the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.fairness_counts import GroupCounts, count_groups
from setpoint.measure.fairness_gaps import LEAST_ROWS, Apart, rate_gap, rate_ratio
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import as_rows

CRITERIA: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("recall",),
    "predictive_equality": ("false_positive_rate",),
    "equalised_odds": ("recall", "false_positive_rate"),
    "predictive_parity": ("precision",),
    "equal_accuracy": ("accuracy",),
    "equal_calibration": ("calibration",),
    "equal_log_loss": ("log_loss",),
    "equal_value": ("value",),
}
"""The rates that groups should have alike, by criterion; those that the rows do not have are left out.

Hardt, Price and Srebro (2016), "Equality of Opportunity in Supervised Learning": equal opportunity, equalised odds.
Chouldechova (2017), "Fair prediction with disparate impact": predictive parity. Where base rates differ, a model that
errs cannot keep both equalised odds and calibration (Kleinberg, Mullainathan and Raghavan 2016).
"""
WITH_RATIO = ("demographic_parity", "equal_opportunity", "predictive_equality", "equalised_odds", "predictive_parity")
"""Criteria of shares, which are told as ratios too: below .8 in selection is what US practice calls adverse impact."""
UNEQUAL = 0.01
"""A gap whose adjusted p-value is below this is shown to be one, as strict as the audit of the sources of bias."""


@dataclass(frozen=True)
class GroupRates:
    """How one group is treated: how often it is acted on, how often rightly and wrongly, and its means.

    Without `judged` it has too few rows to be part of a gap. `calibration` is the mean probability less the share of
    positives.
    """

    group: Any
    n: int
    judged: bool
    rates: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """The rates as JSON-like data."""
        rates = {name: found.to_dict() for name, found in self.rates.items()}
        return {"group": self.group, "n": self.n, "judged": self.judged, "rates": rates}


@dataclass(frozen=True)
class Gap:
    """How far the judged groups are apart by one criterion.

    A largest difference is never 0: `by_chance` is what equal groups of these sizes would show on average, `corrected`
    the difference less what noise adds to it, as far as draws tell. `p_value` is the chance of one as large if groups
    were equal, adjusted for all that was compared.
    """

    criterion: str
    lowest: Any
    highest: Any
    difference: Interval
    ratio: Interval | None
    by_chance: float
    corrected: float
    p_value: float

    @property
    def shown(self) -> bool:
        """Whether the groups are shown to be unequal."""
        return self.p_value < UNEQUAL

    def to_dict(self) -> dict[str, Any]:
        """The gap as JSON-like data."""
        return {
            "criterion": self.criterion,
            "lowest": self.lowest,
            "highest": self.highest,
            "difference": self.difference.to_dict(),
            "ratio": None if self.ratio is None else self.ratio.to_dict(),
            "by_chance": self.by_chance if math.isfinite(self.by_chance) else None,
            "corrected": self.corrected if math.isfinite(self.corrected) else None,
            "p_value": self.p_value if math.isfinite(self.p_value) else None,
            "shown": self.shown,
        }


@dataclass(frozen=True)
class Fairness:
    """The groups of one attribute, or of several crossed, and the gaps between them."""

    attribute: str
    groups: tuple[GroupRates, ...]
    gaps: tuple[Gap, ...]

    def gap(self, criterion: str) -> Gap:
        """The gap by one criterion."""
        return next(each for each in self.gaps if each.criterion == criterion)

    def to_dict(self) -> dict[str, Any]:
        """What was found as JSON-like data."""
        return {
            "attribute": self.attribute,
            "groups": [each.to_dict() for each in self.groups],
            "gaps": [each.to_dict() for each in self.gaps],
        }


def fairness(
    tables: Mapping[str, GroupCounts], *, level: float = 0.95, gap_level: float = 0.9, least_rows: int = LEAST_ROWS
) -> tuple[Fairness, ...]:
    """The rates and gaps of each attribute, from the counts of its groups drawn alike.

    The two bounds of a gap are one-sided ones, as a guardrail has them. P-values are adjusted over all criteria of all
    attributes by the largest deviation of each common draw (Westfall and Young 1993; Romano and Wolf 2005).

    >>> who, y, acted = ["f"] * 200 + ["m"] * 200, [1, 0] * 200, [1] * 40 + [0] * 160 + [1] * 100 + [0] * 100
    >>> found = fairness({"sex": count_groups(who, y, acted)})[0].gap("demographic_parity")
    >>> found.lowest, found.highest, round(found.difference.estimate, 2), found.shown
    ('f', 'm', 0.3, True)
    """
    found = {
        (name, criterion): rate_gap(table, rates, level=gap_level, least_rows=least_rows)
        for name, table in tables.items()
        for criterion, rates in CRITERIA.items()
        if set(rates) <= set(table.rates)
    }
    chances = _adjusted([part for _, part in found.values()])
    adjusted = dict(zip(found, chances, strict=True))
    told = []
    for name, table in tables.items():
        judged = table.effective() >= least_rows
        gaps = [
            _gap(table, criterion, found[name, criterion], adjusted[name, criterion], judged, gap_level, least_rows)
            for criterion in CRITERIA
            if (name, criterion) in found
        ]
        told.append(Fairness(name, _groups(table, judged, level), tuple(gaps)))
    return tuple(told)


def crossed(attributes: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.str_]:
    """The group of each row by several attributes at once: what is fair by each alone may not be by both.

    Kearns, Neel, Roth and Wu (2018), "Preventing Fairness Gerrymandering".

    >>> crossed({"sex": ["f", "m"], "age": ["old", "young"]}).tolist()
    ['f & old', 'm & young']
    """
    if not attributes:
        raise DataError("No attribute is to be crossed.", expected="one or more, each a column of groups")
    found: npt.NDArray[np.str_] | None = None
    for values in attributes.values():
        part = np.asarray(values).astype(np.str_)
        found = part if found is None else np.strings.add(np.strings.add(found, " & "), part)
    assert found is not None
    return found


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
    >>> [(rate.group, rate.rates["selection_rate"].estimate) for rate in rates]
    [('a', 1.0), ('b', 0.0)]
    """
    rows = as_rows(y, p, weight)
    table = count_groups(groups, rows.y, rows.p >= threshold, cluster=cluster, weight=weight, draws=1)
    return _groups(table, table.effective() >= LEAST_ROWS, level)


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
    """The gap between groups by criterion, with its interval.

    >>> y, p, who = [1, 0] * 100, [0.9, 0.2] * 100, ["a"] * 100 + ["b"] * 100
    >>> list(fairness_gaps(y, p, who))[:4]
    ['demographic_parity', 'equal_opportunity', 'predictive_equality', 'equalised_odds']
    """
    rows = as_rows(y, p, weight)
    table = count_groups(groups, rows.y, rows.p >= threshold, cluster=cluster, weight=weight, draws=draws, seed=seed)
    return {
        criterion: rate_gap(table, rates, level=level, least_rows=least_rows)[0]
        for criterion, rates in CRITERIA.items()
        if set(rates) <= set(table.rates)
    }


def _groups(table: GroupCounts, judged: npt.NDArray[np.bool_], level: float) -> tuple[GroupRates, ...]:
    return tuple(
        GroupRates(
            name,
            int(table.rows[place].sum()),
            bool(judged[place]),
            {rate: table.interval(rate, place, level=level) for rate in table.rates},
        )
        for place, name in enumerate(table.names)
    )


def _gap(
    table: GroupCounts,
    criterion: str,
    found: tuple[Interval, Apart],
    p_value: float,
    judged: npt.NDArray[np.bool_],
    level: float,
    least_rows: int,
) -> Gap:
    rates = CRITERIA[criterion]
    ratio = rate_ratio(table, rates, level=level, least_rows=least_rows) if criterion in WITH_RATIO else None
    values = [np.where(judged, table.values(rate), np.nan) for rate in rates]
    lowest = highest = None
    if math.isfinite(found[0].estimate):
        widest = max(values, key=lambda each: float(np.nanmax(each) - np.nanmin(each)))
        lowest, highest = table.names[int(np.nanargmin(widest))], table.names[int(np.nanargmax(widest))]
    return Gap(criterion, lowest, highest, found[0], ratio, found[1].by_chance, found[1].corrected, p_value)


def _adjusted(found: Sequence[Apart]) -> list[float]:
    """The chance that any of them would be as far apart as each is, if all groups were equal."""
    tested = [each.chance for each in found if math.isfinite(each.most)]
    if not tested:
        return [float("nan")] * len(found)
    largest = np.fmax.reduce(np.stack(tested), axis=0)
    largest = largest[np.isfinite(largest)]
    return [
        (1 + int((largest >= each.most).sum())) / (1 + largest.size) if math.isfinite(each.most) else float("nan")
        for each in found
    ]
