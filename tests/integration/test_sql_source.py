"""Sources in databases that SQLAlchemy speaks to: a real SQLite file, and PostgreSQL by the same road."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from setpoint.backends.sql_source import SqlSource, query_of
from setpoint.core.errors import DataError, SourceEmpty, SourceMissing
from setpoint.data.files.read import read_parts, read_source
from setpoint.history import requests_of
from tests.integration.live_shop import open_shop, payments
from tests.unit.data.make import sales, taken

FETCHERS = {"sqlite": SqlSource(rows=7)}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database in a file of the declaration's folder."""
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript(
        """CREATE TABLE sales (id TEXT, ts TEXT, price REAL, paid INT, image BLOB, "any thing" NUMERIC);
           INSERT INTO sales VALUES ('a', '2013-01-01 05:00:00Z', 1.5, 1, x'ff00', 7);
           INSERT INTO sales VALUES ('b', '2013-01-02T05:00:00+01:00', NULL, 0, NULL, 'seven');
           CREATE TABLE empty (id TEXT, ts TEXT);"""
    )
    connection.commit()
    yield connection
    connection.close()


def read(root: Path, path: str, **options: Any) -> pa.Table:
    """The rows of the source at a URL."""
    return read_source(sales(path, **options), root, fetchers=FETCHERS)


@pytest.mark.usefixtures("shop")
def test_a_table_of_sqlite_is_read_with_the_types_of_its_values(tmp_path: Path) -> None:
    """The file lies in the declaration's folder; a column of several types becomes texts."""
    raw = read(tmp_path, "sqlite:///shop.db?table=sales", id="id")
    assert raw.drop_columns(["__file"]).to_pylist()[0] == {
        "id": "a", "ts": "2013-01-01 05:00:00Z", "price": 1.5, "paid": 1, "image": b"\xff\x00", "any thing": "7",
        "__row": 1,
    }  # fmt: skip
    rows = taken(sales(id="id"), raw).rows
    assert [str(value) for value in rows["ts"].to_pylist()] == [
        "2013-01-01 05:00:00+00:00",
        "2013-01-02 04:00:00+00:00",
    ]


@pytest.mark.usefixtures("shop")
def test_a_query_is_read_as_it_stands(tmp_path: Path) -> None:
    """Colons and ampersands mean nothing to us; only declared columns are taken."""
    raw = read(tmp_path, "sqlite:///shop.db?query=select id, ts, 'a:b&c' as x from sales where paid = 1;")
    assert raw["x"].to_pylist() == ["a:b&c"]
    only = read(tmp_path, "sqlite:///shop.db?table=sales", columns=["price"])
    assert [name for name in only.column_names if not name.startswith("__")] == ["ts", "price"]


def test_many_rows_come_in_parts_that_are_the_whole(tmp_path: Path, shop: sqlite3.Connection) -> None:
    """Each row has its number."""
    shop.executemany("INSERT INTO empty VALUES (?, '2013-01-01T00:00:00Z')", [(str(n),) for n in range(23)])
    shop.commit()
    source = sales("sqlite:///shop.db?table=empty")
    parts = list(read_parts(source, tmp_path, fetchers=FETCHERS))
    assert [part.num_rows for part in parts] == [7, 7, 7, 2]
    assert pa.concat_tables(parts)["__row"].to_pylist() == list(range(1, 24))
    assert read(tmp_path, "sqlite:///shop.db?table=empty").num_rows == 23


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("sqlite:///shop.db?table=sale", SourceMissing, "there is no such table.*Did you mean 'sales'"),
        ("sqlite:///shop.db?table=empty", SourceEmpty, "no row"),
        ("sqlite:///other.db?table=sales", SourceMissing, "there is no file .*other.db"),
        ("sqlite:///shop.db", DataError, "names 0 tables and 0 queries"),
        ("sqlite:///shop.db?query=delete from sales", DataError, "readonly database"),
        ("sqlite:///shop.db?query=selec 1", DataError, "syntax error"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, path: str, error: type[Exception], message: str) -> None:
    """With what there is, and nothing is written."""
    with pytest.raises(error, match=message):
        read(tmp_path, path)
    assert not (tmp_path / "other.db").exists()


def test_a_password_in_a_url_is_refused_unseen() -> None:
    """In the place of a password, or as an option."""
    for url in ("mysql://me:secret@db/shop?table=s", "mysql://me@db/shop?password=secret&table=s"):
        with pytest.raises(DataError, match="mysql://db/shop holds a password") as error:
            query_of(url)
        assert "secret" not in str(error.value)


def test_a_driver_that_is_not_there_is_named() -> None:
    """With how to get it."""
    with pytest.raises(DataError, match=r"its driver MySQLdb is not installed\..*pip install MySQLdb"):
        SqlSource()("mysql://me@db/shop?table=s", None)


def test_a_system_reads_its_features_from_sqlite(tmp_path: Path) -> None:
    """The same rows as from anywhere else."""
    with sqlite3.connect(tmp_path / "pay.db") as connection:
        connection.execute("CREATE TABLE payments (payment_id TEXT, ts TEXT, card TEXT, amount REAL)")
        rows = [(row["payment_id"], row["ts"].isoformat(), row["card"], row["amount"]) for row in payments(40)]
        connection.executemany("INSERT INTO payments VALUES (?, ?, ?, ?)", rows)
    connection.close()
    live, _ = open_shop(tmp_path, "sqlite:///pay.db?table=payments")
    assert live.rows["payments"].num_rows == 40
    assert live.rows["payments"]["amount"].type == pa.float64()
    span = requests_of(live.plan, live.rows, start=None, end=None).at
    assert int(span[-1] - span[0]) == timedelta(minutes=90 * 59) // timedelta(microseconds=1)
    assert live.unreachable == {}
