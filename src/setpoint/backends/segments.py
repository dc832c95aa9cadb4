"""An append-only log of records in the files of a folder: checksummed, and written before `append` returns."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from setpoint.core.errors import Busy, DataError, LogUnavailable, WrongType

LONGEST = 1 << 26
"""The most bytes of one record."""

_HEADER = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_UNSYNCED_FILES = 4


@dataclass(frozen=True)
class Torn:
    """A tail that was cut: of which file, after which position, how many bytes, and the file that keeps them."""

    file: str
    after: int
    cut: int
    kept_in: str


class FileSegments:
    """The Segments port on files. One process writes a folder at a time; others may read it (`writer=False`).

    A record is one frame (u32 length, u32 crc32 of the length and the bytes, the bytes) handed to the operating system
    by one write before `append` returns, so kill -9 loses nothing. It is forced to the disk at most `sync_every`
    seconds later, so a power cut loses at most that much (0: only when `sync` is called). A file is left at `rotate`
    bytes and named by the position of its first record. `torn` says what was cut when the log was opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = FileSegments(Path(folder), sync_every=0)
    ...     first, second = log.append(b"one"), log.append(b"two")
    ...     records = list(log.read(after=first))
    ...     log.close()
    >>> records
    [(1, b'two')]
    """

    def __init__(
        self,
        folder: Path,
        *,
        quota: int = 10_000_000_000,
        rotate: int = 64_000_000,
        sync_every: float = 0.1,
        writer: bool = True,
    ) -> None:
        self.torn: Torn | None = None
        self._folder, self._quota, self._rotate, self._every = folder, quota, rotate, sync_every
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._held = self._file = -1
        self._start = self._size = self._total = self._next = 0
        self._place = -1, 0, 0  # a file, a position in it and where its record begins: to go on from when reading
        self._unsynced: list[int] = []
        self._refused = "" if writer else "it was opened for reading"
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        if writer:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._held = _hold(folder)
                self._open_last()
            except OSError as error:
                self.close()
                raise LogUnavailable(
                    f"The log {str(folder)!r} cannot be opened ({_reason(error)}).",
                    expected="a folder that can be written",
                ) from error

    def append(self, record: bytes) -> int:
        """Add one record; gives its position, counted from 0."""
        frame = _frame(record)
        with self._lock:
            if self._refused:
                self._refuse(self._refused)
            if self._total + len(frame) > self._quota:
                self._refuse(
                    f"its quota of {self._quota} bytes is used up",
                    hint="Archive it, or raise the setting log_quota_mb.",
                )
            try:
                if self._size and self._size + len(frame) > self._rotate:
                    self._start_file()
                written = os.write(self._file, frame)
            except OSError as error:
                self._take_back()
                self._refuse(_reason(error))
            if written != len(frame):
                self._take_back()
                self._refuse(f"the disk took {written} of {len(frame)} bytes")
            self._size += written
            self._total += written
            position = self._next
            self._next += 1
        if not self._dirty.is_set():
            self._wake()
        return position

    def read(self, after: int = -1) -> Iterator[tuple[int, bytes]]:
        """Positions and records beyond a position, in order, up to the last one when reading began.

        Raises DataError, naming the records lost, where a file was damaged after it was written; its hint says how
        to go on behind them.
        """
        with self._lock:
            starts = _starts(self._folder)
            writing, current, size, following = self._file >= 0, self._start, self._size, self._next
        for start, end in zip(starts, [*starts[1:], following if writing else None], strict=True):
            if end is not None and end <= after + 1:
                continue
            path = _path(self._folder, start)
            file, position, offset = self._place
            if file != start or position > after + 1:
                position, offset = start, 0
            for record in _scan(path, size if writing and start == current else None, offset):
                offset += _HEADER.size + len(record)
                self._place = start, position + 1, offset
                if position > after:
                    yield position, record
                position += 1
            if end is not None and position < end and path.exists():
                raise DataError(
                    f"The log file {path.name} is damaged: records {position} to {end - 1} cannot be read.",
                    expected="bytes that agree with their checksums",
                    hint=f"read(after={end - 1}) goes on behind them.",
                )

    def sync(self) -> None:
        """Force what was appended to the disk itself; calls at the same time share the work."""
        with self._syncing:
            with self._lock:
                self._dirty.clear()
                files, self._unsynced = self._unsynced, []
                if self._file >= 0:
                    files.append(os.dup(self._file))
            try:
                for file in files:
                    os.fdatasync(file)
            except OSError as error:
                # After a failed sync the system may have dropped the pages: nobody knows what is on the disk.
                self._refused = _not_forced(error)
                self._refuse(self._refused)
            finally:
                for file in files:
                    os.close(file)

    def forget(self, before: int) -> int:
        """Delete the files whose records all stand before this position; gives how many records went."""
        gone = 0
        with self._lock:
            starts = _starts(self._folder)
            for start, end in pairwise(starts):
                if end > before or self._file < 0:
                    break
                path = _path(self._folder, start)
                self._total -= path.stat().st_size
                path.unlink()
                gone += end - start
        return gone

    def close(self) -> None:
        """Force everything to the disk and let go of the folder."""
        self._closing.set()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            if not self._refused:
                self.sync()
        finally:
            with self._lock:
                self._refused = self._refused or "it was closed"
                for file in (*self._unsynced, self._file, self._held):
                    if file >= 0:
                        os.close(file)
                self._unsynced, self._file, self._held = [], -1, -1

    def _open_last(self) -> None:
        """Go on with the newest file, without the part of it that was never whole."""
        starts = _starts(self._folder)
        self._total = sum(_path(self._folder, start).stat().st_size for start in starts)
        self._start = starts[-1] if starts else 0
        path = _path(self._folder, self._start)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _sync_folder(self._folder)
        self._next = self._start
        for record in _scan(path, None):
            self._next += 1
            self._size += _HEADER.size + len(record)
        excess = path.stat().st_size - self._size
        if excess:
            self.torn = Torn(path.name, self._next - 1, excess, _keep_tail(path, self._size))
            os.ftruncate(self._file, self._size)
            self._total -= excess

    def _start_file(self) -> None:
        following = os.open(
            _path(self._folder, self._next),
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC,
            0o644,
        )
        self._unsynced.append(self._file)
        self._file, self._start, self._size = following, self._next, 0
        _sync_folder(self._folder)
        if len(self._unsynced) > _UNSYNCED_FILES:
            try:
                os.fdatasync(self._unsynced[0])
            except OSError as error:
                self._refused = _not_forced(error)
                raise
            os.close(self._unsynced.pop(0))

    def _take_back(self) -> None:
        """Remove what was written of a record that did not fit."""
        try:
            os.ftruncate(self._file, self._size)
        except OSError as error:
            self._refused = f"half a record could not be removed ({_reason(error)})"

    def _refuse(self, why: str, *, hint: str | None = None) -> NoReturn:
        raise LogUnavailable(
            f"The log {str(self._folder)!r} cannot be written: {why}.", expected="space and an open log", hint=hint
        )

    def _wake(self) -> None:
        """Have the appended records forced to the disk soon, by a thread that sleeps while there are none."""
        self._dirty.set()
        if self._every > 0 and self._thread is None:
            with self._lock:
                if self._thread is None and not self._closing.is_set():
                    self._thread = threading.Thread(target=self._sync_often, name="segments-sync", daemon=True)
                    self._thread.start()

    def _sync_often(self) -> None:
        while not self._closing.is_set() and not self._refused:
            self._dirty.wait()
            self._closing.wait(self._every)
            try:
                self.sync()
            except LogUnavailable:
                return  # the next append is refused with the same words


def _frame(record: bytes) -> bytes:
    if len(record) > LONGEST:
        raise WrongType(f"A record has {len(record)} bytes.", expected=f"at most {LONGEST}")
    return _HEADER.pack(len(record), _checksum(record)) + record


def _checksum(record: bytes) -> int:
    """The crc32 of length and bytes: with the length in it, a stretch of zeros is no record."""
    return zlib.crc32(record, zlib.crc32(_LENGTH.pack(len(record))))


def _scan(path: Path, limit: int | None, offset: int = 0) -> Iterator[bytes]:
    """The records of a file from an offset up to its end, a limit in bytes, or the first that is not whole.

    There is none when the file is gone.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        stream.seek(offset)
        while limit is None or offset < limit:
            header = stream.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            length, checksum = _HEADER.unpack(header)
            if length > LONGEST:
                return
            record = stream.read(length)
            if len(record) < length or _checksum(record) != checksum:
                return
            offset += _HEADER.size + length
            yield record


def _starts(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())


def _path(folder: Path, start: int) -> Path:
    return folder / f"{start:020d}.log"


def _hold(folder: Path) -> int:
    """The lock on a folder; it goes with the process, however that ends."""
    held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise Busy(
            f"Another process writes the log {str(folder)!r}.", expected="one writer", hint="End it, or read only."
        ) from None
    return held


def _keep_tail(path: Path, offset: int) -> str:
    """Copy what is about to be cut into a file of its own; its name, or "" when there was no space for it."""
    kept = path.with_suffix(f".torn-{offset}")
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            kept.write_bytes(stream.read())
    except OSError:
        return ""
    return kept.name


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_forced(error: OSError) -> str:
    return f"it could not be forced to the disk ({_reason(error)})"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
