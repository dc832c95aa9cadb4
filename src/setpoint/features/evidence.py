"""Evidence: the events behind one value of a feature, and what each part of its expression gives.

For every fold the rows of its key are listed, newest first, each with whether it counts and why not. What a decision
had seen is told by a number of rows of each source (`arrived`), so the same words explain a decision of a batch, one
taken online, and one as it would be had a row been missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NameUnknown
from setpoint.core.times import iso
from setpoint.data.arrays import EXACT, NULL_TIME, Array, Mask, null_mask, to_array
from setpoint.data.language.evaluate import Inputs, aggregate_key, evaluate, is_true
from setpoint.data.log.decisions import sources_read
from setpoint.data.rows import ALWAYS, AT, ENDS, ID, KNOWN_AT, POSITION, SIGN, times_of
from setpoint.declare.expr import Aggregate, Column, Expr, Field, Literal, Neighbours, children, spell, walk
from setpoint.declare.kinds import BOOL, DURATION, NUMBER, TEXT, TIME, Scope, kind_of
from setpoint.declare.named import Feature
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.needs import Fold, arounds, columns_of, everything
from setpoint.features.reader import FeatureReader
from setpoint.features.windows import start_of

MOST = 20
"""Events of a fold that are listed unless more are asked for."""

OUTSIDE = 3
"""Of these, events before the window: enough to see where it begins."""

COUNTS = "counts"
UNKNOWN, LATER, TAKEN_BACK, BEFORE = "not known yet", "not before the decision", "taken back", "before the window"
NOT_CHOSEN, NO_VALUE, OTHER = "where is not true", "NULL", "another one is taken"
"""Whether a row counts for a fold, or why it does not."""


@dataclass(frozen=True)
class Event:
    """A row of a fold's key: when it happened and was known, its value, and whether it counts (`verdict`)."""

    id: str
    at: int
    known_at: int
    position: int
    value: float | int | str | None
    verdict: str

    @property
    def counts(self) -> bool:
        """Whether the value rests on it."""
        return self.verdict == COUNTS


@dataclass(frozen=True)
class Part:
    """A part of an expression, `depth` steps inside it, with its value.

    A fold has its `source`, its key, the start of its window (None: all time) and its rows, newest first, whose values
    are of `kind_of_rows`; `counted` of all its rows count, and `rest` are not listed.
    """

    title: str
    depth: int
    kind: str
    value: float | int | str | None
    source: str = ""
    kind_of_rows: str = ""
    key: tuple[Any, ...] = ()
    since: int | None = None
    events: tuple[Event, ...] = ()
    counted: int = 0
    rest: int = 0

    @property
    def newest(self) -> Event | None:
        """The newest row that counts."""
        return next((event for event in self.events if event.counts), None)


@dataclass(frozen=True)
class Evidence:
    """What a feature's value rests on: the value worked out again, and the parts of its expression, outermost first."""

    feature: str
    value: float | int | str | None
    parts: tuple[Part, ...]

    @property
    def folds(self) -> tuple[Part, ...]:
        """The parts that fold rows of a source."""
        return tuple(part for part in self.parts if part.source)


@dataclass(frozen=True)
class Seen:
    """One decision: the plan it was taken by, its request (a table of one row), its time, and what it had seen.

    `arrived` is how many rows of each source had arrived.
    """

    plan: Plan
    rows: Mapping[str, pa.Table]
    request: pa.Table
    at: int
    arrived: Mapping[str, int]

    def evidence(self, feature: str, *, most: int = MOST) -> Evidence:
        """What the value of a feature rests on; raises NameUnknown for one that the plan does not have."""
        found = {one.name: one for one in self.plan.inputs}
        if feature not in found:
            raise NameUnknown("feature", feature, found, where=f"The system {self.plan.system.name!r}")
        exprs = list(_parts(found[feature].expr))
        values = self.values([expr for _, expr in exprs])
        folds = {fold.key: fold for fold in self.folds([found[feature].expr])}
        parts = []
        for (depth, expr), value in zip(exprs, values, strict=True):
            part = Part(spell(expr), depth, self.kind(expr), value)
            fold = _fold_of(expr, folds)
            parts.append(part if fold is None else self._explained(part, fold, most))
        return Evidence(feature, values[0], tuple(parts))

    def values(self, exprs: Sequence[Expr]) -> list[float | int | str | None]:
        """What expressions give in this decision, worked out from the rows of its keys alone."""
        near = {name: self.visible(name, self.near(name, exprs)) for name in sources_read(exprs)}
        return self.values_on(exprs, {name: self.table(name, places) for name, places in near.items()})

    def values_on(self, exprs: Sequence[Expr], rows: Mapping[str, pa.Table]) -> list[float | int | str | None]:
        """What expressions give in this decision when it has seen exactly these rows."""
        inputs = tuple(Feature(f"part_{number}", expr) for number, expr in enumerate(exprs))
        kinds = {one.name: self.kind(one.expr) for one in inputs}
        narrow = replace(self.plan, inputs=inputs, features=kinds)
        found = FeatureReader(narrow, rows).read(self.request, np.array([self.at], dtype=np.int64))
        return [_plain(found[one.name][0].as_py(), kinds[one.name]) for one in inputs]

    def kind(self, expr: Expr) -> str:
        """The kind of what an expression gives."""
        return kind_of(expr, Scope(self.plan.schemas, self.plan.fields, {}), where="A feature")

    def folds(self, exprs: Iterable[Expr]) -> tuple[Fold, ...]:
        """The folds in expressions, lookups in tables among them."""
        inputs = tuple(Feature(f"part_{number}", expr) for number, expr in enumerate(exprs))
        narrow = replace(self.plan, inputs=inputs, features={one.name: "" for one in inputs})
        return (*everything(narrow), *[around.edges for around in arounds(narrow)])

    def key(self, fold: Fold) -> tuple[Any, ...]:
        """The parts of a fold's key in this decision; None for a part that is NULL."""
        computed = [part for part in fold.keys if not isinstance(part, Field)]
        values = dict(zip(map(id, computed), self.values(computed) if computed else [], strict=True))
        return tuple(self._given(part) if isinstance(part, Field) else values[id(part)] for part in fold.keys)

    def _given(self, field: Field) -> Any:
        """The value of a request field as keys are compared by; None for NULL.

        It is what expressions read, but for a whole number beyond 2**53, which is itself.
        """
        kind, column = self.plan.fields[field.name], self.request[field.name]
        value = _plain(to_array(column, kind)[:1].tolist()[0], kind)
        beyond = kind == NUMBER and value is not None and abs(value) >= EXACT and pa.types.is_integer(column.type)
        return column[0].as_py() if beyond else value

    def of_key(self, fold: Fold) -> Array:
        """The places of the rows that have the key of a fold."""
        rows, kinds = self.rows[fold.source], self.plan.schemas[fold.source]
        matching = np.ones(rows.num_rows, dtype=np.bool_)
        for (_, column), value in zip(fold.node.by, self.key(fold), strict=True):
            matching &= _equal(rows[column], kinds[column], value)
        return np.flatnonzero(matching)

    def near(self, source: str, exprs: Sequence[Expr]) -> Array:
        """The places of a source's rows that expressions can see: those of their keys, or all for neighbours."""
        if any(isinstance(node, Neighbours) for expr in exprs for node in walk(expr)):
            return np.arange(self.rows[source].num_rows)
        inside = [part for expr in exprs for node in walk(expr) if isinstance(node, Aggregate) for part in node.keys]
        places = [self.of_key(fold) for fold in self.folds([*exprs, *inside]) if fold.source == source]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *places]))

    def visible(self, source: str, places: Array) -> Array:
        """Of these places of a source, those whose rows had arrived and were not taken back."""
        rows, arrived = self.rows[source], self.arrived[source]
        places = places[places < arrived]
        if SIGN in rows.column_names:
            places = places[(times_of(rows, SIGN)[places] > 0) & (times_of(rows, ENDS)[places] >= arrived)]
        return places

    def table(self, source: str, places: Array) -> pa.Table:
        """Rows of a source as a source of their own, all of them known from the beginning."""
        return known_always(self.rows[source].take(pa.array(places)))

    def since(self, fold: Fold) -> int:
        """When the window of a fold begins."""
        return start_of(self.at, fold.stretch)

    def verdicts(self, fold: Fold, places: Array) -> tuple[Array, Array]:
        """Of each of these rows, whether it counts for a fold or why not, and the value that it adds."""
        rows = self.rows[fold.source].take(pa.array(places))
        at, position = times_of(rows, AT), times_of(rows, POSITION)
        arrived, since = self.arrived[fold.source], self.since(fold)
        values = self._column(fold, fold.node.column, rows)
        verdicts = np.full(places.size, COUNTS, dtype=object)
        if fold.node.column is not None and fold.node.kind != "latest":
            verdicts[null_mask(values)] = NO_VALUE
        if fold.node.where is not None:
            verdicts[~is_true(self._column(fold, fold.node.where, rows))] = NOT_CHOSEN
        verdicts[at < since] = BEFORE
        if ENDS in rows.column_names:
            verdicts[times_of(rows, ENDS) < arrived] = TAKEN_BACK
        verdicts[at >= self.at] = LATER
        verdicts[position >= arrived] = UNKNOWN
        if fold.node.kind in ("first", "last", "latest"):
            counting = np.flatnonzero(verdicts == COUNTS)
            chosen = counting[np.lexsort((position[counting], at[counting]))]
            verdicts[chosen[1:] if fold.node.kind == "first" else chosen[:-1]] = OTHER
        return verdicts, values

    def _column(self, fold: Fold, expr: Expr | None, rows: pa.Table) -> Array:
        kinds = self.plan.schemas[fold.source]
        columns = {(fold.source, name): to_array(rows[name], kinds[name]) for name in columns_of(expr)}
        return np.full(rows.num_rows, np.nan) if expr is None else evaluate(expr, Inputs(rows.num_rows, columns))

    def listed(self, fold: Fold) -> Array:
        """The places of the rows that are listed for a fold: of its key, no retraction, none of the future."""
        places = self.of_key(fold)
        rows = self.rows[fold.source].take(pa.array(places))
        at, stands = times_of(rows, AT), np.ones(places.size, dtype=np.bool_)
        if SIGN in rows.column_names:
            stands = times_of(rows, SIGN) > 0
        seen = (at < self.at) | (at == self.at) | (times_of(rows, POSITION) < self.arrived[fold.source])
        places, at = places[stands & seen], at[stands & seen]
        newest_first: Array = places[np.lexsort((places, at))][::-1]
        return newest_first

    def event(self, fold: Fold, place: int) -> Event:
        """One row of a fold's key."""
        verdicts, values = self.verdicts(fold, np.array([place]))
        return self._event(fold, place, str(verdicts[0]), values[0])

    def _event(self, fold: Fold, place: int, verdict: str, value: Any) -> Event:
        row = self.rows[fold.source].slice(place, 1)
        at, known_at, position = (int(row[name][0].as_py()) for name in (AT, KNOWN_AT, POSITION))
        column = fold.node.column
        shown = None if column is None else _plain(value.item() if isinstance(value, np.generic) else value, fold.kind)
        return Event(str(row[ID][0].as_py()), at, known_at, position, shown, verdict)

    def _explained(self, part: Part, fold: Fold, most: int) -> Part:
        """A part with the rows that its fold looked at."""
        places = self.listed(fold)
        verdicts, values = self.verdicts(fold, places)
        before = np.flatnonzero(verdicts == BEFORE)
        shown = np.sort(np.concatenate([np.flatnonzero(verdicts != BEFORE), before[:OUTSIDE]]))[:most]
        events = [self._event(fold, int(places[row]), str(verdicts[row]), values[row]) for row in shown]
        bounded = bool(fold.node.last)
        return replace(
            part,
            source=fold.source,
            kind_of_rows=fold.kind,
            key=self.key(fold),
            since=self.since(fold) if bounded else None,
            events=tuple(events),
            counted=int((verdicts == COUNTS).sum()),
            rest=int(places.size - shown.size),
        )


def shown_value(value: float | int | str | None, kind: str) -> float | int | str | None:
    """A value as JSON has it: a time in ISO 8601, a duration in seconds, None for NULL.

    >>> shown_value(0, "time"), shown_value(1_500_000, "duration"), shown_value(2.0, "number")
    ('1970-01-01T00:00:00Z', 1.5, 2.0)
    """
    if value is None:
        return None
    if kind == TIME:
        return iso(int(value))
    return int(value) / 1_000_000 if kind == DURATION else value


def _parts(expr: Expr, depth: int = 0) -> Iterable[tuple[int, Expr]]:
    """An expression and what it is made of, except constants, each with how deep it stands."""
    yield depth, expr
    inside = expr.parts if isinstance(expr, Aggregate) else () if isinstance(expr, Neighbours) else children(expr)
    for part in inside:
        if not isinstance(part, Literal) and not (isinstance(expr, Aggregate) and isinstance(part, Field)):
            yield from _parts(part, depth + 1)


def _fold_of(expr: Expr, folds: Mapping[str, Fold]) -> Fold | None:
    """The fold that gives a part its value, if one does."""
    for fold in folds.values():
        if isinstance(expr, Column) and fold.reads == (info(expr.source).name, expr.name):
            return fold
        if expr is fold.node or (isinstance(expr, Neighbours) and expr.edges is fold.node):
            return fold
    return folds.get(aggregate_key(expr)) if isinstance(expr, Aggregate) else None


def known_always(rows: pa.Table) -> pa.Table:
    """Rows of a source as a source of their own, all of them known from the beginning.

    >>> known_always(pa.table({"n": [5], KNOWN_AT: [9], POSITION: [7]})).to_pylist()
    [{'n': 5, '__known_at': -4611686018427387904, '__position': 0}]
    """
    fresh = {KNOWN_AT: np.full(rows.num_rows, ALWAYS), POSITION: np.arange(rows.num_rows)}
    columns = {name: rows[name] for name in rows.column_names if name not in (SIGN, ENDS)}
    return pa.table({**columns, **{name: pa.array(values, pa.int64()) for name, values in fresh.items()}})


def _plain(value: Any, kind: str) -> Any:
    """A value with one None for every NULL."""
    if value is None or (kind == TIME and value == NULL_TIME) or value != value:  # noqa: PLR0124 (NaN)
        return None
    return value


def _equal(column: pa.ChunkedArray, kind: str, value: Any) -> Mask:
    """Where a column has a value; nowhere when that is NULL."""
    if value is None:
        return np.zeros(len(column), dtype=np.bool_)
    if kind == BOOL or (kind != TEXT and not pa.types.is_integer(column.type)):
        same = to_array(column, kind) == value
        return np.asarray(same if float(value) == value else np.zeros_like(same))
    if kind == TEXT:
        wanted = pa.scalar(value, pa.string())
    else:
        try:
            wanted = pa.scalar(int(value), column.type)
        except (pa.ArrowInvalid, OverflowError):  # no number of the column's type
            return np.zeros(len(column), dtype=np.bool_)
        if value != int(value):
            return np.zeros(len(column), dtype=np.bool_)
    found = pc.fill_null(pc.equal(column, wanted), False)
    return np.asarray(found.to_numpy(), dtype=np.bool_)
