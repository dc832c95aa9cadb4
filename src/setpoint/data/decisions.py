"""The decision log as a table: written a tick at a time, read back by every query."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from setpoint.core.ports import Tables
from setpoint.core.records import FEATURE, FIELD

DECISIONS, SCORES, OUTCOMES = "decisions", "scores", "outcomes"
"""The sets of tables: what was decided and seen, what other models would have said, what came of it."""

SCORE = "score."
"""Prefix of the column with a model's score, whether or not it decided."""


def part_name(tick: int) -> str:
    """The part that holds a tick's rows; names sort as ticks do.

    >>> part_name(15706) < part_name(15707)
    True
    """
    return f"{tick:010d}"


def read_until(tables: Tables, name: str, tick: int, *, columns: Sequence[str] | None = None) -> pa.Table | None:
    """The rows of a set up to and with a tick; None when there are none."""
    parts = [part for part in tables.parts(name) if part <= part_name(tick)]
    return tables.read(name, columns=columns, parts=parts) if parts else None


def forget_after(tables: Tables, tick: int) -> int:
    """Drop what was written for ticks that were never committed; gives how many parts went."""
    gone = 0
    for name in (DECISIONS, SCORES, OUTCOMES):
        for part in tables.parts(name):
            if part > part_name(tick):
                tables.delete(name, part)
                gone += 1
    return gone


def features_of(log: pa.Table) -> pa.Table:
    """The feature columns of a decision log, under their own names."""
    return _under(log, FEATURE)


def fields_of(log: pa.Table) -> pa.Table:
    """The request fields of a decision log, under their own names."""
    return _under(log, FIELD)


def score_column(model: str) -> str:
    """The column with a model's scores.

    >>> score_column("0123456789abcdef")
    'score.0123456789ab'
    """
    return SCORE + model[:12]


def _under(log: pa.Table, prefix: str) -> pa.Table:
    names = [name for name in log.column_names if name.startswith(prefix)]
    return log.select(names).rename_columns([name.removeprefix(prefix) for name in names])
