"""The reference: what a model was trained on, as counts over fixed bins that every later day is counted into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.core.records import FEATURE
from setpoint.watch.binning import Placed, as_floats, as_texts, place_numbers, place_texts
from setpoint.watch.effects import additive_effects
from setpoint.watch.finding import FEATURE as FEATURE_LEVEL
from setpoint.watch.finding import PREDICTION

Numbers = npt.NDArray[np.float64]

NUMBER, TEXT = "number", "text"
BINS = 32
QUANTILES, TAILS = 24, (0.0, 0.25, 0.5, 0.75, 1.0, 2.5)
"""Where values are many: bins of equal mass, and edges beyond either end, in spreads, for what time may bring."""

LEVELS = 200
KNOWN_LEVELS = 20_000
"""A text column with more values than this is open-ended: an unseen one is nothing to remark."""

SAMPLE = 20_000
"""Rows that quantiles are read from; counts use all."""

LEARNT_FROM = 20_000
"""Rows that the effects of inputs on the score are learnt from."""

SCORE = "score"


@dataclass(frozen=True)
class ColumnReference:
    """One column of the reference.

    A number has inner `edges`, and its bin i holds edges[i-1] <= x < edges[i]; a text has `levels`, and its last bin
    holds all others. `low` and `high` fence what is plausible: the 0.5 % and 99.5 % quantiles, moved out by four times
    their distance, and never inside the training range. `known` are all values of a text in training (empty: too
    many). `effects` say how far each bin, and NULL, moves the rank of the score (see effects.py).
    """

    name: str
    kind: str
    level: str
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    counts: tuple[int, ...] = ()
    nulls: int = 0
    effects: tuple[float, ...] = ()

    @property
    def column(self) -> str:
        """The column's name in the decision log."""
        return self.name if self.level == PREDICTION else FEATURE + self.name

    @property
    def bins(self) -> int:
        """How many bins the column has."""
        return len(self.edges if self.kind == NUMBER else self.levels) + 1

    @cached_property
    def _level_sets(self) -> tuple[pa.Array, pa.Array | None]:
        levels = pa.array(self.levels, pa.string())
        if self.known == self.levels:
            return levels, levels
        return levels, pa.array(self.known, pa.string()) if self.known else None

    def place(self, values: pa.ChunkedArray | pa.Array) -> Placed:
        """The bin of each value."""
        if self.kind == NUMBER:
            return place_numbers(as_floats(values), self.edges, low=self.low, high=self.high)
        return place_texts(as_texts(values), *self._level_sets)

    def to_dict(self) -> dict[str, Any]:
        """The column as JSON-like data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> ColumnReference:
        """The column that `to_dict` described."""
        kept: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return ColumnReference(**kept)


@dataclass(frozen=True)
class Reference:
    """What a model was trained on: `rows` decisions from `first` to `last`; the score is the last of the columns."""

    first: int
    last: int
    rows: int
    columns: tuple[ColumnReference, ...]

    @cached_property
    def layout(self) -> str:
        """The identity of the bins: days counted into the same ones can be compared."""
        return digest([[c.name, c.kind, list(c.edges), list(c.levels)] for c in self.columns])

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """The place of each column's first bin in a flat row of counts; one more for the end."""
        return np.concatenate([[0], np.cumsum([c.bins for c in self.columns], dtype=np.int64)])

    @cached_property
    def has_mean(self) -> npt.NDArray[np.bool_]:
        """For each column whether its daily mean is worth watching: a number without a value that most rows have."""
        return np.array([_has_mean(column) for column in self.columns])

    @cached_property
    def positions(self) -> Numbers:
        """Where each bin stands, for means of a day: its middle in deviations from the median of training, compressed.

        The inverse hyperbolic sine is a straight line for usual values and a logarithm for far ones, so that a value
        far outside is seen as far, and yet no single one rules a mean. Bins of texts stand at 0.
        """
        return np.concatenate([_positions(column) for column in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """The reference as JSON-like data."""
        return {
            "first": self.first,
            "last": self.last,
            "rows": self.rows,
            "columns": [column.to_dict() for column in self.columns],
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Reference:
        """The reference that `to_dict` described."""
        columns = tuple(ColumnReference.from_dict(column) for column in data["columns"])
        return Reference(data["first"], data["last"], data["rows"], columns)


def make_reference(
    features: pa.Table, scores: npt.ArrayLike, at: npt.ArrayLike, *, edges_from: Reference | None = None
) -> Reference:
    """The reference of a model's training rows: their features, the scores it gave them and their times.

    `edges_from` is the reference before: the bins of columns that it has stay as they are, so that days counted
    before and after can be compared, and its fences are only ever widened. Raises DataError when there is no row.

    >>> rows = pa.table({"temp": [10.0, 12.0, None], "carrier": ["UA", "UA", "B6"]})
    >>> [column.bins for column in make_reference(rows, [0.1, 0.2, 0.3], [0, 1, 2]).columns]
    [2, 3, 3]
    """
    times = np.asarray(at, dtype=np.int64)
    points = np.asarray(scores, dtype=np.float64)
    if not features.num_rows == points.size == times.size or not times.size:
        raise DataError(
            f"There are {features.num_rows} rows of features, {points.size} scores and {times.size} times.",
            expected="one of each per decision, and at least one",
        )
    before = {} if edges_from is None else {column.name: column for column in edges_from.columns}
    columns = []
    for name in features.column_names:
        values = features.column(name)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            columns.append(_text(name, values, before.get(name)))
        else:
            columns.append(_number(name, as_floats(values), FEATURE_LEVEL, before.get(name)))
    columns.append(_number(SCORE, points, PREDICTION, before.get(SCORE)))
    columns = _with_effects(columns, features, points)
    return Reference(int(times.min()), int(times.max()), int(times.size), tuple(columns))


def _with_effects(columns: list[ColumnReference], features: pa.Table, scores: Numbers) -> list[ColumnReference]:
    """The columns with their effects on the rank of the score, learnt from a sample of the rows."""
    scored = np.flatnonzero(~np.isnan(scores))
    chosen = scored[:: 1 + scored.size // LEARNT_FROM]
    if not chosen.size or len(columns) < 2:
        return columns
    *inputs, score = columns
    sample = features.take(pa.array(chosen))
    codes = [column.place(sample.column(column.name)).codes for column in inputs]
    mass = np.array(score.counts, dtype=np.float64)
    rank = (np.cumsum(mass) - mass / 2) / mass.sum()
    target = rank[score.place(pa.array(scores[chosen])).codes]
    found = additive_effects(codes, [column.bins + 1 for column in inputs], target)
    learnt = [
        replace(column, effects=tuple(np.round(effect, 6).tolist()))
        for column, effect in zip(inputs, found, strict=True)
    ]
    return [*learnt, score]


def _number(name: str, values: Numbers, level: str, before: ColumnReference | None) -> ColumnReference:
    present = values[~np.isnan(values)]
    low = high = spread = 0.0
    if present.size:
        sample = np.sort(present[:: 1 + present.size // SAMPLE])
        near, far = np.quantile(_without_the_usual(sample), [0.005, 0.995])
        spread = float(far - near)
        low, high = min(near - 4 * spread, float(present.min())), max(far + 4 * spread, float(present.max()))
    if before is not None and before.kind == NUMBER:
        edges = before.edges
        low, high = (min(low, before.low), max(high, before.high)) if present.size else (before.low, before.high)
    else:
        edges = _edges(sample, spread) if present.size else ()
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return ColumnReference(
        name,
        NUMBER,
        level,
        edges=edges,
        low=float(low),
        high=float(high),
        counts=tuple(counts.tolist()),
        nulls=int(values.size - present.size),
    )


def _without_the_usual(ascending: Numbers) -> Numbers:
    """The values other than the one that more than half of them have, if any are left: most hours have no rain."""
    usual = ascending[ascending.size // 2]
    others = ascending[ascending != usual]
    return others if 0 < others.size < ascending.size / 2 else ascending


def _edges(ascending: Numbers, spread: float) -> tuple[float, ...]:
    """Inner edges: between all values when they are few; else at quantiles, and by steps of `spread` beyond them."""
    distinct = np.unique(ascending)
    if distinct.size <= BINS:
        return tuple(distinct[1:].tolist())
    inner = np.quantile(ascending, np.arange(1, QUANTILES) / QUANTILES)
    first, last = float(ascending[0]), float(ascending[-1])
    steps = np.array(TAILS) * spread
    beyond = np.concatenate([first - steps, inner, np.nextafter(last, np.inf) + steps])
    return tuple(np.unique(beyond).tolist())


def _has_mean(column: ColumnReference) -> bool:
    """Most hours have no rain: a mean of such a column is made by a few days, and has no usual deviation."""
    return column.kind == NUMBER and 2 * max(column.counts) <= sum(column.counts)


def _positions(column: ColumnReference) -> Numbers:
    if column.kind != NUMBER or not column.edges:
        return np.zeros(column.bins)
    edges = np.array(column.edges)
    steps = np.diff(edges) if edges.size > 1 else np.ones(1)
    middles = np.concatenate(
        [[edges[0] - steps[0] / 2], edges[:-1] + steps[: edges.size - 1] / 2, [edges[-1] + steps[-1] / 2]]
    )
    mass = np.array(column.counts, dtype=np.float64)
    if not mass.sum():
        return np.zeros(column.bins)
    ends = np.cumsum(mass) / mass.sum()
    low, median, high = (middles[np.searchsorted(ends, share)] for share in (0.25, 0.5, 0.75))
    mean = float((mass * middles).sum() / mass.sum())
    deviation = float(np.sqrt((mass * (middles - mean) ** 2).sum() / mass.sum()))
    scale = (high - low) / 1.349 if high > low else deviation
    return np.arcsinh((middles - median) / scale) if scale > 0 else np.zeros(column.bins)


def _text(name: str, values: pa.ChunkedArray, before: ColumnReference | None) -> ColumnReference:
    found = pc.value_counts(pc.drop_null(values))
    tally = dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
    often = sorted(tally, key=lambda value: (-tally[value], value))
    levels = before.levels if before is not None and before.kind == TEXT else tuple(sorted(often[:LEVELS]))
    counts = [tally.get(value, 0) for value in levels]
    known = tuple(sorted(tally)) if len(tally) <= KNOWN_LEVELS else ()
    return ColumnReference(
        name,
        TEXT,
        FEATURE_LEVEL,
        levels=levels,
        known=known,
        counts=(*counts, sum(tally.values()) - sum(counts)),
        nulls=values.null_count,
    )
