"""Blobs in one SQLite file: each content once, fetched by its digest without reading any other."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from setpoint.core.errors import StorageUnavailable

_SCHEMA = "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, content BLOB NOT NULL)"
_MOST_ASKED = 500


class SqliteBlobs:
    """The Blobs port on a file.

    >>> import tempfile
    >>> blobs = SqliteBlobs(Path(tempfile.mkdtemp()) / "blobs.db")
    >>> blobs.put({"a1": b"image"}), blobs.put({"a1": b"image"}), blobs.get(["a1", "b2"])
    (1, 0, [b'image', None])
    >>> blobs.close()
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA busy_timeout = 10000")
        self._connection.execute(_SCHEMA)

    def put(self, blobs: Mapping[str, bytes]) -> int:
        """Keep blobs by their digests; gives how many were not there. Raises StorageUnavailable on a full disk."""
        with self._lock:
            before = self._connection.total_changes
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise StorageUnavailable("A blob", str(error)) from error
            return self._connection.total_changes - before

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

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
