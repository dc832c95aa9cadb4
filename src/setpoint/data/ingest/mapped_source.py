"""Sources that are read into mapped files: what was read, and what was taken in of it, is there until they change.

Each is a folder below the project's, named by what it was made from. It is written under another name and renamed when
it is whole, so that nothing half written is ever read; the one before it is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import SourceEmpty
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.rules import Around
from setpoint.data.files.read import FILE, read_parts, source_files
from setpoint.data.files.schemas import alike, together
from setpoint.data.ingest.ingest import Ingested
from setpoint.data.ingest.ingest_mapped import Progress, ingest_mapped, read_ingested, silent
from setpoint.data.ingest.quarantine import file_name
from setpoint.data.mapped import Spool, spooled
from setpoint.data.snapshots.snapshot import ContentDigests
from setpoint.declare.source import SourceInfo

LAYOUT = 1
"""Goes up when what is written is no longer what it was."""

TIMES, TIMES_PACKED = 5, 25
"""How many times the bytes of its files it takes to take in a source in memory: of plain files, and of packed ones."""

_PLAIN = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".arrow", ".feather", ".ipc")


def memory_needed(info: SourceInfo, root: Path) -> int:
    r"""About how many bytes of memory it takes to take in the files of a source at once; 0 where it has none.

    >>> from setpoint.declare.source import events, info
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "s.csv").write_text("ts\n2013-01-01\n")
    14
    >>> memory_needed(info(events("sales", "s.csv", at="ts")), folder)
    70
    """
    return sum(
        path.stat().st_size * (TIMES if path.suffix.lower() in _PLAIN else TIMES_PACKED)
        for path in source_files(info, root).values()
    )


def too_large(sources: Mapping[str, SourceInfo], root: Path, *, memory: int) -> list[str]:
    """The sources that do not fit in so many bytes of memory beside all smaller ones.

    >>> from setpoint.declare.source import events, info
    >>> folder = Path(tempfile.mkdtemp())
    >>> for size in (10, 100):
    ...     _ = (folder / f"{size}.csv").write_text("x" * size)
    >>> sources = {f"s{size}": info(events(f"s{size}", f"{size}.csv", at="ts")) for size in (100, 10)}
    >>> too_large(sources, folder, memory=100)
    ['s100']
    """
    needs = {name: memory_needed(source, root) for name, source in sources.items()}
    found, left = [], memory
    for name in sorted(needs, key=lambda name: needs[name]):
        left -= needs[name]
        if left < 0 and needs[name]:
            found.append(name)
    return found


class MappedSource:
    r"""A source that is read from mapped files below a folder: `raw` as its files have it, `ingested` under contract.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "s.csv").write_text("n,ts\n2,2013-01-02\n1,2013-01-01\n")
    >>> sales = info(events("sales", "s.csv", id="n", at="ts", delay="0s"))
    >>> source = MappedSource(sales, folder, home=folder / "mapped")
    >>> source.ingested(infer_contract(sales, source.raw())).rows["n"].to_pylist()
    [1, 2]
    """

    def __init__(self, info: SourceInfo, root: Path, *, home: Path, progress: Progress = silent) -> None:
        self._info, self._root, self._progress = info, root, progress
        self._home = home / f"{file_name(info.name)}-{digest(info.to_dict())[:12]}"
        files = {name: path.stat() for name, path in source_files(info, root).items()}
        self._read = digest([LAYOUT, {name: [stat.st_size, stat.st_mtime_ns] for name, stat in files.items()}])
        self._size = sum(stat.st_size for stat in files.values())

    def raw(self) -> pa.Table:
        """The rows as `read_source` gives them; raises like it."""
        folder = _made(self._home / "raw", self._read, self._write_raw)
        names = sorted(path.name for path in folder.iterdir())
        tables = [_whole(self._info, spooled(folder / name)) for name in names]
        files = [str(table[FILE][0].as_py()) for table in tables]
        return tables[0] if len(tables) == 1 else together(self._info, tables, files)

    def ingested(
        self, contract: Contract, *, around: Around | None = None, settled: pa.Table | None = None
    ) -> Ingested:
        """What `ingest` makes of the rows; raises like it. It is made again where anything it looks at changed."""
        contents, others = ContentDigests(), (around or Around()).others
        about = {name: contents.of(having((), ())) for name, having in others.items()}
        key = [self._read, contract.digest, about, None if settled is None else contents.of(settled)]

        def write(folder: Path) -> None:
            ingest_mapped(contract, self.raw(), folder, around=around, settled=settled, progress=self._progress)

        return read_ingested(self._info, _made(self._home / "rows", digest(key), write))

    def _write_raw(self, folder: Path) -> None:
        done = 0
        parts = (part for part in read_parts(self._info, self._root) if part.num_rows)
        for number, (_, theirs) in enumerate(groupby(parts, key=lambda part: part[FILE][0].as_py())):
            with Spool(folder / f"{number:06d}") as spool:
                for part in theirs:
                    spool.write(part)
                    done += part.num_rows
                    self._progress(f"{self._info.name}: read", done, 0)
        if not done:
            names = ", ".join(source_files(self._info, self._root))
            raise SourceEmpty(f"Source {self._info.name!r} has no row in {names}.", expected="at least one row")


def _whole(info: SourceInfo, parts: list[pa.Table]) -> pa.Table:
    """The parts of one file, whose columns may differ where its format does not say what they hold."""
    return parts[0] if len(parts) == 1 else pa.concat_tables(alike(info, parts), promote_options="permissive")


def _made(home: Path, key: str, write: Callable[[Path], None]) -> Path:
    """The folder of a key, written once; of those that were there before it none is left."""
    found = home / key
    if found.is_dir():
        return found
    home.mkdir(parents=True, exist_ok=True)
    with _one_writer(home):
        if found.is_dir():
            return found
        for other in home.iterdir():
            if other.is_dir():
                shutil.rmtree(other)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
        try:
            write(draft)
            for path in draft.rglob("*"):
                _force(path)
            draft.rename(found)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _force(home)
    return found


@contextmanager
def _one_writer(home: Path) -> Iterator[None]:
    """Wait until no other process writes; the system lets go of the lock when this one ends, however it ends."""
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _force(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
