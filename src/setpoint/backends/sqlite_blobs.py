"""Blobs in one SQLite file: each content once, fetched by its digest without reading any other."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from setpoint.core.clock import SystemClock
from setpoint.core.errors import StorageUnavailable
from setpoint.core.ports import Clock

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, content BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS put_last (digest TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
)
"""When a blob was put is beside it: a row that holds a blob would be written again as a whole."""

_AGAIN = "INSERT INTO put_last VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET at = max(at, excluded.at)"
_OLD = "SELECT digest, length(content) FROM blobs LEFT JOIN put_last USING (digest) WHERE coalesce(at, 0) < ?"
_REMOVE = "DELETE FROM blobs WHERE digest = ? AND coalesce((SELECT at FROM put_last WHERE digest = ?), 0) < ?"
_FORGET = "DELETE FROM put_last WHERE digest = ?"

_MOST_ASKED = 500
_SWEPT = 64
"""Blobs that are removed in one transaction, which others wait for."""


class SqliteBlobs:
    """The Blobs port on a file; what was written before the time of putting was kept counts as put long ago.

    >>> import tempfile
    >>> blobs = SqliteBlobs(Path(tempfile.mkdtemp()) / "blobs.db")
    >>> blobs.put({"a1": b"image"}), blobs.put({"a1": b"image"}), blobs.get(["a1", "b2"])
    (1, 0, [b'image', None])
    >>> blobs.close()
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._lock, self._clock = threading.Lock(), clock or SystemClock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded by a new file only
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA busy_timeout = 10000")
        for table in _SCHEMA:
            self._connection.execute(table)

    def put(self, blobs: Mapping[str, bytes]) -> int:
        """Keep blobs by their digests; gives how many were not there. Raises StorageUnavailable on a full disk."""
        with self._lock:
            before, now = self._connection.total_changes, self._clock.now()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())
                fresh = self._connection.total_changes - before
                self._connection.executemany(_AGAIN, [(digest, now) for digest in blobs])
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise StorageUnavailable("A blob", str(error)) from error
            return fresh

    def get(self, digests: Sequence[str]) -> list[bytes | None]:
        """The blobs of these digests, in their order; None for what is not there."""
        found: dict[str, bytes] = {}
        distinct = list(dict.fromkeys(digests))
        with self._lock:
            for first in range(0, len(distinct), _MOST_ASKED):
                some = distinct[first : first + _MOST_ASKED]
                marks = ", ".join("?" * len(some))
                query = f"SELECT digest, content FROM blobs WHERE digest IN ({marks})"  # noqa: S608 (question marks)
                found |= dict(self._connection.execute(query, some).fetchall())
        return [found.get(digest) for digest in digests]

    def sizes(self, *, before: int) -> dict[str, int]:
        """How many bytes each blob has that was put last before a time; none is read for that."""
        with self._lock:
            return dict(self._connection.execute(_OLD, [before]).fetchall())

    def delete(self, digests: Sequence[str], *, before: int) -> list[str]:
        """Remove those of these blobs that were put last before a time; gives which."""
        removed: list[str] = []
        with self._lock:
            for first in range(0, len(digests), _SWEPT):
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    for digest in digests[first : first + _SWEPT]:
                        if self._connection.execute(_REMOVE, [digest, digest, before]).rowcount:
                            self._connection.execute(_FORGET, [digest])
                            removed.append(digest)
                finally:
                    self._connection.execute("COMMIT")
            if removed:
                self._connection.executescript("PRAGMA incremental_vacuum")  # a step for each page
        return removed

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
