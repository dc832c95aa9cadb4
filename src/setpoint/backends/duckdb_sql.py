"""Questions in SQL by DuckDB: over Parquet files and Arrow tables, read only, and over nothing else.

A query sees the relations that it is given. It cannot read another file, write one, load an extension, reach a network
or change a setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from setpoint.core.errors import MissingExtra, QueryInvalid

if TYPE_CHECKING:
    import duckdb

_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
}


_INTERRUPTED = "Query interrupted"
"""What DuckDB says where Ctrl-C ended a query."""


@dataclass(frozen=True)
class Relation:
    """What a query can read under one name: Parquet files, Arrow tables, or both, one after the other.

    Names of columns lose their dots, so that `feature.temp` is read as `feature_temp`. A number that is NaN is NULL.
    `times` names columns of microseconds that are read as times, each with the name that it is read under.
    """

    files: Sequence[Path] = ()
    rows: Sequence[pa.Table] = ()
    times: Mapping[str, str] = field(default_factory=dict)


def ask(
    query: str,
    relations: Mapping[str, Relation],
    *,
    views: Mapping[str, str] | None = None,
    known: Sequence[str] | None = None,
    memory_mb: int = 2_000,
    threads: int = 1,
) -> pa.Table:
    """The answer to one SELECT over these relations, and over views of them (name to its SELECT).

    `known` are the names that an error tells of (default: all). Raises QueryInvalid for a query that is not one SELECT,
    or that DuckDB refuses or cannot answer within the memory, MissingExtra where DuckDB is not installed, and
    KeyboardInterrupt where it was interrupted.

    >>> sales = Relation(rows=[pa.table({"at": [0], "feature.price": [2.5]})], times={"at": "sold_at"})
    >>> ask("select feature_price, sold_at::text as day from sales", {"sales": sales}).to_pylist()
    [{'feature_price': 2.5, 'day': '1970-01-01 00:00:00+00'}]
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtra("duckdb", "sql") from None
    named = sorted([*relations, *(views or {})] if known is None else known)
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(query)]
        if kinds != [duckdb.StatementType.SELECT]:
            told = ", ".join(kind.name for kind in kinds) or "nothing"
            raise QueryInvalid(f"The query is {told}.", expected="one SELECT: questions are asked, nothing is changed")
        with duckdb.connect(":memory:", config={**_SETTINGS, "memory_limit": f"{memory_mb}MB"}) as engine:
            engine.execute(f"SET threads = {int(threads)}")
            _close(engine, relations)
            for name, relation in relations.items():
                _create(engine, name, relation)
            for name, text in (views or {}).items():
                engine.execute(f"CREATE VIEW {_name(name)} AS {text}")
            return engine.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise _refused(error, named) from error
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from None
        raise


def _close(engine: duckdb.DuckDBPyConnection, relations: Mapping[str, Relation]) -> None:
    """Leave a query nothing to reach but the files of its relations."""
    files = [str(file) for relation in relations.values() for file in relation.files]
    engine.execute("SET TimeZone = 'UTC'")
    if files:
        engine.execute("SET allowed_paths = ?", [files])
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")


def _create(engine: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """The view of a relation, over its parts as they are."""
    parts = []
    if relation.files:
        files = ", ".join(_text(str(file)) for file in relation.files)
        parts.append(f"SELECT * FROM read_parquet([{files}], union_by_name = true)")  # noqa: S608 (all names are quoted)
    for number, rows in enumerate(relation.rows):
        engine.register(f"__{name} {number}", rows)
        parts.append(f"SELECT * FROM {_name(f'__{name} {number}')}")  # noqa: S608
    whole = _name(f"__{name}")
    engine.execute(f"CREATE VIEW {whole} AS {' UNION ALL BY NAME '.join(parts)}")
    described = engine.execute(f"DESCRIBE {whole}").fetchall()
    columns = ", ".join(_column(row[0], row[1], relation.times) for row in described)
    engine.execute(f"CREATE VIEW {_name(name)} AS SELECT {columns} FROM {whole}")  # noqa: S608


def _column(name: str, kind: str, times: Mapping[str, str]) -> str:
    """How a column is read: under a name that needs no quotes, NaN as NULL, microseconds as a time."""
    column, shown = _name(name), _name(name.replace(".", "_"))
    if name in times:
        return f"timezone('UTC', make_timestamp({column})) AS {_name(times[name])}"
    return f"nullif({column}, 'nan'::DOUBLE) AS {shown}" if kind == "DOUBLE" else f"{column} AS {shown}"


def _refused(error: Exception, known: Collection[str]) -> QueryInvalid:
    """The error of DuckDB in our words: its own first sentence, and what there is to ask about."""
    told = str(error).strip().splitlines()
    said = told[0].rstrip(".!") if told else type(error).__name__
    return QueryInvalid(f"The query cannot be answered: {said}.", expected=f"one SELECT over {', '.join(known)}")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"
