"""Online state on SQLite in WAL mode: one row for each tile, its bytes appended to in place."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from setpoint.core.errors import Busy, SettingInvalid

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before it gives up with Busy."""

VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tile (
    "group" TEXT NOT NULL, key TEXT NOT NULL, tile INTEGER NOT NULL, rows BLOB NOT NULL,
    PRIMARY KEY ("group", key, tile)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
_APPEND = """
INSERT INTO tile ("group", key, tile, rows) VALUES (?, ?, ?, ?)
ON CONFLICT ("group", key, tile) DO UPDATE SET rows = CAST(rows || excluded.rows AS BLOB)
"""
_MOVE = "INSERT INTO position VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET position = excluded.position"
_READ = 'SELECT rows FROM tile WHERE "group" = ? AND key = ? AND tile BETWEEN ? AND ? ORDER BY tile'
_FORGET = 'DELETE FROM tile WHERE "group" = ? AND tile < ?'


class SqliteState:
    """The OnlineState port on a SQLite database named by a URL: `sqlite:///path/to/file.db`, or `sqlite://` in memory.

    What was applied survives kill -9 of the process; a power cut can undo the newest calls but not tear one.

    >>> state = SqliteState("sqlite://")
    >>> state.apply("buys", 0, [("n", "u1", 0, b"first")]), state.apply("buys", 0, [("n", "u1", 0, b"again")])
    (True, False)
    >>> state.read("n", "u1", 0, 9)
    b'first'
    >>> state.close()
    """

    def __init__(self, url: str) -> None:
        path = _path(url)
        self._url = url
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect(path)
            _prepare(self._writer, url)
            self._reader = self._writer if path is None else self._connect(path)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._unusable(error) from error
        except SettingInvalid:
            self.close()
            raise
        self._reading = self._writing if path is None else threading.RLock()

    def apply(self, source: str, position: int, rows: Sequence[tuple[str, str, int, bytes]]) -> bool:
        """Append bytes to tiles (group, key, tile), and move the source's position; False when already applied."""
        with self._writing, self._told(), _transaction(self._writer) as connection:
            found = connection.execute("SELECT position FROM position WHERE source = ?", (source,)).fetchone()
            if found is not None and found[0] >= position:
                return False
            connection.executemany(_APPEND, rows)
            connection.execute(_MOVE, (source, position))
            return True

    def read(self, group: str, key: str, first: int, last: int) -> bytes:
        """The bytes of a key's tiles from `first` to `last`, both included."""
        with self._reading, self._told():
            return b"".join(rows for (rows,) in self._reader.execute(_READ, (group, key, first, last)))

    def positions(self) -> dict[str, int]:
        """The position applied of each source."""
        with self._reading, self._told():
            return dict(self._reader.execute("SELECT source, position FROM position").fetchall())

    def forget(self, group: str, before: int) -> int:
        """Drop a group's tiles before this one; gives how many went."""
        with self._writing, self._told(), _transaction(self._writer) as connection:
            return connection.execute(_FORGET, (group, before)).rowcount

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._connections:
            connection.close()

    def _connect(self, path: Path | None) -> sqlite3.Connection:
        connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connections.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -32768")
        return connection

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite complains about, as an error of ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Busy(f"Another process holds the online state {self._url!r}.", hint="Try again.") from error
            raise self._unusable(error) from error
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> SettingInvalid:
        return SettingInvalid(
            f"The online state {self._url!r} cannot be used ({error}).",
            expected="a SQLite database in a folder that can be written",
        )


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A transaction that takes the right to write at once; undone when its block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection, url: str) -> None:
    """Make the tables of a new database; raises SettingInvalid for one that a newer version wrote."""
    with _transaction(connection):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise SettingInvalid(
                f"The online state {url!r} has schema version {version}.",
                expected=f"at most {VERSION}",
                hint="A newer Setpoint wrote it: upgrade this one, or delete the state, which is rebuilt from the log.",
            )
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _path(url: str) -> Path | None:
    """The file that a URL names; None for a database in memory."""
    if url == "sqlite://":
        return None
    if not url.startswith("sqlite:///") or len(url) <= len("sqlite:///"):
        raise SettingInvalid(
            f"The online state is at {url!r}.",
            expected='a SQLite database, such as "sqlite:///folder/online.db", or "sqlite://" in memory',
        )
    return Path(url.removeprefix("sqlite:///"))
