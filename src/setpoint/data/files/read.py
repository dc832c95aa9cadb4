"""Files of a source, read as they are: Parquet, Arrow, CSV and JSON lines, one, a pattern of them, or one at a URL."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError, SourceEmpty, SourceMissing, did_you_mean
from setpoint.core.ports import Fetch, Fetched, FetchFile, FetchParts
from setpoint.data.files.csv import csv_parts, read_csv
from setpoint.data.files.encodings import Utf8Stream, to_utf8
from setpoint.data.files.json import json_parts, read_json
from setpoint.data.files.parquet import parquet_parts, read_parquet, repeated_texts
from setpoint.data.files.raw import ANY_KIND, BAD_REASON, BAD_RULE, FILE, RAW_COLUMNS, ROW, TIMES, WRITTEN
from setpoint.data.files.schemas import together
from setpoint.declare.source import SourceInfo

__all__ = [
    "ANY_KIND",
    "BAD_REASON",
    "BAD_RULE",
    "FILE",
    "NOBODY",
    "RAW_COLUMNS",
    "ROW",
    "TIMES",
    "WRITTEN",
    "kind_of_file",
    "read_parts",
    "read_source",
]

_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_MEDIA = {
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.arrow.stream": "arrow",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "json",
    "application/jsonl": "json",
    "application/json": "json",
}
_PACKED = (("gzip", b"\x1f\x8b", 0), ("bz2", b"1AY&SY", 4), ("zstd", b"\x28\xb5\x2f\xfd", 0))
_ARROW_FILE = b"ARROW1"
_FILE_DATABASES = ("sqlite",)

PART_ROWS = 1 << 17
"""How many rows of a Parquet or Arrow file are read at a time."""

PART_BYTES = 1 << 24
"""How many bytes of a CSV or JSON file are read at a time."""

NOBODY: Mapping[str, Fetch] = {}
"""Nobody fetches from anywhere."""

NO_TEXTS: frozenset[str] = frozenset()
"""No column of texts stays dictionary-encoded."""


def read_source(info: SourceInfo, root: Path, *, fetchers: Mapping[str, Fetch] = NOBODY) -> pa.Table:
    """The rows of a source as its files have them, with `__row` and `__file` of each.

    A path that begins like "http:" is fetched by what is given for that in `fetchers`. Raises SourceMissing when no
    file matches, SourceEmpty when no file has a row, DataError for a file that is not what its name says. A CSV record
    with too few or too many cells and a line that is not JSON stay as rows without values that say why in `__bad_rule`
    and `__bad_reason`. How the files of a pattern differ in their columns is told by `changes_of`.
    """
    scheme, elsewhere, _ = info.path.partition("://")
    if elsewhere:
        fetched = _fetcher(info, scheme, fetchers)(_at_home(info, root), info.columns)
        names, parts = [fetched.name], [_read_fetched(info, fetched)]
    else:
        paths = _matching(info, root)
        names = [_name(path, root) for path in paths]
        encoded = _encoded(info, paths, [kind_of_file(path.name) for path in paths])
        parts = [_read_file(info, path, name, encoded) for path, name in zip(paths, names, strict=True)]
    raw = parts[0] if len(parts) == 1 else together(info, parts, names)
    if raw.num_rows == 0:
        raise SourceEmpty(
            f"Source {info.name!r} has no row in {', '.join(names)}.",
            expected="at least one row",
        )
    return raw


def read_parts(
    info: SourceInfo,
    root: Path,
    *,
    fetchers: Mapping[str, Fetch] = NOBODY,
    rows: int = PART_ROWS,
    size: int = PART_BYTES,
    work: Path | None = None,
) -> Iterator[pa.Table]:
    """The rows of a source as `read_source` gives them, some at a time: never more than a part of one file in memory.

    Parquet and Arrow files come in parts of so many `rows`, CSV and JSON lines in parts of so many bytes (`size`), and
    what a database gives as it comes. A file over HTTP is written to the folder `work` first. A JSON list is one part.
    """
    scheme, elsewhere, _ = info.path.partition("://")
    if not elsewhere:
        paths = _matching(info, root)
        encoded = _encoded(info, paths, [kind_of_file(path.name) for path in paths])
        for path in paths:
            name = _name(path, root)
            yield from _file_parts(info, path, name, _kind(info, name), rows=rows, size=size, encoded=encoded)
        return
    fetcher = _fetcher(info, scheme, fetchers)
    if isinstance(fetcher, FetchFile):
        with tempfile.TemporaryDirectory(prefix="fetched-", dir=work) as folder:
            fetched = fetcher.save(info.path, Path(folder) / "file")
            kind = _kind_fetched(info, fetched)
            encoded = _encoded(info, [fetched.content], [kind])
            yield from _file_parts(info, fetched.content, fetched.name, kind, rows=rows, size=size, encoded=encoded)
        return
    if not isinstance(fetcher, FetchParts):
        yield _read_fetched(info, fetcher(_at_home(info, root), info.columns))
        return
    start = 0
    for fetched in fetcher.parts(_at_home(info, root), info.columns):
        yield _numbered(_read_fetched(info, fetched), start)
        start += fetched.content.num_rows


def _file_parts(
    info: SourceInfo, path: Path, name: str, kind: str, *, rows: int, size: int, encoded: frozenset[str]
) -> Iterator[pa.Table]:
    try:
        if kind in ("parquet", "arrow"):
            start, columns = 0, info.columns
            parquet = kind == "parquet"
            parts = parquet_parts(path, columns, rows, encoded) if parquet else _arrow_parts(path, columns)
            for part in parts:
                yield _numbered(_named(info, part, name, added=()), start)
                start += part.num_rows
            return
        with path.open("rb") as file:
            packed = _packed(file)
            opened = _Settled(file) if packed is None else pa.input_stream(file, compression=packed)
            stream = Utf8Stream(opened, name, encoding=info.encoding)
            if kind == "json":
                texts = json_parts(stream, size=size)
            else:
                texts = csv_parts(stream, "\t" if kind == "tsv" else ",", size=size)
            for part in texts:
                yield _named(info, part, name, added=(ROW, BAD_RULE, BAD_REASON))
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise _unreadable(info, name, kind, error) from error


def _numbered(table: pa.Table, start: int) -> pa.Table:
    if not start or ROW not in table.column_names:
        return table
    numbers = pa.array(np.arange(start + 1, start + 1 + table.num_rows))
    return table.set_column(table.column_names.index(ROW), ROW, numbers)


def source_files(info: SourceInfo, root: Path) -> dict[str, Path]:
    """The files of a source by the names that messages call them; none where it is elsewhere, or has none."""
    if "://" in info.path:
        return {}
    try:
        return {_name(path, root): path for path in _matching(info, root)}
    except SourceMissing:
        return {}


def _matching(info: SourceInfo, root: Path) -> list[Path]:
    path = root / info.path
    if path.is_file():
        return [path]
    if any(mark in info.path for mark in "*?["):
        base = Path(path.anchor)
        found = sorted(match for match in base.glob(str(path.relative_to(base))) if match.is_file())
        if found:
            return found
    folder = path.parent
    if path.is_dir():
        hint: str | None = f'Name its files, such as "{info.path}/*.parquet".'
    elif folder.is_dir():
        there = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        hint = did_you_mean(path.name, there) or (
            f"That folder has {', '.join(there[:8])}." if there else "That folder has no files."
        )
    else:
        hint = f"The folder {folder} does not exist."
    raise SourceMissing(
        f"Source {info.name!r} has no file at {info.path!r} (in {root}).",
        expected="a Parquet, Arrow, CSV or JSON lines file, or a pattern of them",
        hint=hint,
    )


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _fetcher(info: SourceInfo, scheme: str, fetchers: Mapping[str, Fetch]) -> Fetch:
    found = fetchers.get(scheme) or fetchers.get(scheme.partition("+")[0])
    if found is None:
        known = ", ".join(f'"{name}://"' for name in fetchers)
        raise SourceMissing(
            f"Source {info.name!r} is at {scheme}://, where nothing fetches from.",
            expected=f"a file, or a URL that begins with {known}" if known else "a file",
            hint=did_you_mean(scheme, fetchers),
        )
    return found


def _at_home(info: SourceInfo, root: Path) -> str:
    """The URL of a source; that of a database in a file, relative to the declaration's folder like any file."""
    scheme, _, rest = info.path.partition("://")
    if scheme.partition("+")[0] not in _FILE_DATABASES or not rest.startswith("/") or rest.startswith("//"):
        return info.path
    return f"{scheme}:///{root.resolve()}/{rest[1:]}"


def _kind(info: SourceInfo, name: str) -> str:
    kind = kind_of_file(name)
    if kind is None:
        raise DataError(
            f"Source {info.name!r} has the file {name}, whose format its name does not tell.",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}",
        )
    return kind


def _encoded(info: SourceInfo, paths: Sequence[Path], kinds: Collection[str | None]) -> frozenset[str]:
    """The columns that stay dictionary-encoded: in all files of a source or in none, so that their types agree."""
    if set(kinds) != {"parquet"}:
        return NO_TEXTS
    try:
        return repeated_texts(paths) - dict(info.blobs).keys()
    except (pa.ArrowInvalid, OSError):  # reading the file itself tells which, and what is wrong with it
        return NO_TEXTS


def _read_file(info: SourceInfo, path: Path, name: str, encoded: frozenset[str]) -> pa.Table:
    kind = _kind(info, name)
    if kind == "parquet":
        return _parse(info, kind, name, path, encoded)
    if kind == "arrow":
        return _parse(info, kind, name, path)
    return _parse(info, kind, name, _settled(path))


def _settled(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read() if _packed(file) else _Settled(file).read()


class _Settled:
    """A file of lines as it was when it was opened; of one that grew since then, its whole lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = self._left = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        if self._left or os.fstat(self._file.fileno()).st_size <= self._size:
            return data
        return data[: data.rfind(b"\n") + 1]


def _read_fetched(info: SourceInfo, fetched: Fetched) -> pa.Table:
    if isinstance(fetched.content, pa.Table):
        return _named(info, fetched.content, fetched.name, added=())
    return _parse(info, _kind_fetched(info, fetched), fetched.name, fetched.content)


def _kind_fetched(info: SourceInfo, fetched: Fetched) -> str:
    kind = kind_of_file(fetched.name.partition("?")[0]) or _MEDIA.get(fetched.media)
    if kind is None:
        raise DataError(
            f"Source {info.name!r}: neither the name of {fetched.name} nor its type, {fetched.media or 'none'!r}, "
            "tells the format.",
            expected=f"a name that ends in {', '.join(_SUFFIXES)}, or one of the types {', '.join(_MEDIA)}",
        )
    return kind


def kind_of_file(name: str) -> str | None:
    """The format that a name ends in, compressed or not; None for no known one.

    >>> kind_of_file("sales.JSONL.gz"), kind_of_file("sales.txt")
    ('json', None)
    """
    suffixes = [suffix for suffix in Path(name).suffixes if suffix not in (".gz", ".bz2", ".zst")]
    return _SUFFIXES.get(suffixes[-1].lower() if suffixes else "")


def _parse(
    info: SourceInfo, kind: str, name: str, content: Path | bytes, encoded: frozenset[str] = NO_TEXTS
) -> pa.Table:
    try:
        if kind == "parquet":
            file = content if isinstance(content, Path) else pa.BufferReader(content)
            return _named(info, read_parquet(file, info.columns, encoded), name, added=())
        if kind == "arrow":
            return _named(info, _read_arrow(content, info.columns), name, added=())
        assert isinstance(content, bytes)
        data = to_utf8(_unpacked(content), name, encoding=info.encoding)
        table = read_json(data) if kind == "json" else read_csv(data, "\t" if kind == "tsv" else ",")
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(info, name, kind, error) from error
    return _named(info, table, name, added=(ROW, BAD_RULE, BAD_REASON))


def _unreadable(info: SourceInfo, name: str, kind: str, error: Exception) -> DataError:
    return DataError(
        f"Source {info.name!r}: {name} cannot be read as {kind}: {str(error).splitlines()[0].rstrip('.')}.",
        expected=f"a whole {kind} file",
    )


def _named(info: SourceInfo, table: pa.Table, name: str, *, added: Sequence[str]) -> pa.Table:
    """The rows with their numbers and the name of what they were read from; `added` are columns of ours."""
    names = table.column_names
    taken = [n for n in names if names.count(n) > 1 or (n.startswith("__") and n not in added)]
    if taken:
        raise DataError(
            f"Source {info.name!r}: {name} has the column {taken[0]!r} twice, or under a reserved name.",
            expected="columns with names of their own that do not begin with two underscores",
        )
    if ROW not in names:
        table = table.append_column(ROW, pa.array(np.arange(1, table.num_rows + 1)))
    files = pa.DictionaryArray.from_arrays(np.zeros(table.num_rows, dtype=np.int32), pa.array([name]))
    return table.append_column(FILE, files)


def _read_arrow(content: Path | bytes, columns: Sequence[str] | None) -> pa.Table:
    parts = list(_arrow_parts(content, columns))
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts)


def _arrow_parts(content: Path | bytes, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """The record batches of an Arrow (Feather) file or stream, of only these columns."""
    file = pa.OSFile(str(content)) if isinstance(content, Path) else pa.BufferReader(content)
    with file:
        whole = file.read(len(_ARROW_FILE)) == _ARROW_FILE
        file.seek(0)
        with pa.ipc.open_file(file) if whole else pa.ipc.open_stream(file) as opened:
            wanted = _wanted(opened.schema.names, columns)
            batches: Iterable[pa.RecordBatch] = (
                map(opened.get_batch, range(opened.num_record_batches)) if whole else opened
            )
            none = pa.Table.from_batches([], schema=opened.schema)
            yield none if wanted is None else none.select(wanted)
            for batch in batches:
                part = pa.Table.from_batches([batch])
                yield part if wanted is None else part.select(wanted)


def _wanted(names: Sequence[str], columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else [name for name in names if name in columns]


def _unpacked(data: bytes) -> bytes:
    """What was compressed, as its first bytes tell."""
    compression = _packed(io.BytesIO(data))
    if compression is None:
        return data
    with pa.input_stream(pa.BufferReader(data), compression=compression) as stream:
        return bytes(stream.read())


def _packed(file: BinaryIO) -> str | None:
    """How a file is compressed, by its first bytes; it is left at its beginning."""
    head = file.read(16)
    file.seek(0)
    return next((name for name, mark, place in _PACKED if head[place : place + len(mark)] == mark), None)
