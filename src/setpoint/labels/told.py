"""What was told of decisions, and labelled by hand, as rows of a snapshot: it settles the labels of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.times import DAY
from setpoint.data.arrays import Array, Mask
from setpoint.data.rows import AT, ID, KNOWN_AT, known_prefix, known_rows
from setpoint.data.versions import unfold
from setpoint.declare.label import TIME, Label
from setpoint.declare.source import EVENTS, TOLD, SourceInfo
from setpoint.labels.acquired import acquired
from setpoint.labels.join import KNOWN, Labels
from setpoint.labels.meet import Ints
from setpoint.labels.told_numbers import MICROSECOND

__all__ = ["COLUMNS", "HAND", "OUTCOME", "TOLD", "beside_sources", "known_by", "told_rows", "with_told"]

OUTCOME, HAND = "outcome", "hand"
"""Who tells: the product, of what it observed; or people who look at decisions."""

COLUMNS = {
    "by": pa.string(),
    "key": pa.string(),
    "decision": pa.string(),
    "value": pa.float64(),
    "version": pa.int64(),
    "chance": pa.float64(),
    "doubted": pa.bool_(),
    "before": pa.float64(),
    "settled_at": pa.int64(),
}
"""What is told, whoever does: all of it is in every snapshot, so that a later teller changes no earlier one.

`chance` is that of being asked by lot: NULL for what nobody was asked by a strategy, 0 for what one picked. `before` is
the value that a label had before it was doubted; `settled_at` when it became known, if not with this version.
"""

_SOURCE = SourceInfo(
    TOLD,
    EVENTS,
    path="",
    key=None,
    id="id",
    at="at",
    known_at="known_at",
    delay=None,
    null_at="quarantine",
    version="version",
    retracted="back",
)


def told_rows(*told: pa.Table | None) -> pa.Table | None:
    """What was told, by whoever did, as rows in which a later version corrects an earlier one; None where nothing was.

    Each table has the columns `id`, `at` and `known_at`, and those of COLUMNS, of which one that it lacks is NULL; a
    version without a value takes back what was told.

    >>> said = {"id": ["h7", "h7"], "by": ["hand", "hand"], "key": ["7", "7"], "value": [1.0, 0.0]}
    >>> rows = told_rows(pa.table({**said, "version": [1, 2], "at": [3, 5], "known_at": [4, 6]}))
    >>> rows.select(["key", "value", KNOWN_AT, "__sign"]).to_pylist()[1]
    {'key': '7', 'value': 1.0, '__known_at': 6, '__sign': -1}
    >>> told_rows(None) is None
    True
    """
    found = [rows for rows in told if rows is not None and rows.num_rows]
    if not found:
        return None
    every = pa.concat_tables(found, promote_options="permissive").combine_chunks()
    nothing = pa.nulls(every.num_rows)
    own = {name: (every[name] if name in every.column_names else nothing).cast(kind) for name, kind in COLUMNS.items()}
    system = {AT: every["at"], KNOWN_AT: every["known_at"], ID: every["id"]}
    return unfold(_SOURCE, pa.table({**own, "back": pc.is_null(own["value"]), **system})).rows.drop_columns(["back"])


def beside_sources(rows: Mapping[str, pa.Table], told: pa.Table | None, as_of: int) -> Mapping[str, pa.Table]:
    """The sources' rows with what was told beside them, for a snapshot of a time; without it where nothing was by then.

    >>> rows = {"sales": pa.table({KNOWN_AT: [1]})}
    >>> [sorted(beside_sources(rows, pa.table({KNOWN_AT: [5]}), as_of)) for as_of in (4, 5)]
    [['sales'], ['sales', 'told labels']]
    """
    return rows if told is None or known_by(told, as_of) is None else {**rows, TOLD: told}


def known_by(told: pa.Table | None, as_of: int) -> pa.Table | None:
    """What was told by a time; None where nothing was.

    >>> known_by(pa.table({KNOWN_AT: [5]}), 4) is None
    True
    """
    known = None if told is None else known_prefix(told, as_of)
    return known if known is not None and known.num_rows else None


def with_told(labels: Labels, keys: pa.Array, at: Ints, told: pa.Table | None, *, label: Label, as_of: int) -> Labels:
    """The labels of decisions with these keys and times after what was told by a time: a told value is the label.

    It wins over what a source says, since somebody looked at this very decision; what the product observed stands
    before what people judged. Whether a decision is mature does not change. How labels of hand were acquired, and which
    of them may judge, is told with them. Where the `label` is a time until an event, one that is told of lies as
    long after its decision as it happened, and one that is told not to have come lasts to the end of the label's time.
    """
    standing = None if told is None else known_rows(told, as_of)
    if standing is None or not standing.num_rows:
        return labels
    judged = pc.equal(standing["by"], HAND).to_numpy()
    heard = standing.take(pa.array(np.argsort(judged, kind="stable")))
    place = pc.index_in(pc.cast(keys, pa.string()), heard["key"].combine_chunks())
    rows = np.flatnonzero(place.is_valid().to_numpy(zero_copy_only=False))
    found = place.drop_null().to_numpy()
    state, value, settled_at = labels.state.copy(), labels.value.copy(), labels.settled_at.copy()
    state[rows] = KNOWN
    value[rows] = heard["value"].to_numpy()[found]
    if label.gives == TIME:
        value[rows] = _days_until(value[rows] > 0, heard[AT].to_numpy()[found] - at[rows], label.within)
    settled = pc.coalesce(heard["settled_at"], heard[KNOWN_AT]).to_numpy()[found]
    settled_at[rows] = np.maximum(settled, at[rows])  # what was told of a key before somebody decided on it
    after = replace(labels, state=state, value=value, settled_at=settled_at)
    doubted = pc.fill_null(heard["doubted"], False).to_numpy().astype(bool)
    judged = np.where(doubted, heard["before"].to_numpy(), heard["value"].to_numpy())
    judged = value[rows] if label.gives == TIME else judged[found]
    return acquired(labels, after, rows, heard["chance"].to_numpy()[found], judged)


def _days_until(happened: Mask, after: Ints, within: int) -> Array:
    """Days until events that happened so long after their decisions; less than 0 where none did within its time.

    >>> _days_until(np.array([True, True, False]), np.array([DAY, 9 * DAY, DAY]), 7 * DAY)
    array([ 1., -7., -7.])
    """
    in_time = happened & (after <= within)
    return np.where(in_time, np.maximum(after / DAY, MICROSECOND), -within / DAY)
