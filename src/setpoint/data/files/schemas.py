"""The files of one pattern put together: what differs between their columns has a clear outcome, and is told.

A column that some files lack is empty in their rows; one that says which row it is, or when, breaks the contract
there. Numbers of different widths become the wider; types that have nothing in common are read as texts, so that the
contract judges each row. A column that went where a like one of the same type came may have been renamed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError
from setpoint.data.files.raw import ANY_KIND, RAW_COLUMNS, WRITTEN, with_bad
from setpoint.declare.source import SourceInfo

CHANGES = b"setpoint.changes"
"""Where a table says how its files differ."""

_ALIKE = 0.6


@dataclass(frozen=True)
class Change:
    """What is different in a file from the one before it: a column "added", "removed", "renamed" or "retyped"."""

    file: str
    column: str
    change: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}: column {self.column!r} {self.words}"


def together(info: SourceInfo, parts: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    """The rows of several files of a source, in their order; `changes_of` tells how the files differ.

    Raises DataError for columns that cannot even be read as texts together.
    """
    filled = [(part, name) for part, name in zip(parts, names, strict=True) if part.num_rows]
    if len(filled) < 2:
        return filled[0][0] if filled else parts[0]
    tables = [_lacking(info, part, name, [other for other, _ in filled]) for part, name in filled]
    changes = _changes([(part, name) for part, name in filled])
    tables = alike(info, tables)
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The files of source {info.name!r} ({info.path}) do not fit together: {error}.",
            expected="one type for each column in all of them",
        ) from error
    if not changes:
        return whole
    told = json.dumps([asdict(change) for change in changes]).encode()
    return whole.replace_schema_metadata({**(whole.schema.metadata or {}), CHANGES: told})


def changes_of(raw: pa.Table) -> list[Change]:
    """How the files of a table differ in their columns, each from the one before it.

    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "*.csv", at="ts"))
    >>> both = together(sales, [pa.table({"ts": [1], "n": [1]}), pa.table({"ts": [2]})], ["a.csv", "b.csv"])
    >>> [str(change) for change in changes_of(both)]
    ["b.csv: column 'n' is gone; it is empty there"]
    """
    told = (raw.schema.metadata or {}).get(CHANGES)
    return [] if told is None else [Change(**each) for each in json.loads(told)]


def _changes(parts: Sequence[tuple[pa.Table, str]]) -> list[Change]:
    found = []
    for (before, _), (part, name) in pairwise(parts):
        old, new = _own(before), _own(part)
        gone = {column: kind for column, kind in old.items() if column not in new}
        came = {column: kind for column, kind in new.items() if column not in old}
        for column, kind in list(gone.items()):
            like = difflib.get_close_matches(column, [one for one in came if came[one] == kind], n=1, cutoff=_ALIKE)
            if like:
                del gone[column], came[like[0]]
                words = f"looks like {column!r} renamed; each is empty where the other is"
                found.append(Change(name, like[0], "renamed", words))
        found += [Change(name, column, "removed", "is gone; it is empty there") for column in gone]
        found += [Change(name, column, "added", "is new; it is empty in the files before") for column in came]
        for column in old.keys() & new.keys():
            if old[column] != new[column] and pa.null() not in (old[column], new[column]):
                words = f"is {new[column]}, not {old[column]} as before"
                found.append(Change(name, column, "retyped", words))
    return sorted(found, key=lambda change: (change.file, change.column))


def _own(table: pa.Table) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in table.schema if field.name not in RAW_COLUMNS}


def _lacking(info: SourceInfo, table: pa.Table, name: str, all_: Sequence[pa.Table]) -> pa.Table:
    """The rows of a file, as bad ones where it has no column that says which row each is, or when."""
    timeless = info.null_at == "skip" or info.retracted is not None  # such a row may be without a time
    roles = (info.id, *info.keys, None if timeless else info.at, info.known_at, info.version)
    needed = dict.fromkeys(role for role in roles if role is not None)
    there = {column for other in all_ for column in other.column_names}
    missing = [role for role in needed if role in there and role not in table.column_names]
    if not missing:
        return table
    own = ", ".join(column for column in table.column_names if column not in RAW_COLUMNS)
    words = ("missing-column", f"{name} has no column {missing[0]!r}, as other files have; it has {own}")
    return with_bad(table, dict.fromkeys(range(table.num_rows), words))


def alike(info: SourceInfo, tables: Sequence[pa.Table]) -> list[pa.Table]:
    """The tables with the columns as texts whose types have nothing in common."""
    names = dict.fromkeys(name for table in tables for name in table.column_names if name not in RAW_COLUMNS)
    found = list(tables)
    for name in names:
        fields = [table.schema.field(name) for table in tables if name in table.column_names]
        if len({field.type for field in fields}) == 1 or _unify(fields):
            continue
        for number, table in enumerate(found):
            if name in table.column_names:
                found[number] = _as_texts(info, table, name)
    return found


def _unify(fields: Sequence[pa.Field]) -> bool:
    plain = [pa.field(field.name, field.type) for field in fields]
    try:
        pa.unify_schemas([pa.schema([field]) for field in plain], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _as_texts(info: SourceInfo, table: pa.Table, name: str) -> pa.Table:
    try:
        texts = pc.cast(table[name], pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The files of source {info.name!r} do not fit together: column {name!r} is {table[name].type} in one.",
            expected="one type for each column in all of them",
        ) from error
    field = pa.field(name, pa.string(), metadata={WRITTEN: ANY_KIND})
    return table.set_column(table.column_names.index(name), field, texts)
