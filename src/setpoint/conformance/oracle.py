"""Features by brute force: the laws of time word for word, in plain Python, one decision and one row at a time.

Nothing is prepared, sorted or shared, and whole numbers are Python's own. Every way of reading features is tested to
give the same bits as this one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from setpoint.data.arrays import NULL_TIME, Array, to_array
from setpoint.data.evaluate import Inputs, evaluate
from setpoint.data.rows import AT, ID, KNOWN_AT
from setpoint.declare.expr import Expr
from setpoint.declare.kinds import NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan
from setpoint.features.needs import Fold, Look, columns_of, folds, looks

Value = float | int | str | None


class Oracle:
    """Reads the features of one decision at a time, looking at every row of every source.

    It shares the evaluator of expressions and the list of what a plan reads with the readers it judges, and nothing
    else.
    """

    def __init__(self, plan: Plan, rows: Mapping[str, pa.Table]) -> None:
        self._plan = plan
        self._folds, self._looks = folds(plan), looks(plan)
        self._rows = {name: table.to_pylist() for name, table in rows.items()}
        self._values: dict[tuple[str, Expr, int], Value] = {}

    def read(self, fields: Mapping[str, Any], at: int) -> dict[str, Value]:
        """The features of a decision with these fields, taken at this time; NULL is NaN, of a text None."""
        aggregates = {fold.key: _array(self._fold(fold, fields, at), _result(fold)) for fold in self._folds}
        columns = {look.name: _array(self._look(look, fields, at), look.kind) for look in self._looks}
        given = {name: _array(_plain(fields[name], kind), kind) for name, kind in self._plan.fields.items()}
        inputs = Inputs(1, columns, given, {}, aggregates, now=_array(at, TIME))
        return {feature.name: evaluate(feature.expr, inputs)[0] for feature in self._plan.inputs}

    def _visible(
        self, source: str, by: tuple[tuple[str, str], ...], fields: Mapping[str, Any], at: int
    ) -> list[tuple[int, dict[str, Any]]]:
        return [
            (place, row)
            for place, row in enumerate(self._rows[source])
            if row[AT] < at
            and row[KNOWN_AT] <= at
            and all(not _is_null(fields[name]) and row[column] == fields[name] for name, column in by)
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

    def _look(self, look: Look, fields: Mapping[str, Any], at: int) -> Value:
        found = self._visible(look.source, look.by, fields, at)
        if not found:
            return None
        _, row = max(found, key=lambda one: (one[1][AT], one[1][KNOWN_AT], one[1][ID]))
        return _plain(row[look.node.name], look.kind)

    def _fold(self, fold: Fold, fields: Mapping[str, Any], at: int) -> Value:
        node = fold.node
        rows = self._visible(fold.source, node.by, fields, at)
        if node.last:
            start = (at - node.last) // node.hop * node.hop
            rows = [(place, row) for place, row in rows if row[AT] >= start]
        if node.where is not None:
            rows = [(place, row) for place, row in rows if self._value(fold.source, node.where, place) == 1.0]
        if node.column is None:
            return float(len(rows))
        pairs = [(self._value(fold.source, node.column, place), row) for place, row in rows]
        pairs = [(value, row) for value, row in pairs if value is not None]
        values: list[Any] = [value for value, _ in pairs]
        if node.kind == "count":
            return float(len(values))
        if node.kind == "distinct":
            return float(len(set(values)))
        if node.kind == "last":
            newest = max(pairs, key=lambda one: (one[1][AT], one[1][KNOWN_AT], one[1][ID]), default=(None, {}))
            return newest[0]
        if node.kind in ("min", "max"):
            found = min(values, default=None) if node.kind == "min" else max(values, default=None)
            return None if found is None else found + 0  # a zero has no sign
        return _moment(node.kind, [round(value * 10.0**fold.decimals) for value in values], 10.0**fold.decimals)


def _moment(kind: str, scaled: list[int], scale: float) -> float | None:
    """The sum, mean or std of whole multiples of a unit."""
    n, first = len(scaled), sum(scaled)
    if kind == "sum":
        return float(first) / scale
    if kind == "mean":
        return float(first) / float(n) / scale if n else None
    if n < 2:
        return None
    spread = n * sum(value * value for value in scaled) - first * first
    return math.sqrt(float(spread) / float(n * (n - 1))) / scale


def _result(fold: Fold) -> str:
    """The kind of an aggregate's value."""
    return fold.kind if fold.node.kind in ("min", "max", "last") else NUMBER


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
