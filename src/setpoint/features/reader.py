"""Features of many decisions at once, from the rows of the sources: what training sets and replays read.

Rows are prepared once; a decision is then answered from the rows of its keys. Values are exact, and depend neither on
how decisions are batched nor on whether compiled code (`kernel`) or pairs of decisions and rows (`pairs`) give them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError, NameUnknown
from setpoint.data.arrays import Array, to_array
from setpoint.declare.expr import Field, walk
from setpoint.declare.kinds import TEXT
from setpoint.declare.plan import Plan
from setpoint.features.needs import Around, Fold, arounds, everything
from setpoint.features.neighbours import Edges, bring_each_together
from setpoint.features.readings import Reading, SourceRows, in_order, together
from setpoint.features.requests import Answers, Requests, features_of

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
        self._direct = {name: plan.fields[name] for name in fields_read(plan)}
        self._sources: dict[str, SourceRows] = {}
        for name in dict.fromkeys(fold.source for fold in (*folds, *nearby)):
            if name not in rows:
                raise NameUnknown("source", name, rows, where="What features are read from")
            self._sources[name] = SourceRows(name, rows[name], plan)
        if compiled is None and sum(source.columns.rows for source in self._sources.values()) > SMALL_ROWS:
            self._compiled = True
        self._readings = in_order([self._reading(*theirs) for theirs in together(folds)])
        self._circles = [self._circle(theirs) for theirs in _by_edges(around)]
        if self._compiled:
            self._prepare()

    def read(self, requests: pa.Table, at: Array, *, arrived: Mapping[str, Array] | None = None) -> pa.Table:
        """One column for each feature and one row for each request, in order.

        Numbers and truth values are float64 with NaN for NULL, texts are strings with nulls. A decision sees the rows
        that were known at its time, or with `arrived`, by source, as many rows as it had seen. Raises NameUnknown for a
        request field that is not there, DataError where there is not one time for each request.
        """
        for name in self._plan.fields:
            if name not in requests.column_names:
                raise NameUnknown("request field", name, requests.column_names, where="The table of requests")
        check_sizes(requests, at, arrived)
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
        return features_of(self._plan, answers)

    def _prepare(self) -> None:
        """Arrange all rows now, and give back what that took."""
        inside = [inner.reading for circle in self._circles for inner in circle.inside]
        for reading in (*self._readings, *inside):
            reading.prepare()
        for source in self._sources.values():
            source.columns.forget()

    def _reading(self, *folds: Fold) -> Reading:
        return Reading(self._sources[folds[0].source], folds, self._plan)

    def _circle(self, arounds: Sequence[Around]) -> _Circle:
        edges = self._reading(arounds[0].edges)
        named = Edges(arounds[0].edges, edges.source.columns)
        theirs = []
        for folds in together([around.of for around in arounds]):
            reading, keys = self._reading(*folds), {fold.key for fold in folds}
            mine = [around for around in arounds if around.of.key in keys]
            theirs.append(_Inner(reading, reading.find([named.values], rows=len(named.values)), mine))
        return _Circle(edges, named, theirs)

    def _answer(self, reading: Reading, answers: Answers) -> None:
        key = reading.key(answers)
        compiled = self._uses_compiled(reading, answers.requests, key)
        reading.answer(answers, key, compiled=compiled, threads=self._threads)

    def _uses_compiled(self, reading: Reading, requests: Requests, key: Array) -> bool:
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


class _Inner(NamedTuple):
    """Folds that are read for each neighbour: the number of the key that each neighbour is, and what they go into."""

    reading: Reading
    keys: Array
    arounds: Sequence[Around]


class _Circle(NamedTuple):
    """Folds over the neighbours that the same edges name."""

    edges: Reading
    named: Edges
    inside: Sequence[_Inner]


def _by_edges(arounds: Sequence[Around]) -> list[list[Around]]:
    """The folds over neighbours by what names these."""
    found: dict[str, list[Around]] = {}
    for around in arounds:
        found.setdefault(around.edges.key, []).append(around)
    return list(found.values())


def check_sizes(requests: pa.Table, at: Array, arrived: Mapping[str, Array] | None = None) -> None:
    """Raise DataError where there is not one time, and one number of rows seen of each source, for each request.

    >>> check_sizes(pa.table({"user": ["u", "v"]}), np.array([5, 5]), {"sales": np.array([1, 2])})
    """
    seen = {f"numbers of rows seen of {name!r}": len(counts) for name, counts in (arrived or {}).items()}
    for what, size in {"times": len(at), **seen}.items():
        if size != requests.num_rows:
            raise DataError(f"{requests.num_rows} requests come with {size} {what}.", expected="one for each request")


def fields_read(plan: Plan) -> list[str]:
    """The request fields that expressions read; a text that is a feature as it is needs no expression."""
    exprs = [
        feature.expr
        for feature in plan.inputs
        if not (isinstance(feature.expr, Field) and plan.features[feature.name] == TEXT)
    ]
    asking = (*everything(plan), *[around.edges for around in arounds(plan)])
    exprs += [part for fold in asking for part in fold.keys if not isinstance(part, Field)]
    nodes = [node for expr in exprs for node in walk(expr, into_aggregates=False)]
    return list(dict.fromkeys(node.name for node in nodes if isinstance(node, Field)))
