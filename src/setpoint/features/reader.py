"""Features of many decisions at once, from the rows of the sources: what training sets and replays read.

Rows are prepared once; a decision is then answered from the rows of its keys. Values are exact, and depend neither on
how decisions are batched nor on whether compiled code (`kernel`) or pairs of decisions and rows (`pairs`) give them.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown
from setpoint.data.arrays import Array, to_array, to_arrow
from setpoint.data.evaluate import aggregate_key, evaluate
from setpoint.data.rows import AT, ENDS, KNOWN_AT, SIGN, times_of
from setpoint.declare.declaration import Feature
from setpoint.declare.expr import Aggregate, Column, Expr, Field, to_dict, walk
from setpoint.declare.kinds import TEXT, Scope, kind_of
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.arrange import Arranged, arrange
from setpoint.features.columns import Columns
from setpoint.features.finish import ROWS, finish
from setpoint.features.kernel import Kernel
from setpoint.features.keys import FEW, KeyIndex
from setpoint.features.needs import Around, Fold, arounds, everything
from setpoint.features.neighbours import Edges, Named, bring_each_together
from setpoint.features.pairs import PairFolds, Sorted
from setpoint.features.ranges import ask
from setpoint.features.requests import Answers, Requests

CHUNK = 1 << 19
"""Decisions answered together: enough to be quick, few enough to bound the memory."""

SMALL_ROWS = 1 << 16
"""A reader of more rows than this uses compiled code from the start."""

SMALL_PAIRS = 1 << 22
"""Writing out so many pairs of decisions and rows takes about as long as loading compiled code does."""


class FeatureReader:
    """Reads the features of a plan as of the time of each decision.

    `rows` holds the rows of every source that features read, as `ingest` gives them. The reader keeps what it needs of
    them, and its answers never change. `threads` share the work of large batches. Compiled code is used when it has
    been loaded anyway or the work is worth loading it, unless `compiled` says whether.
    """

    def __init__(
        self, plan: Plan, rows: Mapping[str, pa.Table], *, threads: int = 1, compiled: bool | None = None
    ) -> None:
        self._plan, self._threads, self._compiled = plan, threads, compiled
        self._patience = SMALL_PAIRS
        folds = everything(plan)
        around = arounds(plan)
        nearby = [fold for one in around for fold in (one.edges, one.of)]
        asking = [*folds, *[one.edges for one in around]]
        self._direct = {name: plan.fields[name] for name in _fields_read(plan, asking)}
        self._sources: dict[str, _Source] = {}
        for name in dict.fromkeys(fold.source for fold in (*folds, *nearby)):
            if name not in rows:
                raise NameUnknown("source", name, rows, where="The rows that features are read from")
            self._sources[name] = _Source(name, rows[name], plan)
        if compiled is None and sum(source.columns.rows for source in self._sources.values()) > SMALL_ROWS:
            self._compiled = True
        self._readings = _in_order([self._reading(*theirs) for theirs in _together(folds)])
        self._circles = [self._circle(theirs) for theirs in _by_edges(around)]
        if self._compiled:
            self._prepare()

    def read(self, requests: pa.Table, at: Array, *, arrived: Mapping[str, Array] | None = None) -> pa.Table:
        """One column for each feature and one row for each request, in order.

        Numbers and truth values are float64 with NaN for NULL, texts are strings with nulls. A decision sees the rows
        that were known at its time, or with `arrived`, by source, as many rows as it had seen.
        """
        for name in self._plan.fields:
            if name not in requests.column_names:
                raise NameUnknown("request field", name, requests.column_names, where="The table of requests")
        parts = []
        for start in range(0, max(len(at), 1), CHUNK):
            part, table = slice(start, start + CHUNK), requests.slice(start, CHUNK)
            fields = {name: to_array(table.column(name), kind) for name, kind in self._direct.items()}
            seen = None if arrived is None else {name: counts[part] for name, counts in arrived.items()}
            parts.append(self._read(Requests(table, np.asarray(at[part], dtype=np.int64), fields, seen)))
        return pa.concat_tables(parts)

    def _read(self, requests: Requests) -> pa.Table:
        answers = Answers(requests)
        for reading in self._readings:
            self._answer(reading, answers)
        for circle in self._circles:
            self._read_around(circle, answers)
        return pa.table({one.name: self._column(one, answers) for one in self._plan.inputs})

    def _prepare(self) -> None:
        """Arrange all rows now, and give back what that took."""
        inside = [inner.reading for circle in self._circles for inner in circle.inside]
        for reading in (*self._readings, *inside):
            reading.prepare()
        for source in self._sources.values():
            source.columns.forget()

    def _reading(self, *folds: Fold) -> _Reading:
        return _Reading(self._sources[folds[0].source], folds, self._plan)

    def _circle(self, arounds: Sequence[Around]) -> _Circle:
        edges = self._reading(arounds[0].edges)
        named = Edges(arounds[0].edges, edges.source.columns)
        theirs = []
        for folds in _together([around.of for around in arounds]):
            reading, keys = self._reading(*folds), {fold.key for fold in folds}
            mine = [around for around in arounds if around.of.key in keys]
            theirs.append(_Inner(reading, reading.find([named.values], rows=len(named.values)), mine))
        return _Circle(edges, named, theirs)

    def _answer(self, reading: _Reading, answers: Answers) -> None:
        key = reading.key(answers)
        compiled = self._uses_compiled(reading, answers.requests, key)
        reading.answer(answers, key, compiled=compiled, threads=self._threads)

    def _uses_compiled(self, reading: _Reading, requests: Requests, key: Array) -> bool:
        """Whether compiled code is used: when it is there, or pairs written out have cost as much as loading it."""
        if self._compiled is None and "numba" not in sys.modules:
            self._patience -= reading.pairs(requests, key)
        if self._compiled is None and ("numba" in sys.modules or self._patience < 0):
            self._compiled = True
        return bool(self._compiled)

    def _read_around(self, circle: _Circle, answers: Answers) -> None:
        """Add the folds over the neighbours of each decision's key."""
        requests, key = answers.requests, circle.edges.key(answers)
        compiled = self._uses_compiled(circle.edges, requests, key)
        for inner in circle.inside:
            for around in inner.arounds:
                answers.aggregates[around.key] = np.empty(requests.at.size)
        for decisions, of, code in circle.edges.named(circle.named, requests, key, compiled=compiled):
            for inner in circle.inside:
                source, theirs = inner.reading.source, inner.keys[code]
                again = Answers(requests.again(decisions[of], source.columns.name, source.known_at))
                inside = self._uses_compiled(inner.reading, again.requests, theirs)
                inner.reading.answer(again, theirs, compiled=inside, threads=self._threads)
                for around in inner.arounds:
                    values = again.aggregates[around.of.key]
                    found = bring_each_together(around.node, of, values, decisions.size)
                    answers.aggregates[around.key][decisions] = found

    def _column(self, feature: Feature, answers: Answers) -> pa.Array:
        if self._plan.features[feature.name] != TEXT:
            return pa.array(evaluate(feature.expr, answers.inputs))
        if isinstance(feature.expr, Field):
            return answers.requests.table.column(feature.expr.name).cast(pa.string())
        name = _name(feature.expr)
        if name in answers.texts:
            return answers.texts[name]()
        return pa.array(evaluate(feature.expr, answers.inputs), pa.string())


class _Source:
    """The rows of a source, and those under each key as they are first needed."""

    def __init__(self, name: str, rows: pa.Table, plan: Plan) -> None:
        self._rows = rows
        self.columns = Columns(name, rows, plan.schemas[name])
        self._groups: dict[tuple[str, ...], _Group] = {}

    @cached_property
    def known_at(self) -> Array:
        """When each row became known."""
        return times_of(self._rows, KNOWN_AT)

    def group(self, columns: tuple[str, ...]) -> _Group:
        """The rows under a key of these columns."""
        if columns not in self._groups:
            self._groups[columns] = _Group(self._rows, columns)
        return self._groups[columns]


class _Group:
    """The rows of a source under one key."""

    def __init__(self, rows: pa.Table, columns: tuple[str, ...]) -> None:
        self._rows, self._columns = rows, columns
        self.index = KeyIndex([rows.column(name) for name in columns], rows=rows.num_rows)

    @cached_property
    def arranged(self) -> Arranged:
        """The rows for compiled code."""
        found = arrange(self._codes, self.index.size, times_of(self._rows, AT), sign=self._sign, ends=self._ends)
        self.index.forget_codes()
        return found

    @cached_property
    def sorted(self) -> Sorted:
        """The rows for pairs."""
        return Sorted(self._codes, times_of(self._rows, AT), sign=self._sign, ends=self._ends)

    @property
    def _codes(self) -> Array:
        """The number of each row's key."""
        if self.index.codes.size:
            return self.index.codes
        return self.index.find([self._rows.column(name) for name in self._columns], rows=self._rows.num_rows)

    @property
    def _sign(self) -> Array | None:
        return self._rows.column(SIGN).to_numpy() if SIGN in self._rows.column_names else None

    @property
    def _ends(self) -> Array | None:
        return times_of(self._rows, ENDS) if SIGN in self._rows.column_names else None


class _Reading:
    """Folds of one source whose rows are found by the same key."""

    def __init__(self, source: _Source, folds: Sequence[Fold], plan: Plan) -> None:
        self.source, self.folds, self._plan = source, folds, plan
        self._group = source.group(tuple(column for _, column in folds[0].node.by))
        parts = folds[0].keys
        self._names = [part.name for part in parts if isinstance(part, Field)]
        self._joined = len(self._names) < len(parts)
        lines = [_line(fold) for fold in folds]
        self._distinct = [folds[lines.index(line)] for line in dict.fromkeys(lines)]
        self._lines = [list(dict.fromkeys(lines)).index(line) for line in lines]

    @cached_property
    def _kernel(self) -> Kernel:
        return Kernel(self._group.arranged, self.source.columns, self._distinct)

    @cached_property
    def _pairs(self) -> PairFolds:
        return PairFolds(self._group.sorted, self.source.columns, self._distinct)

    def prepare(self) -> None:
        """Arrange the rows for compiled code."""
        _ = self._kernel

    def answer(self, answers: Answers, key: Array, *, compiled: bool, threads: int) -> None:
        """Add the values of the folds for keys of these numbers."""
        requests, columns = answers.requests, self.source.columns
        arrived = requests.arrived(columns.name, self.source.known_at)
        if compiled:
            asked = ask(key, requests.at, arrived, in_order=requests.in_order)
            starts = np.stack([requests.starts(window)[asked.order] for window in self._kernel.windows])
            out = self._kernel.read(asked, starts, threads=threads)
        else:
            out = self._pairs.read(key, requests.at, arrived, requests.starts)
        for fold, line in zip(self.folds, self._lines, strict=True):
            work = partial(finish, fold, out[line], columns)
            if fold.reads is None:
                answers.aggregates.later(fold.key, work)
            else:
                answers.columns.later(fold.reads, work)
            if fold.kind == TEXT and fold.node.kind in ROWS:
                rows = out[line].astype(np.int64)
                answers.texts[fold.reads or fold.key] = partial(columns.take_arrow, fold.column, TEXT, rows)

    def pairs(self, requests: Requests, key: Array) -> int:
        """How many pairs of a decision and a row of a window the folds would write out."""
        rows = self._group.sorted
        sizes = {
            window: int(np.subtract(*rows.ranges(key, requests.starts(window), requests.at)[::-1]).sum())
            for window in dict.fromkeys(fold.stretch for fold in self.folds)
        }
        return sum(sizes[fold.stretch] for fold in self.folds)

    def named(self, edges: Edges, requests: Requests, key: Array, *, compiled: bool) -> Iterator[Named]:
        """The neighbours of decisions with these keys, some decisions at a time."""
        arrived = requests.arrived(self.source.columns.name, self.source.known_at)
        starts = requests.starts(self.folds[0].stretch)
        if compiled:
            return edges.from_arranged(self._group.arranged, key, requests.at, arrived, starts)
        return edges.from_pairs(self._group.sorted, key, requests.at, arrived, starts)

    def find(self, parts: Sequence[pa.Array], *, rows: int) -> Array:
        """The numbers of keys with these parts."""
        return self._group.index.find(parts, rows=rows)

    def key(self, answers: Answers) -> Array:
        """The number of each decision's key."""
        requests = answers.requests
        if requests.at.size <= FEW and not self._joined:
            return self._group.index.find_few([requests.plain(name) for name in self._names], rows=requests.at.size)
        parts = [
            answers.requests.table.column(part.name)
            if isinstance(part, Field)
            else to_arrow(evaluate(part, answers.inputs), kind_of(part, self._scope, where="A key"))
            for part in self.folds[0].keys
        ]
        return self.find(parts, rows=answers.requests.at.size)

    @cached_property
    def _scope(self) -> Scope:
        return Scope(self._plan.schemas, self._plan.fields, {})

    @property
    def needs(self) -> set[tuple[str, str]]:
        """The columns of tables that its keys read."""
        nodes = [node for part in self.folds[0].keys for node in walk(part)]
        return {(info(node.source).name, node.name) for node in nodes if isinstance(node, Column)}

    @property
    def gives(self) -> set[tuple[str, str]]:
        """The columns of tables that it reads."""
        return {fold.reads for fold in self.folds if fold.reads is not None}


class _Inner(NamedTuple):
    """Folds that are read for each neighbour: the number of the key that each neighbour is, and what they go into."""

    reading: _Reading
    keys: Array
    arounds: Sequence[Around]


class _Circle(NamedTuple):
    """Folds over the neighbours that the same edges name."""

    edges: _Reading
    named: Edges
    inside: Sequence[_Inner]


def _by_edges(arounds: Sequence[Around]) -> list[list[Around]]:
    """The folds over neighbours by what names these."""
    found: dict[str, list[Around]] = {}
    for around in arounds:
        found.setdefault(around.edges.key, []).append(around)
    return list(found.values())


def _together(folds: Sequence[Fold]) -> list[list[Fold]]:
    """The folds by source and key."""
    found: dict[str, list[Fold]] = {}
    for fold in folds:
        columns = [column for _, column in fold.node.by]
        found.setdefault(digest([fold.source, columns, *[to_dict(part) for part in fold.keys]]), []).append(fold)
    return list(found.values())


def _in_order(readings: Sequence[_Reading]) -> list[_Reading]:
    """The readings, each behind those that give what its keys read."""
    found: list[_Reading] = []
    waiting = list(readings)
    while waiting:
        given = {name for reading in found for name in reading.gives}
        ready = [reading for reading in waiting if reading.needs <= given]
        found += ready
        waiting = [reading for reading in waiting if reading not in ready]
        assert ready, "the columns that keys read come from tables, whose keys are fields"
    return found


def _line(fold: Fold) -> Hashable:
    """What a fold is worked out as: of every "latest" under one condition and window it is one row."""
    if fold.node.kind != "latest":
        return fold.key
    return (fold.stretch, None if fold.node.where is None else digest(to_dict(fold.node.where)))


def _name(expr: Expr) -> Hashable:
    """Under which name the answers hold the value of an expression that is read as it is."""
    if isinstance(expr, Column):
        return (info(expr.source).name, expr.name)
    return aggregate_key(expr) if isinstance(expr, Aggregate) else None


def _fields_read(plan: Plan, asking: Sequence[Fold]) -> list[str]:
    """The request fields that expressions read; a text that is a feature as it is needs no expression."""
    exprs = [
        feature.expr
        for feature in plan.inputs
        if not (isinstance(feature.expr, Field) and plan.features[feature.name] == TEXT)
    ]
    exprs += [part for fold in asking for part in fold.keys if not isinstance(part, Field)]
    nodes = [node for expr in exprs for node in walk(expr, into_aggregates=False)]
    return list(dict.fromkeys(node.name for node in nodes if isinstance(node, Field)))
