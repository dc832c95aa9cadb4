"""Columns as numpy arrays: the one representation in which values are computed.

A number or truth value is float64 with NaN for NULL; a time int64 microseconds with NULL_TIME for NULL; a text a
Python str in an object array, None for NULL.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

Array: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]

NULL_TIME = -(2**63)
"""The int64 that stands for a time that is NULL."""

EXACT = 2**53
"""Up to this size every whole number is a float64."""

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
"""The only Arrow type of a time in rows."""


def to_array(column: pa.ChunkedArray | pa.Array, kind: str) -> Array:
    """An Arrow column of this kind as a numpy array; it may share the column's memory, so it is not to be written.

    A whole number beyond 2**53 becomes the nearest float64.

    >>> to_array(pa.array([1, None]), "number")
    array([ 1., nan])
    >>> to_array(pa.array(["a", None]), "text")
    array(['a', None], dtype=object)
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if kind == TIME:
        return np.asarray(pc.fill_null(pc.cast(column, pa.int64()), NULL_TIME).to_numpy(zero_copy_only=False))
    if kind == TEXT:
        if not pa.types.is_string(column.type):
            column = pc.cast(column, pa.string())
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
    if not pa.types.is_float64(column.type):
        column = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def to_arrow(values: Array, kind: str) -> pa.Array:
    """A numpy array of this kind as an Arrow column, NULL as an Arrow null.

    >>> to_arrow(np.array([1.0, np.nan]), "bool").to_pylist()
    [True, None]
    """
    if kind == NUMBER:
        return pa.array(values, pa.float64(), from_pandas=True)
    if kind == BOOL:
        return pa.array(values == 1.0, pa.bool_(), mask=np.isnan(values))
    if kind == TIME:
        return pa.array(values, pa.int64(), mask=values == NULL_TIME).cast(UTC_MICROSECONDS)
    return pa.array(values, pa.string())


def null_mask(values: Array) -> Mask:
    """True where an array of any kind has no value.

    >>> null_mask(np.array([5, NULL_TIME]))
    array([False,  True])
    """
    if values.dtype == np.float64:
        return np.isnan(values)
    if values.dtype == np.int64:
        return np.equal(values, NULL_TIME)
    return np.asarray(np.equal(values, _NOTHING), dtype=np.bool_)


_NOTHING = np.array([None], dtype=object)
