"""Labels that are a condition on several events: what it says of each decision, and from when that is certain.

Some conditions become certain before the label's time is over: once two refunds have come, there were at least two.
Which do, follows from their form; the others wait until no more events can come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask
from setpoint.data.language.evaluate import Inputs, aggregate_key, evaluate
from setpoint.data.rows import AT, KNOWN_AT, times_of
from setpoint.declare.expr import Aggregate, Binary, Call, Expr, Field, Followed, Literal, rewrite, walk
from setpoint.declare.label import Label
from setpoint.declare.source import Source, info
from setpoint.labels.meet import Ints, Keyed, Pairs, attribute, holds, keyed, meet, values_of

NEVER = 2**62
"""From when something is certain that is not."""


@dataclass(frozen=True)
class Answer:
    """What a condition on events says of each decision.

    `value` is 1.0, 0.0 or NaN for NULL, as things stand; `certain` the time from which no further event can change it,
    NEVER where one could; `met` says that some event counts, `known_at` when the newest of them became known.
    """

    value: Array
    certain: Ints
    met: Mask
    known_at: Ints


def answer(
    label: Label, tables: Mapping[str, pa.Table], distinct: pa.Array, codes: Ints, at: Ints, end: Ints
) -> Answer:
    """What a label's condition says of decisions with these keys, from the rows that are known."""
    rows = {
        info(source).name: keyed(tables[info(source).name], source, label.on, distinct) for source in label.carriers
    }
    world = _World(codes, at, end, tables, rows, label.attribute)
    nodes = list(walk(label.value))
    sequences = {_name(node): _sequence(node, world) for node in nodes if isinstance(node, Followed)}
    folded = {_name(node): _folded(node, world) for node in nodes if isinstance(node, Aggregate)}
    fields = {_name(node): _FOLDS[node.kind](folded[_name(node)]) for node in nodes if isinstance(node, Aggregate)}
    fields |= {name: found.value for name, found in sequences.items()}
    value = evaluate(rewrite(label.value, _as_field), Inputs(at.size, fields=fields))
    true_from, false_from = _Certain(at, folded, sequences).of(label.value)
    known_at = np.full(at.size, NULL_TIME, dtype=np.int64)
    for each in folded.values():
        np.maximum.at(known_at, each.decision, each.known_at)
    return Answer(
        np.asarray(value, dtype=np.float64), np.minimum(true_from, false_from), known_at != NULL_TIME, known_at
    )


def _name(node: Aggregate | Followed) -> str:
    if isinstance(node, Aggregate):
        return aggregate_key(node)
    return f"{aggregate_key(node.first)} {aggregate_key(node.then)} {node.within} {node.wanted}"


def _as_field(node: Expr) -> Expr:
    return Field(_name(node)) if isinstance(node, (Aggregate, Followed)) else node


@dataclass(frozen=True)
class _World:
    """The decisions, and the rows of each source that have their keys."""

    codes: Ints
    at: Ints
    end: Ints
    tables: Mapping[str, pa.Table]
    rows: Mapping[str, Keyed]
    whose: str

    def rows_of(self, node: Aggregate) -> Pairs:
        """The rows that a fold brings together for each decision."""
        source = node.source
        met = meet(self.rows[info(source).name], self.codes, self.at, self.end)
        met = attribute(met, self.at, self.whose)
        return met.where(self.chosen(node)[met.row])

    def chosen(self, node: Aggregate) -> Mask:
        """The rows of a fold's source that it counts."""
        return holds(node.where, node.source, self.table(node.source))

    def table(self, source: Source) -> pa.Table:
        """The rows of a source that are known."""
        return self.tables[info(source).name]


@dataclass(frozen=True)
class _Folded:
    """The rows of one fold, by decision and in the order in which they became known, with their values."""

    size: int
    decision: Ints
    value: Array
    at: Ints
    known_at: Ints

    def where(self, mask: Mask) -> _Folded:
        """Some of the rows."""
        return _Folded(self.size, self.decision[mask], self.value[mask], self.at[mask], self.known_at[mask])

    def each_value_once(self) -> _Folded:
        """Of rows of one decision with the same value, the one that was known first."""
        _, codes = np.unique(self.value, return_inverse=True)
        _, firsts = np.unique(self.decision * (self.value.size + 1) + codes, return_index=True)
        mask = np.zeros(self.value.size, dtype=bool)
        mask[firsts] = True
        return self.where(mask)

    def reached(self, n: int) -> Ints:
        """When each decision had `n` rows, of n >= 1; NEVER where it has fewer."""
        found = np.full(self.size, NEVER, dtype=np.int64)
        begins = np.searchsorted(self.decision, self.decision)
        nth = np.arange(self.decision.size) - begins == n - 1
        found[self.decision[nth]] = self.known_at[nth]
        return found


def _folded(node: Aggregate, world: _World) -> _Folded:
    table, pairs = world.table(node.source), world.rows_of(node)
    value: Array = np.ones(table.num_rows)
    if node.column is not None:
        value = values_of(node.column, node.source, table)
        pairs = pairs.where(~null_mask(value)[pairs.row])
    at, known_at = times_of(table, AT)[pairs.row], times_of(table, KNOWN_AT)[pairs.row]
    return _Folded(world.at.size, pairs.decision, value[pairs.row], at, known_at)


def _count(rows: _Folded) -> Array:
    return np.bincount(rows.decision, minlength=rows.size).astype(np.float64)


def _sum(rows: _Folded) -> Array:
    return np.bincount(rows.decision, weights=rows.value, minlength=rows.size)


def _mean(rows: _Folded) -> Array:
    counted = _count(rows)
    return np.asarray(np.divide(_sum(rows), counted, out=np.full(rows.size, np.nan), where=counted > 0))


def _chosen(rows: _Folded, order: Ints) -> Array:
    """The value of the last row of each decision in an order."""
    found: Array
    if rows.value.dtype == np.int64:
        found = np.full(rows.size, NULL_TIME, dtype=np.int64)
    elif rows.value.dtype == object:
        found = np.full(rows.size, None, dtype=object)
    else:
        found = np.full(rows.size, np.nan)
    found[rows.decision[order]] = rows.value[order]
    return found


_FOLDS: Mapping[str, Callable[[_Folded], Array]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": lambda rows: _chosen(rows, np.argsort(rows.value, kind="stable")[::-1]),
    "max": lambda rows: _chosen(rows, np.argsort(rows.value, kind="stable")),
    "first": lambda rows: _chosen(rows, np.argsort(rows.at, kind="stable")[::-1]),
    "last": lambda rows: _chosen(rows, np.argsort(rows.at, kind="stable")),
    "distinct": lambda rows: _count(rows.each_value_once()),
}


@dataclass(frozen=True)
class _Sequence:
    """Whether a sequence of events is there, and from when that is certain."""

    value: Array
    certain: Ints


def _sequence(node: Followed, world: _World) -> _Sequence:
    first, table = world.rows_of(node.first), world.table(node.first.source)
    at, known_at = times_of(table, AT)[first.row], times_of(table, KNOWN_AT)[first.row]
    end = world.end[first.decision]
    then_rows, chosen = world.rows[info(node.then.source).name], world.chosen(node.then)
    answers = meet(then_rows, world.codes[first.decision], at + 1, np.minimum(at + node.within, end))
    answers = answers.where(chosen[answers.row])
    soonest = np.full(first.row.size, NEVER, dtype=np.int64)
    np.minimum.at(soonest, answers.decision, times_of(world.table(node.then.source), KNOWN_AT)[answers.row])
    size = world.at.size
    if not node.wanted:
        waits_in_vain = (soonest == NEVER) & (at + node.within <= end)
        value = np.bincount(first.decision[waits_in_vain], minlength=size) > 0
        return _Sequence(value.astype(np.float64), np.full(size, NEVER, dtype=np.int64))
    certain = np.full(size, NEVER, dtype=np.int64)
    np.minimum.at(certain, first.decision, np.maximum(soonest, known_at))
    return _Sequence((certain < NEVER).astype(np.float64), certain)


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

_Bounds = tuple[Ints, Ints]
"""From when a condition is true for certain, and from when it is false for certain."""


@dataclass(frozen=True)
class _Certain:
    """From when a condition cannot change any more, whatever else comes."""

    start: Ints
    folded: Mapping[str, _Folded]
    sequences: Mapping[str, _Sequence]

    def of(self, expr: Expr) -> _Bounds:
        """The bounds of a condition, from those of its parts."""
        never = np.full(self.start.size, NEVER, dtype=np.int64)
        if isinstance(expr, Followed):
            return self.sequences[_name(expr)].certain, never
        if isinstance(expr, Call) and expr.function == "not":
            true, false = self.of(expr.arguments[0])
            return false, true
        if isinstance(expr, Binary) and expr.op in ("&", "|"):
            (left_true, left_false), (right_true, right_false) = self.of(expr.left), self.of(expr.right)
            if expr.op == "&":
                return np.maximum(left_true, right_true), np.minimum(left_false, right_false)
            return np.minimum(left_true, right_true), np.maximum(left_false, right_false)
        if isinstance(expr, Binary) and expr.op in _MIRRORED:
            if isinstance(expr.left, Aggregate) and isinstance(expr.right, Literal):
                return self._compared(expr.left, expr.op, expr.right)
            if isinstance(expr.right, Aggregate) and isinstance(expr.left, Literal):
                return self._compared(expr.right, _MIRRORED[expr.op], expr.left)
        return never, never

    def _compared(self, node: Aggregate, op: str, limit: Literal) -> _Bounds:
        """The bounds of a fold that can only grow, or only shrink, against a constant."""
        never = np.full(self.start.size, NEVER, dtype=np.int64)
        if node.kind not in ("count", "distinct", "min", "max") or not isinstance(limit.value, (int, float)):
            return never, never
        shrinks = node.kind == "min"
        op = _MIRRORED[op] if shrinks else op
        strictly = op in (">", "<=", "==", "!=")  # what is over the limit settles it; else, what reaches it does
        passed = self._passed(node, limit.value, strictly=strictly)
        return (passed, never) if op in (">", ">=", "!=") else (never, passed)

    def _passed(self, node: Aggregate, limit: float, *, strictly: bool) -> Ints:
        """When a fold passed a limit: a count or the greatest upwards, the smallest downwards."""
        rows = self.folded[_name(node)]
        if node.kind == "max":
            return rows.where(rows.value > limit if strictly else rows.value >= limit).reached(1)
        if node.kind == "min":
            return rows.where(rows.value < limit if strictly else rows.value <= limit).reached(1)
        needed = math.floor(limit) + 1 if strictly else math.ceil(limit)
        if needed <= 0:
            return self.start
        return (rows.each_value_once() if node.kind == "distinct" else rows).reached(needed)
