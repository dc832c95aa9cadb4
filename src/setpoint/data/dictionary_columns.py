"""Texts of few values, dictionary-encoded: what holds of a value is found once for it, not row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.files.raw import RAW_COLUMNS


class Columns(Mapping[str, pa.Array]):
    """The columns of a batch by name, each in its canonical type; dictionary-encoded ones are decoded when asked for.

    >>> columns = Columns({"way": pa.array(["app", "web", "app"]).dictionary_encode()})
    >>> columns["way"].type, columns.stored("way").dictionary.to_pylist()
    (DataType(string), ['app', 'web'])
    """

    def __init__(self, stored: Mapping[str, pa.Array]) -> None:
        self._stored = dict(stored)
        self._plain: dict[str, pa.Array] = {}

    def __getitem__(self, name: str) -> pa.Array:
        stored = self._stored[name]
        if not pa.types.is_dictionary(stored.type):
            return stored
        if name not in self._plain:
            self._plain[name] = plain(stored)
        return self._plain[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def stored(self, name: str) -> pa.Array:
        """The column as it is kept, dictionary-encoded or not."""
        return self._stored[name]


def stored(columns: Mapping[str, pa.Array], name: str) -> pa.Array:
    """A column as it is kept, dictionary-encoded or not."""
    return columns.stored(name) if isinstance(columns, Columns) else columns[name]


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The values of a column, decoded where they are dictionary-encoded.

    >>> plain(pa.array(["a", None, "a"]).dictionary_encode()).to_pylist()
    ['a', None, 'a']
    """
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def plain_table(rows: pa.Table) -> pa.Table:
    """Rows whose own columns are decoded, so that they may stand beside rows of other files."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type) and field.name not in RAW_COLUMNS:
            values = plain(rows.column(place))
            rows = rows.set_column(place, pa.field(field.name, values.type, metadata=field.metadata), values)
    return rows


def texts_by_value(column: pa.Array) -> pa.DictionaryArray | None:
    """The column where it is texts, dictionary-encoded with fewer values than rows and without NULL among them."""
    if not pa.types.is_dictionary(column.type) or not pa.types.is_string(column.type.value_type):
        return None
    values = column.dictionary
    if values.null_count or len(values) >= len(column):
        return None
    if pa.types.is_int32(column.type.index_type):
        return column
    return pa.DictionaryArray.from_arrays(pc.cast(column.indices, pa.int32()), values)


def values_and_null(column: pa.DictionaryArray) -> pa.Array:
    """The values of a dictionary-encoded column, and NULL after them."""
    return pa.concat_arrays([column.dictionary, pa.nulls(1, column.type.value_type)])


def codes_and_null(column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """The place of each row's value among `values_and_null`."""
    codes = column.indices
    if column.null_count:
        codes = pc.fill_null(codes, pa.scalar(len(column.dictionary), codes.type))
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int32)


def spread(found: pa.Array, column: pa.DictionaryArray) -> pa.Array:
    """For each row what was found for its value, or for NULL: `found` is about `values_and_null`."""
    return found.take(pa.array(codes_and_null(column)))


def by_value(column: pa.Array, compute: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """What a function gives for each row's value, computed once for each value where these are dictionary-encoded.

    >>> by_value(pa.array(["ab", None, "ab", "c"]).dictionary_encode(), pc.utf8_length).to_pylist()
    [2, None, 2, 1]
    """
    encoded = texts_by_value(column)
    return compute(plain(column)) if encoded is None else spread(compute(values_and_null(encoded)), encoded)
