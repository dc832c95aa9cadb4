"""The rows of a source in order of a key and of time, so that what a decision sees of them is a range.

A row is visible to a decision at `t` that has seen `arrived` rows of the source when its position is below `arrived`
and its `at` below `t`. Of the rows of a key that became known in the order in which they happened, the visible ones of
a window are a range: such rows form the chain. The others are late, and stand behind the chain; so do rows that are
taken back. The chain is a longest one there is (Schensted 1961, by Fredman's patience), so one row known years before
or after its time makes no other row late.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.data.rows import NEVER
from setpoint.features.wide import Int


@dataclass(frozen=True, eq=False)
class Arranged:
    """Rows of a source: `position` and `at` of the row at each place, each key's places in one range.

    Key k has the places `begin[k]` to `begin[k + 1]`: its chain up to `late[k]`, then its late rows, both in the order
    (at, position). `ends` is empty, or for each place the number of rows seen from which on the row is taken back.
    """

    position: Array
    at: Array
    ends: Array
    begin: Array
    late: Array

    @cached_property
    def any_late(self) -> bool:
        """Whether there is a late row."""
        return bool((self.late < self.begin[1:]).any())


def arrange(codes: Array, keys: int, at: Array, *, sign: Array | None = None, ends: Array | None = None) -> Arranged:
    """The rows of a source under a key; `codes` are the numbers of their keys below `keys`, -1 for a row without one.

    All are in order of position. Rows with a negative `sign` are left out.

    >>> arranged = arrange(np.array([0, 1, 0, 0], dtype=np.int32), 2, np.array([5, 6, 3, 7]))
    >>> arranged.position.tolist(), arranged.begin.tolist(), arranged.late.tolist()
    ([2, 3, 0, 1], [0, 3, 4], [2, 4])
    """
    if sign is not None:
        codes = np.where(sign > 0, codes, np.int32(-1))
    begin = starts_of(codes, keys)
    position, arranged_at = np.empty(int(begin[-1]), dtype=np.int32), np.empty(int(begin[-1]), dtype=np.int64)
    scatter(codes, begin[:-1].copy(), unwritten(at), position, arranged_at)
    late = np.empty(keys, dtype=np.int64)
    arranged_ends = np.zeros(0, dtype=np.int64)
    if ends is not None and bool((ends < NEVER).any()):
        arranged_ends = ends[position]
    straighten(position, arranged_at, arranged_ends, begin, late)
    return Arranged(position, arranged_at, arranged_ends, begin, late)


def starts_of(codes: Array, many: int) -> Array:
    """Where each code below `many` begins when codes are put in order and those below 0 left out, and the end.

    >>> starts_of(np.array([1, 0, -1, 1], dtype=np.int32), 2).tolist()
    [0, 1, 3]
    """
    begin = np.zeros(many + 1, dtype=np.int64)
    count_codes(codes, begin)
    return np.cumsum(begin, out=begin)


def unwritten(values: Array) -> Array:
    """The same values as an array that cannot be written: a type of its own to compiled code.

    >>> values = np.array([1.0])
    >>> unwritten(values).flags.writeable, values.flags.writeable
    (False, True)
    """
    found = values.view()
    found.flags.writeable = False
    return found


@compiled
def count_codes(codes: Array, counts: Array) -> None:
    """Count each code at the place behind it."""
    for row in range(codes.size):
        counts[codes[row] + 1] += 1
    counts[0] = 0


@compiled
def scatter(codes: Array, following: Array, at: Array, position: Array, arranged_at: Array) -> None:
    """Put each row and its time at the next free place of its code."""
    for row in range(codes.size):
        code = codes[row]
        if code >= 0:
            place = following[code]
            position[place], arranged_at[place] = row, at[row]
            following[code] = place + 1


def picked(values: Array, position: Array) -> Array:
    """The number of the row at each place.

    >>> picked(np.array([5.0, 7.0]), np.array([1, 0, 1], dtype=np.int32))
    array([7., 5., 7.])
    """
    found = np.empty(position.size)
    pick(unwritten(values), position, found)
    return found


@compiled
def pick(values: Array, position: Array, found: Array) -> None:
    """Fill in the number of the row at each place (numpy would first make 64-bit positions)."""
    for place in range(position.size):
        found[place] = values[position[place]]


@compiled
def straighten(position: Array, at: Array, ends: Array, begin: Array, late: Array) -> None:
    """Move the late rows of each key behind its chain; each key's rows come in order of position."""
    longest = 0
    for key in range(late.size):
        start, stop = begin[key], begin[key + 1]
        late[key] = stop
        for place in range(start, stop):
            if (place > start and at[place] < at[place - 1]) or (ends.size > 0 and ends[place] < NEVER):
                late[key] = -1
                longest = max(longest, stop - start)
                break
    tails, before = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.int32)
    kept = np.empty(longest, dtype=np.int64)
    for key in range(late.size):
        if late[key] < 0:
            start, stop = begin[key], begin[key + 1]
            newest = chain(at, ends, start, stop, tails, before)
            late[key] = move_late(position, at, ends, start, stop, newest, tails, before, kept)


@compiled
def chain(at: Array, ends: Array, start: Int, stop: Int, tails: Array, before: Array) -> Int:
    """The last row of a longest chain of rows whose `at` never falls; `before` leads to those before it, -1 to none."""
    length = 0
    for place in range(start, stop):
        before[place - start] = -1
        if ends.size > 0 and ends[place] < NEVER:
            continue
        low = length
        if length > 0 and at[place] < at[start + tails[length - 1]]:
            low, high = 0, length - 1
            while low < high:
                middle = (low + high) >> 1
                if at[start + tails[middle]] <= at[place]:
                    low = middle + 1
                else:
                    high = middle
        if low > 0:
            before[place - start] = tails[low - 1]
        tails[low] = place - start
        length = max(length, low + 1)
    return tails[length - 1] if length > 0 else -1


@compiled
def move_late(
    position: Array,
    at: Array,
    ends: Array,
    start: Int,
    stop: Int,
    newest: Int,
    order: Array,
    before: Array,
    kept: Array,
) -> Int:
    """Put the rows that `before` leads to from `newest` first, the others sorted behind; gives their first place."""
    size, chained, row = stop - start, 0, newest
    while row >= 0:
        following = before[row]
        before[row] = -2
        chained, row = chained + 1, following
    first, behind = 0, chained
    for row in range(size):
        if before[row] == -2:
            order[first] = row
            first += 1
        else:
            order[behind] = row
            behind += 1
    sort_by(at, start, order, before, chained, size)
    reorder(position, start, order, size, kept)
    reorder(at, start, order, size, kept)
    if ends.size > 0:
        reorder(ends, start, order, size, kept)
    return start + chained


@compiled
def reorder(values: Array, start: Int, order: Array, size: Int, kept: Array) -> None:
    """Put the values of a key in this order."""
    for place in range(size):
        kept[place] = values[start + order[place]]
    for place in range(size):
        values[start + place] = kept[place]


@compiled
def sort_by(values: Array, start: Int, order: Array, spare: Array, first: Int, stop: Int) -> None:
    """Sort order[first:stop] by the values they point to, equal ones as they stand: a merge sort from the bottom up."""
    width = 1
    while width < stop - first:
        for left in range(first, stop, 2 * width):
            middle, right = min(left + width, stop), min(left + 2 * width, stop)
            one, other = left, middle
            for place in range(left, right):
                if one < middle and (other >= right or values[start + order[one]] <= values[start + order[other]]):
                    spare[place] = order[one]
                    one += 1
                else:
                    spare[place] = order[other]
                    other += 1
        for place in range(first, stop):
            order[place] = spare[place]
        width *= 2
