"""Slices in which losses are large, found on some rows and confirmed on others.

A search looks at thousands of slices, so the largest loss that it finds is mostly luck. Here the search only proposes:
each slice is judged on rows that it has not seen, and what is corrected for is the number of slices proposed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from setpoint.core.errors import DataError
from setpoint.measure.bins import Bins, conditions_of, fit_bins
from setpoint.measure.contrast import Contrast, contrast
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import Array, Mask, column, effective
from setpoint.measure.simpson import find_reversals
from setpoint.measure.slice_search import Condition, search_slices
from setpoint.measure.slices import LEAST_ROWS

ALPHA = 0.05
"""The chance that any slice is called worse though none is."""
PROPOSED = 5
"""Most slices that a search proposes: each costs all others some evidence."""
LEAST_SHARE = 0.01
"""The smallest slice that is looked at, as a share of the rows."""
SURPRISE = 3.0
"""Standard errors by which the mean loss of a slice must be above that of all to be proposed."""


@dataclass(frozen=True)
class Proposal:
    """Slices that a search proposes, each with how many standard errors its losses were above, and how it looked."""

    bins: Bins
    slices: tuple[tuple[Condition, ...], ...]
    surprise: tuple[float, ...]
    looked_at: int

    @property
    def names(self) -> tuple[str, ...]:
        """The slices in words."""
        return tuple(conditions_of(self.bins, conditions) for conditions in self.slices)

    def masks(self, table: Mapping[str, npt.ArrayLike]) -> list[Mask]:
        """Which rows of a table are in each slice."""
        wanted = sorted({place for conditions in self.slices for place, _ in conditions})
        codes = {place: self.bins.columns[place].codes(table[self.bins.columns[place].name]) for place in wanted}
        return [np.all([codes[place] == group for place, group in each], axis=0) for each in self.slices]


@dataclass(frozen=True)
class WeakSlice:
    """A slice judged on rows that did not propose it.

    `effect` is of the mean losses; where they are judged by what was expected, of their shares in that. `times` is how
    many times the loss of the others, or what was expected, it has. `p_value` is one-sided, for more than is allowed,
    and multiplied by the number of slices judged (Bonferroni); the bounds of intervals hold together in the same way.
    NaN where there are too few rows to judge. `loss` is the mean loss, `others` that of all other rows, `expected` what
    the model itself expected of the slice. `because_of` tells of a column within whose groups the slice is better than
    the others, if there is one.
    """

    name: str
    found: bool
    share: float
    effect: Contrast
    times: Interval
    p_value: float
    worse: bool
    loss: float | None = None
    others: float | None = None
    expected: float | None = None
    because_of: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The slice as JSON-like data."""
        return {
            "name": self.name,
            "found": self.found,
            "share": self.share,
            **self.effect.to_dict(),
            "times": self.times.to_dict(),
            "p_value": self.p_value if math.isfinite(self.p_value) else None,
            "worse": self.worse,
            "loss": self.loss,
            "others": self.others,
            "expected": self.expected,
            "because_of": self.because_of,
        }


@dataclass(frozen=True)
class WeakSlices:
    """The slices judged, worst first, and how many were looked at to find them.

    `relative` says that losses are judged by what the model expected. `visible` is about how many times the loss of the
    others a slice of a twentieth of the rows must have, in truth, to be shown worse four times in five; NaN where none
    could be.
    """

    loss: str
    times: float
    relative: bool
    slices: tuple[WeakSlice, ...]
    looked_at: int
    rows: int
    level: float = 1 - ALPHA
    mean: float = float("nan")
    visible: float = float("nan")

    @property
    def judged(self) -> int:
        """How many slices had rows enough to be judged."""
        return sum(math.isfinite(each.p_value) for each in self.slices)

    @property
    def worse(self) -> tuple[WeakSlice, ...]:
        """Those shown to be worse than allowed."""
        return tuple(each for each in self.slices if each.worse)

    def to_dict(self) -> dict[str, Any]:
        """The slices as JSON-like data."""
        return {
            "loss": self.loss,
            "times": self.times,
            "relative": self.relative,
            "mean": self.mean if math.isfinite(self.mean) else None,
            "looked_at": self.looked_at,
            "rows": self.rows,
            "level": self.level,
            "visible": self.visible if math.isfinite(self.visible) else None,
            "slices": [each.to_dict() for each in self.slices],
        }


def propose_slices(
    table: Mapping[str, npt.ArrayLike],
    loss: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
    depth: int = 2,
    most: int = PROPOSED,
    least_share: float = LEAST_SHARE,
    bins: Bins | None = None,
) -> Proposal:
    """The slices of at most `depth` conditions whose losses stand out most, none of them for the rows of another.

    After each slice its rows are put aside and the search begins anew, so that a slice inside another, or one that
    overlaps with it, comes only for what it adds. With `expected`, losses count for what they are of that.

    >>> rows = np.arange(4000)
    >>> table = {"half": rows % 2, "third": rows % 3}
    >>> propose_slices(table, ((rows % 6 == 0) | (rows % 7 == 0)) * 1.0).names
    ('half = 0 and third = 0',)
    """
    losses = column(loss, "losses")
    weights = np.ones_like(losses) if weight is None else column(weight, "weights")
    if expected is not None:
        losses, weights = _shares(losses, column(expected, "expected losses"), weights)
    cut = fit_bins(table) if bins is None else bins
    codes = cut.codes(table)
    if codes.size and codes.shape[1] != losses.size:
        raise DataError(f"There are {codes.shape[1]} rows and {losses.size} losses.", expected="one per row")
    left = weights.copy()
    slices: list[tuple[Condition, ...]] = []
    surprise: list[float] = []
    looked_at = 0
    while codes.size and len(slices) < most:
        kept = left > 0
        least = max(float(LEAST_ROWS), least_share * losses.size)
        if int(kept.sum()) < 2 * least:
            break
        part = np.ascontiguousarray(codes[:, kept])
        searched = search_slices(part, losses[kept], weight=left[kept], depth=depth, least=least, top=1)
        looked_at = max(looked_at, searched.looked_at)
        best = searched.slices[0] if searched.slices else None
        if best is None or best.score < SURPRISE:
            break
        slices.append(best.conditions)
        surprise.append(best.score)
        left[best.mask(codes)] = 0.0
    return Proposal(cut, tuple(slices), tuple(surprise), looked_at)


def judge_slices(
    proposal: Proposal,
    table: Mapping[str, npt.ArrayLike],
    loss: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    declared: Mapping[str, Mask] | None = None,
    expected: npt.ArrayLike | None = None,
    relative: bool = False,
    of: str = "loss",
    times: float = 1.0,
    alpha: float = ALPHA,
) -> WeakSlices:
    """The slices proposed, and others declared beforehand, judged on rows that are not those of the search.

    A slice is worse when its mean loss is shown to be above `times` that of all other rows, and, if it was found, also
    without the rows of the slices found before it. The chance that any slice is called worse though none is stays below
    `alpha`. `expected` is what a model expected each row to lose; if `relative`, losses are judged for what they are of
    that, so that a slice which is hard, as the model says, is none the worse for it: it is worse where it loses more
    than `times` what was expected, and more of that than the others do.

    >>> rng = np.random.default_rng(0)
    >>> table, newer = ({"half": rng.integers(0, 2, 2000), "x": rng.normal(size=2000)} for _ in range(2))
    >>> loss, later = (rng.exponential(1 + part["half"]) for part in (table, newer))
    >>> [each.name for each in judge_slices(propose_slices(table, loss), newer, later).worse]
    ['half = 1']
    """
    losses = column(loss, "losses")
    weights = np.ones_like(losses) if weight is None else column(weight, "weights")
    plain, rows = losses, weights
    hoped = None if expected is None else column(expected, "expected losses")
    by_expected = relative and hoped is not None
    if relative and hoped is not None:
        losses, weights = _shares(losses, hoped, weights)
    codes = np.arange(losses.size) if cluster is None else np.asarray(cluster)
    masks = proposal.masks(table)
    known = declared or {}
    asked = [(name, False, mask, np.zeros_like(mask)) for name, mask in known.items()]
    before = np.zeros(losses.size, dtype=bool)
    for name, mask in zip(proposal.names, masks, strict=True):
        if not any(np.array_equal(mask, other) for other in known.values()):
            asked.append((name, True, mask, before))
        before = before | mask
    able = [bool(_able(mask, aside, weights)) for _, _, mask, aside in asked]
    level = 1 - 2 * alpha / max(sum(able), 1)  # one-sided bounds, valid together
    found, chances = [], []
    for (name, new, mask, aside), enough in zip(asked, able, strict=True):
        effect = contrast(losses, mask, cluster=codes, weight=weights, level=level)
        chance = _chance(effect, times, relative=by_expected) if enough else float("nan")
        if enough and aside.any():
            rest = contrast(losses[~aside], mask[~aside], cluster=codes[~aside], weight=weights[~aside], level=level)
            chance = max(chance, _chance(rest, times, relative=by_expected))
        share = float(rows[mask].sum() / rows.sum()) if rows.sum() > 0 else 0.0
        means = _mean(plain, rows, mask), _mean(plain, rows, ~mask), None if hoped is None else _mean(hoped, rows, mask)
        many = effect.mean if by_expected else effect.ratio
        found.append(WeakSlice(name, new, share, effect, many, chance, False, *means))
        chances.append(chance)
    adjusted = [min(1.0, chance * sum(able)) if math.isfinite(chance) else chance for chance in chances]
    judged = []
    for each, (_, _, mask, _), p in zip(found, asked, adjusted, strict=True):
        why = _because_of(proposal.bins, table, losses, mask, codes, weights) if p < alpha else None
        judged.append(replace(each, p_value=p, worse=p < alpha, because_of=why))
    judged.sort(key=lambda each: (not each.worse, _last(-each.times.low), _last(-each.times.estimate)))
    mean = _mean(plain, rows, np.ones(losses.size, dtype=bool))
    visible = _visible(losses, weights, times=times, alpha=alpha / max(sum(able), 1))
    return WeakSlices(
        of,
        times,
        by_expected,
        tuple(judged),
        proposal.looked_at,
        losses.size,
        1 - alpha,
        math.nan if mean is None else mean,
        visible,
    )


def find_weak_slices(
    table: Mapping[str, npt.ArrayLike],
    loss: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    depth: int = 2,
    most: int = PROPOSED,
    times: float = 1.0,
    alpha: float = ALPHA,
) -> WeakSlices:
    """Slices proposed by the older half of the rows and judged on the newer one; a cluster is on one side only.

    >>> rng = np.random.default_rng(0)
    >>> table = {"half": rng.integers(0, 2, 4000), "x": rng.normal(size=4000)}
    >>> found = find_weak_slices(table, rng.exponential(1 + table["half"]), np.arange(4000))
    >>> [each.name for each in found.worse], found.rows
    (['half = 1'], 2000)
    """
    times_, losses = np.asarray(at), column(loss, "losses")
    if times_.shape != losses.shape:
        raise DataError(f"There are {losses.size} losses and {times_.size} times.", expected="one per row")
    groups = times_ if cluster is None else np.asarray(cluster)
    names, codes = np.unique(groups, return_inverse=True)
    first = np.full(names.size, times_.max() if times_.size else 0)
    np.minimum.at(first, codes, times_)
    newer = first[codes] >= np.median(times_) if times_.size else np.zeros(0, dtype=bool)
    weights = np.ones_like(losses) if weight is None else column(weight, "weights")
    columns = {name: np.asarray(values) for name, values in table.items()}
    older = {name: values[~newer] for name, values in columns.items()}
    proposal = propose_slices(older, losses[~newer], weight=weights[~newer], depth=depth, most=most)
    return judge_slices(
        proposal,
        {name: values[newer] for name, values in columns.items()},
        losses[newer],
        cluster=groups[newer] if cluster is not None else None,
        weight=weights[newer],
        times=times,
        alpha=alpha,
    )


def _because_of(
    bins: Bins,
    table: Mapping[str, npt.ArrayLike],
    loss: Array,
    mask: Mask,
    cluster: npt.NDArray[np.generic],
    weight: Array,
) -> str | None:
    """The column that makes a slice look worse than it is, in words."""
    strata = {each.name: np.array(each.names)[each.codes(table[each.name])] for each in bins.columns}
    shown = [each for each in find_reversals(loss, mask, strata, cluster=cluster, weight=weight) if each.shown]
    return str(shown[0]) if shown else None


def _shares(loss: Array, expected: Array, weight: Array) -> tuple[Array, Array]:
    """Each loss as a share of what was expected, and weights with which their mean is the ratio of the totals.

    Where next to nothing was expected a row counts as one of which a tenth of the mean was.
    """
    floor = 0.1 * (_mean(expected, weight, np.ones(loss.size, dtype=bool)) or 0.0)
    hoped = np.maximum(expected, floor)
    shares = np.divide(loss, hoped, out=np.zeros_like(loss), where=hoped > 0)
    return shares, weight * hoped


def _mean(values: Array, weight: Array, mask: Mask) -> float | None:
    total = float(weight[mask].sum())
    return float((weight * values)[mask].sum()) / total if total > 0 else None


def _visible(loss: Array, weight: Array, *, times: float, alpha: float) -> float:
    """The ratio that a slice of a twentieth needs: limit, plus the errors that test and power ask for.

    Errors are taken to grow with the loss, and days to be alike.
    """
    total = float(weight.sum())
    mean = float((weight * loss).sum()) / total if total > 0 else 0.0
    if mean <= 0:
        return float("nan")
    spread = math.sqrt(float((weight * (loss - mean) ** 2).sum()) / total) / mean
    error = spread / math.sqrt(0.05 * effective(weight))
    asked = float(-ndtri(alpha) + ndtri(0.8)) * error
    return times / (1 - asked) if asked < 1 else float("nan")


def _chance(effect: Contrast, times: float, *, relative: bool) -> float:
    """How often chance alone gives a slice so far above what is allowed."""
    if not relative:
        return effect.moments.above(times)
    return max(effect.moments.inside_above(times), effect.moments.above(1.0))


def _able(mask: Mask, aside: Mask, weight: Array) -> bool:
    """Whether there are rows enough inside and outside to be judged, those of earlier slices left out."""
    sides: Sequence[Mask] = (mask & ~aside, ~mask & ~aside)
    return min(effective(weight[side]) for side in sides) >= LEAST_ROWS


def _last(value: float) -> float:
    return value if math.isfinite(value) else math.inf
