"""Rows of a source: its own columns in canonical types, four that every source has, two more where rows may change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

AT = "__at"
"""When a row happened (of a table's row: from when it holds), int64 microseconds."""

KNOWN_AT = "__known_at"
"""From when a row could be known, int64 microseconds."""

ID = "__id"
"""The identity of a row within its source, a text."""

POSITION = "__position"
"""The number of a row in the order (known_at, at, id), from 0."""

SIGN = "__sign"
"""1 for a row, -1 for one that takes an earlier row back; a source without retractions does not have this column."""

ENDS = "__ends"
"""The position of the row that takes this one back, NEVER when none does; there where `__sign` is."""

SYSTEM_COLUMNS = (AT, KNOWN_AT, ID, POSITION, SIGN, ENDS)

NEVER = 2**62
"""The `__ends` of a row that is never taken back."""

ALWAYS = -(2**62)
"""The `__at` and `__known_at` of a row that holds, and is known, at all times."""


def kind_of_type(arrow: pa.DataType) -> str | None:
    """The kind of value that an Arrow type holds; None for one that no expression can read.

    >>> kind_of_type(pa.int16()), kind_of_type(pa.date32()), kind_of_type(pa.list_(pa.int8()))
    ('number', 'time', None)
    """
    types = pa.types
    if types.is_dictionary(arrow):
        arrow = arrow.value_type
    if types.is_boolean(arrow):
        return BOOL
    if types.is_integer(arrow) or types.is_floating(arrow) or types.is_decimal(arrow) or types.is_null(arrow):
        return NUMBER
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow):
        return TEXT
    if types.is_timestamp(arrow) or types.is_date(arrow):
        return TIME
    return None


def canonical_type(kind: str) -> pa.DataType:
    """The Arrow type of a kind in rows, for a column without any value (whole numbers are int64)."""
    return {NUMBER: pa.float64(), TEXT: pa.string(), BOOL: pa.bool_(), TIME: UTC_MICROSECONDS}[kind]


def kinds(rows: pa.Table) -> dict[str, str]:
    """The kind of each of a source's own columns.

    >>> kinds(pa.table({"price": [1.5], "user": ["u1"], AT: [0]}))
    {'price': 'number', 'user': 'text'}
    """
    found = {}
    for column in rows.schema:
        kind = kind_of_type(column.type)
        if kind is not None and column.name not in SYSTEM_COLUMNS:
            found[column.name] = kind
    return found


def schemas(rows: Mapping[str, pa.Table]) -> dict[str, dict[str, str]]:
    """Source name to column name to kind: what a plan is made from."""
    return {name: kinds(table) for name, table in rows.items()}


def times_of(rows: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """A system column of whole numbers (`__at`, `__known_at`, ...) as a numpy array, without a copy if possible."""
    return np.asarray(rows[column].to_numpy(), dtype=np.int64)


def ends_by(ends: npt.NDArray[np.int64], size: int) -> pa.Array:
    """Where rows end as a log of so many rows knows it.

    >>> ends_by(np.array([1, 5, NEVER]), 5).to_pylist() == [1, NEVER, NEVER]
    True
    """
    return pa.array(np.where(ends < size, ends, NEVER))


def known_prefix(rows: pa.Table, as_of: int) -> pa.Table:
    """What a source had said by a time, rows that take others back included: a slice from the start, without a copy.

    >>> known_prefix(pa.table({KNOWN_AT: [1, 5, 9]}), 5).num_rows
    2
    """
    return rows.slice(0, int(np.searchsorted(times_of(rows, KNOWN_AT), as_of, side="right")))


def known_rows(rows: pa.Table, as_of: int) -> pa.Table:
    """The rows that could be known at a time and stood then: not taken back, and not corrected, by what came until it.

    >>> log = {KNOWN_AT: [1, 5, 9], POSITION: [0, 1, 2], SIGN: [1, 1, -1], ENDS: [2, NEVER, NEVER]}
    >>> known_rows(pa.table(log), 5)[POSITION].to_pylist(), known_rows(pa.table(log), 9)[POSITION].to_pylist()
    ([0, 1], [1])
    """
    known = known_prefix(rows, as_of)
    if SIGN not in rows.column_names or known.num_rows == 0:
        return known
    return standing_rows(known, until=known[POSITION][-1].as_py())


def standing_rows(rows: pa.Table, *, until: int = NEVER - 1) -> pa.Table:
    """The rows that no row up to a position takes back; by default, those that stand in the end.

    >>> standing_rows(pa.table({"n": [1, 2, 1], SIGN: [1, 1, -1], ENDS: [2, NEVER, NEVER]}))["n"].to_pylist()
    [2]
    """
    if SIGN not in rows.column_names:
        return rows
    stands = (times_of(rows, SIGN) > 0) & (times_of(rows, ENDS) > until)
    return rows if stands.all() else rows.filter(pa.array(stands))
