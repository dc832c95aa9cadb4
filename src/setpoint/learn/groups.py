"""Groups of rows, for slices and gaps: by the values of a request field or feature."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import to_array
from setpoint.declare.kinds import NUMBER
from setpoint.learn.sides import Examples

MOST = 20
"""Levels that are shown one by one; rows of rarer ones are one group."""
NONE, OTHER = "(none)", "(other)"


def groups_of(rows: Examples, name: str) -> np.ndarray:
    """The group of each row by a request field or feature, as text.

    A text, or a number of few values, groups by value; other numbers and times by quarters of the rows. Rare levels are
    "(other)", NULL is "(none)".

    >>> fields = pa.table({"origin": ["JFK", None, "JFK"]})
    >>> groups_of(Examples(pa.table({}), fields, np.zeros(3), np.zeros(3)), "origin").tolist()
    ['JFK', '(none)', 'JFK']
    """
    column = (rows.fields if name in rows.fields.column_names else rows.features)[name]
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    if pa.types.is_boolean(column.type) or not pa.types.is_primitive(column.type):
        return _by_value(column.cast(pa.string()))
    values = to_array(column, NUMBER)
    distinct = np.unique(values[~np.isnan(values)])
    if distinct.size <= MOST:
        words = np.array([*[f"{value:g}" for value in distinct], NONE])
        return np.asarray(words[np.where(np.isnan(values), distinct.size, np.searchsorted(distinct, values))])
    return _by_quarter(values)


def _by_value(column: pa.ChunkedArray) -> np.ndarray:
    counted = pc.value_counts(column.drop_null().combine_chunks())
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    shown = [name for name, _ in sorted(zip(names, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))[:MOST]]
    place = to_array(pc.index_in(column, value_set=pa.array(shown, pa.string())), NUMBER)
    words = np.array([*shown, OTHER, NONE])
    null = column.is_null().to_numpy()
    return np.asarray(words[np.where(null, len(shown) + 1, np.where(np.isnan(place), len(shown), place)).astype(int)])


def _by_quarter(values: np.ndarray) -> np.ndarray:
    known = np.sort(values[~np.isnan(values)])
    cuts = np.unique(known[(np.arange(1, 4) * known.size) // 4])
    ends = [f"below {cuts[0]:.6g}", *[f"{a:.6g} to {b:.6g}" for a, b in pairwise(cuts)]]
    words = np.array([*ends, f"from {cuts[-1]:.6g}", NONE])
    return np.asarray(words[np.where(np.isnan(values), cuts.size + 1, np.searchsorted(cuts, values, side="right"))])
