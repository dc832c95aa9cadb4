"""Draws a declared sample from the rows of a table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NaiveTime, NameUnknown, WrongType
from setpoint.core.times import spell
from setpoint.data.arrays import UTC_MICROSECONDS, to_array
from setpoint.data.rows import AT, SYSTEM_COLUMNS, kind_of_type
from setpoint.data.samples.groups import by_group
from setpoint.data.samples.sample import Floats, Ints, Sample, levels_of, simple
from setpoint.data.samples.strata import by_time, newest, stratified
from setpoint.data.samples.weighted import pps, weighted
from setpoint.declare.kinds import NUMBER, TIME
from setpoint.declare.sample import Sampling


def draw(sampling: Sampling, rows: pa.Table, *, seed: int, at: str = AT) -> Sample:
    """The declared sample of these rows; `at` names the column that holds when each happened.

    >>> from setpoint.declare import sample as declared
    >>> rows = pa.table({"country": ["at", "at", "ch", "ch"], "total": [1, 2, 3, 4]})
    >>> draw(declared.stratified(4, by="country", allocation="neyman", spread="total"), rows, seed=1).frame.kind
    'stratified'
    """
    n = sampling.n
    if sampling.kind == "simple":
        return simple(rows.num_rows, n, seed=seed)
    if sampling.kind == "time":
        return by_time(_times(rows, at), n, every=spell(sampling.every), seed=seed)
    if sampling.kind == "newest":
        half_life = spell(sampling.half_life) if sampling.half_life else None
        return newest(_times(rows, at), n, half_life=half_life, seed=seed)
    if sampling.kind == "weighted":
        return weighted(_numbers(rows, sampling.by[0]), n, seed=seed)
    if sampling.kind == "pps":
        return pps(_numbers(rows, sampling.by[0]), n, seed=seed)
    labels = _labels(rows, sampling.by)
    if sampling.kind == "group":
        return by_group(labels, n, rows_each=sampling.rows_each or None, seed=seed)
    spread = _numbers(rows, sampling.spread) if sampling.spread else None
    return stratified(labels, n, allocation=sampling.allocation, spread=spread, seed=seed)


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in rows.column_names:
        known = [column for column in rows.column_names if column not in SYSTEM_COLUMNS]
        raise NameUnknown("column", name, known, where="The table to sample from")
    return rows[name]


def _numbers(rows: pa.Table, name: str) -> Floats:
    column = _column(rows, name)
    if kind_of_type(column.type) != NUMBER:
        raise WrongType(f"Column {name!r} holds {column.type}.", expected="a column of numbers to sample by")
    values: Floats = pc.cast(column, pa.float64(), safe=False).to_numpy()
    return values


def _times(rows: pa.Table, name: str) -> Ints:
    column = _column(rows, name)
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        raise NaiveTime(f"The times of column {name!r} have no zone.", expected="timestamps in UTC")
    if not (pa.types.is_timestamp(column.type) or pa.types.is_int64(column.type)):
        raise WrongType(f"Column {name!r} holds {column.type}.", expected="timestamps, or microseconds as int64")
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, UTC_MICROSECONDS, safe=False)
    values: Ints = to_array(column, TIME)
    return values


def _labels(rows: pa.Table, names: tuple[str, ...]) -> pa.ChunkedArray | pa.Array:
    """The column of a group, or several in one text: each level of the first with each of the second."""
    if len(names) == 1:
        return _column(rows, names[0])
    parts = []
    for name in names:
        levels, codes = levels_of(_column(rows, name))
        spelled = pa.array([f"{name}={level!r}" for level in levels])
        parts.append(spelled.take(pa.array(codes)))
    return pc.binary_join_element_wise(*parts, ", ")
