"""Binning: the place of every value among a column's bins, the same for training rows and for a day's decisions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


class Placed(NamedTuple):
    """The bin of each value (the number of bins for NULL), how many are strange, and whether all are the same."""

    codes: Codes
    strange: int
    single: bool


def place_numbers(numbers: Numbers, edges: tuple[float, ...], *, low: float, high: float) -> Placed:
    """Numbers between inner edges; those below `low` and above `high` are strange, NaN is NULL.

    >>> place_numbers(np.array([1.0, 5.0, np.nan]), (2.0,), low=0.0, high=4.0)
    Placed(codes=array([0, 1, 2]), strange=1, single=False)
    """
    missing = np.isnan(numbers)
    codes = np.searchsorted(edges, numbers, side="right")
    strange = int(np.count_nonzero((numbers < low) | (numbers > high)))
    present = numbers
    if missing.any():
        codes[missing] = len(edges) + 1
        present = numbers[~missing]
    return Placed(codes, strange, bool(present.size and (present == present[0]).all()))


def place_texts(texts: pa.Array, levels: pa.Array, known: pa.Array | None) -> Placed:
    """Texts among levels, the rest in the last bin; those that are not `known` are strange (None: nothing is).

    >>> levels = pa.array(["a", "b"])
    >>> place_texts(pa.array(["b", None, "z"]), levels, levels)
    Placed(codes=array([1, 3, 2]), strange=1, single=False)
    """
    found = pc.index_in(texts, value_set=levels)
    codes = pc.fill_null(found, len(levels)).to_numpy().astype(np.int64)
    strange = 0
    if known is not None:
        seen = len(texts) - found.null_count if known is levels else int(pc.sum(pc.is_in(texts, known)).as_py() or 0)
        strange = len(texts) - texts.null_count - seen
    present = codes
    if texts.null_count:
        missing = texts.is_null().to_numpy(zero_copy_only=False)
        codes[missing] = len(levels) + 1
        present = codes[~missing]
    single = present.size and present[0] < len(levels) and (present == present[0]).all()
    return Placed(codes, strange, bool(single))


def as_floats(values: pa.ChunkedArray | pa.Array) -> Numbers:
    """A column of numbers or truth values as floats; NULL is NaN.

    >>> as_floats(pa.array([1.5, None]))
    array([1.5, nan])
    """
    if pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.uint8())
    elif pa.types.is_null(values.type):
        values = pc.cast(values, pa.float64())
    found = values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=np.float64)


def as_texts(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column of texts in one piece.

    >>> as_texts(pa.chunked_array([["a"], [None]])).to_pylist()
    ['a', None]
    """
    texts = values if pa.types.is_string(values.type) else pc.cast(values, pa.string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
