"""Online state on SQLite in WAL mode: one row for each tile, its bytes appended to in place."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from setpoint.core.errors import Busy, SettingInvalid, WrongType

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before it gives up with Busy."""

VERSION = 1


KEY_BITS = 36
MOST_TILE = 1 << (63 - KEY_BITS)
"""Tiles are numbered from -MOST_TILE to below it: the number of a row is its tile's, then its key's."""

_SCHEMA = """
CREATE TABLE key (id INTEGER PRIMARY KEY, "group" TEXT NOT NULL, key TEXT NOT NULL, UNIQUE ("group", key));
CREATE TABLE span ("group" TEXT NOT NULL, tile INTEGER NOT NULL, PRIMARY KEY ("group", tile)) WITHOUT ROWID;
CREATE TABLE tile (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);
CREATE TABLE position (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
_NUMBER = 'SELECT id FROM key WHERE "group" = ? AND key = ?'
_KEY = 'INSERT INTO key ("group", key) VALUES (?, ?)'
_SPAN = "INSERT OR IGNORE INTO span VALUES (?, ?)"
_APPEND = """
INSERT INTO tile VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET rows = CAST(rows || excluded.rows AS BLOB)
"""
_MOVE = "INSERT INTO position VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET position = excluded.position"
_READ = f"""
SELECT tile.rows FROM span CROSS JOIN tile ON tile.id = span.tile * {1 << KEY_BITS} + ?
WHERE span."group" = ? AND span.tile BETWEEN ? AND ? ORDER BY span.tile
"""  # noqa: S608 (a constant of ours)
_FORGET = f"""
DELETE FROM tile WHERE id IN (
    SELECT span.tile * {1 << KEY_BITS} + key.id FROM span JOIN key ON key."group" = span."group"
    WHERE span."group" = ? AND span.tile < ?
)
"""  # noqa: S608 (a constant of ours)
_FORGET_SPAN = 'DELETE FROM span WHERE "group" = ? AND tile < ?'
_REMEMBERED = 1 << 20


class SqliteState:
    """The TileState port on a SQLite database named by a URL: `sqlite:///path/to/file.db`, or `sqlite://` in memory.

    What was applied survives kill -9 of the process; a power cut can undo the newest calls but not tear one. Rows are
    stored in order of tile, then key: what is applied together stands together, and a key is read by one seek a tile.

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
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str], int] = {}
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
            try:
                _prepare(self._connection, url)
            except (sqlite3.Error, SettingInvalid):
                self._connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def apply(self, source: str, position: int, rows: Sequence[tuple[str, str, int, bytes]]) -> bool:
        """Append bytes to tiles (group, key, tile), and move the source's position; False when already applied."""
        with self._lock, self._told(), _transaction(self._connection) as connection:
            found = connection.execute("SELECT position FROM position WHERE source = ?", (source,)).fetchone()
            if found is not None and found[0] >= position:
                return False
            connection.executemany(_SPAN, {(group, tile) for group, _, tile, _ in rows})
            numbers = self._numbered(connection, dict.fromkeys((group, key) for group, key, _, _ in rows))
            connection.executemany(
                _APPEND, [(_row(tile, numbers[group, key]), content) for group, key, tile, content in rows]
            )
            connection.execute(_MOVE, (source, position))
        self._remember(numbers)
        return True

    def read(self, group: str, key: str, first: int, last: int) -> bytes:
        """The bytes of a key's tiles from `first` to `last`, both included."""
        with self._lock, self._told():
            number = self._keys.get((group, key))
            if number is None:
                found = self._connection.execute(_NUMBER, (group, key)).fetchone()
                if found is None:
                    return b""
                number = found[0]
                self._remember({(group, key): number})
            return b"".join(rows for (rows,) in self._connection.execute(_READ, (number, group, first, last)))

    def positions(self) -> dict[str, int]:
        """The position applied of each source."""
        with self._lock, self._told():
            return dict(self._connection.execute("SELECT source, position FROM position").fetchall())

    def forget(self, group: str, before: int) -> int:
        """Drop a group's tiles before this one; gives how many went."""
        with self._lock, self._told(), _transaction(self._connection) as connection:
            gone = connection.execute(_FORGET, (group, before)).rowcount
            connection.execute(_FORGET_SPAN, (group, before))
            return gone

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def _numbered(self, connection: sqlite3.Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The number of each key, given now to those that have none; a number is never taken back."""
        numbers: dict[tuple[str, str], int] = {}
        for name in keys:
            number = self._keys.get(name)
            if number is None:
                found = connection.execute(_NUMBER, name).fetchone()
                number = int(found[0] if found is not None else connection.execute(_KEY, name).lastrowid or 0)
            numbers[name] = number
        return numbers

    def _remember(self, numbers: dict[tuple[str, str], int]) -> None:
        if len(self._keys) > _REMEMBERED:
            self._keys = {}
        self._keys.update(numbers)

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


def _connect(path: Path | None) -> sqlite3.Connection:
    """A connection that threads share: one cache of pages, which what is applied here does not empty."""
    connection = sqlite3.connect(
        ":memory:" if path is None else path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    for setting in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {setting}")
    return connection


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
        if version < VERSION:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _row(tile: int, key: int) -> int:
    """The number of a tile's row; raises WrongType for a tile out of range."""
    if not -MOST_TILE <= tile < MOST_TILE:
        raise WrongType(f"There is no tile {tile}.", expected=f"a number from {-MOST_TILE} to {MOST_TILE - 1}")
    return (tile << KEY_BITS) + key


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
