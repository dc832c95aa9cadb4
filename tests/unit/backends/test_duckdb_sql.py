from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from setpoint.backends.duckdb_sql import Relation, ask
from setpoint.core.errors import QueryInvalid

SALES = pa.table({"at": [0, 3_600_000_000], "feature.price": [2.5, math.nan], "who": ["ann", None]})


def sales(**changes: object) -> dict[str, Relation]:
    """One relation with a time, a NULL that is spelled NaN, and one that is not."""
    return {"sales": Relation(rows=[SALES], times={"at": "sold_at"})}


def test_a_number_that_is_nan_is_null() -> None:
    """What the log spells NaN is left out of averages, as NULL is."""
    answer = ask("select avg(feature_price) as mean, count(feature_price) as n, count(*) as rows from sales", sales())
    assert answer.to_pylist() == [{"mean": 2.5, "n": 1, "rows": 2}]


def test_a_time_is_a_time_in_utc() -> None:
    """Microseconds are compared with dates as people write them, and handed out with their zone."""
    answer = ask("select sold_at, who from sales where sold_at > '1970-01-01 00:30:00'", sales())
    assert answer.column("sold_at").type == pa.timestamp("us", tz="UTC")
    assert answer.column("sold_at").cast(pa.int64()).to_pylist() == [3_600_000_000]


def test_files_and_rows_are_one_relation(tmp_path: Path) -> None:
    """Parts on disk, of which an older one lacks a column, and rows that are not on disk yet."""
    pq.write_table(SALES.drop_columns(["who"]), tmp_path / "a's.parquet")
    pq.write_table(SALES, tmp_path / "b.parquet")
    both = {"sales": Relation([tmp_path / "a's.parquet", tmp_path / "b.parquet"], [SALES], {"at": "sold_at"})}
    answer = ask("select count(*) as n, count(who) as named, max(sold_at)::text as newest from sales", both)
    assert answer.to_pylist() == [{"n": 6, "named": 2, "newest": "1970-01-01 01:00:00+00"}]


def test_a_view_joins_relations() -> None:
    """What is asked often has a name of its own."""
    names = {"names": Relation(rows=[pa.table({"who": ["ann"], "full": ["Ann Lee"]})])}
    views = {"named": "select * from sales join names using (who)"}
    assert ask('select "full" from named', sales() | names, views=views).to_pylist() == [{"full": "Ann Lee"}]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "copy sales to '/tmp/stolen.csv'",
        "attach '/tmp/other.db'",
        "install httpfs",
        "load sqlite",
        "set enable_external_access = true",
        "create table mine as select 1",
        "delete from sales",
        "select 1; select 2",
        "pragma database_list",
        "",
        "selec 1",
        "select nothing from sales",
        "select * from python_variable",
    ],
)
def test_anything_but_a_question_about_what_is_given_is_refused(query: str) -> None:
    """No file, no other database, no extension, no setting, no second statement; and what is there is named."""
    python_variable = SALES
    with pytest.raises(QueryInvalid) as refused:
        ask(query, sales())
    assert python_variable is SALES
    assert "one SELECT" in str(refused.value)


def test_a_file_beside_those_given_cannot_be_read(tmp_path: Path) -> None:
    """Naming some files opens those and no others of their folder."""
    for name in ("given", "other"):
        pq.write_table(SALES, tmp_path / f"{name}.parquet")
    given = {"sales": Relation([tmp_path / "given.parquet"], times={"at": "sold_at"})}
    assert ask("select count(*) as n from sales", given).to_pylist() == [{"n": 2}]
    with pytest.raises(QueryInvalid, match="Cannot access file"):
        ask(f"select count(*) from read_parquet('{tmp_path / 'other.parquet'}')", given)


def test_memory_is_limited() -> None:
    """A query that needs more than it is given ends; the process does not."""
    with pytest.raises(QueryInvalid, match="Memory"):
        ask("select count(distinct i::text || 'x') from range(5_000_000) t(i)", sales(), memory_mb=20)
