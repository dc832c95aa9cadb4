"""Online state on SQLite in WAL mode: one row for each blob and each mark, read by one statement."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from setpoint.core.errors import Busy, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before it gives up with Busy."""

VERSION = 1
APPLICATION = 0x53507374
"""Says in the file's header that it is an online state and no other database."""

_SCHEMA = """
CREATE TABLE "group" (number INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
CREATE TABLE entry (id PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
"""
# The id of a blob is "<number of its group>:<key>", that of a mark "=<group>". A group keeps its number for ever.
_NUMBER = 'SELECT number FROM "group" WHERE name = ?'
_GROUP = 'INSERT INTO "group" (name) VALUES (?)'
_WRITE = "INSERT INTO entry VALUES (?, ?) ON CONFLICT DO UPDATE SET content = excluded.content"
_REMOVE = "DELETE FROM entry WHERE id = ?"
_REMOVE_RANGE = "DELETE FROM entry WHERE id >= ? AND id < ?"
_RANGE = "SELECT id, content FROM entry WHERE id >= ? AND id < ?"
_PAGE = "SELECT id FROM entry WHERE id >= ? AND id < ? ORDER BY id LIMIT 10000"

_Id = str | bytes | None
_MARK = struct.Struct("<qq")
_SIZES = (*range(1, 17), 24, 32, 48, 64, 96, 128, 192, 256)
"""How many ids the prepared statements look up: each call takes the smallest that holds it."""
_MOST = _SIZES[-1]
_SELECT = {size: f"SELECT {', '.join(['(SELECT content FROM entry WHERE id = ?)'] * size)}" for size in _SIZES}  # noqa: S608
_SIZE = (1, *(size for before, size in pairwise((0, *_SIZES)) for _ in range(size - before)))


class SqliteState:
    """The OnlineState port on a SQLite database named by a URL: `sqlite:///path/to/file.db`, or `sqlite://` in memory.

    What was applied survives kill -9 of the process; a power cut can undo the newest calls but not tear one. Reads
    wait for no writer. An object belongs to the process that made it: open another one after a fork.

    >>> state = SqliteState("sqlite://")
    >>> state.apply({"buys": (None, Mark(0, 5))}, [("buys", "u1", b"one")])
    True
    >>> state.read(["buys"], [("buys", "u1"), ("buys", "u2")])
    ([Mark(position=0, known_at=5)], [b'one', None])
    >>> state.close()
    """

    def __init__(self, url: str, *, patience: float = BUSY_SECONDS) -> None:
        path = _path(url)
        self._url, self._patience = url, patience
        self._prefixes: dict[str, str] = {}
        self._writing = threading.Lock()
        self._reading = threading.Lock() if path is not None else self._writing
        with contextlib.ExitStack() as opened:
            try:
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = opened.enter_context(contextlib.closing(_connect(path, patience)))
                _prepare(self._writer, url)
                self._reader = self._writer
                if path is not None:
                    self._reader = opened.enter_context(contextlib.closing(_connect(path, patience)))
                    self._reader.execute("PRAGMA query_only = ON")
            except (sqlite3.Error, OSError) as error:
                raise SettingInvalid(
                    f"The online state {url!r} cannot be used ({error}).",
                    expected="a SQLite database in a folder that can be written",
                ) from error
            self._cursor = self._reader.cursor()
            opened.pop_all()

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved."""
        with self._writing, self._told(), _transaction(self._writer) as connection:
            cursor = connection.cursor()
            found = _look_up(cursor, [f"={group}" for group in moves])
            if [_mark(content) for content in found] != [before for before, _ in moves.values()]:
                return False
            prefixes = _prefixes(connection, dict.fromkeys(group for group, _, _ in blobs), make=True)
            rows = {prefixes[group] + key: content for group, key, content in blobs}
            rows.update({f"={group}": _MARK.pack(*after) for group, (_, after) in moves.items()})
            order = sorted(rows)
            _many(cursor, _WRITE, [(row, rows[row]) for row in order if rows[row]])
            _many(cursor, _REMOVE, [(row,) for row in order if not rows[row]])
        self._prefixes.update(prefixes)
        return True

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""
        prefixes = self._prefixes
        ids: list[_Id] = ["=" + group for group in groups]
        try:
            ids += [prefixes[group] + key for group, key in keys]
        except KeyError:
            found = self._read_new(groups, keys)
        else:
            try:
                with self._reading:
                    found = _look_up(self._cursor, ids)
            except sqlite3.Error as error:
                raise self._failed(error) from error
        return [_mark(content) for content in found[: len(groups)]], found[len(groups) :]

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""
        with self._reading, self._told():
            found = [row for bounds in _both("=", ">") for row in self._reader.execute(_RANGE, bounds)]
        return {_text(row)[1:]: Mark(*_MARK.unpack(content)) for row, content in found}

    def keys(self, group: str) -> Iterator[str]:
        """The keys of a group, in any order; what is written meanwhile may be among them or not."""
        with self._reading, self._told():
            prefix = _prefixes(self._reader, [group]).get(group)
        for start, end in _both(prefix, _after(prefix)) if prefix is not None else ():
            page = self._page(start, end)
            while page:
                yield from (_text(row)[len(prefix or "") :] for row in page)
                page = self._page(_next(page[-1]), end)

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""
        with self._writing, self._told(), _transaction(self._writer) as connection:
            _many(connection.cursor(), _REMOVE, [("=" + group,)])
            prefix = _prefixes(connection, [group]).get(group)
            if prefix is None:
                return 0
            return sum(connection.execute(_REMOVE_RANGE, bounds).rowcount for bounds in _both(prefix, _after(prefix)))

    def close(self) -> None:
        """Let go of the database."""
        with self._writing:
            self._writer.close()
        with self._reading:
            self._reader.close()

    def _read_new(self, groups: Sequence[str], keys: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """A read that meets groups for the first time: their numbers and their rows, of one moment."""
        with self._reading, self._told(), _transaction(self._reader, "BEGIN") as connection:
            prefixes = _prefixes(connection, dict.fromkeys(group for group, _ in keys))
            self._prefixes.update(prefixes)
            ids: list[_Id] = ["=" + group for group in groups]
            ids += [prefixes[group] + key if group in prefixes else None for group, key in keys]
            return _look_up(connection.cursor(), ids)

    def _page(self, start: str | bytes, end: str | bytes) -> list[str | bytes]:
        with self._reading, self._told():
            return [row for (row,) in self._reader.execute(_PAGE, (start, end))]

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite complains about, as an error of ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> Busy | StateUnavailable:
        if "locked" in str(error):
            return Busy(
                f"Another process has been writing the online state {self._url!r} for {self._patience:g} s.",
                hint="Try again.",
            )
        return StateUnavailable(
            f"The online state {self._url!r} failed ({error}).",
            expected="a sound file and room on its disk",
        )


def _look_up(cursor: sqlite3.Cursor, ids: list[_Id]) -> list[bytes | None]:
    """What stands under each id, None where nothing does, in order: of one moment, whatever their number."""
    try:
        if len(ids) <= _MOST:
            return _statement(cursor, ids) if ids else []
        if cursor.connection.in_transaction:
            return [found for at in range(0, len(ids), _MOST) for found in _statement(cursor, ids[at : at + _MOST])]
        with _transaction(cursor.connection, "BEGIN"):
            return _look_up(cursor, ids)
    except UnicodeEncodeError:
        return _look_up(cursor, [_bound(one) if isinstance(one, str) else one for one in ids])


def _statement(cursor: sqlite3.Cursor, ids: list[_Id]) -> list[bytes | None]:
    """One row with a column for each id: in order, NULL for what is not there, an id as often as it is asked for."""
    count = len(ids)
    size = _SIZE[count]
    if size > count:
        ids = ids + [None] * (size - count)
    (row,) = cursor.execute(_SELECT[size], ids)
    return list(row[:count])


def _many(cursor: sqlite3.Cursor, statement: str, rows: Sequence[tuple[str] | tuple[str, bytes]]) -> None:
    """The statement for each row; safe to do twice."""
    try:
        cursor.executemany(statement, rows)
    except UnicodeEncodeError:
        cursor.executemany(statement, [(_bound(row), *rest) for row, *rest in rows])


def _prefixes(connection: sqlite3.Connection, groups: Iterable[str], *, make: bool = False) -> dict[str, str]:
    """What the ids of each group's blobs begin with; groups without a number are left out, or given one."""
    found = {}
    for group in groups:
        name = _bound(group)
        row = connection.execute(_NUMBER, (name,)).fetchone()
        if row is not None:
            found[group] = f"{row[0]}:"
        elif make:
            found[group] = f"{connection.execute(_GROUP, (name,)).lastrowid}:"
    return found


def _mark(content: bytes | None) -> Mark | None:
    return None if content is None else Mark._make(_MARK.unpack(content))


def _bound(text: str) -> str | bytes:
    """The text as SQLite stores it: texts that are no valid Unicode (half a surrogate pair) are kept as bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _text(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def _next(row: str | bytes) -> str | bytes:
    """The first id after this one."""
    return row + "\0" if isinstance(row, str) else row + b"\0"


def _after(prefix: str) -> str:
    """The first text after all that begin with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _both(start: str, end: str) -> tuple[tuple[str, str], tuple[bytes, bytes]]:
    """A range of ids kept as texts, and the same one of those kept as bytes."""
    return (start, end), (start.encode(), end.encode())


def _connect(path: Path | None, patience: float) -> sqlite3.Connection:
    """A connection that threads share in turn."""
    connection = sqlite3.connect(
        ":memory:" if path is None else path, timeout=patience, isolation_level=None, check_same_thread=False
    )
    settings = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536", "wal_autocheckpoint = 16000")
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """A transaction that takes the right to write at once, or only reads; undone when its block raises."""
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection, url: str) -> None:
    """Make the tables of a new database; raises SettingInvalid for one that is no online state of this version."""
    with _transaction(connection):
        kind = int(connection.execute("PRAGMA application_id").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if kind == APPLICATION and version == VERSION:
            return
        if kind == APPLICATION:
            raise SettingInvalid(
                f"The online state {url!r} has schema version {version}.",
                expected=f"version {VERSION}",
                hint="Use the Setpoint that wrote it, or delete the file: it is built again from the log.",
            )
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise SettingInvalid(
                f"The database {url!r} holds something else than an online state.",
                expected="a file of its own",
                hint="Name another file, or delete this one if it is an online state of an old version.",
            )
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
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
