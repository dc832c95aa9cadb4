"""Which events a decision meets: those of its key from its own time to the end of its label's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError
from setpoint.data.arrays import Array, Mask, to_array
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.data.rows import AT, kind_of_type, kinds, times_of
from setpoint.declare.expr import Column, Expr, walk
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.declare.label import EACH, FIRST
from setpoint.declare.source import Source, info

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Decisions with the rows that each meets: a place of a decision and a place of a row, in order of both.

    Rows are in the order in which they became known, so the last of a decision's is the newest.
    """

    decision: Ints
    row: Ints

    def where(self, mask: Mask) -> Pairs:
        """The pairs for which the mask holds."""
        return Pairs(self.decision[mask], self.row[mask])

    def newest(self, size: int) -> Ints:
        """The newest row of each of `size` decisions, -1 where it meets none.

        >>> Pairs(np.array([0, 0, 2]), np.array([3, 7, 5])).newest(3)
        array([ 7, -1,  5])
        """
        found = np.full(size, -1, dtype=np.int64)
        found[self.decision] = self.row
        return found

    def oldest(self, size: int) -> Ints:
        """The row of each of `size` decisions that was known first, -1 where it meets none."""
        found = np.full(size, -1, dtype=np.int64)
        found[self.decision[::-1]] = self.row[::-1]
        return found


@dataclass(frozen=True)
class Keyed:
    """The rows of a source by key and time: `place` in the table, key and time, all in order of the latter two."""

    place: Ints
    key: Ints
    at: Ints


def codes_of(keys: pa.Array) -> tuple[pa.Array, Ints]:
    """The distinct keys and the number of each decision's; -1 for a NULL, which meets nothing."""
    encoded = keys.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return encoded.dictionary, np.asarray(codes, dtype=np.int64)


def keyed(table: pa.Table, source: Source, on: str, distinct: pa.Array) -> Keyed:
    """The rows of a source whose key is one of the decisions'."""
    column = table[on].combine_chunks()
    if column.type != distinct.type:
        column, distinct = _comparable(source, on, column, distinct)
    codes = np.asarray(pc.fill_null(pc.index_in(column, distinct), -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    place = np.flatnonzero(codes >= 0)
    at = times_of(table, AT)
    place = place[np.lexsort((at[place], codes[place]))]
    return Keyed(place, codes[place], at[place])


def meet(rows: Keyed, codes: Ints, start: Ints, end: Ints) -> Pairs:
    """Every row of a decision's key that happened from `start` up to and with `end`.

    >>> rows = Keyed(np.array([0, 2, 1]), np.array([0, 0, 1]), np.array([5, 9, 7]))
    >>> met = meet(rows, np.array([0, 1]), np.array([5, 8]), np.array([9, 20]))
    >>> met.decision.tolist(), met.row.tolist()
    ([0, 0], [0, 2])
    """
    keys = np.bincount(rows.key, minlength=int(codes.max(initial=-1)) + 1)
    asking = np.flatnonzero((codes >= 0) & (keys[codes] > 0)) if rows.key.size else np.zeros(0, dtype=np.int64)
    moments = np.sort(rows.at)
    step = moments.size + 1
    order = rows.key * step + np.searchsorted(moments, rows.at)
    low = np.searchsorted(order, codes[asking] * step + np.searchsorted(moments, start[asking], side="left"))
    high = np.searchsorted(order, codes[asking] * step + np.searchsorted(moments, end[asking], side="right"))
    many = np.maximum(high - low, 0)
    decision = np.repeat(asking, many)
    within = np.arange(decision.size) - np.repeat(np.cumsum(many) - many, many)
    row = rows.place[np.repeat(low, many) + within]
    if bool(((np.diff(decision) > 0) | (np.diff(row) > 0)).all()):
        return Pairs(decision, row)
    by_row = np.lexsort((row, decision))
    return Pairs(decision[by_row], row[by_row])


def attribute(pairs: Pairs, at: Ints, whose: str) -> Pairs:
    """The pairs that are left when an event is that of one decision: the last, or the first, that it comes after.

    Of decisions of one time, the last is the one that comes last among them.

    >>> pairs = Pairs(np.array([0, 1]), np.array([4, 4]))
    >>> attribute(pairs, np.array([10, 20]), "last").decision, attribute(pairs, np.array([10, 20]), "first").decision
    (array([1]), array([0]))
    """
    if whose == EACH:
        return pairs
    order = np.lexsort((pairs.decision, at[pairs.decision], pairs.row))
    if whose == FIRST:
        chosen = order[np.flatnonzero(np.diff(pairs.row[order], prepend=-1))]
    else:
        chosen = order[np.flatnonzero(np.diff(pairs.row[order], append=-1))]
    mask = np.zeros(pairs.row.size, dtype=bool)
    mask[chosen] = True
    return pairs.where(mask)


def values_of(expr: Expr, source: Source, table: pa.Table) -> Array:
    """The values of an expression over the rows of its source."""
    types = kinds(table)
    name = info(source).name
    read = {node.name for node in walk(expr) if isinstance(node, Column)}
    columns = {(name, column): to_array(table[column], types[column]) for column in read if column in types}
    return evaluate(expr, Inputs(table.num_rows, columns=columns))


def holds(expr: Expr | None, source: Source, table: pa.Table) -> Mask:
    """The rows of a source for which a condition holds; all, without one."""
    if expr is None:
        return np.ones(table.num_rows, dtype=bool)
    return is_true(values_of(expr, source, table))


def _comparable(source: Source, on: str, column: pa.Array, distinct: pa.Array) -> tuple[pa.Array, pa.Array]:
    kind = kind_of_type(column.type)
    if kind != kind_of_type(distinct.type) or kind not in (NUMBER, TEXT):
        raise DataError(
            f"The decisions' keys are {distinct.type} and {info(source).name}.{on} is {column.type}.",
            expected="the same kind on both sides",
        )
    common = pa.float64() if kind == NUMBER else pa.string()
    return column.cast(common), distinct.cast(common)
