"""The truth of decisions: known, void, censored or unknown as of a time, by meeting each with the events of its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME, Array, Mask, to_array
from setpoint.data.evaluate import Inputs, evaluate, is_true
from setpoint.data.labels import CENSORED, KNOWN, STATES, UNKNOWN, VOID, Labels
from setpoint.data.rows import AT, KNOWN_AT, kind_of_type, kinds, known_rows, times_of
from setpoint.declare.expr import Column, Expr, walk
from setpoint.declare.kinds import BOOL, NUMBER, TEXT
from setpoint.declare.label import Label
from setpoint.declare.source import Source, info

__all__ = ["CENSORED", "KNOWN", "STATES", "UNKNOWN", "VOID", "Labels", "resolve"]

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Events:
    """Rows that share a key with some decision, in the order of (key, known_at, at, id)."""

    table: pa.Table
    row: Ints
    key: Ints
    at: Ints


def resolve(
    label: Label,
    keys: pa.Array,
    at: Ints,
    rows: Mapping[str, pa.Table],
    as_of: int,
    *,
    actions: pa.Array | None = None,
    outcome_columns: Sequence[str] = (),
) -> Labels:
    """The labels of decisions with these keys and times, from what was known by `as_of`.

    An event counts for a decision when it shares its key and happened from the decision's time up to and with
    `within` after it. Of several, the last by (known_at, at, id) is the truth: a correction. When its value is NULL
    the event is taken back. Void is what any row that meets `void_when` makes it, at once; censored, what the action
    taken does, and that goes first. Without an event, the label is what `absent` says, but only once the source is
    complete up to `within` after the decision: its declared delay later. `actions` are the actions taken; without
    them none censors.
    """
    size = at.size
    state = np.full(size, UNKNOWN, dtype=np.int8)
    value = np.full(size, np.nan)
    settled_at = np.full(size, NULL_TIME, dtype=np.int64)
    ends = at + label.within
    distinct, codes = _codes(keys)

    events = _events(label.source, label.on, rows, as_of, distinct)
    carrier = _newest_between(events, codes, at, ends)
    carried = np.flatnonzero(carrier >= 0)
    found = events.table.take(pa.array(carrier[carried]))
    truth = _evaluate(label.value, label.source, found)
    known_at = times_of(found, KNOWN_AT)
    given = ~np.isnan(truth)
    state[carried[given]] = KNOWN
    value[carried[given]] = is_true(truth[given])
    settled_at[carried[given]] = known_at[given]

    complete_at = ends + (info(label.source).delay or 0)
    complete_at[carried] = np.maximum(complete_at[carried], known_at)
    absent = (state == UNKNOWN) & (complete_at <= as_of)
    state[absent] = KNOWN if label.absent == "negative" else VOID
    value[absent] = 0.0 if label.absent == "negative" else np.nan
    settled_at[absent] = complete_at[absent]

    if label.void_when is not None and label.void_source is not None:
        events = _events(label.void_source, label.on, rows, as_of, distinct, where=label.void_when)
        first = _oldest_between(events, codes, at, ends)
        void = first >= 0
        state[void], value[void] = VOID, np.nan
        settled_at[void] = times_of(events.table, KNOWN_AT)[first[void]]

    if label.censored_when is not None and actions is not None:
        taken = to_array(actions, TEXT)
        censored = is_true(evaluate(label.censored_when, Inputs(size, action=taken)))
        state[censored], value[censored], settled_at[censored] = CENSORED, np.nan, at[censored]

    told = carried[given]
    outcome = {name: _outcome(found, name, given, told, size) for name in outcome_columns}
    for column in outcome.values():
        column[state != KNOWN] = np.nan
    return Labels(state, value, settled_at, np.asarray(ends <= as_of), outcome)


def _codes(keys: pa.Array) -> tuple[pa.Array, Ints]:
    """The distinct keys and the number of each decision's; -1 for a NULL, which meets nothing."""
    encoded = keys.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return encoded.dictionary, np.asarray(codes, dtype=np.int64)


def _events(
    source: Source,
    on: str,
    rows: Mapping[str, pa.Table],
    as_of: int,
    distinct: pa.Array,
    *,
    where: Expr | None = None,
) -> _Events:
    table = known_rows(rows[info(source).name], as_of)
    column = table[on].combine_chunks()
    if column.type != distinct.type:
        column, distinct = _comparable(source, on, column, distinct)
    codes = np.asarray(pc.fill_null(pc.index_in(column, distinct), -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    meets = codes >= 0
    if where is not None:
        meets &= is_true(_evaluate(where, source, table))
    row = np.flatnonzero(meets)
    row = row[np.argsort(codes[row], kind="stable")]
    return _Events(table, row, codes[row], times_of(table, AT)[row])


def _comparable(source: Source, on: str, column: pa.Array, distinct: pa.Array) -> tuple[pa.Array, pa.Array]:
    kind = kind_of_type(column.type)
    if kind != kind_of_type(distinct.type) or kind not in (NUMBER, TEXT):
        raise DataError(
            f"The decisions' keys are {distinct.type} and {info(source).name}.{on} is {column.type}.",
            expected="the same kind on both sides",
        )
    common = pa.float64() if kind == NUMBER else pa.string()
    return column.cast(common), distinct.cast(common)


def _evaluate(expr: Expr, source: Source, table: pa.Table) -> Array:
    """The values of an expression over the rows of its source."""
    types = kinds(table)
    name = info(source).name
    read = {node.name for node in walk(expr) if isinstance(node, Column)}
    columns = {(name, column): to_array(table[column], types[column]) for column in read if column in types}
    return evaluate(expr, Inputs(table.num_rows, columns=columns))


def _newest_between(events: _Events, codes: Ints, start: Ints, end: Ints) -> Ints:
    """The last event of each decision's key from `start` to `end`, as a row of the table; -1 for none."""
    return _search(events, codes, start, end, first="right", step=-1)


def _oldest_between(events: _Events, codes: Ints, start: Ints, end: Ints) -> Ints:
    """The first event of each decision's key from `start` to `end`, as a row of the table; -1 for none."""
    return _search(events, codes, start, end, first="left", step=1)


def _search(events: _Events, codes: Ints, start: Ints, end: Ints, *, first: str, step: int) -> Ints:
    """Go through the events of each key, one of every key a round, until each decision has met one of its own."""
    found = np.full(codes.size, -1, dtype=np.int64)
    low = np.searchsorted(events.key, codes, side="left")
    high = np.searchsorted(events.key, codes, side="right")
    place = low if first == "left" else high - 1
    waiting = np.flatnonzero(low < high)
    while waiting.size:
        here = place[waiting]
        fits = (events.at[here] >= start[waiting]) & (events.at[here] <= end[waiting])
        found[waiting[fits]] = events.row[here[fits]]
        waiting = waiting[~fits]
        place[waiting] += step
        waiting = waiting[(place[waiting] >= low[waiting]) & (place[waiting] < high[waiting])]
    return found


def _outcome(found: pa.Table, name: str, given: Mask, told: Ints, size: int) -> npt.NDArray[np.float64]:
    kind = kinds(found).get(name)
    if kind not in (NUMBER, BOOL):
        raise DataError(
            f"The outcome column {name!r} is {'a ' + kind if kind else 'no column of the source of the label'}.",
            expected="a column of numbers of the source of the label",
        )
    column = np.full(size, np.nan)
    column[told] = to_array(found[name], kind)[given]
    return column
