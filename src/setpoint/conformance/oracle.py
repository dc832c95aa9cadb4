"""Features by brute force: the laws of time word for word, in plain Python, one decision and one row at a time.

Nothing is prepared, sorted or shared, and whole numbers are Python's own. Every way of reading features is tested to
give the same bits as this one.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import NULL_TIME, Array, to_array
from setpoint.data.identity import text_hashes
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, SIGN
from setpoint.declare.expr import Aggregate, Expr, Field
from setpoint.declare.kinds import NUMBER, TEXT, TIME, Scope, kind_of
from setpoint.declare.plan import Plan
from setpoint.features.needs import Around, Fold, arounds, columns_of, everything

Value = float | int | str | None
Row = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = ("first", "last", "latest")


class Oracle:
    """Reads the features of one decision at a time, looking at every row of every source.

    It shares the evaluator of expressions, the hash of texts and the list of what a plan reads with the readers it
    judges, and nothing else.
    """

    def __init__(self, plan: Plan, rows: Mapping[str, pa.Table]) -> None:
        self._plan = plan
        self._folds, self._arounds = everything(plan), arounds(plan)
        self._scope = Scope(plan.schemas, plan.fields, {})
        self._rows = {name: table.to_pylist() for name, table in rows.items()}
        self._values: dict[tuple[str, Expr, int], Value] = {}

    def read(self, fields: Mapping[str, Any], at: int, *, arrived: Mapping[str, int] | None = None) -> dict[str, Value]:
        """The features of a decision with these fields, taken at this time; NULL is NaN, of a text None.

        It sees the rows that were known at its time, or with `arrived` as many rows of each source as it had seen.
        """
        columns: dict[tuple[str, str], Array] = {}
        aggregates: dict[str, Array] = {}
        inputs = Inputs(1, columns, self._given(fields), {}, aggregates, now=_array(at, TIME))
        for fold in sorted(self._folds, key=lambda one: bool(one.node.keys)):  # keys read tables by request fields
            rows = self._seen(fold, self._key(fold.node, fields, inputs), at, arrived)
            value = self._fold(fold, rows)
            if fold.reads is None:
                aggregates[fold.key] = _array(value, _result(fold))
            else:
                columns[fold.reads] = _array(value, fold.kind)
        for around in self._arounds:
            key = self._key(around.edges.node, fields, inputs)
            aggregates[around.key] = _array(self._around(around, key, at, arrived), NUMBER)
        return {feature.name: evaluate(feature.expr, inputs)[0] for feature in self._plan.inputs}

    def _given(self, fields: Mapping[str, Any]) -> dict[str, Array]:
        return {name: _array(_plain(fields[name], kind), kind) for name, kind in self._plan.fields.items()}

    def _key(self, node: Aggregate, fields: Mapping[str, Any], inputs: Inputs) -> list[Value]:
        """The parts of the key that a decision asks for."""
        found = []
        for part in node.parts:
            if isinstance(part, Field):
                found.append(fields[part.name])
            else:
                kind = kind_of(part, self._scope, where="A key")
                value = evaluate(part, inputs).tolist()[0]
                found.append(bool(value) if kind == "bool" and value == value else value)  # noqa: PLR0124 (NaN)
        return found

    def _seen(self, fold: Fold, key: list[Value], at: int, arrived: Mapping[str, int] | None) -> list[tuple[int, Row]]:
        """The rows of a key that a decision sees in a window, each with its place, that `where` selects."""
        rows, node = self._rows[fold.source], fold.node
        known = sum(row[KNOWN_AT] <= at for row in rows) if arrived is None else arrived[fold.source]
        start = _start(at, node)
        return [
            (place, row)
            for place, row in enumerate(rows)
            if place < known
            and row[AT] < at
            and row.get(SIGN, 1) > 0
            and not row.get(ENDS, known) < known
            and (start is None or row[AT] >= start)
            and all(not _is_null(part) and row[column] == part for part, (_, column) in zip(key, node.by, strict=True))
            and (node.where is None or self._value(fold.source, node.where, place) == 1.0)
        ]

    def _value(self, source: str, expr: Expr, place: int) -> Value:
        name = (source, expr, place)
        if name not in self._values:
            row = self._rows[source][place]
            kinds = self._plan.schemas[source]
            columns = {
                (source, column): _array(_plain(row[column], kinds[column]), kinds[column])
                for column in columns_of(expr)
            }
            found = evaluate(expr, Inputs(1, columns)).tolist()[0]
            self._values[name] = None if _is_null(found) else found
        return self._values[name]

    def _fold(self, fold: Fold, rows: list[tuple[int, Row]]) -> Value:
        node = fold.node
        if node.column is None:
            return float(len(rows))
        pairs = [(self._value(fold.source, node.column, place), row) for place, row in rows]
        if node.kind != "latest":
            pairs = [(value, row) for value, row in pairs if value is not None]
        if node.kind in _ROWS:
            choose = min if node.kind == "first" else max
            return choose(pairs, key=lambda one: _order(one[1]), default=(None, {}))[0]
        values: list[Any] = [value for value, _ in pairs]
        return _FOLDS[node.kind](values, fold)

    def _around(self, around: Around, key: list[Value], at: int, arrived: Mapping[str, int] | None) -> Value:
        """The fold over the neighbours that a decision sees: of too many those with the smallest hashes."""
        edges, node = around.edges, around.node
        seen = [self._value(edges.source, edges.column, place) for place, _ in self._seen(edges, key, at, arrived)]
        named = {_hash(_word(value)): value for value in seen if value is not None}
        kept = [named[hashed] for hashed in sorted(named)[: edges.node.cap]]
        found = [self._fold(around.of, self._seen(around.of, [value], at, arrived)) for value in kept]
        values: list[Any] = [value for value in found if not _is_null(value)]
        if node.fold == "count":
            return float(len(values))
        if node.fold in ("min", "max"):
            return _extreme(values, min if node.fold == "min" else max)
        try:
            return _moment(node.fold, values, node.decimals)
        except OverflowError:  # units that leave the range of floats
            return None


def _order(row: Row) -> tuple[Any, ...]:
    return (row[AT], row[KNOWN_AT], row[ID])


def _start(at: int, node: Aggregate) -> int | None:
    """The first moment of a window; None for all time."""
    if node.unit:
        zone = ZoneInfo(node.zone)
        day = (_EPOCH + timedelta(microseconds=at)).astimezone(zone).date() + timedelta(days=1)
        while _midnight(day, zone) > at:
            day -= timedelta(days=1)
        day = _first_day(day, node.unit)
        for _ in range(node.last - 1):
            day = _first_day(day - timedelta(days=1), node.unit)
        return _midnight(day, zone) // node.hop * node.hop
    return (at - node.last) // node.hop * node.hop if node.last else None


def _first_day(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _midnight(day: date, zone: ZoneInfo) -> int:
    return (datetime.combine(day, time(), zone) - _EPOCH) // timedelta(microseconds=1)


def _moment(kind: str, values: list[float], decimals: int) -> float | None:
    """The sum, mean, variance or deviation, from whole multiples of a unit."""
    scale = 10.0**decimals
    scaled = [round(value * scale) for value in values]
    n, first = len(scaled), sum(scaled)
    if kind == "sum":
        return float(first) / scale
    if kind == "mean":
        return float(first) / float(n) / scale if n else None
    if n < 2:
        return None
    spread = n * sum(value * value for value in scaled) - first * first
    variance = float(spread) / float(n * (n - 1))
    return variance / scale / scale if kind == "var" else math.sqrt(variance) / scale


def _extreme(values: list[Any], choose: Callable[[list[Any]], Any]) -> Value:
    return choose(values) + 0 if values else None  # a zero has no sign


def _word(value: Any) -> int:
    """The 64 bits of a value: of a float64 without -0.0, of a time, or of the hash of a text."""
    if isinstance(value, str):
        return int(text_hashes(pa.array([value])).view(np.int64)[0])
    return int(struct.unpack("<q", struct.pack("<d", value + 0.0))[0]) if isinstance(value, float) else int(value)


def _hash(word: int) -> int:
    """The finaliser of splitmix64."""
    mixed = (word + 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return mixed ^ (mixed >> 31)


def _distinct(values: list[Any], fold: Fold) -> float:
    """How many values there are, above the cap by the estimate of the k smallest hashes."""
    words, cap = {_word(value) for value in values}, fold.node.cap
    if len(words) <= cap:
        return float(len(words))
    smallest = sorted(_hash(word) for word in words)[cap - 1]
    return float(round(float(cap - 1) / ((float(smallest) + 1.0) / 2.0**64)))


def _top(values: list[Any], fold: Fold) -> Value:
    """The value at a rank of the most frequent ones; of equally frequent ones the smaller, or of the smaller hash."""
    counts, rank = Counter(map(_word, values)), int(fold.node.parameter)
    if not rank <= len(counts) <= fold.node.cap:
        return None
    by_word = {_word(value): value if isinstance(value, str) else value + 0 for value in values}
    order = {word: word if isinstance(value, str) else value for word, value in by_word.items()}
    return by_word[sorted(counts, key=lambda word: (-counts[word], order[word]))[rank - 1]]


def _quantile(values: list[float], fold: Fold) -> float | None:
    """The value at a rank, cut off to its first 8 bits."""
    if not values:
        return None
    value = sorted(values)[max(1, math.ceil(fold.node.parameter * len(values))) - 1]
    bits = struct.unpack("<q", struct.pack("<d", abs(value)))[0] >> 45 << 45
    size: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return -size if value < 0 and size else size


def _sums(values: list[Any], fold: Fold) -> float | None:
    return _moment(fold.node.kind, values, fold.decimals)


_FOLDS: Mapping[str, Callable[[list[Any], Fold], Value]] = {
    "count": lambda values, _: float(len(values)),
    "sum": _sums,
    "mean": _sums,
    "var": _sums,
    "std": _sums,
    "min": lambda values, _: _extreme(values, min),
    "max": lambda values, _: _extreme(values, max),
    "distinct": _distinct,
    "top": _top,
    "quantile": _quantile,
}


def _result(fold: Fold) -> str:
    """The kind of an aggregate's value."""
    return fold.kind if fold.node.kind in ("min", "max", "top", *_ROWS) else NUMBER


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, int) and value == NULL_TIME) or value != value  # noqa: PLR0124 (NaN)


def _plain(value: Any, kind: str) -> Value:
    """An Arrow value as evaluated ones are: a time in microseconds."""
    if value is None or kind == TEXT:
        return value if value is None else str(value)
    if kind == TIME:
        return int(to_array(pa.array([value]), TIME)[0])
    return float(value)


def _array(value: Value, kind: str) -> Array:
    return to_array(pa.array([value], {TEXT: pa.string(), TIME: pa.int64()}.get(kind, pa.float64())), kind)
