"""Tables in files that are mapped into memory: the operating system brings in what is read and lets go of it again.

Such a table is a folder with a file for each buffer of each column. Values lie in it as Arrow has them in memory, one
after another from the first row to the last, so nothing is copied to read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_TEXT = 2**31 - 1
"""Bytes of text that one chunk of a column may have."""

_SCHEMA, _FACTS = "schema.arrow", "table.json"


class MappedWriter:
    """Writes rows of one schema to a folder, some at a time; `close` makes them a table that `open_mapped` maps.

    Columns are numbers, truth values, times, texts and bytes.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "sales"
    >>> with MappedWriter(folder) as writer:
    ...     for part in ([1, 2], [None]):
    ...         writer.write(pa.table({"n": pa.array(part, pa.int64()), "name": pa.array(["a"] * len(part))}))
    >>> open_mapped(folder)["n"].to_pylist()
    [1, 2, None]
    """

    def __init__(self, folder: Path, *, most_text: int = MOST_TEXT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._most_text = folder, most_text
        self._columns: list[_ColumnFiles] = []
        self._schema: pa.Schema | None = None
        self._held: pa.Table | None = None
        self._opened = ExitStack()

    def __enter__(self) -> MappedWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        self._opened.close()

    def write(self, rows: pa.Table) -> None:
        """Add rows behind those that are there."""
        if self._schema is None:
            self._schema = rows.schema
            self._columns = [
                _ColumnFiles(self.folder / f"{number:03d}", field.type, self._opened, self._most_text)
                for number, field in enumerate(rows.schema)
            ]
        if self._held is not None and self._held.num_rows:
            rows = pa.concat_tables([self._held, rows])
        whole = rows.num_rows // 8 * 8  # so that bits end where bytes do
        self._held = rows.slice(whole)
        self._put(rows.slice(0, whole))

    def _put(self, rows: pa.Table) -> None:
        if rows.num_rows:
            for files, column in zip(self._columns, rows.columns, strict=True):
                files.put(column.chunk(0) if column.num_chunks == 1 else _one(column))

    def close(self) -> None:
        """Write what is left, and what is needed to read it; nothing was written: a table without columns."""
        if self._held is not None:
            self._put(self._held)
        schema = self._schema if self._schema is not None else pa.schema([])
        facts = [files.close() for files in self._columns]
        (self.folder / _SCHEMA).write_bytes(schema.serialize().to_pybytes())
        (self.folder / _FACTS).write_text(json.dumps(facts))


def open_mapped(folder: Path) -> pa.Table:
    """The table that a `MappedWriter` wrote: its fixed-width columns are one chunk each, and none is copied."""
    schema = pa.ipc.read_schema(pa.py_buffer((folder / _SCHEMA).read_bytes()))
    facts = json.loads((folder / _FACTS).read_text())
    columns = [
        _open_column(folder / f"{number:03d}", field.type, each)
        for number, (field, each) in enumerate(zip(schema, facts, strict=True))
    ]
    return pa.table(columns, schema=schema)


def map_buffer(path: Path) -> pa.Buffer:
    """The content of a file as a buffer that is mapped."""
    if not path.stat().st_size:
        return pa.py_buffer(b"")
    with pa.memory_map(str(path)) as file:
        return file.read_buffer()


class Spool:
    """Tables written one behind another to a folder, of any types, and of one schema or several.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "raw"
    >>> with Spool(folder) as spool:
    ...     spool.write(pa.table({"n": [1]}))
    ...     spool.write(pa.table({"n": [[2]]}))
    >>> [table["n"].to_pylist() for table in spooled(folder)]
    [[1], [[2]]]
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._writer: pa.RecordBatchWriter | None = None
        self._schema: pa.Schema | None = None
        self._count = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def write(self, rows: pa.Table) -> None:
        """Add a table; one of another schema than the one before begins a file of its own."""
        if self._writer is None or self._schema is None or not rows.schema.equals(self._schema, check_metadata=True):
            self.end()
            self._schema = rows.schema
            self._writer = pa.ipc.new_stream(str(self.folder / f"{self._count:06d}.arrow"), rows.schema)
            self._count += 1
        self._writer.write_table(rows)

    def end(self) -> None:
        """What comes next is a table of its own."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def spooled(folder: Path) -> list[pa.Table]:
    """The tables that a `Spool` wrote, mapped."""
    found = []
    for path in sorted(folder.glob("*.arrow")):
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
            found.append(stream.read_all())
    return found


def blocks_of(table: pa.Table, *, most_rows: int, most_bytes: int) -> list[pa.Table]:
    """A table in slices of at most so many rows, and about so many bytes, none of which spans two chunks.

    >>> [block.num_rows for block in blocks_of(pa.table({"n": [1, 2, 3]}), most_rows=2, most_bytes=100)]
    [2, 1]
    """
    each = table.nbytes // max(table.num_rows, 1)
    rows = max(1, min(most_rows, most_bytes // max(each, 1)))
    return [pa.Table.from_batches([batch]) for batch in table.to_batches(max_chunksize=rows)]


def rows_at(blocks: list[pa.Table], places: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Table:
    """The rows at these places, in order, of a table that comes in blocks; the other blocks are not read.

    >>> rows_at([pa.table({"n": [1, 2]}), pa.table({"n": [3]})], np.array([1, 2]))["n"].to_pylist()
    [2, 3]
    """
    starts = np.cumsum([0, *[block.num_rows for block in blocks]])
    edges = np.searchsorted(places, starts)
    found = [
        block.take(pa.array(places[first:last] - start))
        for block, start, first, last in zip(blocks, starts.tolist(), edges.tolist(), edges[1:].tolist(), strict=False)
        if first < last
    ]
    return pa.concat_tables(found) if found else blocks[0].slice(0, 0)


class _ColumnFiles:
    """The files of one column: what is null, the values, and where each text ends."""

    def __init__(self, path: Path, arrow: pa.DataType, opened: ExitStack, most_text: int) -> None:
        self._path, self._type, self._opened, self._most_text = path, arrow, opened, most_text
        self._rows = self._nulls = 0
        self._files: dict[str, BinaryIO] = {}
        self._is_text = pa.types.is_string(arrow) or pa.types.is_binary(arrow)
        self._chunks: list[dict[str, int]] = []
        self._bytes = 0

    def put(self, column: pa.Array) -> None:
        """Add values, of which there are a multiple of eight before."""
        self._put_validity(column)
        if self._is_text:
            self._put_texts(column)
        elif pa.types.is_boolean(self._type):
            truth = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
            self._file("values").write(np.packbits(truth, bitorder="little").data)
        elif len(column):
            width, values = self._type.bit_width // 8, column.buffers()[1]
            self._file("values").write(
                memoryview(values)[column.offset * width : (column.offset + len(column)) * width]
            )
        self._rows += len(column)

    def close(self) -> dict[str, Any]:
        """What has to be known to read them."""
        for file in self._files.values():
            file.close()
        return {"rows": self._rows, "nulls": self._nulls, "chunks": self._chunks}

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._files[name] = self._opened.enter_context(self._path.with_suffix(f".{name}").open("wb"))
        return self._files[name]

    def _put_validity(self, column: pa.Array) -> None:
        if column.null_count and not self._nulls:
            self._file("valid").write(b"\xff" * (self._rows // 8))
        self._nulls += column.null_count
        if self._nulls:
            valid = column.is_valid().to_numpy(zero_copy_only=False)
            self._file("valid").write(np.packbits(valid, bitorder="little").data)

    def _put_texts(self, column: pa.Array) -> None:
        _, places, data = column.buffers()
        if places is None:
            offsets = np.zeros(len(column) + 1, dtype=np.int32)
        else:
            offsets = np.frombuffer(places, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        if not self._chunks or self._chunks[-1]["bytes"] + last - first > self._most_text:
            self._chunks.append({"start": self._rows, "rows": 0, "from": self._bytes, "bytes": 0})
            self._file("ends").write(np.zeros(1, dtype=np.int32).data)
        chunk = self._chunks[-1]
        self._file("ends").write((offsets[1:] - np.int32(first) + np.int32(chunk["bytes"])).data)
        if data is not None:
            self._file("values").write(memoryview(data)[first:last])
        chunk["rows"] += len(column)
        chunk["bytes"] += last - first
        self._bytes += last - first


def _open_column(path: Path, arrow: pa.DataType, facts: dict[str, Any]) -> pa.ChunkedArray:
    valid = map_buffer(path.with_suffix(".valid")) if facts["nulls"] else None
    file = path.with_suffix(".values")
    values = map_buffer(file) if file.exists() else pa.py_buffer(b"")
    if not (pa.types.is_string(arrow) or pa.types.is_binary(arrow)):
        array = pa.Array.from_buffers(arrow, facts["rows"], [valid, values], facts["nulls"])
        return pa.chunked_array([array], arrow)
    ends = map_buffer(path.with_suffix(".ends")) if facts["chunks"] else None
    return pa.chunked_array(list(_text_chunks(arrow, facts["chunks"], valid, ends, values)), arrow)


def _text_chunks(
    arrow: pa.DataType,
    chunks: list[dict[str, int]],
    valid: pa.Buffer | None,
    ends: pa.Buffer | None,
    values: pa.Buffer,
) -> Iterator[pa.Array]:
    for number, chunk in enumerate(chunks):
        start, rows = chunk["start"], chunk["rows"]
        assert ends is not None
        mine = None if valid is None else valid.slice(start // 8)
        places, texts = ends.slice(4 * (start + number), 4 * (rows + 1)), values.slice(chunk["from"], chunk["bytes"])
        yield pa.Array.from_buffers(arrow, rows, [mine, places, texts])


def _one(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)
