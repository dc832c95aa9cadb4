"""The rows of sources under keys, and the folds that are read of them together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property, partial

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.data.arrays import Array, to_arrow
from setpoint.data.language.evaluate import evaluate
from setpoint.data.rows import AT, ENDS, KNOWN_AT, SIGN, times_of
from setpoint.declare.expr import Column, Field, to_dict, walk
from setpoint.declare.kinds import TEXT, Scope, kind_of
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.arrange import Arranged, arrange
from setpoint.features.columns import Columns
from setpoint.features.finish import ROWS, finish
from setpoint.features.kernel import Kernel
from setpoint.features.keys import FEW, KeyIndex
from setpoint.features.needs import Fold
from setpoint.features.neighbours import Edges, Named
from setpoint.features.pairs import PairFolds, Sorted
from setpoint.features.ranges import ask
from setpoint.features.requests import Answers, Requests

MOST_ROWS = 2**31
"""Rows are numbered in 32 bits."""


class SourceRows:
    """The rows of a source, and those under each key as they are first needed."""

    def __init__(self, name: str, rows: pa.Table, plan: Plan) -> None:
        if rows.num_rows >= MOST_ROWS:
            raise DataError(
                f"The source {name!r} has {rows.num_rows:,} rows, more than are numbered in memory.",
                expected=f"fewer than {MOST_ROWS:,}",
                hint="Read it a range of keys at a time, with setpoint.features.by_range.",
            )
        self._rows = rows
        self.columns = Columns(name, rows, plan.schemas[name])
        self._groups: dict[tuple[str, ...], KeyedRows] = {}

    @cached_property
    def known_at(self) -> Array:
        """When each row became known."""
        return times_of(self._rows, KNOWN_AT)

    def group(self, columns: tuple[str, ...]) -> KeyedRows:
        """The rows under a key of these columns."""
        if columns not in self._groups:
            self._groups[columns] = KeyedRows(self._rows, columns)
        return self._groups[columns]


class KeyedRows:
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


class Reading:
    """Folds of one source whose rows are found by the same key."""

    def __init__(self, source: SourceRows, folds: Sequence[Fold], plan: Plan) -> None:
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


def together(folds: Sequence[Fold]) -> list[list[Fold]]:
    """The folds by source and key."""
    found: dict[str, list[Fold]] = {}
    for fold in folds:
        columns = [column for _, column in fold.node.by]
        found.setdefault(digest([fold.source, columns, *[to_dict(part) for part in fold.keys]]), []).append(fold)
    return list(found.values())


def in_order(readings: Sequence[Reading]) -> list[Reading]:
    """The readings, each behind those that give what its keys read."""
    found: list[Reading] = []
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
