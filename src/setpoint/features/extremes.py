"""The least and greatest values and the first and last rows of what decisions see.

The extremes of each block of rows are kept, of each block of blocks and so on, so that the extremes of a range are
those of a few of them. Of late rows, each spell raises what is found at the decisions of its range: at two ranges of
a power of two, which are then handed down by halves (a sparse table the other way round).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from setpoint.data.arrays import Array, Mask
from setpoint.data.compiled import compiled
from setpoint.features.wide import Float, Int, Truth

EXTREMES: Mapping[str, int] = {"min": 0, "max": 1}
ENDS: Mapping[str, int] = {"first": 0, "last": 1}

BLOCK = 16
"""How many rows, or blocks, make a block of the next level."""


def levels_of(values: Array) -> tuple[Array, Array, Array]:
    """The least and the greatest value of each block, level after level, and where each level begins.

    NaN is no value; a block without any has the extremes of nothing, infinities.

    >>> least, greatest, begin = levels_of(np.arange(40.0))
    >>> least.tolist(), greatest.tolist(), begin.tolist()
    ([0.0, 16.0, 32.0], [15.0, 31.0, 39.0], [0, 3])
    """
    sizes = []
    size = values.size
    while size > BLOCK:
        size = -(-size // BLOCK)
        sizes.append(size)
    begin = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    least, greatest = np.empty(int(begin[-1])), np.empty(int(begin[-1]))
    fill_levels(values, begin, least, greatest)
    return least, greatest, begin


def neighbours_of(counts: Mask) -> tuple[Array, Array]:
    """For each number of places: the newest place below it that counts, the oldest from it on; -1 where none does.

    >>> [found.tolist() for found in neighbours_of(np.array([False, True, False]))]
    [[-1, -1, 1, 1], [1, 1, -1, -1]]
    """
    places = np.arange(counts.size, dtype=np.int32)
    before = np.full(counts.size + 1, -1, dtype=np.int32)
    np.maximum.accumulate(np.where(counts, places, np.int32(-1)), out=before[1:])
    after = np.full(counts.size + 1, counts.size, dtype=np.int32)
    after[:-1] = np.minimum.accumulate(np.where(counts, places, np.int32(counts.size))[::-1])[::-1]
    after[after == counts.size] = -1
    return before, after


@compiled
def fill_levels(values: Array, begin: Array, least: Array, greatest: Array) -> None:
    """Fill in the extremes of each block of each level."""
    for level in range(begin.size - 1):
        for block in range(begin[level + 1] - begin[level]):
            low, high = np.inf, -np.inf
            if level == 0:
                for place in range(block * BLOCK, min(block * BLOCK + BLOCK, values.size)):
                    low, high = widened(low, high, values[place], values[place])
            else:
                first = begin[level - 1] + block * BLOCK
                for place in range(first, min(first + BLOCK, begin[level])):
                    low, high = widened(low, high, least[place], greatest[place])
            least[begin[level] + block], greatest[begin[level] + block] = low, high


@compiled
def widened(low: Float, high: Float, least: Float, greatest: Float) -> tuple[Float, Float]:
    """Extremes, together with others; NaN changes nothing."""
    return (min(low, least)), (max(high, greatest))


@compiled
def extremes_of(
    values: Array, begin: Array, least: Array, greatest: Array, first: Int, stop: Int
) -> tuple[Float, Float]:
    """The extremes of a range of places."""
    low, high = np.inf, -np.inf
    while first < stop and first % BLOCK != 0:
        low, high = widened(low, high, values[first], values[first])
        first += 1
    while first < stop and (stop % BLOCK != 0 or begin.size == 1):
        stop -= 1
        low, high = widened(low, high, values[stop], values[stop])
    level = 0
    first, stop = first // BLOCK, stop // BLOCK
    while first < stop:
        base = begin[level]
        while first < stop and first % BLOCK != 0:
            low, high = widened(low, high, least[base + first], greatest[base + first])
            first += 1
        while first < stop and (stop % BLOCK != 0 or level == begin.size - 2):
            stop -= 1
            low, high = widened(low, high, least[base + stop], greatest[base + stop])
        level += 1
        first, stop = first // BLOCK, stop // BLOCK
    return low, high


@compiled
def room_of(segments: Array, spells: Array) -> Int:
    """How many numbers `raised` needs for the longest segment with spells."""
    longest = 0
    for segment in range(segments.size - 1):
        if spells[segment] < spells[segment + 1]:
            longest = max(longest, segments[segment + 1] - segments[segment])
    levels, width = 1, 1
    while width < longest:
        levels, width = levels + 1, width * 2
    return longest * levels


@compiled
def raised(
    first: Int,
    size: Int,
    spells: Array,
    segment: Int,
    row: Array,
    enter: Array,
    leave: Array,
    window: Int,
    values: Array,
    sign: Int,
    table: Array,
) -> None:
    """Put the greatest of each decision's spells into table[:size]: of the rows' values times `sign`, or of places.

    `first` is the first decision of the segment and `size` how many there are. With the sign 0 the value of a row that
    counts is its place, with 2 its place counted from behind.
    """
    top, width = 0, 1
    while 2 * width <= size:
        top, width = top + 1, 2 * width
    table[: size * (top + 1)] = -np.inf
    for spell in range(spells[segment], spells[segment + 1]):
        begins, ends, place = enter[spell] - first, leave[window, spell] - first, row[spell]
        if begins >= ends or (values.size > 0 and values[place] != values[place]):
            continue
        if sign == 0:
            value = float(place)
        elif sign == 2:
            value = -float(place)
        else:
            value = sign * values[place]
        level, width = 0, 1
        while 2 * width <= ends - begins:
            level, width = level + 1, 2 * width
        base = level * size
        table[base + begins] = max(table[base + begins], value)
        table[base + ends - width] = max(table[base + ends - width], value)
    for level in range(top, 0, -1):
        width = 1 << (level - 1)
        above, base = level * size, (level - 1) * size
        for place in range(size - width):
            value = table[above + place]
            if value > -np.inf:
                table[base + place] = max(table[base + place], value)
                table[base + place + width] = max(table[base + place + width], value)


@compiled
def fold_extremes(
    segments: Array,
    low: Array,
    high: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
    values: Array,
    begin: Array,
    least: Array,
    greatest: Array,
    windows: Array,
    kinds: Array,
    outputs: Array,
    out: Array,
) -> None:
    """The least and greatest values of what decisions see, NaN where there is none; as `fold_moments`."""
    room = room_of(segments, spells)
    lows, highs = np.empty(room), np.empty(room)
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        late = spells[segment] < spells[segment + 1]
        for window in range(windows.size - 1):
            if windows[window] == windows[window + 1]:
                continue
            if late:
                raised(first, last - first, spells, segment, row, enter, leave, window, values, -1, lows)
                raised(first, last - first, spells, segment, row, enter, leave, window, values, 1, highs)
            for asked in range(first, last):
                found = extremes_of(values, begin, least, greatest, low[window, asked], high[asked])
                if late:
                    found = widened(found[0], found[1], -lows[asked - first], highs[asked - first])
                for fold in range(windows[window], windows[window + 1]):
                    value = found[kinds[fold]]
                    out[asked, outputs[fold]] = value + 0.0 if abs(value) < np.inf else np.nan


@compiled
def fold_ends(
    segments: Array,
    low: Array,
    high: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
    values: Array,
    before: Array,
    after: Array,
    at: Array,
    position: Array,
    as_row: Truth,
    windows: Array,
    kinds: Array,
    outputs: Array,
    out: Array,
) -> None:
    """The first or last row that counts of what decisions see: its value, or its position and -1 for none.

    Without `before` every row of the chain counts; without any value, every row does.
    """
    room = room_of(segments, spells)
    table = np.empty(room)
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        late = spells[segment] < spells[segment + 1]
        for window in range(windows.size - 1):
            for fold in range(windows[window], windows[window + 1]):
                newest = kinds[fold] == 1
                if late:
                    sign = 0 if newest else 2
                    raised(first, last - first, spells, segment, row, enter, leave, window, values, sign, table)
                for asked in range(first, last):
                    start, stop = low[window, asked], high[asked]
                    place = -1
                    if start < stop:
                        if newest:
                            place = before[stop] if before.size > 0 else stop - 1
                        else:
                            place = after[start] if after.size > 0 else start
                        if place < start or place >= stop:
                            place = -1
                    if late and table[asked - first] > -np.inf:
                        other: Int = np.int64(abs(table[asked - first]))
                        if place < 0 or newest == is_older(at, position, place, other):
                            place = other
                    if as_row:
                        found = float(position[place]) if place >= 0 else -1.0
                    else:
                        found = values[place] if place >= 0 else np.nan
                    out[asked, outputs[fold]] = found


@compiled
def is_older(at: Array, position: Array, place: Int, other: Int) -> Truth:
    """Whether the row at one place comes before the row at another."""
    return at[place] < at[other] or (at[place] == at[other] and position[place] < position[other])
