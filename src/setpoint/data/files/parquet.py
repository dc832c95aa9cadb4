"""Parquet files: whole or part by part, their texts of few values dictionary-encoded as the file has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BUFFER = 1 << 20
"""So many bytes of a column are read at a time."""

CODE_BYTES = 2
"""A column of texts that takes fewer bytes for each row than this has few values: a text of its own takes at least 4.

So says the format: a plain text begins with the 4 bytes of its length (Apache Parquet, Encodings, "PLAIN").
"""


def repeated_texts(paths: Sequence[Path]) -> frozenset[str]:
    """The columns that are texts of few values, in all of these Parquet files that have them.

    Such a column is read dictionary-encoded in a fifth of the time, and what is asked of a value is asked once.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sales.parquet"
    >>> pq.write_table(pa.table({"way": ["app", "web"] * 500, "id": [str(number) for number in range(1000)]}), path)
    >>> repeated_texts([path])
    frozenset({'way'})
    """
    few: set[str] = set()
    others: set[str] = set()
    for path in paths:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        here = {field.name for field in schema if pa.types.is_string(field.type)} & _few(metadata)
        few |= here
        others |= set(schema.names) - here
    return frozenset(few - others)


def _few(metadata: pq.FileMetaData) -> set[str]:
    """The columns that take few bytes for each row in all row groups."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    many = {each.path_in_schema for each in chunks if each.total_uncompressed_size >= CODE_BYTES * each.num_values}
    return {each.path_in_schema for each in chunks} - many


def read_parquet(file: Path | pa.BufferReader, columns: Sequence[str] | None, encoded: Collection[str]) -> pa.Table:
    """The rows of a Parquet file: those of the columns that it has, the texts `encoded` dictionary-encoded."""
    with pq.ParquetFile(file, **_encoding(file, encoded)) as opened:
        return opened.read(columns=_wanted(opened, columns))


def parquet_parts(path: Path, columns: Sequence[str] | None, rows: int, encoded: Collection[str]) -> Iterator[pa.Table]:
    """The same rows, so many at a time."""
    # Page by page: what is read ahead would stay in memory until the file is closed.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, **_encoding(path, encoded)) as opened:
        for batch in opened.iter_batches(batch_size=rows, columns=_wanted(opened, columns), use_threads=False):
            yield pa.Table.from_batches([batch])


def _encoding(file: Path | pa.BufferReader, encoded: Collection[str]) -> dict[str, Any]:
    """How a file is opened so that those of the columns that it has are dictionary-encoded."""
    if not encoded:
        return {}
    metadata = pq.read_metadata(file)
    there = {metadata.schema.column(place).path for place in range(len(metadata.schema.names))}
    return {"metadata": metadata, "read_dictionary": sorted(there.intersection(encoded))}


def _wanted(opened: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else [name for name in opened.schema_arrow.names if name in columns]
