"""The decision log as a table: written a tick at a time, read back by every query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.ports import Tables
from setpoint.core.records import FEATURE, FIELD, POSITION
from setpoint.data.arrays import Array
from setpoint.data.rows import KNOWN_AT, times_of
from setpoint.declare.expr import Aggregate, Column, Expr, walk
from setpoint.declare.plan import Plan
from setpoint.declare.source import info

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


def positions_of(log: pa.Table) -> pa.Table:
    """The positions of the sources that the decisions of a log had seen, under the sources' names."""
    return _under(log, POSITION)


def score_column(model: str) -> str:
    """The column with a model's scores.

    >>> score_column("0123456789abcdef")
    'score.0123456789ab'
    """
    return SCORE + model[:12]


def sources_read(exprs: Iterable[Expr]) -> tuple[str, ...]:
    """The names of the sources whose rows expressions read, in order of first use.

    >>> from setpoint.declare.feature import count
    >>> from setpoint.declare.source import events
    >>> sources_read([count(events("sales", "sales.parquet", at="at", delay="0s"), by=[], last="1d")])
    ('sales',)
    """
    nodes = [node for expr in exprs for node in walk(expr) if isinstance(node, (Column, Aggregate))]
    return tuple(dict.fromkeys(info(node.source).name for node in nodes))


def plan_sources(plan: Plan) -> tuple[str, ...]:
    """The names of the sources that the features of a plan read: those whose positions the log has."""
    return sources_read(feature.expr for feature in plan.inputs)


def definitions_of(plan: Plan) -> str:
    """What the log calls the versions of all features of a plan, taken together: 12 hex digits."""
    return digest(dict(plan.versions))[:12]


def positions_known(rows: Mapping[str, pa.Table], sources: Iterable[str], at: Array) -> dict[str, Array]:
    """The position of the last row of each source that was known at each time; -1 before the first.

    >>> positions_known({"sales": pa.table({KNOWN_AT: [10, 20]})}, ["sales"], np.array([5, 20]))["sales"].tolist()
    [-1, 1]
    """
    return {name: np.searchsorted(times_of(rows[name], KNOWN_AT), at, side="right") - 1 for name in sources}


def met_by(plan: Plan) -> str:
    """The column of the decision log with what the label's events are met by: the key, or a field of the request."""
    on = plan.system.label.on
    return "key" if on == plan.system.decide.key else FIELD + on


def lasts_by(plan: Plan) -> str | None:
    """The column of the decision log with the field that the label's time goes by; None where one time is for all."""
    by = plan.system.label.by
    if by is None:
        return None
    return "key" if by == plan.system.decide.key else FIELD + by


def _under(log: pa.Table, prefix: str) -> pa.Table:
    names = [name for name in log.column_names if name.startswith(prefix)]
    return log.select(names).rename_columns([name.removeprefix(prefix) for name in names])
