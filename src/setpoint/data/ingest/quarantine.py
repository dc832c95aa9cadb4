"""Quarantine: rows that broke their contract, kept with the rule, the reason and all they held."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.ports import Tables
from setpoint.data.files.read import FILE, RAW_COLUMNS, ROW
from setpoint.data.ingest.ingest import REASON, RULE

QUARANTINE = "quarantine"
"""The set of tables under which each source has its own."""

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("held", pa.string()),
    ]
)
"""The columns of quarantined rows on disk: one shape for all sources, `held` is the row as JSON."""

_GONE = "gone-"


def write_quarantine(tables: Tables, source: str, quarantined: pa.Table, *, part: str) -> str | None:
    """Keep the rows of one batch that were set aside; gives the digest, None when there are none.

    A batch that is taken in again replaces what it left before; those of its rows that are no longer set aside, since
    the batch was mended or its contract changed, are kept with those that `read_gone` gives.
    """
    held = held_rows(quarantined)
    files = (
        quarantined[FILE].cast(pa.string()) if FILE in quarantined.column_names else pa.nulls(len(held), pa.string())
    )
    columns = [files, quarantined[ROW], quarantined[RULE], quarantined[REASON], pa.array(held, pa.string())]
    rows = pa.table(columns, schema=SCHEMA)
    _keep_gone(tables, _set_of(source), [part], rows)
    if rows.num_rows == 0:
        tables.delete(_set_of(source), part)
        return None
    return tables.write(_set_of(source), part, rows)


def leave(tables: Tables, source: str, *, beginning: tuple[str, ...]) -> None:
    """Keep the rows of every batch whose name begins so with those that `read_gone` gives, and forget the batches."""
    name = _set_of(source)
    parts = [part for part in tables.parts(name) if part.startswith(beginning)]
    _keep_gone(tables, name, parts, SCHEMA.empty_table())
    for part in parts:
        tables.delete(name, part)


def _keep_gone(tables: Tables, name: str, parts: Sequence[str], rows: pa.Table) -> None:
    """Keep what parts hold and will no longer, unless it is kept already; its name is that of its content."""
    there = tables.parts(name)
    parts = [part for part in parts if part in there]
    if not parts:
        return
    before = tables.read(name, parts=parts)
    left = Counter(before["held"].to_pylist())
    left.subtract(rows["held"].to_pylist())
    kept = [each for each in there if each.startswith(_GONE)]
    if kept:
        left.subtract(tables.read(name, columns=["held"], parts=kept)["held"].to_pylist())
    places = []
    for place, held in enumerate(before["held"].to_pylist()):
        if left[held] > 0:
            left[held] -= 1
            places.append(place)
    if places:
        gone = before.take(pa.array(places))
        tables.write(name, f"{_GONE}{digest(gone['held'].to_pylist())[:16]}", gone)


def held_rows(quarantined: pa.Table) -> list[str]:
    """What each row held, as JSON.

    >>> held_rows(pa.table({"price": [5], "__row": [1], "__reason": ["below 0"]}))
    ['{"price": 5}']
    """
    own = [name for name in quarantined.column_names if name not in (*RAW_COLUMNS, RULE, REASON)]
    rows = quarantined.select(own).to_pylist()
    return [json.dumps(_plain(row), sort_keys=True, ensure_ascii=False, allow_nan=False) for row in rows]


def read_quarantine(tables: Tables, source: str) -> pa.Table:
    """All rows of a source that are set aside, in the order of their parts."""
    return _read(tables, source, gone=False)


def read_gone(tables: Tables, source: str) -> pa.Table:
    """The rows of a source that were set aside and no longer are: nothing of a quarantine is ever deleted."""
    return _read(tables, source, gone=True)


def _read(tables: Tables, source: str, *, gone: bool) -> pa.Table:
    name = _set_of(source)
    parts = [part for part in tables.parts(name) if part.startswith(_GONE) == gone]
    return tables.read(name, parts=parts) if parts else SCHEMA.empty_table()


def _set_of(source: str) -> str:
    return f"{QUARANTINE}/{file_name(source)}"


def file_name(source: str) -> str:
    """A name for what is kept of a source on disk: its own, or where that cannot be, one with its digest.

    >>> file_name("sales"), file_name("../sales")
    ('sales', 'x---sales-e4115771')
    """
    safe = re.sub(r"[^A-Za-z0-9_-]", "-", source)
    return source if safe == source and safe[0].isalnum() else f"x{safe}-{digest(source)[:8]}"


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no word for as text: times in ISO 8601, bytes and infinities as shown."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
