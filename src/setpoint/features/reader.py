"""Features of many decisions at once, from the rows of the sources: what training sets and replays read.

Everything about the rows is prepared once: each source is put in order of key and time under every key that features
fold it by, with cumulative sums and the like; a decision is then answered by searching. Values are exact and do not
depend on how decisions are batched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown
from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask, to_array
from setpoint.data.evaluate import Inputs, evaluate, is_true
from setpoint.data.identity import codes_of
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.declare.declaration import Feature
from setpoint.declare.expr import Expr, Field, to_dict, walk
from setpoint.declare.kinds import TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.features.finalise import deviation, mean, to_scaled, total, window_start
from setpoint.features.history import Asked, History, Span, Timeline
from setpoint.features.keys import Encoded, KeyIndex, encode
from setpoint.features.needs import Fold, Look, columns_of, folds, looks

CHUNK = 1 << 15
"""Decisions answered together: enough to be quick, few enough to bound the memory."""

By = tuple[tuple[str, str], ...]
Finish = Callable[["_Windows"], Array]
"""What gives a fold's value for each decision, from the windows of its group."""


class FeatureReader:
    """Reads the features of a plan as of the time of each decision.

    `rows` holds the rows of every source that features read, as `ingest` gives them. The reader keeps what it needs of
    them and never changes afterwards.
    """

    def __init__(self, plan: Plan, rows: Mapping[str, pa.Table]) -> None:
        self._plan = plan
        self._direct = {name: plan.fields[name] for name in _fields_read(plan)}
        self._sources: list[_Source] = []
        wanted, seen = folds(plan), looks(plan)
        for name in dict.fromkeys([fold.source for fold in wanted] + [look.source for look in seen]):
            if name not in rows:
                raise NameUnknown("source", name, rows, where="The rows that features are read from")
            theirs = [fold for fold in wanted if fold.source == name], [look for look in seen if look.source == name]
            self._sources.append(_Source(name, rows[name], plan, *theirs))

    def read(self, requests: pa.Table, at: Array) -> pa.Table:
        """One column for each feature and one row for each request, in order.

        Numbers and truth values are float64 with NaN for NULL, texts are strings with nulls.
        """
        for name in self._plan.fields:
            if name not in requests.column_names:
                raise NameUnknown("request field", name, requests.column_names, where="The table of requests")
        starts = range(0, max(len(at), 1), CHUNK)
        return pa.concat_tables([self._read(requests.slice(one, CHUNK), at[one : one + CHUNK]) for one in starts])

    def _read(self, requests: pa.Table, at: Array) -> pa.Table:
        asked = _Requests(requests, at, self._direct)
        columns: dict[tuple[str, str], Array] = {}
        aggregates: dict[str, Array] = {}
        for source in self._sources:
            source.answer(asked, columns, aggregates)
        inputs = Inputs(at.size, columns, asked.fields, {}, aggregates, now=at)
        return pa.table({one.name: self._column(one, requests, inputs) for one in self._plan.inputs})

    def _column(self, feature: Feature, requests: pa.Table, inputs: Inputs) -> pa.Array:
        if self._plan.features[feature.name] != TEXT:
            return pa.array(evaluate(feature.expr, inputs))
        if isinstance(feature.expr, Field):
            return requests.column(feature.expr.name).cast(pa.string())
        return pa.array(evaluate(feature.expr, inputs), pa.string())


def _fields_read(plan: Plan) -> list[str]:
    """The request fields that expressions read; a text that is a feature as it is needs no expression."""
    exprs = [
        feature.expr
        for feature in plan.inputs
        if not (isinstance(feature.expr, Field) and plan.features[feature.name] == TEXT)
    ]
    nodes = [node for expr in exprs for node in walk(expr, into_aggregates=False)]
    return list(dict.fromkeys(node.name for node in nodes if isinstance(node, Field)))


class _Requests:
    """A chunk of decisions: their times, the fields that expressions read, and the fields that keys are made of."""

    def __init__(self, table: pa.Table, at: Array, direct: Mapping[str, str]) -> None:
        self._table = table
        self._encoded: dict[str, Encoded] = {}
        self.at = at
        self.fields = {name: to_array(table.column(name), kind) for name, kind in direct.items()}

    def keys(self, by: By, index: KeyIndex) -> Array:
        """The number that a source gave to each decision's key."""
        for name, _ in by:
            if name not in self._encoded:
                self._encoded[name] = encode(self._table.column(name))
        return index.find([self._encoded[name] for name, _ in by], rows=self.at.size)


@dataclass(frozen=True)
class _Group:
    """A source under one key: its rows in order, and how each fold and column is finished."""

    by: By
    index: KeyIndex
    history: History
    folds: dict[str, tuple[Fold, Finish]]
    looks: dict[tuple[str, str], Finish]


class _Windows:
    """What a chunk of decisions sees of a group, in order of key and time, each window and fold worked out once."""

    def __init__(self, group: _Group, asked: Asked, order: Array, since: Callable[[tuple[int, int]], Array]) -> None:
        self._group, self._asked, self._order, self._since = group, asked, order, since
        self._spans: dict[tuple[int, int], Span] = {}
        self._found: dict[tuple[int, tuple[int, int]], Array] = {}

    def span(self, window: tuple[int, int]) -> Span:
        """The visible rows of a window (length, hop)."""
        if window not in self._spans:
            since = self._since(window)[self._order]
            self._spans[window] = self._group.history.span(self._asked, since, last=window[0])
        return self._spans[window]

    def fold(self, fold: Callable[[Span], Array], window: tuple[int, int]) -> Array:
        """What a fold gives over a window."""
        name = (id(fold), window)
        if name not in self._found:
            self._found[name] = fold(self.span(window))
        return self._found[name]


class _Source:
    """One source prepared for reading."""

    def __init__(self, name: str, rows: pa.Table, plan: Plan, folds: list[Fold], looks: list[Look]) -> None:
        at = to_array(rows.column(AT), TIME)
        self._timeline = Timeline.of(at, to_array(rows.column(KNOWN_AT), TIME))
        self._groups: list[_Group] = []
        columns = _Columns(name, rows, plan)
        wanted: dict[By, tuple[list[Fold], list[Look]]] = {}
        for fold in folds:
            wanted.setdefault(fold.node.by, ([], []))[0].append(fold)
        for look in looks:
            wanted.setdefault(look.by, ([], []))[1].append(look)
        for by, (theirs, seen) in wanted.items():
            index = KeyIndex([rows.column(column) for _, column in by], rows=rows.num_rows)
            history = History(self._timeline, index.codes)
            prepare = _Preparation(columns, history)
            finished = {fold.key: (fold, prepare.finish(fold)) for fold in theirs}
            self._groups.append(_Group(by, index, history, finished, {look.name: prepare.look(look) for look in seen}))

    def answer(self, requests: _Requests, columns: dict[tuple[str, str], Array], aggregates: dict[str, Array]) -> None:
        """Add what the decisions see of this source to the columns and aggregates that expressions read."""
        seen = self._timeline.seen(requests.at)
        since: dict[tuple[int, int], Array] = {}

        def started(window: tuple[int, int]) -> Array:
            if window not in since:
                since[window] = self._timeline.since(window_start(requests.at, *window))
            return since[window]

        for group in self._groups:
            keys = requests.keys(group.by, group.index)
            order = np.argsort(group.history.packed(keys, seen), kind="stable")
            windows = _Windows(group, group.history.ask(keys[order], seen[order]), order, started)
            for key, (_, finish) in group.folds.items():
                aggregates[key] = _unsorted(finish(windows), order)
            for name, finish in group.looks.items():
                columns[name] = _unsorted(finish(windows), order)


def _unsorted(values: Array, order: Array) -> Array:
    found = np.empty_like(values)
    found[order] = values
    return found


class _Columns:
    """Values of a source's rows, computed once for each expression."""

    def __init__(self, name: str, rows: pa.Table, plan: Plan) -> None:
        self._name, self._rows, self._kinds = name, rows, plan.schemas[name]
        self._columns: dict[tuple[str, str], Array] = {}
        self._values: dict[str, Array] = {}

    def values(self, expr: Expr) -> Array:
        """The value of an expression in each row."""
        key = digest(to_dict(expr))
        if key not in self._values:
            for name in columns_of(expr):
                if (self._name, name) not in self._columns:
                    self._columns[self._name, name] = to_array(self._rows.column(name), self._kinds[name])
            self._values[key] = evaluate(expr, Inputs(self._rows.num_rows, self._columns))
        return self._values[key]

    def present(self, fold: Fold) -> Mask:
        """Whether a row counts: its condition is true and its value is not NULL."""
        found = np.ones(self._rows.num_rows, dtype=np.bool_)
        if fold.node.where is not None:
            found &= is_true(self.values(fold.node.where))
        if fold.node.column is not None:
            found &= ~null_mask(self.values(fold.node.column))
        return found


class _Preparation:
    """Cumulative sums and the like of one group, shared by the folds that need the same."""

    def __init__(self, columns: _Columns, history: History) -> None:
        self._columns, self._history = columns, history
        self._made: dict[str, Callable[[Span], Array]] = {}

    def finish(self, fold: Fold) -> Finish:
        """What gives a fold's value for each decision."""
        return _FINISH[fold.node.kind](self, fold)

    def look(self, look: Look) -> Finish:
        """What gives a table's column for each decision: of the newest row, be its value NULL or not."""
        everything = np.ones(self._columns.values(look.node).size, dtype=np.bool_)
        newest = self._once("newest row", None, lambda: self._history.newest(everything))
        values = _with_null(self._columns.values(look.node))
        return lambda windows: values[windows.fold(newest, (0, 1))]

    def counts(self, fold: Fold) -> Callable[[Span], Array]:
        """How many rows count."""
        return self._once("count", fold, lambda: self._history.summing(self._columns.present(fold).astype(np.int32)))

    def sums(self, fold: Fold) -> Callable[[Span], Array]:
        """The exact sum of the scaled values."""
        return self._once(f"sum {fold.decimals}", fold, lambda: _exact_sums(self._history, self._scaled(fold)))

    def squares(self, fold: Fold) -> Callable[[Span], Array]:
        """The exact sum of the squares of the scaled values."""
        return self._once(f"squares {fold.decimals}", fold, lambda: _exact_squares(self._history, self._scaled(fold)))

    def _scaled(self, fold: Fold) -> Array:
        scaled = to_scaled(self._columns.values(fold.column), fold.decimals, column=fold.title)
        return np.where(self._columns.present(fold), scaled, 0)

    def extreme(self, fold: Fold, sign: int) -> Finish:
        """The greatest value, or with the sign -1 the smallest."""
        values, present = self._columns.values(fold.column), self._columns.present(fold)
        known, places = np.unique(values[present], return_inverse=True)
        merits = np.zeros(values.size, dtype=np.int64)
        merits[present] = (places if sign > 0 else known.size - 1 - places) + 1
        greatest = self._history.greatest(merits)
        ranked = (known if sign > 0 else known[::-1]) + known.dtype.type(0)  # a -0.0 among them is 0.0
        table = np.concatenate([_with_null(values[:0]), ranked])
        return lambda windows: table[windows.fold(greatest, fold.window)]

    def newest(self, fold: Fold) -> Finish:
        """The value of the newest row that counts."""
        newest = self._once("newest", fold, lambda: self._history.newest(self._columns.present(fold)))
        values = _with_null(self._columns.values(fold.column))
        return lambda windows: values[windows.fold(newest, fold.window)]

    def distinct(self, fold: Fold) -> Finish:
        """How many different values there are."""
        values, present = self._columns.values(fold.column), self._columns.present(fold)
        codes = np.full(values.size, -1, dtype=np.int64)
        if fold.kind == TEXT:
            codes[present] = codes_of(pa.array(values[present], pa.string()))
        else:
            codes[present] = np.unique(values[present], return_inverse=True)[1]
        distinct = self._history.distinct(codes)
        return lambda windows: windows.fold(distinct, fold.window).astype(np.float64)

    def _once(
        self, what: str, fold: Fold | None, make: Callable[[], Callable[[Span], Array]]
    ) -> Callable[[Span], Array]:
        parts = () if fold is None else (fold.node.column, fold.node.where)
        name = digest([what, *[None if part is None else to_dict(part) for part in parts]])
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


def _finish_count(prepare: _Preparation, fold: Fold) -> Finish:
    counts = prepare.counts(fold)
    return lambda windows: windows.fold(counts, fold.window).astype(np.float64)


def _finish_sum(prepare: _Preparation, fold: Fold) -> Finish:
    sums = prepare.sums(fold)
    return lambda windows: total(windows.fold(sums, fold.window), fold.decimals)


def _finish_mean(prepare: _Preparation, fold: Fold) -> Finish:
    sums, counts = prepare.sums(fold), prepare.counts(fold)
    return lambda windows: mean(windows.fold(sums, fold.window), windows.fold(counts, fold.window), fold.decimals)


def _finish_std(prepare: _Preparation, fold: Fold) -> Finish:
    sums, squares, counts = prepare.sums(fold), prepare.squares(fold), prepare.counts(fold)
    return lambda windows: deviation(
        windows.fold(sums, fold.window),
        windows.fold(squares, fold.window),
        windows.fold(counts, fold.window),
        fold.decimals,
    )


_FINISH: Mapping[str, Callable[[_Preparation, Fold], Finish]] = {
    "count": _finish_count,
    "sum": _finish_sum,
    "mean": _finish_mean,
    "std": _finish_std,
    "min": lambda prepare, fold: prepare.extreme(fold, -1),
    "max": lambda prepare, fold: prepare.extreme(fold, 1),
    "last": lambda prepare, fold: prepare.newest(fold),
    "distinct": lambda prepare, fold: prepare.distinct(fold),
}


def _with_null(values: Array) -> Array:
    """The values with the NULL of their kind behind them, where the index -1 finds it."""
    if values.dtype == np.float64:
        return np.append(values, np.nan)
    if values.dtype == np.int64:
        return np.append(values, np.int64(NULL_TIME))
    found = np.empty(values.size + 1, dtype=object)
    found[:-1] = values
    return found


def _exact_sums(history: History, values: Array) -> Callable[[Span], Array]:
    """The sums of 64-bit integers: in 64 bits where no sum can leave them, as Python integers otherwise."""
    fits = float(np.abs(values.astype(np.float64)).sum()) < 2.0**62
    return history.summing(values if fits else values.astype(object))


def _exact_squares(history: History, values: Array) -> Callable[[Span], Array]:
    """The sums of squares of 64-bit integers: in two halves where a square fits 63 bits, else as Python integers."""
    if values.size >= 1 << 31 or np.abs(values.astype(np.float64)).max(initial=0.0) >= 2.0**31.5:
        wide = values.astype(object)
        return history.summing(wide * wide)
    squares = values * values
    if float((values.astype(np.float64) ** 2).sum()) < 2.0**62:
        return history.summing(squares)
    high, low = history.summing(squares >> 32), history.summing(squares & 0xFFFFFFFF)
    return lambda span: high(span).astype(object) * (1 << 32) + low(span)
