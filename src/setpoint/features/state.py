"""Blobs: what is known of one key, as words of 64 bits, and the compiled code that adds rows to them and folds them.

    size and format | watermark | words of each layer | the layers, each a list of entries in order of time

The watermark K is the greatest `known_at` of the key's rows. A decision is taken at K or later, so a row that happened
before K is seen by every one of them, and only the far edges of windows matter: rows from K on stand by themselves,
older ones in tiles that no far edge can cut any more. Whichever tile a row belongs to follows from its time and K, and
what a tile holds does not depend on the order of its rows. So a blob is a function of the set of rows alone: any order,
any cut into batches and any repetition of a cut give the same bytes.

In a layer of tiles an entry is its time and its parts (see `shape`). In a layer of values it is its time, how many
there are (-1: more than the cap, none kept) and the values in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.shape import (
    AT,
    COUNT,
    FIRST,
    FORMAT,
    GREATEST,
    KNOWN_AT,
    LAST,
    LAYER_WORDS,
    LEAST,
    LEVEL_WORDS,
    NEWEST,
    OLDEST,
    PART_PLAN_WORDS,
    PART_WORDS,
    POSITION,
    SQUARES,
    SUM,
    TRUTHS,
    VALUES,
    WINDOW_WORDS,
)
from setpoint.features.state_values import counted, united
from setpoint.features.wide import Int, add, add_square, add_wide
from setpoint.features.windows import FAR_PAST

EMPTY = np.array([1], dtype=np.int64).tobytes()
"""The blob of a key that has none."""

GOOD, BROKEN, OVERFLOW = 0, 1, 2
"""How compiled code says that it went: well; a blob is not one; a sum of squares does not fit."""

_SIZE_BITS = 40
SIZE = 2**_SIZE_BITS - 1
_TAG = FORMAT << _SIZE_BITS
_DROPPED = FIRST
FULL = 2**62


@compiled
def merge(
    shape: Array,
    calendar: Array,
    words: Array,
    begins: Array,
    added: Any,
    keys: Array,
    order: Array,
    since: int,
    out: Array,
    ends: Array,
) -> Int:
    """Write each key's blob with rows added to `out`, behind each other; `ends[number + 1]` is where a key's ends.

    `begins` is where in `words` each key's blob is as it was, -1 where it has none. `keys` is the number of each row's
    key and `order` the rows in order of (at, position). The watermark becomes `since` at least. `calendar` has where a
    key's calendar windows begin by the new watermark.
    """
    layers, windows, number_of_keys = shape[1], shape[0], ends.size - 1
    rows, bounds = grouped(keys, order, number_of_keys)
    edges, cuts = np.empty(windows, np.int64), np.empty(windows + 1, np.int64)
    new = 0
    ends[0] = 0
    for key in range(number_of_keys):
        old = begins[key]
        size = size_of(words, old, layers) if old >= 0 else 0
        if size < 0:
            return BROKEN
        first, last = bounds[key], bounds[key + 1]
        mark = max(since, words[old + 1]) if size else since
        for place in range(first, last):
            mark = max(mark, added[KNOWN_AT][rows[place]])
        for window in range(windows):
            edges[window] = window_edge(shape, 2 + WINDOW_WORDS * window, mark, calendar, key)
        head, source, plan = new, old + 2 + layers, 2 + WINDOW_WORDS * windows
        new += 2 + layers
        for layer in range(layers):
            length = words[old + 2 + layer] if size else 0
            cut(shape, plan, edges, mark, cuts)
            begun = new
            if shape[plan] <= NEWEST:
                new = merge_tiles(shape, plan, cuts, edges, words, source, length, added, rows, first, last, out, new)
            else:
                new = merge_values(shape, plan, cuts, words, source, length, added, rows, first, last, out, new)
            if new < 0:
                return OVERFLOW
            out[head + 2 + layer] = new - begun
            source += length
            plan += shape[plan + 1]
        out[head], out[head + 1] = _TAG | (new - head), mark
        ends[key + 1] = new
    return GOOD


@compiled
def grouped(keys: Array, order: Array, number_of_keys: int) -> tuple[Array, Array]:
    """Rows behind each other by key, in their order, and where each key's begin."""
    bounds = np.zeros(number_of_keys + 1, np.int64)
    for row in range(keys.size):
        bounds[keys[row] + 1] += 1
    for key in range(number_of_keys):
        bounds[key + 1] += bounds[key]
    rows, free = np.empty(keys.size, np.int64), bounds.copy()
    for place in range(order.size):
        row = order[place]
        rows[free[keys[row]]] = row
        free[keys[row]] += 1
    return rows, bounds


@compiled
def size_of(words: Array, offset: int, layers: int) -> Int:
    """The words of the blob that begins here; -1 where none does."""
    if offset >= words.size:
        return -1
    size = words[offset] & SIZE
    if words[offset] == 1:
        return size
    if words[offset] != _TAG | size or size < 2 + layers or offset + size > words.size:
        return -1
    filled = 2 + layers
    for layer in range(layers):
        if words[offset + 2 + layer] < 0:
            return -1
        filled += words[offset + 2 + layer]
    return size if filled == size else -1


@compiled
def window_edge(windows: Array, place: int, at: int, calendar: Array, row: int) -> Int:
    """Where a window of a decision at this time begins."""
    last, hop, unit = windows[place], windows[place + 1], windows[place + 2]
    if unit >= 0:
        return calendar[row, unit]
    return (at - last) // hop * hop if last != 0 else FAR_PAST


@compiled
def cut(shape: Array, plan: int, edges: Array, mark: int, cuts: Array) -> None:
    """Write from where on rows stand by themselves, then in tiles of the first grain, of the second, and so on.

    A row belongs behind the first cut that it is not before; before all of them no window of the layer has an edge,
    except all time.
    """
    levels = shape[plan + 2]
    cuts[0] = mark
    for level in range(levels):
        place = plan + LAYER_WORDS + LEVEL_WORDS * level
        grain = shape[place + 1 + (LEVEL_WORDS if level + 1 < levels else 0)]
        cuts[level + 1] = edges[shape[place]] // grain * grain


@compiled
def tile_of(at: Int, shape: Array, plan: Int, cuts: Array) -> Int:
    """The time of the entry that a row or an older entry belongs to; _DROPPED where no window can have it."""
    if at >= cuts[0]:
        return at
    for level in range(shape[plan + 2]):
        if at >= cuts[level + 1]:
            grain = shape[plan + LAYER_WORDS + LEVEL_WORDS * level + 1]
            return at // grain * grain
    return FAR_PAST if shape[plan + 3] else _DROPPED


@compiled
def next_row(rows: Array, place: int, last: int, truths: Array, truth: int) -> Int:
    """The place of the next row that has something to add."""
    while place < last and not truths[truth, rows[place]]:
        place += 1
    return place


@compiled
def merge_tiles(
    shape: Array,
    plan: int,
    cuts: Array,
    edges: Array,
    words: Array,
    source: int,
    length: int,
    added: Any,
    rows: Array,
    row: int,
    last_row: int,
    out: Array,
    new: int,
) -> Int:
    """Write one layer of tiles with rows added; gives where it ends, -1 where a sum does not fit."""
    width, truth = shape[plan + 4], shape[plan + 7]
    stop = source + length
    row = next_row(rows, row, last_row, added[TRUTHS], truth)
    tile = tile_of(words[source], shape, plan, cuts) if source < stop else LAST
    fresh = tile_of(added[AT][rows[row]], shape, plan, cuts) if row < last_row else LAST
    while tile != LAST or fresh != LAST:
        begins = min(tile, fresh)
        filled = False
        while tile == begins:
            if begins != _DROPPED:
                if filled:
                    if not combine(shape, plan, out, new, words, source):
                        return -1
                else:
                    for word in range(width):
                        out[new + word] = words[source + word]
                    filled = True
            source += width
            tile = tile_of(words[source], shape, plan, cuts) if source < stop else LAST
        if not filled and begins != _DROPPED:
            clear(shape, plan, out, new)
        while fresh == begins:
            if begins != _DROPPED and not add_row(shape, plan, out, new, added, rows[row]):
                return -1
            row = next_row(rows, row + 1, last_row, added[TRUTHS], truth)
            fresh = tile_of(added[AT][rows[row]], shape, plan, cuts) if row < last_row else LAST
        if begins != _DROPPED:
            out[new] = begins
            if begins != FAR_PAST or shape[plan] != NEWEST or expire(shape, plan, edges, out, new):
                new += width
    return new


@compiled
def part_at(shape: Array, plan: int) -> Int:
    """Where the parts of a layer are described."""
    return plan + LAYER_WORDS + LEVEL_WORDS * shape[plan + 2]


@compiled
def clear(shape: Array, plan: int, out: Array, entry: int) -> None:
    """Make an entry that no row is in."""
    place = part_at(shape, plan)
    for _ in range(shape[plan + 6]):
        clear_part(shape[place], out, entry + shape[place + 1])
        place += PART_PLAN_WORDS


@compiled
def expire(shape: Array, plan: Int, edges: Array, out: Array, entry: Int) -> Any:
    """Empty what is older than every window that reads it; gives whether anything is left."""
    place, left = part_at(shape, plan), False
    for _ in range(shape[plan + 6]):
        to, windows = entry + shape[place + 1], shape[place + 4]
        if windows and out[to + 1] >= 0:
            least = LAST
            for window in range(edges.size):
                if (windows >> window) & 1:
                    least = min(least, edges[window])
            if out[to] < least:
                out[to], out[to + 1], out[to + 2] = 0, -1, 0
        left |= out[to + 1] >= 0
        place += PART_PLAN_WORDS
    return left


@compiled
def add_row(
    shape: Array,
    plan: Int,
    out: Array,
    entry: Int,
    added: Any,
    row: Int,
) -> Any:
    """Add a row to an entry; gives whether its sums fit."""
    place = part_at(shape, plan)
    for _ in range(shape[plan + 6]):
        if added[TRUTHS][shape[place + 2], row]:
            what, to = shape[place], entry + shape[place + 1]
            if what == COUNT:
                out[to] += 1
            else:
                value = added[VALUES][shape[place + 3], row]
                if what == SUM:
                    out[to], out[to + 1] = add(out[to], out[to + 1], value)
                elif what == SQUARES:
                    out[to], out[to + 1] = add_square(out[to], out[to + 1], value)
                    if out[to] >= FULL:
                        return False
                elif what == LEAST:
                    out[to] = min(out[to], value)
                elif what == GREATEST:
                    out[to] = max(out[to], value)
                elif comes(what, out, to, added[AT][row], added[POSITION][row]):
                    out[to], out[to + 1], out[to + 2] = added[AT][row], added[POSITION][row], value
        place += PART_PLAN_WORDS
    return True


@compiled
def comes(what: Int, out: Array, to: Int, at: Int, position: Int) -> Any:
    """Whether a row of this time and position takes the place of the oldest or newest so far."""
    if position < 0 or out[to + 1] < 0:
        return position >= 0
    if at == out[to]:
        return position < out[to + 1] if what == OLDEST else position > out[to + 1]
    return at < out[to] if what == OLDEST else at > out[to]


@compiled
def combine(shape: Array, plan: Int, out: Array, entry: Int, words: Array, source: Int) -> Any:
    """Add one entry to another; gives whether its sums fit."""
    place = part_at(shape, plan)
    for _ in range(shape[plan + 6]):
        if not combine_part(shape[place], out, entry + shape[place + 1], words, source + shape[place + 1]):
            return False
        place += PART_PLAN_WORDS
    return True


@compiled
def combine_part(what: Int, out: Array, to: Int, words: Array, source: Int) -> Any:
    """Add one part of an entry to that of another; gives whether it fits."""
    if what == COUNT:
        out[to] += words[source]
    elif what in (SUM, SQUARES):
        out[to], out[to + 1] = add_wide(out[to], out[to + 1], words[source], words[source + 1])
        return what == SUM or 0 <= out[to] < FULL
    elif what == LEAST:
        out[to] = min(out[to], words[source])
    elif what == GREATEST:
        out[to] = max(out[to], words[source])
    elif comes(what, out, to, words[source], words[source + 1]):
        out[to], out[to + 1], out[to + 2] = words[source], words[source + 1], words[source + 2]
    return True


@compiled
def merge_values(
    shape: Array,
    plan: int,
    cuts: Array,
    words: Array,
    source: int,
    length: int,
    added: Any,
    rows: Array,
    row: int,
    last_row: int,
    out: Array,
    new: int,
) -> Int:
    """Write one layer of counted values with rows added; gives where it ends."""
    kind, width, cap, truth = shape[plan], shape[plan + 4], shape[plan + 5], shape[plan + 7]
    value = shape[part_at(shape, plan) + 3]
    stop = source + length
    room = length + width * (last_row - row)
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    row = next_row(rows, row, last_row, added[TRUTHS], truth)
    tile = tile_of(words[source], shape, plan, cuts) if source < stop else LAST
    fresh = tile_of(added[AT][rows[row]], shape, plan, cuts) if row < last_row else LAST
    while tile != LAST or fresh != LAST:
        begins = min(tile, fresh)
        count = 0
        while tile == begins:
            more = words[source + 1]
            if begins != _DROPPED and count >= 0:
                if more < 0:
                    count = -1
                else:
                    count = united(kind, cap, left, count, words, source + 2, more, right)
                    left, right = right, left
            source += 2 + width * max(more, 0)
            tile = tile_of(words[source], shape, plan, cuts) if source < stop else LAST
        begun = row
        while fresh == begins:
            row = next_row(rows, row + 1, last_row, added[TRUTHS], truth)
            fresh = tile_of(added[AT][rows[row]], shape, plan, cuts) if row < last_row else LAST
        if begins == _DROPPED:
            continue
        if row > begun and count >= 0:
            records, more = counted(kind, added, rows, begun, row, truth, value)
            count = united(kind, cap, left, count, records, 0, more, right)
            left, right = right, left
        out[new], out[new + 1] = begins, count
        for word in range(width * max(count, 0)):
            out[new + 2 + word] = left[word]
        new += 2 + width * max(count, 0)
    return new


@compiled
def clear_part(what: Int, out: Array, to: Int) -> None:
    """Make one part of an entry that no row is in."""
    for word in range(PART_WORDS[what]):
        out[to + word] = 0
    if what == LEAST:
        out[to] = LAST
    elif what == GREATEST:
        out[to] = FIRST
    elif what >= OLDEST:
        out[to + 1] = -1
