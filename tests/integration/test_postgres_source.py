"""Sources in PostgreSQL: a real server's tables and queries, with their types, and what goes wrong on the way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from setpoint.backends.postgres_source import PostgresSource
from setpoint.core.errors import DataError, MissingExtra, NaiveTime, SourceEmpty, SourceMissing, SourceUnavailable
from setpoint.data.files.read import read_source
from setpoint.data.rows import kinds
from tests.postgres_server import PASSWORD, PostgresServer, postgres_server
from tests.servers import free_port
from tests.unit.data.make import sales, taken


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One server for all tests, each with tables of its own."""
    with postgres_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password where libpq looks for it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def read(url: str, **options: Any) -> pa.Table:
    """The rows of the source at a URL."""
    return read_source(sales(url, **options), Path("/nowhere"), fetchers={"postgresql": PostgresSource()})


def test_columns_keep_their_types(server: PostgresServer) -> None:
    """What Arrow has a type for has it, the rest is text as the server writes it."""
    server.run(
        """CREATE TABLE types (small int2, whole int8, n2 numeric(10,2), n0 numeric(12,0), n numeric, f8 float8,
           f4 float4, truth bool, words text, code char(3), at timestamptz, day date, tree jsonb, list int[],
           id uuid)""",
        """INSERT INTO types VALUES (7, 9007199254740993, 1.25, 7, 0.1, 0.1, 0.1, true, E'a,"b"\\nc', 'x',
           '2013-01-01 05:00:00.123456+02', '2013-01-02', '{"a": [1, null]}', '{1,2}',
           '00000000-0000-0000-0000-000000000001')""",
        "INSERT INTO types (words) VALUES ('')",
    )
    rows = read(server.url(source="table=types"))
    assert rows.slice(0, 1).drop_columns(["__row", "__file"]).to_pylist() == [
        {
            "small": 7,
            "whole": 9007199254740993,
            "n2": 1.25,
            "n0": 7,
            "n": 0.1,
            "f8": 0.1,
            "f4": 0.10000000149011612,
            "truth": True,
            "words": 'a,"b"\nc',
            "code": "x  ",
            "at": datetime(2013, 1, 1, 3, 0, 0, 123456, UTC),
            "day": date(2013, 1, 2),
            "tree": '{"a": [1, null]}',
            "list": "{1,2}",
            "id": "00000000-0000-0000-0000-000000000001",
        }
    ]
    empty = rows.slice(1).to_pylist()[0]
    assert empty.pop("words") == ""
    assert {value for name, value in empty.items() if not name.startswith("__")} == {None}
    assert rows["__file"].to_pylist()[0] == f"postgresql://127.0.0.1:{server.port}/postgres?table=types"
    found = [str(rows.schema.field(name).type) for name in ("small", "n0", "n2", "f4", "truth", "at", "day", "tree")]
    assert found == ["int64", "int64", "double", "float", "bool", "timestamp[us, tz=UTC]", "date32[day]", "string"]


def test_what_is_no_number_and_no_day_does_not_stop_a_column(server: PostgresServer) -> None:
    """NaN and infinity are numbers; a time without an end stays a text, and its row is set aside where it matters."""
    server.run(
        "CREATE TABLE odd (id int, ts timestamptz, n numeric)",
        "INSERT INTO odd SELECT g, '2013-01-01Z', g FROM generate_series(1, 8) AS g",
        "INSERT INTO odd VALUES (9, 'infinity', 'NaN')",
    )
    source = sales(server.url(source="table=odd"), id="id")
    done = taken(source, read(source.path, id="id"))
    assert done.rows["n"].to_pylist() == [float(n) for n in range(1, 9)]
    assert done.quarantined["__reason"].to_pylist() == [
        "row 9: ts is 'infinity'; expected a time such as 2013-07-01T06:00:00Z"
    ]


def test_a_time_without_a_zone_stays_one(server: PostgresServer) -> None:
    """And is refused, rather than taken for one of another place."""
    server.run("CREATE TABLE naive (ts timestamp)", "INSERT INTO naive VALUES ('2013-01-01')")
    source = sales(server.url(source="table=naive"))
    with pytest.raises(NaiveTime, match="2013-01-01T00:00:00"):
        taken(source, read(source.path))


def test_a_query_is_read_like_a_table(server: PostgresServer) -> None:
    """With what SQL may hold: semicolons, percent signs, ampersands, comments."""
    server.run("CREATE SCHEMA shop", "CREATE TABLE shop.rows AS SELECT g AS id FROM generate_series(1, 5) AS g")
    assert read(server.url(source="table=shop.rows")).num_rows == 5
    for query in (
        "select id from shop.rows where id % 2 = 1 and 5 & id > 0;",
        "WITH odd AS (SELECT id FROM shop.rows WHERE id % 2 = 1) SELECT * FROM odd -- a comment",
        "select%20id%20from shop.rows where id%2=1",
    ):
        assert read(server.url(source=f"query={query}"))["id"].to_pylist() == [1, 3, 5]
    assert read(server.url(source="query=values (1), (null)"))["column1"].to_pylist() == [1, None]


def test_only_the_declared_columns_are_read(server: PostgresServer) -> None:
    """The others never leave the server."""
    server.run("CREATE TABLE wide AS SELECT 1 AS id, now() AS ts, 'x' AS secret")
    rows = read(server.url(source="table=wide"), columns=["id", "ts"])
    assert rows.column_names == ["id", "ts", "__row", "__file"]
    assert kinds(rows) == {"id": "number", "ts": "time", "__row": "number", "__file": "text"}


def test_many_rows_are_read_in_blocks(server: PostgresServer) -> None:
    """All of one moment: what others write meanwhile is not there."""
    server.run("CREATE TABLE many AS SELECT g AS id, repeat('x', 200) AS words FROM generate_series(1, 200000) AS g")
    rows = read(server.url(source="table=many"))
    assert rows.num_rows == 200_000
    assert rows["id"].num_chunks > 1
    assert sum(rows["id"].to_pylist()) == 200_000 * 200_001 // 2


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("table=saless", SourceMissing, "Did you mean 'sales'"),
        ("table=nothing_like_it", SourceMissing, "There are"),
        ("query=select * from nowhere", SourceMissing, "does not exist"),
        ("query=selec 1", DataError, "syntax error"),
        ("query=select 1/0 as a", DataError, "division by zero"),
        ("query=insert into sales values (1) returning id", DataError, "cannot be read"),
        ("table=sales&query=select 1", DataError, "1 tables and 1 queries"),
        ("", DataError, "0 tables and 0 queries"),
        ("nonsense=1&table=sales", DataError, "is no address"),
        ("password=s3cret&table=sales", DataError, "holds a password"),
    ],
)
def test_what_cannot_be_read_is_told(server: PostgresServer, source: str, error: type[Exception], words: str) -> None:
    """With the address, and never with a password."""
    server.run("CREATE TABLE IF NOT EXISTS sales (id int)")
    with pytest.raises(error, match=words) as caught:
        read(server.url(source=source))
    assert PASSWORD not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_table_without_a_row_is_empty(server: PostgresServer) -> None:
    """Like a file without one."""
    server.run("CREATE TABLE nobody (id int)")
    with pytest.raises(SourceEmpty, match="table=nobody"):
        read(server.url(source="table=nobody"))


def test_nothing_can_be_written_through_a_query(server: PostgresServer) -> None:
    """The transaction only reads."""
    server.run(
        "CREATE TABLE kept (id int)",
        "CREATE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'INSERT INTO kept VALUES (1) RETURNING id'",
    )
    with pytest.raises(DataError, match="read-only transaction"):
        read(server.url(source="query=select spoil() as id"))


def test_a_server_that_does_not_let_in_is_unavailable(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not there, no such database, the wrong password, none, or a table that is somebody else's."""
    with pytest.raises(SourceUnavailable, match="refused"):
        read(f"postgresql://me@127.0.0.1:{free_port()}/shop?table=sales")
    with pytest.raises(SourceUnavailable, match='"nodb" does not exist'):
        read(server.url("nodb", source="table=sales"))
    server.run(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'", "CREATE TABLE secret AS SELECT 1 AS id")
    with pytest.raises(SourceUnavailable, match="permission denied"):
        read(server.url(source="table=secret").replace("tester", "guest"))
    for password, words in (("wr0ng", "authentication failed"), (None, "PGPASSWORD")):
        monkeypatch.delenv("PGPASSWORD")
        if password:
            monkeypatch.setenv("PGPASSWORD", password)
        with pytest.raises(SourceUnavailable, match=words) as caught:
            read(server.url(source="table=secret"))
        assert "wr0ng" not in str(caught.value)


def test_a_connection_that_breaks_off_leaves_nothing(server: PostgresServer) -> None:
    """The rows that came before it are no source."""
    server.run("CREATE TABLE long AS SELECT g AS id FROM generate_series(1, 3) AS g")
    query = "query=select id, pg_sleep(30)::text as ts from long"
    cut = threading.Event()

    def end() -> None:
        with psycopg.connect(server.url(), password=PASSWORD, autocommit=True) as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'setpoint'"
            while not cut.is_set():
                connection.execute(ended + " AND query LIKE 'COPY%'")

    thread = threading.Thread(target=end)
    thread.start()
    try:
        with pytest.raises(SourceUnavailable, match=r"terminating connection|closed"):
            read(server.url(source=query))
    finally:
        cut.set()
        thread.join()


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of the core install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"setpoint\[postgres\]"):
        PostgresSource()
