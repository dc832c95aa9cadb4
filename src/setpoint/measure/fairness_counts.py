"""One table of counts by group, outcome, action and unit: what every rate of a group, and every draw of it, is made of.

The rows are read once. A draw of the bootstrap is then a matrix product of how often it takes each unit with the
units' sums, so that hundreds of draws of all rates of all groups cost less than reading the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import percentiles
from setpoint.measure.intervals import Interval, normal_quantile, t_quantile
from setpoint.measure.proportions import wilson
from setpoint.measure.resample import Drawn, resample
from setpoint.measure.rows import Array, Mask, as_rows, codes_for, codes_of, column

CELLS = ("true negatives", "false positives", "false negatives", "true positives")
"""How rows are counted: by outcome, then by action."""
SHARES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "base_rate": ((0, 0, 1, 1), (1, 1, 1, 1)),
    "selection_rate": ((0, 1, 0, 1), (1, 1, 1, 1)),
    "recall": ((0, 0, 0, 1), (0, 0, 1, 1)),
    "false_positive_rate": ((0, 1, 0, 0), (1, 1, 0, 0)),
    "false_negative_rate": ((0, 0, 1, 0), (0, 0, 1, 1)),
    "precision": ((0, 0, 0, 1), (0, 1, 0, 1)),
    "accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
}
"""Each rate as counted cells over counted cells."""


@dataclass(frozen=True)
class GroupCounts:
    """The counts of every group: `units` by group, quantity and unit; the first four quantities are the cells.

    `rows` and `squares` are the rows and the squared weights by group and cell, `draws` how often each draw takes each
    unit. With `alone` every row is a cluster of its own.
    """

    names: tuple[Any, ...]
    quantities: tuple[str, ...]
    units: Array
    rows: npt.NDArray[np.int64]
    squares: Array
    draws: Array
    clusters: int
    alone: bool
    told: bool

    @property
    def rates(self) -> tuple[str, ...]:
        """The rates that these rows have: shares where outcomes and actions are known, then means."""
        return (*(SHARES if self.told else ()), *self.quantities[len(CELLS) :])

    @cached_property
    def sums(self) -> Array:
        """The sums by group and quantity."""
        return np.asarray(self.units.sum(axis=2))

    @cached_property
    def drawn(self) -> Array:
        """The sums by group, quantity and draw; the same bits on any number of threads, for the sums are whole."""
        whole = _whole(self.units, float(self.draws.sum(axis=1).max(initial=1.0)))
        groups, quantities, units = self.units.shape
        flat = whole.reshape(groups * quantities, units) @ self.draws.T
        return np.asarray(flat.reshape(groups, quantities, -1))

    def values(self, rate: str) -> Array:
        """A rate of each group; NaN where nothing counts for it."""
        return _over(*self._parts(rate, self.sums))

    def draws_of(self, rate: str) -> Array:
        """A rate by group and draw."""
        return _over(*self._parts(rate, self.drawn))

    def counted(self, rate: str) -> Array:
        """How many rows of equal weight would count as much in each group (Kish 1965)."""
        cells = np.array(SHARES[rate][1] if rate in SHARES else (1, 1, 1, 1), dtype=np.float64)
        weight, squares = self.sums[:, : len(CELLS)] @ cells, self.squares @ cells
        return np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0)

    def effective(self) -> Array:
        """How many rows of equal weight say as much as each group's."""
        return self.counted("base_rate")

    def floors(self, rate: str) -> Array:
        """The least standard error that each group's share can have, so that few or unanimous rows are no proof.

        That of a share with one hit and one miss more (Agresti and Caffo 2000). Where the rows of clusters all agree,
        a cluster counts as one row.
        """
        if rate not in SHARES:
            return np.zeros(len(self.names))
        share, n = np.nan_to_num(self.values(rate)), self.counted(rate)
        agreed = (share <= 0) | (share >= 1)
        if not self.alone:
            n = np.where(agreed, np.minimum(n, self._units(rate)), n)
        near = (share * n + 1) / (n + 2)
        return np.asarray(np.sqrt(near * (1 - near) / (n + 2)))

    def interval(self, rate: str, group: int, *, level: float = 0.95) -> Interval:
        """A rate of one group with its interval: Wilson's at the effective size for shares, percentiles for means."""
        value = float(self.values(rate)[group])
        cells = np.array(SHARES[rate][1] if rate in SHARES else (1, 1, 1, 1))
        n = int(self.rows[group] @ cells)
        if rate not in SHARES:
            there = int((self.units[group, : len(CELLS)].sum(axis=0) > 0).sum())
            held = n if self.alone else there
            found = percentiles(Drawn(value, self.draws_of(rate)[group]), clusters=held, level=level)
            return Interval(value, found[0], found[1], level, n, held, found[2], "percentile")
        nan = float("nan")
        top, bottom = self._parts(rate, self.units)
        held = n if self.alone else int((bottom[group] > 0).sum())
        if n == 0 or (held == 1 and n > 1):
            return Interval(value, nan, nan, level, n, held, 0, "wilson")
        low, high = wilson(value, self._size(rate, group, top[group], bottom[group], level), level=level)
        return Interval(value, float(low), float(high), level, n, held, 0, "wilson")

    def _size(self, rate: str, group: int, hits: Array, counted: Array, level: float) -> float:
        """The effective sample size of a share, as `clustered_share` has it; lone rows need no variance."""
        by_rows, total = float(self.counted(rate)[group]), float(counted.sum())
        if self.alone:
            return by_rows
        there = int((counted > 0).sum())
        share = float(hits.sum()) / total
        variance = there / (there - 1) * float(((hits - share * counted) ** 2).sum()) / total**2 if there > 1 else 0.0
        if variance > 0 and 0 < share < 1:
            stretch = (normal_quantile(level) / t_quantile(level, there - 1)) ** 2
            return min(share * (1 - share) / variance, by_rows) * stretch
        return total**2 / float((counted**2).sum())

    def _units(self, rate: str) -> Array:
        """How many units of equal size hold what counts for a rate."""
        bottom = self._parts(rate, self.units)[1]
        squares = np.square(bottom).sum(axis=1)
        found: Array = np.divide(bottom.sum(axis=1) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)
        return found

    def _parts(self, rate: str, sums: Array) -> tuple[Array, Array]:
        """The numerator and the denominator of a rate."""
        if rate not in SHARES:
            return sums[:, self.quantities.index(rate)], sums[:, : len(CELLS)].sum(axis=1)
        top, bottom = (np.array(cells, dtype=np.float64) for cells in SHARES[rate])
        counted = sums[:, : len(CELLS)]
        return np.asarray(np.tensordot(counted, top, (1, 0))), np.asarray(np.tensordot(counted, bottom, (1, 0)))


def count_groups(
    groups: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    acted: npt.ArrayLike | None = None,
    *,
    means: Mapping[str, npt.ArrayLike] | None = None,
    cluster: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    draws: int = 500,
    seed: int = 0,
) -> GroupCounts:
    """The counts of each group of rows, by outcome and action, and the sums of what is averaged over its rows.

    `y` and `acted` are 0 or 1; goals that know no actions leave both out. `means` names a value for each row, such as
    its log loss or what it is worth. Rows of one `cluster` are drawn together.

    >>> found = count_groups(["a", "a", "b", "b"], [1, 0, 1, 0], [1, 1, 0, 0])
    >>> found.names, found.values("selection_rate").tolist(), found.values("recall").tolist()
    (('a', 'b'), [1.0, 0.0], [1.0, 0.0])
    """
    names, group = codes_of(groups)
    if (y is None) != (acted is None):
        raise DataError("Only one of outcomes and actions is given.", expected="both or neither")
    nothing = np.zeros(group.size)
    rows = as_rows(nothing if y is None else y, nothing if acted is None else acted, weight)
    if rows.y.size != group.size:
        raise DataError(f"There are {rows.y.size} rows and {group.size} group labels.", expected="one per row")
    if not ((rows.p == 0) | (rows.p == 1)).all():
        raise DataError("An action is neither 0 nor 1.", expected="whether each row was acted on")
    codes, clusters = codes_for(cluster, group.size)
    kept = rows.weight > 0
    if not kept.all():
        rows, group = rows.where(kept), group[kept]
        codes, clusters = codes_for(codes[kept], int(kept.sum()))
    drawn = resample(codes, clusters, draws=draws, seed=seed)
    units = drawn.counts.shape[1]
    cell = 4 * group + (2 * rows.y + rows.p).astype(np.intp)
    size = len(names) * len(CELLS)
    plain = weight is None or bool((rows.weight == 1).all())
    weights = None if plain else rows.weight
    counted = np.bincount(cell, minlength=size)
    squares = counted if weights is None else np.bincount(cell, weights=weights**2, minlength=size)
    table = [_by_unit(cell, drawn.unit, size, units, weights).reshape(len(names), len(CELLS), units)]
    for name, values in (means or {}).items():
        each = _averaged(values, name, kept)
        each = each if weights is None else each * weights
        table.append(_by_unit(group, drawn.unit, len(names), units, each)[:, None, :])
    return GroupCounts(
        tuple(names.tolist()),
        (*CELLS, *(means or {})),
        np.concatenate(table, axis=1),
        counted.reshape(len(names), len(CELLS)).astype(np.int64),
        squares.reshape(len(names), len(CELLS)).astype(np.float64),
        drawn.counts,
        clusters,
        cluster is None,
        y is not None,
    )


def _averaged(values: npt.ArrayLike, name: str, kept: Mask) -> Array:
    each = column(values, name)
    if each.size != kept.size:
        raise DataError(f"There are {kept.size} rows and {each.size} values of {name!r}.", expected="one per row")
    return each if kept.all() else each[kept]


def _by_unit(
    codes: npt.NDArray[np.intp], unit: npt.NDArray[np.intp], size: int, units: int, weights: Array | None
) -> Array:
    found = np.bincount(codes * units + unit, weights=weights, minlength=size * units)
    return found.reshape(size, units).astype(np.float64)


def _over(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _whole(units: Array, taken: float) -> Array:
    """Sums in steps of a power of two so small that every draw's total is exact, whatever the order of adding."""
    most = np.abs(units).max(axis=(0, 2), initial=0.0)
    step = 2.0 ** (np.ceil(np.log2(np.maximum(most, 1e-300) * max(taken, 1.0))) - 52)
    exact = (units == np.rint(units)).all(axis=(0, 2))
    step = np.where(exact, 1.0, step)[None, :, None]
    return np.asarray(np.rint(units / step) * step)
