"""Thresholds by group: the cuts that are worth most while a rate of the groups stays within a limit of being equal.

Hardt, Price and Srebro (2016), "Equality of Opportunity in Supervised Learning", without its lots: every row of a group
above its cut is acted on, and none below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array, Mask, codes_of, column

COUNTED: Mapping[str, tuple[float, float]] = {
    "selection_rate": (1.0, 1.0),
    "recall": (0.0, 1.0),
    "false_positive_rate": (1.0, 0.0),
}
"""The rates that thresholds can make alike: how much a negative and a positive count for each."""
NEVER, ALWAYS = 2.0, -2.0
"""Cuts that no margin between -1 and 1 reaches, and that each does."""
NEAR = 1e-12


@dataclass(frozen=True)
class Cuts:
    """A cut for each group, the rate that it gives, how far rates are apart, and what all actions are worth.

    A row is acted on where its margin reaches the cut of its group.
    """

    groups: tuple[Any, ...]
    cuts: tuple[float, ...]
    rates: tuple[float, ...]
    gap: float
    value: float


@dataclass(frozen=True)
class GroupCurve:
    """What acting on more and more rows of one group gives, the highest margin first: cuts, rates and value.

    `margins` are those of the rows that each step adds, so there is one fewer than there are cuts.
    """

    margins: Array
    cuts: Array
    rates: Array
    values: Array


def group_curves(
    groups: npt.ArrayLike,
    margin: npt.ArrayLike,
    y: npt.ArrayLike,
    gain: npt.ArrayLike,
    *,
    rate: str,
    weight: npt.ArrayLike | None = None,
) -> dict[Any, GroupCurve]:
    """The curve of each group; one that a rate says nothing of, such as recall without positives, is left out.

    `margin` is how far a score is above the threshold that holds for its row, `gain` what acting on it is worth.

    >>> curve = group_curves(["a", "a"], [0.5, -0.5], [1, 0], [4.0, -1.0], rate="selection_rate")["a"]
    >>> curve.cuts.tolist(), curve.rates.tolist(), curve.values.tolist()
    ([2.0, 0.0, -2.0], [0.0, 0.5, 1.0], [0.0, 4.0, 3.0])
    """
    if rate not in COUNTED:
        raise DataError(f"The rate is {rate!r}.", expected=f"one of {', '.join(COUNTED)}")
    names, codes = codes_of(groups)
    margins, outcomes, gains = column(margin, "margins"), column(y, "outcomes"), column(gain, "gains")
    weights = np.ones(margins.size) if weight is None else column(weight, "weights")
    negative, positive = COUNTED[rate]
    counts = weights * np.where(outcomes > 0, positive, negative)
    found = {}
    for place, name in enumerate(names.tolist()):
        inside = np.flatnonzero((codes == place) & (weights > 0))
        total = counts[inside].sum()
        if total <= 0:
            continue
        order = inside[np.argsort(-margins[inside], kind="stable")]
        sorted_margins = margins[order]
        ends = np.flatnonzero(np.append(sorted_margins[1:] != sorted_margins[:-1], True))
        between = (sorted_margins[ends[:-1]] + sorted_margins[ends[:-1] + 1]) / 2
        found[name] = GroupCurve(
            sorted_margins[ends],
            np.concatenate([[NEVER], between, [ALWAYS]]),
            np.concatenate([[0.0], np.cumsum(counts[order])[ends] / total]),
            np.concatenate([[0.0], np.cumsum(weights[order] * gains[order])[ends]]),
        )
    return found


def best_cuts(curves: Mapping[Any, GroupCurve], *, within: float) -> Cuts:
    """The cuts that are worth most of all whose rates are at most `within` apart.

    Exact: the least rate of the best cuts is the rate of one of them, so each is tried as the least, and every group
    then takes what is worth most between it and `within` more. Acting on nobody is among them, so there always is one.

    >>> who, margin, y = ["a"] * 4 + ["b"] * 4, [0.4, 0.3, 0.2, 0.1] * 2, [1, 1, 1, 0, 1, 0, 0, 0]
    >>> gain = [1.0 if each else -1.0 for each in y]
    >>> free, equal = (best_cuts(group_curves(who, margin, y, gain, rate="selection_rate"), within=w) for w in (1, 0))
    >>> free.value, free.gap, equal.value, equal.gap
    (4.0, 0.5, 2.0, 0.0)
    """
    if not 0 <= within <= 1:
        raise DataError(f"within={within}.", expected="a share from 0 to 1")
    if not curves:
        raise DataError("No group has rows that the rate counts.", expected="at least one")
    least = np.unique(np.concatenate([curve.rates for curve in curves.values()]))
    total, chosen = np.zeros(least.size), []
    for curve in curves.values():
        first = np.searchsorted(curve.rates, least - NEAR, side="left")
        last = np.searchsorted(curve.rates, least + within + NEAR, side="right") - 1
        inside = first <= last
        places = _best_between(curve.values, np.where(inside, first, 0), np.where(inside, last, 0))
        total += np.where(inside, curve.values[places], -np.inf)
        chosen.append(places)
    best = int(np.argmax(total))
    return cuts_at(curves, [places[best] for places in chosen])


def cuts_at(curves: Mapping[Any, GroupCurve], places: Sequence[int]) -> Cuts:
    """The cuts at these places of the curves."""
    pairs = list(zip(curves.values(), places, strict=True))
    rates = tuple(float(curve.rates[place]) for curve, place in pairs)
    return Cuts(
        tuple(curves),
        tuple(float(curve.cuts[place]) for curve, place in pairs),
        rates,
        max(rates) - min(rates),
        float(sum(curve.values[place] for curve, place in pairs)),
    )


def uncut(curves: Mapping[Any, GroupCurve]) -> Cuts:
    """The cuts where nothing is done: every group is acted on from a margin of zero on.

    >>> curves = group_curves(["a", "b"], [0.5, -0.5], [1, 1], [1.0, 1.0], rate="recall")
    >>> uncut(curves).rates, uncut(curves).gap
    ((1.0, 0.0), 1.0)
    """
    found = cuts_at(curves, [int((curve.margins >= 0).sum()) for curve in curves.values()])
    return Cuts(found.groups, (0.0,) * len(found.groups), found.rates, found.gap, found.value)


def pareto(gaps: npt.ArrayLike, values: npt.ArrayLike) -> Mask:
    """Which points no other one beats: none has a smaller gap and is worth as much, or is worth more at that gap.

    >>> pareto([0.0, 0.1, 0.2, 0.2], [1.0, 3.0, 2.0, 4.0])
    array([ True,  True, False,  True])
    """
    gap, value = column(gaps, "gaps"), column(values, "values")
    order = np.lexsort((-value, gap))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(value[order])[:-1]])
    kept = np.zeros(gap.size, dtype=bool)
    kept[order] = value[order] > before
    return kept


def _best_between(values: Array, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The place of the greatest value of each stretch, by a table of stretches of 1, 2, 4, ... values.

    Bender and Farach-Colton (2000), "The LCA Problem Revisited": the sparse table.
    """
    table = [np.arange(values.size)]
    while 2 ** len(table) <= values.size:
        half, before = 2 ** (len(table) - 1), table[-1]
        left, right = before[:-half], before[half:]
        table.append(np.where(values[right] > values[left], right, left))
    level = np.floor(np.log2(last - first + 1)).astype(np.intp)
    found = np.empty(first.size, dtype=np.intp)
    for each in np.unique(level).tolist():
        at = level == each
        left, right = table[each][first[at]], table[each][last[at] - 2**each + 1]
        found[at] = np.where(values[right] > values[left], right, left)
    return found
