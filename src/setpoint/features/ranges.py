"""What decisions see of arranged rows: a range of the chain for each window, and the spells of single late rows.

Decisions come in order of key, time and rows seen, cut into segments of one key in which none of the three goes back.
Within a segment a late row is in a window from one decision on and up to another: its spell. So every fold is made of
ranges and spells, and needs no state from one decision to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.arrange import Arranged, scatter, starts_of, unwritten
from setpoint.features.wide import Int


@dataclass(frozen=True, eq=False)
class Asked:
    """Decisions in order: the number of their key (-1 for none), their time, the rows they have seen.

    `order` says which decision stands at each place, `segments` where each segment begins, and the end.
    """

    key: Array
    at: Array
    arrived: Array
    order: Array
    segments: Array


@dataclass(frozen=True, eq=False)
class Seen:
    """What the decisions of some segments see, for each window (the first dimension of `low` and `leave`).

    The chain's range of a decision is `low` to `high`. The spells of segment s, counted from the first of these, are
    `spells[s]` to `spells[s + 1]`: the place of the row, and the decisions at which it enters and leaves.
    """

    segments: Array
    key: Array
    low: Array
    high: Array
    spells: Array
    row: Array
    enter: Array
    leave: Array


def ask(key: Array, at: Array, arrived: Array, *, in_order: bool = False) -> Asked:
    """Decisions put in order; `in_order` says that they are in order of time, and later ones have not seen fewer rows.

    >>> ask(np.array([1, 0, 1], dtype=np.int32), np.array([5, 9, 3]), np.array([2, 4, 2])).order
    array([1, 2, 0])
    """
    if in_order or (rises(at) and rises(arrived)):
        order, at = _by_key(key, at)
    else:
        order = np.lexsort((arrived, at, key))
        at = at[order]
    key, arrived = key[order], arrived[order]
    new = key[1:] != key[:-1]
    if not in_order:
        new |= arrived[1:] < arrived[:-1]
    segments = np.zeros(1, dtype=np.int64)
    if key.size:
        segments = np.concatenate([segments, np.flatnonzero(new) + 1, [key.size]])
    return Asked(key, at, arrived, order, segments)


def rises(values: Array) -> bool:
    """Whether no value is less than the one before.

    >>> rises(np.array([1, 1, 2])), rises(np.array([2, 1]))
    (True, False)
    """
    return bool((values[1:] >= values[:-1]).all())


def _by_key(key: Array, at: Array) -> tuple[Array, Array]:
    """The places of keys in order, equal ones as they stand, and the times in this order."""
    many = int(key.max(initial=-1)) + 2
    if key.size < many:
        order = np.argsort(key, kind="stable")
        return order, at[order]
    codes, places, times = key + np.int32(1), np.empty(key.size, dtype=np.int32), np.empty(key.size, dtype=np.int64)
    scatter(codes, starts_of(codes, many)[:-1].copy(), unwritten(at), places, times)
    return places.astype(np.int64), times


def look(arranged: Arranged, asked: Asked, segments: Array, starts: Array, low: Array, high: Array) -> Seen:
    """What decisions see in windows with these starts; `low` and `high` are filled at the decisions of the segments."""
    find_ranges(
        segments, asked.key, asked.at, asked.arrived, starts,
        arranged.position, arranged.at, arranged.begin, arranged.late, low, high,
    )  # fmt: skip
    spells = np.zeros(segments.size, dtype=np.int64)
    if not arranged.any_late:
        nothing = np.zeros(0, dtype=np.int64)
        return Seen(
            segments, asked.key, low, high, spells, nothing, nothing, np.zeros((starts.shape[0], 0), dtype=np.int64)
        )
    count_spells(segments, asked.key, asked.at, starts, arranged.at, arranged.begin, arranged.late, spells)
    many = int(spells.sum())
    row, enter = np.empty(many, dtype=np.int64), np.empty(many, dtype=np.int64)
    leave = np.empty((starts.shape[0], many), dtype=np.int64)
    find_spells(
        segments, asked.key, asked.at, asked.arrived, starts,
        arranged.position, arranged.at, arranged.ends, arranged.begin, arranged.late, spells, row, enter, leave,
    )  # fmt: skip
    return Seen(segments, asked.key, low, high, spells, row, enter, leave)


@compiled
def find_ranges(
    segments: Array,
    key: Array,
    moment: Array,
    arrived: Array,
    starts: Array,
    position: Array,
    at: Array,
    begin: Array,
    late: Array,
    low: Array,
    high: Array,
) -> None:
    """The range of the chain that each decision sees in each window."""
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        mine = key[first]
        start, stop = 0, 0
        if mine >= 0:
            start, stop = begin[mine], late[mine]
        place = start
        for asked in range(first, last):
            place = first_unseen(at, position, place, stop, moment[asked], arrived[asked])
            high[asked] = place
        for window in range(starts.shape[0]):
            place = start
            for asked in range(first, last):
                place = first_since(at, place, high[asked], starts[window, asked])
                low[window, asked] = place


@compiled
def first_since(at: Array, place: Int, stop: Int, start: Int) -> Int:
    """The first place from `place` on whose row happened at `start` or later; `stop` when there is none."""
    if place >= stop or at[place] >= start:
        return place
    step = 1
    while place + step < stop and at[place + step] < start:
        place += step
        step *= 2
    above = min(place + step, stop)
    while above - place > 1:
        middle = (place + above) >> 1
        if at[middle] < start:
            place = middle
        else:
            above = middle
    return above


@compiled
def first_unseen(at: Array, position: Array, place: Int, stop: Int, moment: Int, arrived: Int) -> Int:
    """The first place of a chain from `place` on that a decision does not see; `stop` when it sees all."""
    if place >= stop or at[place] >= moment or position[place] >= arrived:
        return place
    step = 1
    while place + step < stop and at[place + step] < moment and position[place + step] < arrived:
        place += step
        step *= 2
    above = min(place + step, stop)
    while above - place > 1:
        middle = (place + above) >> 1
        if at[middle] < moment and position[middle] < arrived:
            place = middle
        else:
            above = middle
    return above


@compiled
def late_range(
    segment: Int,
    segments: Array,
    key: Array,
    moment: Array,
    starts: Array,
    at: Array,
    begin: Array,
    late: Array,
) -> tuple[Int, Int]:
    """The late rows that may be in a window of a segment's decisions."""
    first, last = segments[segment], segments[segment + 1]
    mine = key[first]
    if mine < 0 or late[mine] == begin[mine + 1]:
        return 0, 0
    start = starts[0, first]
    for window in range(1, starts.shape[0]):
        start = min(start, starts[window, first])
    place = first_since(at, late[mine], begin[mine + 1], start)
    return place, first_since(at, place, begin[mine + 1], moment[last - 1])


@compiled
def count_spells(
    segments: Array, key: Array, moment: Array, starts: Array, at: Array, begin: Array, late: Array, spells: Array
) -> None:
    """How many late rows may be in a window of each segment's decisions."""
    for segment in range(segments.size - 1):
        place, stop = late_range(segment, segments, key, moment, starts, at, begin, late)
        spells[segment] = stop - place


@compiled
def find_spells(
    segments: Array,
    key: Array,
    moment: Array,
    arrived: Array,
    starts: Array,
    position: Array,
    at: Array,
    ends: Array,
    begin: Array,
    late: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
) -> None:
    """The spells of each segment's late rows; `spells` becomes where each segment's begin."""
    found = 0
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        place, stop = late_range(segment, segments, key, moment, starts, at, begin, late)
        spells[segment] = found
        for one in range(place, stop):
            begins = first_above(moment, first, last, at[one])
            begins = first_above(arrived, begins, last, position[one])
            taken = last
            if ends.size > 0:
                taken = first_above(arrived, begins, last, ends[one])
            if begins < taken:
                row[found], enter[found] = one, begins
                for window in range(starts.shape[0]):
                    leave[window, found] = first_above(starts[window], begins, taken, at[one])
                found += 1
    spells[segments.size - 1] = found


@compiled
def first_above(values: Array, first: Int, stop: Int, value: Int) -> Int:
    """The first place whose value is above this one, of values that do not fall; `stop` when there is none."""
    while first < stop:
        middle = (first + stop) >> 1
        if values[middle] > value:
            stop = middle
        else:
            first = middle + 1
    return first
