"""Sources in PostgreSQL: a table, or what a query gives, read at one moment into Arrow columns of the same types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from setpoint.core.errors import DataError, MissingExtra, SourceMissing, SourceUnavailable, did_you_mean
from setpoint.core.ports import Fetched

if TYPE_CHECKING:
    import psycopg

SECONDS = 10
"""How long to wait for the server, unless the URL says `connect_timeout=`."""

_BLOCK = 1 << 24
_UTC = pa.timestamp("us", tz="UTC")
# What the server writes for each type, by its number, and what is made of the text where all of a column can be.
_TYPES: dict[int, tuple[pa.DataType, pa.DataType | None]] = {
    16: (pa.bool_(), None),
    20: (pa.int64(), None),
    21: (pa.int64(), None),
    23: (pa.int64(), None),
    26: (pa.int64(), None),
    700: (pa.float32(), None),
    701: (pa.float64(), None),
    1700: (pa.float64(), None),
    1082: (pa.string(), pa.date32()),
    1114: (pa.string(), pa.timestamp("us")),
    1184: (pa.string(), _UTC),
}
_NUMERIC, _WHOLE_DIGITS = 1700, 18


@dataclass(frozen=True)
class Address:
    """What a source's URL says: where to connect, the table or the query to read, and how it may be shown."""

    connection: str
    table: str | None
    query: str | None
    name: str


def address_of(url: str) -> Address:
    """The parts of `postgresql://user@host/db?table=name` or `...?query=...`, which goes to the end of the URL.

    Raises DataError for a URL that holds a password, and for one that names no table and no query, or both.

    >>> address_of("postgresql://me@db/shop?sslmode=require&table=public.sales").connection
    'postgresql://me@db/shop?sslmode=require'
    >>> address_of("postgresql://db/shop?query=select * from sales where day > '2013-01-01' and a&b").query
    "select * from sales where day > '2013-01-01' and a&b"
    """
    place, _, rest = url.partition("?")
    before, asked, query = f"&{rest}".partition("&query=")
    options = [option for option in before.split("&") if option]
    tables = [unquote(option[6:]) for option in options if option.startswith("table=")]
    others = [option for option in options if not option.startswith("table=")]
    parts = urlsplit(place)
    shown = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.password is not None or any(option.partition("=")[0].endswith("password") for option in others):
        raise DataError(
            f"The URL of a source at {shown} holds a password.",
            expected="a URL that may be shown",
            hint="Put it into the environment as PGPASSWORD, or into ~/.pgpass.",
        )
    if bool(asked) + len(tables) != 1:
        raise DataError(
            f"The URL of a source at {shown} names {len(tables)} tables and {int(bool(asked))} queries.",
            expected='one of them: "?table=sales" or "?query=select ..."',
        )
    connection = f"postgresql:{place.partition(':')[2]}" + (f"?{'&'.join(others)}" if others else "")
    if asked:
        words = unquote(query).strip().rstrip(";")
        return Address(connection, None, words, f"{shown}?query={words[:60]}")
    return Address(connection, tables[0], None, f"{shown}?table={tables[0]}")


class PostgresSource:
    """Reads tables and queries of PostgreSQL databases; calling it gives what is at a URL. Needs `setpoint[postgres]`.

    Everything is read in one read-only transaction, so it is of one moment. Numbers, truth values, dates and times with
    their zone keep their types; `numeric` becomes the nearest float64, or int64 where it is declared to hold whole
    numbers of at most 18 digits; a time without a zone stays without one; JSON, arrays and all else become texts as the
    server writes them. The user's password comes from where libpq looks for it: PGPASSWORD, ~/.pgpass, PGSERVICE.
    """

    def __init__(self) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra("psycopg", "postgres") from error
        self._psycopg = psycopg

    def __call__(self, url: str, columns: Sequence[str] | None = None) -> Fetched:
        """The rows at a URL; raises SourceMissing, SourceUnavailable or DataError, and says no password."""
        parts = list(self.parts(url, columns))
        return Fetched(parts[0].name, pa.concat_tables(_alike([part.content for part in parts])))

    def parts(self, url: str, columns: Sequence[str] | None = None) -> Iterator[Fetched]:
        """The same, as many rows at a time as the server sends; the first part is without any."""
        address, errors = address_of(url), self._psycopg.errors
        try:
            connection = self._connect(address)
        except self._psycopg.OperationalError as error:
            raise _unavailable(address, error) from error
        except self._psycopg.Error as error:
            raise DataError(
                f"{address.name} is no address: {_first_line(error)}.", expected="a URL of libpq"
            ) from error
        with connection:
            try:
                for part in self._read(connection, address, columns):
                    yield Fetched(address.name, part)
            except errors.UndefinedTable as error:
                raise self._missing(address, error) from error
            except (errors.InsufficientPrivilege, self._psycopg.OperationalError) as error:
                raise _unavailable(address, error) from error
            except (self._psycopg.Error, pa.ArrowInvalid) as error:
                raise DataError(
                    f"{address.name} cannot be read: {_first_line(error)}.",
                    expected="a table, or a query that gives rows",
                ) from error

    def _connect(self, address: Address) -> psycopg.Connection[Any]:
        given = self._psycopg.conninfo.conninfo_to_dict(address.connection)
        options: dict[str, Any] = {"client_encoding": "UTF8", "application_name": "setpoint"}
        if "connect_timeout" not in given:
            options["connect_timeout"] = SECONDS
        connection = self._psycopg.connect(address.connection, **options)
        connection.read_only = True
        connection.isolation_level = self._psycopg.IsolationLevel.REPEATABLE_READ
        return connection

    def _read(
        self, connection: psycopg.Connection[Any], address: Address, columns: Sequence[str] | None
    ) -> Iterator[pa.Table]:
        sql = self._psycopg.sql
        for setting, value in (("TimeZone", "UTC"), ("DateStyle", "ISO"), ("extra_float_digits", "1")):
            connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(setting), sql.Literal(value)))
        if address.table is None:
            relation: Any = sql.SQL("({}\n) AS source").format(sql.SQL(address.query or ""))
        else:
            relation = sql.Identifier(*address.table.split("."))
        described = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation)).description or []
        chosen = [column for column in described if columns is None or column.name in columns]
        names = [column.name for column in chosen]
        listed = sql.SQL(", ").join([sql.Identifier(name) for name in names]) if columns is not None else sql.SQL("*")
        copy = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv)").format(listed, relation)
        types = [_type(column.type_code, column.precision, column.scale) for column in chosen]
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            for block in chain([bytearray()], _blocks(rows)):
                part = _parsed(block, [written for written, _ in types])
                made = [_made(column, target) for column, (_, target) in zip(part.columns, types, strict=True)]
                yield pa.Table.from_arrays(made, names=names)

    def _missing(self, address: Address, error: psycopg.Error) -> SourceMissing:
        """The error for a table that is not there, with those that are."""
        with self._connect(address) as connection:
            found = connection.execute(
                "SELECT schemaname || '.' || tablename FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            ).fetchall()
        tables = [name.removeprefix("public.") for (name,) in found]
        there = f"There are {', '.join(tables[:12])}." if tables else "There is none."
        return SourceMissing(
            f"{address.name}: {_first_line(error)}.",
            expected="a table that the user may see",
            hint=did_you_mean(address.table or "", tables) or there,
        )


def _type(number: int, precision: int | None, scale: int | None) -> tuple[pa.DataType, pa.DataType | None]:
    """What a column is read as, and what is made of it then if all of it can be."""
    if number == _NUMERIC and scale == 0 and precision is not None and precision <= _WHOLE_DIGITS:
        return pa.int64(), None
    return _TYPES.get(number, (pa.string(), None))


def _blocks(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytearray]:
    """The rows of a copy, many at a time."""
    held = bytearray()
    for row in rows:
        held += row
        if len(held) > _BLOCK:
            yield held
            held = bytearray()
    if held:
        yield held


def _parsed(block: bytes | bytearray, types: Sequence[pa.DataType]) -> pa.Table:
    """Rows as the server writes them; what is not quoted and empty is NULL."""
    names = [str(number) for number in range(len(types))]
    if not block:
        return pa.table([pa.array([], kind) for kind in types], names=names)
    return pa_csv.read_csv(
        pa.BufferReader(block),
        read_options=pa_csv.ReadOptions(use_threads=False, column_names=names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _made(column: pa.ChunkedArray, target: pa.DataType | None) -> pa.ChunkedArray:
    """A column of times as such; one that holds what no calendar does, such as "infinity", stays a text."""
    if target is None:
        return column
    try:
        return pc.cast(column, target)
    except pa.ArrowInvalid:
        return column


def _alike(parts: Sequence[pa.Table]) -> list[pa.Table]:
    """The parts of one table, with the columns as texts that are texts in one of them."""
    texts = [
        place
        for place in range(parts[0].num_columns)
        if len({part.column(place).type for part in parts if part.num_rows}) > 1
    ]
    if not texts:
        filled = [part for part in parts if part.num_rows]
        return filled or list(parts[:1])
    columns = [
        [_written(part.column(place)) if place in texts else part.column(place) for place in range(part.num_columns)]
        for part in parts
    ]
    return [pa.Table.from_arrays(each, names=parts[0].column_names) for each in columns]


def _written(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates and times as the server writes them, and texts as they are."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return pc.binary_join_element_wise(pc.cast(pc.cast(column, pa.timestamp("us")), pa.string()), "+00", "")
    return pc.cast(column, pa.string())


def _unavailable(address: Address, error: psycopg.Error) -> SourceUnavailable:
    return SourceUnavailable(
        f"{address.name} cannot be read: {_first_line(error)}.",
        expected="a server that answers, and a user who may read",
        hint="A password is read from PGPASSWORD or ~/.pgpass, not from the URL." if "assword" in str(error) else None,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
