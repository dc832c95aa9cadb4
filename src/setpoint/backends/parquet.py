"""Tables as Parquet files: a folder for each set, a file for each part."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from setpoint.core import ids
from setpoint.core.digest import digest_file
from setpoint.core.errors import DataError, NameUnknown, NothingYet, StorageUnavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")
_SUFFIX = ".parquet"


class ParquetTables:
    """The Tables port on a folder: a part is written beside its place, forced to disk and moved there at once.

    >>> import tempfile
    >>> tables = ParquetTables(Path(tempfile.mkdtemp()))
    >>> _ = tables.write("sales", "2013-01", pa.table({"price": [5, 6]}))
    >>> tables.parts("sales"), tables.read("sales")["price"].to_pylist()
    (['2013-01'], [5, 6])
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, part: str, rows: pa.Table) -> str:
        """Store one part of a set; gives the digest of its content. Raises StorageUnavailable on a full disk."""
        folder, file = self._folder(name), checked_name(part) + _SUFFIX
        draft = folder / f".{file}.{ids.new('draft')}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                _encode(rows, draft)
                found = digest_file(draft)
                _force(draft)
                draft.replace(folder / file)
            finally:
                draft.unlink(missing_ok=True)
            _force(folder)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise StorageUnavailable(f"Part {part!r} of the set {name!r}", why) from error
        return found

    def read(self, name: str, *, columns: Sequence[str] | None = None, parts: Sequence[str] | None = None) -> pa.Table:
        """The rows of a set, of all its parts or of these.

        Raises NothingYet for a set without a part, NameUnknown for a part or column that is not there.
        """
        wanted = None if parts is None else sorted(set(parts))
        if not wanted or not all(file.is_file() for file in self.files(name, wanted)):
            there = self.parts(name)
            if not there:
                raise NothingYet(f"The set {name!r} has no part yet.", expected="one that was written")
            for part in wanted or ():
                if part not in there:
                    raise NameUnknown("part", part, there, where=f"The set {name!r}")
            wanted = there if wanted is None else wanted
        if not wanted:
            return self._read_one(name, there[0], columns).slice(0, 0)
        read = [self._read_one(name, part, columns) for part in wanted]
        return read[0] if len(read) == 1 else pa.concat_tables(read, promote_options="default")

    def parts(self, name: str) -> list[str]:
        """The names of a set's parts, sorted."""
        folder = self._folder(name)
        if not folder.is_dir():
            return []
        files = [entry.name for entry in os.scandir(folder) if entry.is_file()]
        return sorted(file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX) and file[0] != ".")

    def files(self, name: str, parts: Sequence[str]) -> list[Path]:
        """The files of these parts of a set, for an engine that reads them itself."""
        return [self._folder(name) / (checked_name(part) + _SUFFIX) for part in parts]

    def delete(self, name: str, part: str) -> None:
        """Remove one part; nothing happens when there is none."""
        folder = self._folder(name)
        if folder.is_dir():
            (folder / (checked_name(part) + _SUFFIX)).unlink(missing_ok=True)
            _force(folder)

    def size(self, name: str, part: str) -> int:
        """How many bytes a part takes on disk; 0 where there is none."""
        try:
            return (self._folder(name) / (checked_name(part) + _SUFFIX)).stat().st_size
        except FileNotFoundError:
            return 0

    def sets(self) -> list[str]:
        """The names of all sets that have a part, sorted."""
        files = self._root.rglob(f"[!.]*{_SUFFIX}")
        return sorted({file.parent.relative_to(self._root).as_posix() for file in files})

    def _folder(self, name: str) -> Path:
        return self._root.joinpath(*[checked_name(step) for step in name.split("/")])

    def _read_one(self, name: str, part: str, columns: Sequence[str] | None) -> pa.Table:
        try:
            with pq.ParquetFile(self._folder(name) / (part + _SUFFIX)) as file:
                schema = _schema(file)
                for column in columns or ():
                    if column not in schema.names:
                        raise NameUnknown("column", column, schema.names, where=f"Part {part!r} of the set {name!r}")
                rows = file.read(columns=None if columns is None else list(columns))
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"Part {part!r} of the set {name!r} cannot be read: {str(error).splitlines()[0]}.",
                expected="the file as it was written",
                hint="Restore it from a copy, or delete the part and make it again.",
            ) from error
        if columns is not None:
            rows = rows.select(list(columns))
            schema = pa.schema([schema.field(column) for column in columns], schema.metadata)
        return rows if rows.schema == schema else rows.cast(schema)


def digest_rows(rows: pa.Table) -> str:
    """The digest of a part: of the bytes of its file, equal for equal rows whatever chunks they lie in."""
    sink = pa.BufferOutputStream()
    _encode(rows, sink)
    return hashlib.sha256(memoryview(sink.getvalue())).hexdigest()[:32]


def _encode(rows: pa.Table, where: Path | pa.NativeFile) -> None:
    pq.write_table(rows.combine_chunks(), where, compression="zstd", use_dictionary=False)


def _schema(file: pq.ParquetFile) -> pa.Schema:
    """The columns with the types they were written with: Parquet has no seconds, and would give milliseconds."""
    stored = (file.metadata.metadata or {}).get(b"ARROW:schema")
    if stored is None:
        return file.schema_arrow
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(stored)))


def checked_name(name: str) -> str:
    """A name that may be a folder's or a file's; raises DataError for one that could lead elsewhere."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{name!r} cannot name a part of a set of tables.",
            expected="letters, digits and . _ = - after a letter or digit",
        )
    return name


def _force(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
