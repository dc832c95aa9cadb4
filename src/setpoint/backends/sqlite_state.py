"""Online state on SQLite in WAL mode: one row for each blob and each mark, read by one statement."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any
from zlib import crc32

from setpoint.core.errors import Busy, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before it gives up with Busy."""

VERSION = 2
APPLICATION = 0x53507374
"""Says in the file's header that it is an online state and no other database."""

_SCHEMA = """
CREATE TABLE "group" (number INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
CREATE TABLE entry (id INTEGER PRIMARY KEY, name NOT NULL, content BLOB NOT NULL);
CREATE TABLE clash (id INTEGER, name, content BLOB NOT NULL, PRIMARY KEY (id, name)) WITHOUT ROWID;
"""
# A number is found in a third of the time that a text takes, so a blob's id is the number of its group and a hash of
# its key; a mark's is the number of its group below zero. Both have their name beside, the key or the group, which is
# compared with what was looked for. The first of several keys that share an id is in "entry", the others in "clash".
# A group keeps its number for ever.
_NUMBER = 'SELECT number FROM "group" WHERE name = ?'
_GROUP = 'INSERT INTO "group" (name) VALUES (?)'
_WRITE = """INSERT INTO entry VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET content = excluded.content WHERE name = excluded.name"""
_NAME = "SELECT name FROM entry WHERE id = ?"
_WRITE_CLASH = "INSERT OR REPLACE INTO clash VALUES (?, ?, ?)"
_CLASH = "SELECT content FROM clash WHERE id = ? AND name = ?"
_ANY_CLASH = "SELECT EXISTS (SELECT 1 FROM clash)"
_MOVE_UP = "INSERT INTO entry SELECT id, name, content FROM clash WHERE id = ? LIMIT 1 RETURNING id, name"
_REMOVE = "DELETE FROM entry WHERE id = ? AND name = ?"
_REMOVE_CLASH = "DELETE FROM clash WHERE id = ? AND name = ?"
_REMOVE_RANGES = ("DELETE FROM entry WHERE id >= ? AND id < ?", "DELETE FROM clash WHERE id >= ? AND id < ?")
_MARKS = 'SELECT entry.name, content FROM "group" JOIN entry ON id = -number'
_PAGE = "SELECT id, name FROM entry WHERE id > ? AND id < ? ORDER BY id LIMIT 10000"
_CLASHES = "SELECT name FROM clash WHERE id >= ? AND id < ?"

_Name = str | bytes
_Row = tuple[int, _Name, bytes]
_MARK = struct.Struct("<qq")
_HASH_BITS = 32
_HASHES = 1 << 17
"""How many hashes of keys are kept before all are let go."""
_SIZES = (*range(1, 17), 20, 24, 32, 48, 64, 80, 104, 128, 192, 256)
"""How many ids the prepared statements look up: each call takes the smallest that holds it."""
_MOST = _SIZES[-1]
_SELECT = {
    size: f"WITH asked (one) AS (VALUES {', '.join(['(?)'] * size)}) "  # noqa: S608 (question marks)
    "SELECT name, content FROM asked LEFT JOIN entry ON id = one"
    for size in _SIZES
}
_LOOK_UP: list[tuple[str, list[None]]] = [
    (_SELECT[size], [None] * (size - count))
    for before, size in pairwise((-1, *_SIZES))
    for count in range(before + 1, size + 1)
]
"""By the number of ids, the statement that looks so many up, and what it gets besides."""


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
        self._numbers: dict[str, int] = {}
        self._hashes = _Hashes()
        self._found: tuple[tuple[bytes | None, ...], list[Mark | None]] = ((), [])
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
            groups = dict.fromkeys([*moves, *map(itemgetter(0), blobs)])
            numbers = _numbers(connection, groups)
            found = _look_up(cursor, [-numbers.get(group, 0) for group in moves], [*moves])
            if [_mark(content) for content in found] != [before for before, _ in moves.values()]:
                return False
            numbers |= _given_numbers(connection, [group for group in groups if group not in numbers])
            bases = {group: number << _HASH_BITS for group, number in numbers.items()}
            rows: list[_Row] = [(bases[group] + _hash(key), key, content) for group, key, content in blobs]
            if len({*map(itemgetter(0), rows)}) < len(rows):  # the newest of what is written several times
                rows = [*{row[:2]: row for row in rows}.values()]
            rows += [(-numbers[group], group, _MARK.pack(*after)) for group, (_, after) in moves.items()]
            rows.sort(key=itemgetter(0))
            _write(cursor, [row for row in rows if row[2]])
            _remove(cursor, [row[:2] for row in rows if not row[2]])
        self._numbers.update(numbers)
        return True

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""
        marks, count = len(groups), len(groups) + len(keys)
        if not 0 < count <= _MOST:
            return self._read_in_steps(groups, keys)
        numbers, hashes = self._numbers, self._hashes
        names: list[str | None] = [*groups]
        try:
            ids: list[int | None] = [-numbers[group] for group in groups]
            for group, key in keys:
                ids.append((numbers[group] << _HASH_BITS) + hashes[key])
                names.append(key)
        except KeyError:
            return self._read_in_steps(groups, keys)
        statement, rest = _LOOK_UP[count]
        ids += rest
        names += rest
        try:
            with self._reading:
                rows = self._cursor.execute(statement, ids).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        there, found = zip(*rows, strict=False)
        if [*there] == names or all(map(_same, there, names)):
            return self._marks_of(found[:marks]), [*found[marks:count]]
        return self._read_in_steps(groups, keys)

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""
        with self._reading, self._told():
            found = self._reader.execute(_MARKS).fetchall()
        return {_text(name): Mark(*_MARK.unpack(content)) for name, content in found}

    def keys(self, group: str) -> Iterator[str]:
        """The keys of a group, in any order; what is written meanwhile may be among them or not."""
        with self._reading, self._told():
            number = _numbers(self._reader, [group]).get(group)
        if number is None:
            return
        last, end = (number << _HASH_BITS) - 1, (number + 1) << _HASH_BITS
        while page := self._fetched(_PAGE, last, end):
            clashes = self._fetched(_CLASHES, last + 1, page[-1][0] + 1)
            yield from dict.fromkeys([*[_text(name) for _, name in page], *[_text(name) for (name,) in clashes]])
            last = page[-1][0]

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""
        with self._writing, self._told(), _transaction(self._writer) as connection:
            number = _numbers(connection, [group]).get(group)
            if number is None:
                return 0
            connection.execute(_REMOVE, (-number, _bound(group)))
            bounds = (number << _HASH_BITS, (number + 1) << _HASH_BITS)
            return sum(connection.execute(statement, bounds).rowcount for statement in _REMOVE_RANGES)

    def close(self) -> None:
        """Let go of the database."""
        with self._writing:
            self._writer.close()
        with self._reading:
            self._reader.close()

    def _marks_of(self, contents: tuple[bytes | None, ...]) -> list[Mark | None]:
        """The marks that these are: mostly those of the call before."""
        before, marks = self._found
        if contents != before:
            marks = [_mark(content) for content in contents]
            self._found = (contents, marks)
        return marks.copy()

    def _read_in_steps(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """A read of one moment in several steps: of much, of groups that are new, or of keys that share an id."""
        with self._reading, self._told(), _transaction(self._reader, "BEGIN") as connection:
            numbers = _numbers(connection, dict.fromkeys([*groups, *(group for group, _ in keys)]))
            self._numbers.update(numbers)
            bases = {group: numbers.get(group, 0) << _HASH_BITS for group in {*map(itemgetter(0), keys)}}
            ids = [-numbers.get(group, 0) for group in groups]
            ids += [bases[group] + _hash(key) for group, key in keys]
            found = _look_up(connection.cursor(), ids, [*groups, *map(itemgetter(1), keys)])
        return self._marks_of(tuple(found[: len(groups)])), found[len(groups) :]

    def _fetched(self, statement: str, *values: int) -> list[tuple[Any, ...]]:
        with self._reading, self._told():
            return self._reader.execute(statement, values).fetchall()

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


def _hash(key: str) -> int:
    """A key as a number of so many bits."""
    return crc32(key.encode("utf-8", "surrogatepass"))


class _Hashes(dict[str, int]):
    """The hashes of keys that are read again and again."""

    def __missing__(self, key: str) -> int:
        if len(self) >= _HASHES:
            self.clear()
        found = self[key] = _hash(key)
        return found


def _look_up(cursor: sqlite3.Cursor, ids: list[int], names: list[str]) -> list[bytes | None]:
    """What stands under each id and name, None where nothing does: many are looked up in the order of their ids."""
    found: list[bytes | None] = [None] * len(ids)
    places = [*range(len(ids))]
    if len(ids) > _MOST:
        places.sort(key=ids.__getitem__)
    for start in range(0, len(places), _MOST):
        some = places[start : start + _MOST]
        statement, rest = _LOOK_UP[len(some)]
        rows = cursor.execute(statement, [*[ids[place] for place in some], *rest]).fetchall()
        for place, (there, content) in zip(some, rows, strict=False):
            if there == names[place]:
                found[place] = content
            elif there is not None:
                same = _same(there, names[place])
                found[place] = content if same else _clash(cursor, ids[place], names[place])
    return found


def _clash(cursor: sqlite3.Cursor, one: int, name: str) -> bytes | None:
    """What stands under an id and a name beside what has the same id."""
    found: bytes | None = next(iter(cursor.execute(_CLASH, (one, _bound(name))).fetchone() or ()), None)
    return found


def _same(there: _Name | None, name: str | None) -> bool:
    """Whether a row is the one looked for, or none."""
    return there is None or there == name or (isinstance(there, bytes) and there == _bound(name or ""))


def _write(cursor: sqlite3.Cursor, rows: Sequence[_Row]) -> None:
    """Put rows in place."""
    try:
        cursor.executemany(_WRITE, rows)
    except UnicodeEncodeError:
        rows = [(one, _bound(name), content) for one, name, content in rows if isinstance(name, str)]
        cursor.executemany(_WRITE, rows)
    if cursor.rowcount < len(rows):
        for one, name, content in rows:
            (there,) = cursor.execute(_NAME, (one,)).fetchone()
            if there != name:
                cursor.execute(_WRITE_CLASH, (one, name, content))


def _remove(cursor: sqlite3.Cursor, names: Sequence[tuple[int, _Name]]) -> None:
    """Take rows away; a key that shared the id of one moves up."""
    if not names:
        return
    rows = [(one, _bound(name) if isinstance(name, str) else name) for one, name in names]
    (clashes,) = cursor.execute(_ANY_CLASH).fetchone()
    if not clashes:
        cursor.executemany(_REMOVE, rows)
        return
    for row in rows:
        cursor.execute(_REMOVE_CLASH, row)
        if cursor.execute(_REMOVE, row).rowcount:
            cursor.executemany(_REMOVE_CLASH, cursor.execute(_MOVE_UP, row[:1]).fetchall())


def _numbers(connection: sqlite3.Connection, groups: Iterable[str]) -> dict[str, int]:
    """The numbers of groups; one without a number is left out."""
    found = {}
    for group in groups:
        row = connection.execute(_NUMBER, (_bound(group),)).fetchone()
        if row is not None:
            found[group] = int(row[0])
    return found


def _given_numbers(connection: sqlite3.Connection, groups: Iterable[str]) -> dict[str, int]:
    """New numbers for groups that have none."""
    return {group: int(connection.execute(_GROUP, (_bound(group),)).lastrowid or 0) for group in groups}


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
