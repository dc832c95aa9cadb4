"""Versions: a higher one corrects the lower ones of its identity, a retraction takes its row back, from its time on.

What was delivered (a row for each version and retraction, `__at`, `__known_at` and `__id` with it) becomes rows with
`__sign` and `__ends`: an effective version adds a row, and what it replaces, or takes back, is taken back by a row that
repeats it with the sign -1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Mask
from setpoint.data.identity import codes_of
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN, times_of
from setpoint.declare.source import SourceInfo

Ints = npt.NDArray[np.int64]


def is_versioned(info: SourceInfo) -> bool:
    """Whether a source says that its rows may be corrected or taken back."""
    return info.version is not None or info.retracted is not None


def says_which(info: SourceInfo) -> tuple[str, ...]:
    """The columns that a row needs to take another back: which one, and since when."""
    named = (info.id, info.version, info.retracted, info.known_at)
    return tuple(name for name in named if name is not None)


def taken_back(info: SourceInfo, columns: Mapping[str, pa.Array], size: int) -> Mask:
    """True for each row that takes another back."""
    if info.retracted is None:
        return np.zeros(size, dtype=bool)
    return np.asarray(pc.fill_null(columns[info.retracted], False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def without(column: pa.Array, rows: Mask) -> pa.Array:
    """A column without the values of these rows."""
    return pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)


def versions_of(info: SourceInfo, columns: Mapping[str, pa.Array], size: int) -> Ints | None:
    """The version of each row as a whole number, in the same order; None for a source without corrections.

    Where no column says it, a retraction comes after the row that it takes back.

    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "s.csv", id="n", at="ts", delay="0s", version="v"))
    >>> versions_of(sales, {"v": pa.array([1.5, 0.5, 1.5])}, 3).tolist()
    [1, 0, 1]
    """
    if not is_versioned(info):
        return None
    if info.version is None:
        return taken_back(info, columns, size).astype(np.int64)
    column = columns[info.version]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    if values.dtype == np.int64:
        return np.asarray(values)
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)


@dataclass(frozen=True)
class Effects:
    """What deliveries do: which count (`effective`), and the effective one of their identity before them (-1: none)."""

    effective: Mask
    before: Ints


def effects(codes: Ints, version: Ints, known_at: Ints) -> Effects:
    """Which deliveries change something: those with a higher version than all known before, or at the same time.

    >>> done = effects(np.zeros(4, int), np.array([1, 3, 2, 4]), np.array([10, 20, 30, 40]))
    >>> done.effective.tolist(), done.before.tolist()
    ([True, True, False, True], [-1, 0, -1, 1])
    """
    effective, before = np.ones(codes.size, dtype=bool), np.full(codes.size, -1, dtype=np.int64)
    shared = np.flatnonzero(np.bincount(codes)[codes] > 1) if codes.size else codes
    if shared.size == 0:
        return Effects(effective, before)
    ranks = np.unique(version[shared], return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((-ranks, known_at[shared], codes[shared]))
    rows, ranks = shared[order], ranks[order]
    starts = np.r_[True, codes[rows][1:] != codes[rows][:-1]]
    group = np.cumsum(starts) - 1
    height = group * (ranks.max() + 1) + ranks
    counts = np.r_[True, height[1:] > np.maximum.accumulate(height)[:-1]]
    effective[rows] = counts
    chain, group = rows[counts], group[counts]
    follows = np.flatnonzero(group[1:] == group[:-1]) + 1
    before[chain[follows]] = chain[follows - 1]
    return Effects(effective, before)


@dataclass(frozen=True)
class Unfolded:
    """Deliveries as rows of a log from a position on.

    `place` is the position of each fresh delivery's row, -1 for one without; `ended` are rows that were there before
    (their deliveries) and `ends` the positions of the rows that take them back. `superseded` counts the fresh
    deliveries that change nothing.
    """

    rows: pa.Table
    place: Ints
    ended: Ints
    ends: Ints
    superseded: int


def unfold(info: SourceInfo, delivered: pa.Table, *, fresh: int = 0, start: int = 0) -> Unfolded:
    """What deliveries do, as rows in the order (known_at, at, id, sign) from the position `start` on.

    The first deliveries, up to `fresh`, have their rows already: they are the effective ones of the others' identities,
    and were known before them.

    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "s.csv", id="n", at="ts", delay="0s", version="v"))
    >>> log = {"n": ["a", "a"], "v": [1, 2], AT: [5, 6], KNOWN_AT: [5, 9], ID: ["a", "a"]}
    >>> rows = unfold(sales, pa.table(log)).rows
    >>> rows.select(["v", AT, KNOWN_AT, SIGN, POSITION]).to_pylist()[1]
    {'v': 1, '__at': 5, '__known_at': 9, '__sign': -1, '__position': 1}
    >>> rows[SIGN].to_pylist(), rows[ENDS].to_pylist()[:2] == [1, NEVER]
    ([1, -1, 1], True)
    """
    delivered = delivered.combine_chunks()
    size = delivered.num_rows
    columns = {name: delivered[name].combine_chunks() for name in delivered.column_names}
    version, back = versions_of(info, columns, size), taken_back(info, columns, size)
    assert version is not None
    known_at = times_of(delivered, KNOWN_AT)
    done = effects(codes_of(columns[ID]), version, known_at)
    effective = done.effective & (np.arange(size) >= fresh)
    adds = np.flatnonzero(effective & ~back)
    ends = np.flatnonzero(effective & (done.before >= 0) & ~back[done.before])
    # What each row says, when it became known, and its sign: first the rows that are added, then those taken back.
    content, cause = np.r_[adds, done.before[ends]], np.r_[adds, ends]
    sign = np.repeat([1, -1], [adds.size, ends.size]).astype(np.int8)
    system = pa.table({KNOWN_AT: known_at[cause], AT: times_of(delivered, AT)[content], SIGN: sign})
    system = system.append_column(ID, columns[ID].take(pa.array(content)))
    by = [(name, "ascending") for name in (KNOWN_AT, AT, ID, SIGN)]
    order = pc.sort_indices(system, sort_keys=by).to_numpy()
    position = np.empty(order.size, dtype=np.int64)
    position[order] = np.arange(start, start + order.size)
    place = np.full(size, -1, dtype=np.int64)
    place[adds] = position[: adds.size]
    taken, by_position = done.before[ends], position[adds.size :]
    until = np.full(order.size, NEVER, dtype=np.int64)
    inside = taken >= fresh
    until[place[taken[inside]] - start] = by_position[inside]
    own = [name for name in delivered.column_names if name not in (AT, KNOWN_AT, ID)]
    rows = delivered.select(own).take(pa.array(content[order]))
    for name in (AT, KNOWN_AT, ID):
        rows = rows.append_column(name, system[name].take(pa.array(order)))
    rows = rows.append_column(POSITION, pa.array(np.arange(start, start + order.size)))
    rows = rows.append_column(SIGN, pa.array(sign[order])).append_column(ENDS, pa.array(until))
    superseded = size - fresh - np.union1d(adds, ends).size
    return Unfolded(rows.combine_chunks(), place[fresh:], taken[~inside], by_position[~inside], superseded)


def decided_on(rows: pa.Table, at: Ints) -> Mask:
    """Of rows that decisions are taken on at these times: True for those that one is taken on, once for each identity.

    It is the version that stood when the decision was taken, or the first that became known when none was known by
    then: what came later changes no decision. A row that was taken back before its time is decided on by nobody.

    >>> log = {ID: ["a"] * 3, KNOWN_AT: [1, 5, 5], POSITION: [0, 1, 2], SIGN: [1, -1, 1], ENDS: [1, NEVER, NEVER]}
    >>> decided_on(pa.table(log), np.array([3, 3, 3])).tolist(), decided_on(pa.table(log), np.array([9, 9, 9])).tolist()
    ([True, False, False], [False, False, True])
    """
    if SIGN not in rows.column_names:
        return np.ones(rows.num_rows, dtype=bool)
    known_at, ends = times_of(rows, KNOWN_AT), times_of(rows, ENDS)
    gone_at = np.full(rows.num_rows, NEVER, dtype=np.int64)
    ended = np.flatnonzero(ends != NEVER)
    gone_at[ended] = known_at[ends[ended]]
    stands = np.flatnonzero((times_of(rows, SIGN) > 0) & (gone_at > at))
    first = np.unique(codes_of(rows[ID].combine_chunks().take(pa.array(stands))), return_index=True)[1]
    chosen = np.zeros(rows.num_rows, dtype=bool)
    chosen[stands[first]] = True
    return chosen
