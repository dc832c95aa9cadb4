"""Metadata on SQLite in WAL mode, by SQLAlchemy Core, with versions of its schema."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from setpoint.core.errors import Busy, SettingInvalid, StorageUnavailable, WrongType

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before it gives up with Busy."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE document (place INTEGER PRIMARY KEY AUTOINCREMENT, noun TEXT, key TEXT, body TEXT NOT NULL)",
        "CREATE UNIQUE INDEX document_key ON document (noun, key)",
        "CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID",
    ),
    ("CREATE INDEX document_noun ON document (noun, place)",),
)
"""Statements that lead from one version of the schema to the next; what was released is never edited, only added to."""

_tables = sa.MetaData()
_document = sa.Table(
    "document",
    _tables,
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("noun", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("body", sa.Text),
)
_lease = sa.Table(
    "lease",
    _tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text),
    sa.Column("until", sa.BigInteger),
)

_put = insert(_document)
_put = _put.on_conflict_do_update(index_elements=["noun", "key"], set_={"body": _put.excluded.body})
_append = sa.insert(_document)
_get = sa.select(_document.c.body).where(
    _document.c.noun == sa.bindparam("noun"), _document.c.key == sa.bindparam("key")
)
_take = insert(_lease)
_take = _take.on_conflict_do_update(
    index_elements=["name"],
    set_={"owner": _take.excluded.owner, "until": _take.excluded.until},
    where=(_lease.c.owner == _take.excluded.owner) | (_lease.c.until <= sa.bindparam("now")),
)
_drop = sa.delete(_lease).where(_lease.c.name == sa.bindparam("of"), _lease.c.owner == sa.bindparam("by"))


class SqlMetadata:
    """The Metadata port on a SQLite database named by a URL: `sqlite:///path/to/file.db`, or `sqlite://` in memory.

    A commit survives kill -9 of the process; a power cut can undo the newest commits but not tear one. A transaction
    belongs to the thread that opened it; a transaction inside another undoes only itself when it fails. A document
    that is put again keeps its place in the order of `find`. Keys of objects are text, numbers are finite.

    >>> metadata = SqlMetadata("sqlite://")
    >>> metadata.put("model", "m1", {"auc": 0.75})
    >>> metadata.get("model", "m1")
    {'auc': 0.75}
    >>> metadata.close()
    """

    def __init__(self, url: str) -> None:
        self._engine, memory = _connect(url)
        self._lock = threading.RLock() if memory else contextlib.nullcontext()
        self._own = threading.local()
        try:
            with self.transaction():
                migrate(self._own.connection, MIGRATIONS)
        except (sqlite3.DatabaseError, DatabaseError, StorageUnavailable) as error:
            self.close()
            if isinstance(error.__cause__, OperationalError):
                error = error.__cause__
            raise SettingInvalid(
                f"The metadata database {url!r} cannot be opened ({getattr(error, 'orig', error)}).",
                expected="a SQLite database in a folder that can be written",
            ) from error
        except (SettingInvalid, Busy):
            self.close()
            raise

    def put(self, noun: str, key: str, body: Mapping[str, Any]) -> None:
        """Store a document, replacing the one of the same noun and key."""
        text = _encode(noun, body)
        with self._write() as connection:
            connection.execute(_put, {"noun": noun, "key": key, "body": text})

    def get(self, noun: str, key: str) -> dict[str, Any] | None:
        """The document, or None."""
        with self._read() as connection:
            text = connection.execute(_get, {"noun": noun, "key": key}).scalar()
        return None if text is None else json.loads(text)

    def append(self, noun: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Add documents to the noun's list."""
        rows = [{"noun": noun, "body": _encode(noun, body)} for body in bodies]
        if rows:
            with self._write() as connection:
                connection.execute(_append, rows)

    def find(self, noun: str, **equal: Any) -> list[dict[str, Any]]:
        """The noun's documents whose top-level values equal these, in order of writing."""
        query = sa.select(_document.c.body).where(_document.c.noun == noun).order_by(_document.c.place)
        for name, value in equal.items():
            condition = _prefilter(name, value)
            query = query if condition is None else query.where(condition)
        with self._read() as connection:
            bodies = [json.loads(text) for text in connection.execute(query).scalars()]
        return [body for body in bodies if all(_same(body, name, value) for name, value in equal.items())]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside appear together, or none."""
        outer: Connection | None = getattr(self._own, "connection", None)
        if outer is not None:
            with outer.begin_nested():
                yield
            return
        with self._lock, _storage(), self._engine.connect() as connection:
            _begin(connection)
            self._own.connection = connection
            try:
                yield
                connection.commit()
            finally:
                self._own.connection = None
                connection.rollback()

    def lease(self, name: str, owner: str, now: int, until: int) -> bool:
        """Whether `owner` holds `name` until then; a lease that has lapsed by `now` can be taken."""
        with self._write() as connection:
            done = connection.execute(_take, {"name": name, "owner": owner, "until": until, "now": now})
            return done.rowcount == 1

    def release(self, name: str, owner: str) -> None:
        """Give up a lease; nothing happens when it is not held by `owner`."""
        with self._write() as connection:
            connection.execute(_drop, {"of": name, "by": owner})

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        """The transaction of this thread, or one of its own for a single write."""
        if getattr(self._own, "connection", None) is not None:
            yield self._own.connection
            return
        with self.transaction():
            yield self._own.connection

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        """The transaction of this thread, so that it sees its own writes, or the newest committed state."""
        if getattr(self._own, "connection", None) is not None:
            yield self._own.connection
            return
        with self._lock, _storage(), self._engine.connect() as connection:
            yield connection


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    """What the disk, or the database file, refuses is told in our words."""
    try:
        yield
    except OperationalError as error:
        raise StorageUnavailable("The metadata database", str(error.orig)) from error


def migrate(connection: Connection, migrations: Sequence[Sequence[str]]) -> int:
    """Bring the schema to the newest version, inside the caller's transaction; gives the version it had.

    Raises SettingInvalid for a database of a version that these migrations do not know.
    """
    before = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if before > len(migrations):
        raise SettingInvalid(
            f"The metadata database has schema version {before}.",
            expected=f"at most {len(migrations)}",
            hint="A newer Setpoint wrote it: upgrade this one.",
        )
    for statements in migrations[before:]:
        for statement in statements:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version = {len(migrations)}")
    return before


def _connect(url: str) -> tuple[Engine, bool]:
    """An engine for the URL, and whether it lives in memory only."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite":
        raise SettingInvalid(f"The metadata URL is {url!r}.", expected="sqlite:///path/to/file.db")
    memory = parsed.database in (None, "", ":memory:")
    if not memory:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed,
        poolclass=sa.pool.StaticPool if memory else sa.pool.QueuePool,
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _prepare)
    return engine, memory


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "temp_store = MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that begins by reading could not be upgraded safely."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        raise Busy(
            f"Another process has been writing the metadata database for {BUSY_SECONDS:g} s.", hint="Try again."
        ) from error


def _encode(noun: str, body: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(body), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise WrongType(
            f"A {noun!r} document cannot be stored ({error}).", expected="texts, finite numbers, lists and objects"
        ) from error


def _prefilter(name: str, value: object) -> sa.ColumnElement[bool] | None:
    """A condition that holds for every document whose value equals this one, where the database can judge that."""
    if not name.isidentifier():
        return None
    found = sa.type_coerce(_document.c.body, sa.JSON)[name]
    condition: sa.ColumnElement[bool] | None = None
    if isinstance(value, str):
        condition = found.as_string() == value
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        condition = found.as_integer() == value
    return condition


def _same(body: Mapping[str, Any], name: str, value: object) -> bool:
    if name not in body:
        return False
    found = body[name]
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)
