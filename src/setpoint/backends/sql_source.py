"""Sources in any database that SQLAlchemy speaks to: a table, or what a query gives, read in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, OperationalError

from setpoint.core.errors import DataError, SourceMissing, SourceUnavailable, did_you_mean
from setpoint.core.ports import Fetched

DIALECTS = ("sqlite", "mysql", "mariadb", "oracle", "mssql")
"""The databases that SQLAlchemy speaks to by itself, given their drivers, beside PostgreSQL."""

ROWS = 50_000
"""How many rows are fetched at a time."""

_TIMES = {b"setpoint.written": b"times"}
_SQLITE = "sqlite"


@dataclass(frozen=True)
class Query:
    """What a source's URL says: the database, the table or the query to read, and how it may be shown."""

    database: sa.URL
    table: str | None
    query: str | None
    name: str


def query_of(url: str) -> Query:
    """The parts of `sqlite:///shop.db?table=sales` or `...?query=...`, which goes to the end of the URL.

    Raises DataError for a URL that holds a password, and for one that names no table and no query, or both.

    >>> query_of("mysql+pymysql://me@db/shop?charset=utf8mb4&table=sales").database.query["charset"]
    'utf8mb4'
    >>> query_of("sqlite:///shop.db?query=select * from sales where a&b").query
    'select * from sales where a&b'
    """
    place, _, rest = url.partition("?")
    before, asked, query = f"&{rest}".partition("&query=")
    options = [option for option in before.split("&") if option]
    tables = [unquote(option[6:]) for option in options if option.startswith("table=")]
    others = [option for option in options if not option.startswith("table=")]
    try:
        database = sa.make_url(place + (f"?{'&'.join(others)}" if others else ""))
    except ArgumentError as error:
        raise DataError("The URL of a source is no address of a database.", expected="a URL of SQLAlchemy") from error
    shown = f"{database.get_backend_name()}://{database.host or ''}/{database.database or ''}"
    if database.password is not None or any("password" in option.partition("=")[0] for option in others):
        raise DataError(
            f"The URL of a source at {shown} holds a password.",
            expected="a URL that may be shown",
            hint="Put it where the database's own tools read it, such as ?read_default_file=~/.my.cnf for MySQL.",
        )
    if bool(asked) + len(tables) != 1:
        raise DataError(
            f"The URL of a source at {shown} names {len(tables)} tables and {int(bool(asked))} queries.",
            expected='one of them: "?table=sales" or "?query=select ..."',
        )
    if asked:
        words = unquote(query).strip().rstrip(";")
        return Query(database, None, words, f"{shown}?query={words[:60]}")
    return Query(database, tables[0], None, f"{shown}?table={tables[0]}")


class SqlSource:
    """Reads tables and queries of databases through SQLAlchemy; calling it gives what is at a URL, `parts` piecewise.

    Numbers, truth values, texts, bytes, dates and times keep their types; a decimal becomes the nearest float64; a time
    without a zone stays without one; where a column holds values of several types, which SQLite allows, all of them
    become texts. A database in a file is opened to be read only.

    >>> import sqlite3, tempfile
    >>> file = tempfile.mkdtemp() + "/shop.db"
    >>> with sqlite3.connect(file) as shop:
    ...     _ = shop.executescript("CREATE TABLE sales (n INT, price REAL); INSERT INTO sales VALUES (1, 2.5)")
    >>> SqlSource()(f"sqlite:///{file}?table=sales", None).content.to_pylist()
    [{'n': 1, 'price': 2.5}]
    """

    def __init__(self, *, rows: int = ROWS) -> None:
        self._rows = rows

    def __call__(self, url: str, columns: Sequence[str] | None = None) -> Fetched:
        """The rows at a URL; raises SourceMissing, SourceUnavailable or DataError, and says no password."""
        parts = list(self.parts(url, columns))
        whole = pa.concat_tables(
            [_texts_where_mixed(parts, part.content) for part in parts], promote_options="permissive"
        )
        return Fetched(parts[0].name, whole)

    def parts(self, url: str, columns: Sequence[str] | None = None) -> Iterator[Fetched]:
        """The same, some rows at a time; the first part may be without any."""
        asked = query_of(url)
        try:
            engine = sa.create_engine(_read_only(asked), poolclass=sa.NullPool)
        except NoSuchModuleError as error:
            raise SourceMissing(f"{asked.name}: SQLAlchemy knows no such database.", expected="one it knows") from error
        except ModuleNotFoundError as error:
            raise DataError(
                f"{asked.name} cannot be read: its driver {error.name} is not installed.",
                expected="a driver that the URL names, or that SQLAlchemy takes by itself",
                hint=f"Run: pip install {error.name}",
            ) from error
        try:
            with engine.connect() as connection:
                yield from self._read(connection, asked, columns)
        except NoSuchTableError as error:
            raise _missing(engine, asked) from error
        except (DBAPIError, ArgumentError, pa.ArrowInvalid) as error:
            raise _unreadable(asked, error) from error
        finally:
            engine.dispose()

    def _read(self, connection: sa.Connection, asked: Query, columns: Sequence[str] | None) -> Iterator[Fetched]:
        result = connection.execution_options(stream_results=True).execute(_statement(connection, asked))
        names = list(result.keys())
        chosen = [place for place, name in enumerate(names) if columns is None or name in columns]
        schema = [names[place] for place in chosen]
        sqlite = connection.dialect.name == _SQLITE
        found = False
        for rows in result.partitions(self._rows):
            values = list(zip(*rows, strict=True))
            arrays = [_array(values[place]) for place in chosen]
            fields = [
                pa.field(name, array.type, metadata=_TIMES if sqlite and pa.types.is_string(array.type) else None)
                for name, array in zip(schema, arrays, strict=True)
            ]
            found = True
            yield Fetched(asked.name, pa.Table.from_arrays(arrays, schema=pa.schema(fields)))
        if not found:
            yield Fetched(asked.name, pa.table({name: pa.nulls(0) for name in schema}))


def _read_only(asked: Query) -> sa.URL:
    """The address of a database; one in a file is not made where there is none, and not written to."""
    database = asked.database
    if database.get_backend_name() != _SQLITE or not database.database or database.database == ":memory:":
        return database
    if not Path(database.database).is_file():
        raise SourceMissing(f"{asked.name}: there is no file {database.database}.", expected="a database of SQLite")
    return database.set(database=f"file:{database.database}").update_query_dict({"mode": "ro", "uri": "true"})


def _statement(connection: sa.Connection, asked: Query) -> sa.Executable:
    if asked.query is not None:
        return sa.text(asked.query.replace(":", r"\:"))
    schema, _, name = (asked.table or "").rpartition(".")
    table = sa.Table(name, sa.MetaData(), schema=schema or None)
    sa.inspect(connection).reflect_table(table, include_columns=None)
    if connection.dialect.name == _SQLITE:  # what is stored, not what the declared types would make of it
        return sa.select(
            *[
                sa.literal_column(connection.dialect.identifier_preparer.quote(column.name)).label(column.name)
                for column in table.columns
            ]
        ).select_from(table)
    return sa.select(table)


def _unreadable(asked: Query, error: Exception) -> DataError:
    """The error for a database that does not answer, or for what is asked of it; SQLite calls both the same."""
    words, sqlite = _first_line(error), asked.database.get_backend_name() == _SQLITE
    if isinstance(error, OperationalError) and (not sqlite or "locked" in words or "unable to open" in words):
        return SourceUnavailable(f"{asked.name} cannot be read: {words}.", expected="a database that answers")
    return DataError(f"{asked.name} cannot be read: {words}.", expected="a table, or a query that gives rows")


def _missing(engine: sa.Engine, asked: Query) -> SourceMissing:
    """The error for a table that is not there, with those that are."""
    inspector = sa.inspect(engine)
    tables = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
    there = f"There are {', '.join(tables[:12])}." if tables else "There is none."
    return SourceMissing(
        f"{asked.name}: there is no such table.",
        expected="a table that the user may see",
        hint=did_you_mean(asked.table or "", tables) or there,
    )


_MADE: Mapping[type, Callable[[Any], Any]] = {
    Decimal: float,
    memoryview: bytes,
}
"""What is made of values of these types; of others that are not plain, texts."""

_PLAIN = (bool, int, float, str, bytes, date, datetime)


def _array(values: Sequence[Any]) -> pa.Array:
    """Values of one column: of one type as they are, of several as texts."""
    kinds = {type(value) for value in values if value is not None}
    made = {kind: _MADE.get(kind, str) for kind in kinds if kind not in _PLAIN}
    if made:
        values = [made[type(value)](value) if type(value) in made else value for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)


def _texts_where_mixed(parts: Sequence[Fetched], part: pa.Table) -> pa.Table:
    """A part with the columns as texts that are texts in another part and not in this one."""
    for place, name in enumerate(part.column_names):
        types = {one.content.schema.field(name).type for one in parts}
        here = part.schema.field(name).type
        if pa.string() in types and here not in (pa.string(), pa.null()):
            texts = pa.array([_text(value) for value in part[name].to_pylist()], pa.string())
            part = part.set_column(place, pa.field(name, pa.string(), metadata=_TIMES), texts)
    return part


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    text = str(cause).strip()
    return text.splitlines()[0].rstrip(".") if text else type(cause).__name__
