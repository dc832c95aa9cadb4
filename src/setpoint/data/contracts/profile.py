"""Profiles: what the columns of rows hold, in a few numbers each; rows may come in batches, of any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.times import DAY, HOUR
from setpoint.data.arrays import EXACT
from setpoint.data.contracts.frequent import Distinct, Frequent
from setpoint.data.contracts.quantiles import Quantiles
from setpoint.data.identity import mix
from setpoint.data.rows import AT, kinds, times_of
from setpoint.data.text_hashes import quick_hashes
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""The levels at which the quantiles of a profile are taken."""

TOP = 20
"""How many of a column's most frequent values a profile lists."""

BINS = 40
"""Bins of a histogram."""

MOST_DAYS = 36_525
"""Days that are counted one by one, a century; with more, months of 30 days are."""

_BATCH = 1 << 16
_WIDE = 4.0


@dataclass(frozen=True)
class Histogram:
    """How many values lie between edges, in bins of one width; `below` and `above` are beyond them.

    The counts are those of the ranks that `Quantiles` gives: exact for few values, close for many.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


@dataclass(frozen=True)
class ColumnProfile:
    """What one column holds.

    `quantiles` are those of a number, a truth value or a time (in microseconds) at LEVELS. `distinct` counts the
    different values, exactly where `distinct_exact`. `top` are the most frequent values with their counts, which are
    too low by `top_missed` at most. Of a text `quantiles`, `mean` and `histogram` are those of its length. Of a time
    `by_day` counts the rows of each day (its first microsecond), `by_hour` those of each hour of the week from Monday.
    `nulls_by_day` counts the rows without a value by the day of the row.
    """

    kind: str
    rows: int
    nulls: int = 0
    infinite: int = 0
    distinct: int = 0
    distinct_exact: bool = True
    quantiles: tuple[float, ...] = ()
    mean: float | None = None
    std: float | None = None
    histogram: Histogram | None = None
    top: tuple[tuple[Any, int], ...] = ()
    top_missed: int = 0
    by_day: tuple[tuple[int, int], ...] = ()
    by_hour: tuple[int, ...] = ()
    nulls_by_day: tuple[tuple[int, int], ...] = ()

    @property
    def null_share(self) -> float:
        """The share of rows without a value."""
        return self.nulls / self.rows if self.rows else 0.0

    @property
    def constant(self) -> bool:
        """Whether every row that has a value has the same one, or none has any."""
        return self.rows > 0 and self.distinct <= 1 and self.distinct_exact and not self.infinite

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON-like data."""
        return {**asdict(self), "null_share": self.null_share, "constant": self.constant}


@dataclass(frozen=True)
class TableProfile:
    """What the columns of rows hold, and which pairs of columns hold the same in every row.

    `by_day` counts the rows of each day where they have times.
    """

    rows: int
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    duplicates: tuple[tuple[str, str], ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON-like data."""
        return {
            "rows": self.rows,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
            "duplicates": [list(pair) for pair in self.duplicates],
            "by_day": [list(pair) for pair in self.by_day],
        }


def profile_columns(rows: pa.Table) -> Mapping[str, ColumnProfile]:
    """The profile of each of a source's own columns.

    >>> profile_columns(pa.table({"price": [1.0, 3.0, None]}))["price"].mean
    2.0
    """
    return profile_table(rows).columns


def profile_table(rows: pa.Table) -> TableProfile:
    """The profile of rows that are all there.

    >>> profile_table(pa.table({"a": [1, 2], "b": [1, 2]})).duplicates
    (('a', 'b'),)
    """
    profiler = Profiler()
    profiler.add(rows)
    return profiler.done()


class Profiler:
    """A profile of rows that come in batches: it takes memory for its columns, however many rows there are.

    Rows with `__at` are counted by day.

    >>> profiler = Profiler()
    >>> for price in (1, 2, 2):
    ...     profiler.add(pa.table({"price": [price]}))
    >>> profiler.done().columns["price"].top
    ((2, 2), (1, 1))
    """

    def __init__(self) -> None:
        self._rows = 0
        self._columns: dict[str, _Column] = {}
        self._pairs: list[tuple[str, str]] | None = None
        self._days = _Days()

    def add(self, rows: pa.Table) -> None:
        """Add a batch; a column that only some batches have is NULL in the others."""
        for name, kind in kinds(rows).items():
            if name not in self._columns:
                self._columns[name] = _Column(kind, rows=self._rows)
        if self._pairs is None and rows.num_rows:
            by_kind = combinations(self._columns, 2)
            self._pairs = [(a, b) for a, b in by_kind if self._columns[a].kind == self._columns[b].kind]
        for start in range(0, rows.num_rows, _BATCH):
            self._add(rows.slice(start, _BATCH).combine_chunks())

    def _add(self, batch: pa.Table) -> None:
        days = None
        if AT in batch.column_names:
            days = times_of(batch, AT) // DAY
            self._days.add(*np.unique(days, return_counts=True))
        for name, column in self._columns.items():
            if name in batch.column_names:
                chunks = batch[name]
                column.add(chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks(), days)
            else:
                column.lack(batch.num_rows, days)
        if self._pairs:
            self._pairs = [pair for pair in self._pairs if _equal(batch, *pair)]
        self._rows += batch.num_rows

    def done(self) -> TableProfile:
        """The profile of what was added so far."""
        columns = {name: column.done() for name, column in self._columns.items()}
        # Columns without any value are alike in nothing.
        pairs = tuple(pair for pair in self._pairs or () if columns[pair[0]].distinct)
        return TableProfile(self._rows, columns, pairs, self._days.counted())


def _equal(batch: pa.Table, one: str, other: str) -> bool:
    if one not in batch.column_names or other not in batch.column_names:
        return False
    mine, theirs = batch[one], batch[other]
    if mine.type != theirs.type:
        try:
            theirs = theirs.cast(mine.type)
        except pa.ArrowInvalid:
            return False
    return bool(mine.equals(theirs))


class _Column:
    """What is known of one column so far."""

    def __init__(self, kind: str, *, rows: int) -> None:
        self.kind, self._rows, self._nulls, self._infinite = kind, rows, rows, 0
        self._distinct, self._frequent, self._quantiles = Distinct(), Frequent(), Quantiles()
        self._size, self._mean, self._squares = 0, 0.0, 0.0
        self._days, self._nulls_by_day = _Days(), _Days()
        self._hours = np.zeros(7 * 24, dtype=np.int64)

    def lack(self, rows: int, days: Ints | None) -> None:
        """Count rows that do not have the column."""
        self._rows += rows
        self._nulls += rows
        if days is not None:
            self._nulls_by_day.add(*np.unique(days, return_counts=True))

    def add(self, column: pa.Array, days: Ints | None) -> None:
        """Add the values of a batch of at most 65,536 rows."""
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        self._rows += len(column)
        filled = column
        if column.null_count or pa.types.is_floating(column.type):
            empty = pc.is_null(column, nan_is_null=True)
            nulls = pc.sum(empty).as_py() or 0
            if nulls:
                self._nulls += nulls
                if days is not None:
                    self._nulls_by_day.add(*np.unique(days[empty.to_numpy(zero_copy_only=False)], return_counts=True))
                filled = column.filter(pc.invert(empty))
        if not len(filled):
            return
        if self.kind == TEXT:
            self._add_texts(filled)
        elif self.kind == BOOL:
            yes = pc.sum(filled).as_py()
            counts = np.array([len(filled) - yes, yes])
            seen = np.flatnonzero(counts)
            different = np.array([0.0, 1.0])[seen]
            self._values(np.repeat([0.0, 1.0], counts), _bits(different), different, counts[seen])
            self._frequent.add(pa.array([False, True]).take(pa.array(seen)), counts[seen])
        else:
            self._add_numbers(filled)

    def _add_numbers(self, filled: pa.Array) -> None:
        if self.kind == TIME:
            filled = pc.cast(pc.cast(filled, pa.timestamp("us")), pa.int64())
        elif pa.types.is_decimal(filled.type) or pa.types.is_uint64(filled.type):
            filled = pc.cast(filled, pa.float64(), safe=False)
        values = np.sort(filled.to_numpy())
        if values.dtype.kind != "f":
            values = values.astype(np.int64, copy=False)
        else:
            values = values.astype(np.float64, copy=False)
            first, last = np.searchsorted(values, [-np.finfo(float).max, np.finfo(float).max], side="left")
            last = int(np.searchsorted(values, np.finfo(float).max, side="right"))
            self._infinite += values.size - (last - int(first))
            values = values[int(first) : last] + 0.0
            if not values.size:
                return
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        different, counts = values[starts], np.diff(np.r_[starts, values.size])
        self._values(values, _bits(different), different.astype(np.float64), counts)
        self._frequent.add(pa.array(different), counts)
        if self.kind == TIME:
            self._days.add((different // DAY).astype(np.int64), counts)
            hours = (different // HOUR + 3 * 24) % (7 * 24)  # 1970 began on a Thursday
            self._hours += np.bincount(hours, weights=counts, minlength=7 * 24).astype(np.int64)

    def _values(self, ordered: npt.NDArray[Any], bits: npt.NDArray[np.uint64], different: Floats, counts: Ints) -> None:
        self._distinct.add(mix(bits))
        self._quantiles.add(ordered)
        self._moments(different, counts)

    def _add_texts(self, filled: pa.Array) -> None:
        if not pa.types.is_string(filled.type):
            filled = pc.cast(filled, pa.string())
        counted = pc.value_counts(filled)
        different, counts = counted.field(0), counted.field(1).to_numpy()
        self._distinct.add(quick_hashes(different))
        self._frequent.add(different, counts)
        lengths = pc.utf8_length(different).to_numpy().astype(np.int64)
        order = np.argsort(lengths, kind="stable")
        self._quantiles.add(np.repeat(lengths[order], counts[order]))
        self._moments(lengths.astype(np.float64), counts)

    def _moments(self, values: Floats, counts: Ints) -> None:
        """Mean and sum of squares, batch by batch (Chan, Golub and LeVeque 1983)."""
        size = int(counts.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float((values * counts).sum() / size)
            squares = float(((values - mean) ** 2 * counts).sum())
            both, apart = self._size + size, mean - self._mean
            self._squares += squares + apart * apart * self._size * size / both
            self._mean += apart * size / both
        self._size = both

    def done(self) -> ColumnProfile:
        """The profile of what was added so far."""
        quantiles = self._quantiles.at(LEVELS)
        with np.errstate(over="ignore", invalid="ignore"):
            std = np.sqrt(self._squares / self._size) if self._size else np.nan
        return ColumnProfile(
            kind=self.kind,
            rows=self._rows,
            nulls=self._nulls,
            infinite=self._infinite,
            distinct=self._distinct.count,
            distinct_exact=self._distinct.exact,
            quantiles=tuple(int(each) for each in quantiles) if self.kind in (TIME, TEXT) else tuple(quantiles),
            mean=self._mean if self._size and self.kind != TIME and np.isfinite(self._mean) else None,
            std=float(std) if self._size and self.kind in (NUMBER, TEXT) and np.isfinite(std) else None,
            histogram=_histogram(self._quantiles, quantiles) if self.kind != BOOL else None,
            top=tuple(self._frequent.top(TOP)),
            top_missed=self._frequent.missed,
            by_day=self._days.counted(),
            by_hour=tuple(self._hours.tolist()) if self.kind == TIME and self._size else (),
            nulls_by_day=self._nulls_by_day.counted(),
        )


def _bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """The bits of numbers: a whole number has those of its float64, beyond 2**53 its own."""
    bits = values.astype(np.float64).view(np.uint64)
    if values.dtype == np.int64 and (values[0] < -EXACT or values[-1] > EXACT):
        beyond = (values > EXACT) | (values < -EXACT)
        bits[beyond] = values[beyond].view(np.uint64)
    return bits


def _histogram(values: Quantiles, quantiles: Sequence[float]) -> Histogram | None:
    """Bins over all values; where a few lie far out, over the middle 98 %, and how many lie beyond."""
    if not quantiles or not quantiles[-1] - quantiles[0] < np.inf:
        return None
    low, high = quantiles[0], quantiles[-1]
    near, far = quantiles[1], quantiles[-2]
    if far > near:
        spread = far - near
        low, high = max(low, near - (_WIDE - 1) / 2 * spread), min(high, far + (_WIDE - 1) / 2 * spread)
    edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low])
    counts, below = values.counts(edges), values.below(low)
    return Histogram(tuple(edges.tolist()), tuple(counts), below, max(0, values.size - below - sum(counts)))


class _Days:
    """Counts by day, of a century at most; then by 30 days."""

    def __init__(self) -> None:
        self._days, self._counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self._width = 1

    def add(self, days: Ints, counts: Ints) -> None:
        """Add days in order, which may be there more than once, with their counts."""
        if not days.size:
            return
        self._days = np.concatenate([self._days, days // self._width * self._width])
        self._counts = np.concatenate([self._counts, counts])
        self._settle()
        while self._days.size > MOST_DAYS:
            self._width *= 30
            self._days = self._days // self._width * self._width
            self._settle()

    def _settle(self) -> None:
        days, places = np.unique(self._days, return_inverse=True)
        self._counts = np.bincount(places, weights=self._counts, minlength=days.size).astype(np.int64)
        self._days = days

    def counted(self) -> tuple[tuple[int, int], ...]:
        """The first microsecond of each day, with its count."""
        return tuple(zip((self._days * DAY).tolist(), self._counts.tolist(), strict=True))
