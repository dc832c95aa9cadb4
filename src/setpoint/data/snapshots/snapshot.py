"""Snapshots: the rows that could be known at a time, identified by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest as digest_of
from setpoint.core.digest import digest_bytes
from setpoint.data.arrays import EXACT
from setpoint.data.rows import ENDS, kind_of_type, known_prefix

BLOCK = 1 << 16
"""Rows that are digested, and stored, together: a block that is full never changes."""


class ContentDigests:
    """Digests of tables and of their beginnings; a block of rows that was digested before is not read again.

    Equal rows give equal digests, whatever the chunks they lie in, whatever lies under a null, and whether a whole
    number is an int64 or a float64: a fraction that comes later does not change what was there.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, int], tuple[pa.Table, str]] = {}

    def of(self, table: pa.Table, rows: int | None = None, *, name: str = "") -> str:
        """The digest of a table, or of its first rows; `name` tells tables apart whose blocks are remembered.

        Where a row ends is told by the row that ends it, so it is no content: a correction that comes later does not
        change what was there.

        >>> whole = ContentDigests().of(pa.table({"x": [1, None, 3]}))
        >>> whole == ContentDigests().of(pa.table({"x": pa.chunked_array([[1], [None, 3]])}))
        True
        """
        count = table.num_rows if rows is None else rows
        columns = {column: kind for column, kind in kinds_of(table.schema).items() if column != ENDS}
        return digest_of({"columns": columns, "rows": count, "blocks": self.blocks(table, count, name=name)})

    def blocks(self, table: pa.Table, rows: int | None = None, *, name: str = "") -> list[str]:
        """The digest of each block of a table, or of its first rows: of its values, not of the names of its columns.

        >>> ContentDigests().blocks(pa.table({"x": [1, 2]})) == ContentDigests().blocks(pa.table({"y": [1.0, 2.0]}))
        True
        """
        count = table.num_rows if rows is None else rows
        names = sorted(column for column in table.column_names if column != ENDS)
        found = []
        for start in range(0, count, BLOCK):
            block = table.slice(start, min(BLOCK, count - start)).select(names)
            before = self._blocks.get((name, start))
            if before is None or not _same_memory(before[0], block):
                before = (block, digest_values(block))
                if block.num_rows == BLOCK:
                    self._blocks[name, start] = before
            found.append(before[1])
        return found


def kinds_of(schema: pa.Schema) -> dict[str, str | None]:
    """The kind of value in each column of a schema, in order of names; None where no expression can read it."""
    return {name: kind_of_type(schema.field(name).type) for name in sorted(schema.names)}


def _same_memory(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables are views of the same memory, so that they hold the same; both are alive, so it is theirs."""
    if one.num_rows != other.num_rows or one.schema != other.schema:
        return False
    return all(_places(mine) == _places(theirs) for mine, theirs in zip(one.columns, other.columns, strict=True))


def _places(column: pa.ChunkedArray) -> list[tuple[int, int, tuple[int, ...]]]:
    return [
        (chunk.offset, len(chunk), tuple(0 if buffer is None else buffer.address for buffer in chunk.buffers()))
        for chunk in column.chunks
    ]


def digest_values(table: pa.Table) -> str:
    """The digest of the values of all columns in order of their names, but of where rows end.

    >>> digest_values(pa.table({"x": [1, 2]})) == digest_values(pa.table({"y": [1.0, 2.0]}))
    True
    """
    names = sorted(name for name in table.column_names if name != ENDS)
    return digest_bytes(*[part for name in names for part in _canonical(table[name].combine_chunks())])


def _canonical(column: pa.Array) -> list[bytes | memoryview]:
    """The content of a column as bytes: where values are, the lengths of texts, and the values."""
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if pa.types.is_null(column.type):
        column = column.cast(pa.float64())
    valid = np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).data if column.null_count else b""
    if pa.types.is_large_binary(column.type):
        column = column.cast(pa.binary())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        if column.null_count:
            column = pc.fill_null(column, "" if pa.types.is_string(column.type) else b"")
        offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
        data = column.buffers()[2]
        text = b"" if data is None else memoryview(data)[offsets[0] : offsets[-1]]
        return [valid, np.diff(offsets).view(np.uint8).data, text]
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if column.null_count:
        column = pc.fill_null(column, 0)
    values = np.ascontiguousarray(column.to_numpy(zero_copy_only=False))
    if values.dtype != np.int64:
        return [valid, values.view(np.uint8).data]
    if not values.size or -EXACT <= values.min() <= values.max() <= EXACT:
        return [valid, values.astype(np.float64).view(np.uint8).data]
    return [valid, b"whole", values.view(np.uint8).data]  # the bits of 2**62 are those of 2.0


@dataclass(frozen=True)
class Snapshot:
    """What each source had said by `as_of`, rows that take others back included; equal content, equal `digest`.

    What stood then is for `known_rows` to say: a decision before `as_of` may see a row that was taken back after it.
    """

    as_of: int
    rows: Mapping[str, pa.Table]
    _whole: Mapping[str, pa.Table] = field(repr=False)
    _contents: ContentDigests = field(repr=False)

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """The digest of each source's rows."""
        return {
            name: self._contents.of(self._whole[name], table.num_rows, name=name)
            for name, table in sorted(self.rows.items())
        }

    def blocks(self, name: str) -> list[str]:
        """The digest of each block of a source's rows."""
        return self._contents.blocks(self._whole[name], self.rows[name].num_rows, name=name)

    @cached_property
    def digest(self) -> str:
        """The digest of the snapshot: of its rows, not of the time it was taken for."""
        return digest_of(dict(self.digests))


def take_snapshot(ingested: Mapping[str, pa.Table], as_of: int, *, contents: ContentDigests | None = None) -> Snapshot:
    """The rows known at a time, without copying any; give the same `contents` again to digest only what is new.

    >>> from setpoint.data.rows import KNOWN_AT
    >>> rows = {"sales": pa.table({"price": [5, 6, 7], KNOWN_AT: [10, 20, 30]})}
    >>> take_snapshot(rows, 20).rows["sales"].num_rows
    2
    >>> take_snapshot(rows, 25).digest == take_snapshot(rows, 20).digest
    True
    """
    rows = {name: known_prefix(table, as_of) for name, table in ingested.items()}
    return Snapshot(as_of, rows, dict(ingested), contents or ContentDigests())
