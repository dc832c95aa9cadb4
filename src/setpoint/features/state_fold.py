"""Folding blobs for decisions: one pass from the newest entry back for all windows, each fold finished exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from setpoint.data.arrays import NULL_TIME, Array
from setpoint.data.compiled import compiled
from setpoint.features.finalise import mean_of, std_of, total_of, var_of
from setpoint.features.shape import (
    AS_NUMBER,
    COUNT,
    FIRST,
    FOLD_WORDS,
    FOLDED_WORDS,
    GREATEST,
    LAST,
    LEAST,
    NAN,
    NEWEST,
    OF_COUNT,
    OF_DISTINCT,
    OF_EXTREME,
    OF_MEAN,
    OF_ROW,
    OF_SUM,
    OF_VAR,
    QUANTILE,
    SQUARES,
    SUM,
    TILES,
    TOP,
    WINDOW_WORDS,
    Layer,
    Shape,
    window_numbers,
)
from setpoint.features.state import BROKEN, FULL, GOOD, OVERFLOW, SIZE, clear_part, combine_part, size_of, window_edge
from setpoint.features.state_values import estimated, quantile, ranked, united
from setpoint.features.wide import Int, add_wide
from setpoint.features.windows import start_of

SCALES = np.array([10.0**decimals for decimals in range(32)])


@compiled
def fold(plan: Array, calendar: Array, words: Array, blobs: Array, at: int, out: Array, names: Array) -> Int:
    """Finish every fold of a plan for one decision or many: a row of `out` for each fold, a column for each decision.

    `words` are blobs behind each other and `blobs` the number of each decision's own, in order of groups and then
    decisions, -1 where there is none. `calendar` has where calendar windows begin. The values that a fold names one by
    one go to `names`, behind each other.
    """
    windows, groups, number_of_blobs, widest = plan[0], plan[1], 0, plan[2]
    starts = np.empty(windows, np.int64)
    for window in range(windows):
        starts[window] = window_edge(plan, 4 + WINDOW_WORDS * window, at, calendar, 0)
    for place in range(blobs.size):
        number_of_blobs = max(number_of_blobs, blobs[place] + 1)
    begins = np.empty(number_of_blobs + 1, np.int64)
    begins[0] = 0
    for blob in range(number_of_blobs):
        if begins[blob] >= words.size:
            return BROKEN
        begins[blob + 1] = begins[blob] + (words[begins[blob]] & SIZE)
    if number_of_blobs > 0 and begins[number_of_blobs] > words.size:
        return BROKEN
    sums, room = np.empty(widest, np.int64), words.size if plan[3] else 0
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    bits, parameters = out.view(np.int64), plan.view(np.float64)
    unit, listed = 4 + WINDOW_WORDS * windows, 0
    for group in range(groups):
        layers = plan[unit + 1]
        for decision in range(out.shape[1]):
            blob = blobs[group * out.shape[1] + decision]
            begin = begins[blob] if blob >= 0 else -1
            if blob >= 0 and size_of(words, begin, layers) < 0:
                return BROKEN
            none = blob < 0 or words[begin] == 1
            source, place = begin + 2 + layers, unit + 2
            for layer in range(layers):
                length = 0 if none else words[begin + 2 + layer]
                if plan[place] == TILES:
                    if not fold_tiles(plan, place, starts, words, source, length, at, sums, out, bits, decision):
                        return OVERFLOW
                elif plan[place] == NEWEST:
                    fold_newest(plan, place, starts, words, source, length, at, bits, decision)
                else:
                    listed = fold_values(
                        plan, place, starts, words, source, length, at, left, right, parameters, out, bits, decision,
                        names, listed,
                    )  # fmt: skip
                source += length
                place += plan[place + 1]
        unit += plan[unit]
    return GOOD


@compiled
def fold_tiles(
    plan: Array,
    place: int,
    starts: Array,
    words: Array,
    source: int,
    length: int,
    at: int,
    sums: Array,
    out: Array,
    bits: Array,
    decision: int,
) -> Any:
    """Finish the folds of one layer of tiles; gives whether the sums fit.

    From the newest entry back, each window goes on where the one before ended.
    """
    width, parts = plan[place + 2], plan[place + 4]
    described = place + FOLDED_WORDS
    fold = described + 2 * parts
    seen = first_from(words, source, source + length, width, at)
    begin, window, start = seen, -1, FIRST
    for _ in range(plan[place + 5]):
        if plan[fold + 2] != window:
            window = plan[fold + 2]
            if starts[window] > start or start == FIRST:
                begin = seen
                for part in range(parts):
                    clear_part(plan[described + 2 * part], sums, plan[described + 2 * part + 1])
            start, stop = starts[window], begin
            begin = first_from(words, source, stop, width, start)
            for part in range(parts):
                offset = plan[described + 2 * part + 1]
                if not combine_run(plan[described + 2 * part], sums, offset, words, begin, stop, width):
                    return False
        finish(plan, fold, sums, out, bits, decision)
        fold += FOLD_WORDS
    return True


@compiled
def first_from(words: Array, source: int, stop: int, width: int, start: int) -> Int:
    """Where the first entry from a time on is, among entries in order of time."""
    low, high = 0, (stop - source) // width
    while low < high:
        middle = (low + high) // 2
        if words[source + middle * width] < start:
            low = middle + 1
        else:
            high = middle
    return source + low * width


@compiled
def combine_run(what: Int, sums: Array, to: Int, words: Array, begin: int, stop: int, width: int) -> Any:
    """Add one part of some entries in a row to a sum; gives whether it fits."""
    if what == COUNT:
        count = sums[to]
        for entry in range(begin, stop, width):
            count += words[entry + to]
        sums[to] = count
    elif what in (SUM, SQUARES):
        high, low = sums[to], sums[to + 1]
        for entry in range(begin, stop, width):
            high, low = add_wide(high, low, words[entry + to], words[entry + to + 1])
            if what == SQUARES and (high < 0 or high >= FULL):
                return False
        sums[to], sums[to + 1] = high, low
    elif what == LEAST:
        for entry in range(begin, stop, width):
            sums[to] = min(sums[to], words[entry + to])
    elif what == GREATEST:
        for entry in range(begin, stop, width):
            sums[to] = max(sums[to], words[entry + to])
    else:
        for entry in range(begin, stop, width):
            combine_part(what, sums, to, words, entry + to)
    return True


@compiled
def fold_newest(
    plan: Array,
    place: int,
    starts: Array,
    words: Array,
    source: int,
    length: int,
    at: int,
    bits: Array,
    decision: int,
) -> None:
    """Finish the folds of the newest rows: the newest that is seen, if it is in the window."""
    width, fold = plan[place + 2], place + FOLDED_WORDS + 2 * plan[place + 4]
    newest = source + length - width
    while newest >= source and words[newest] >= at:
        newest -= width
    for _ in range(plan[place + 5]):
        entry, one = newest, plan[fold + 3]
        while entry >= source and words[entry + one + 1] < 0:
            entry -= width
        real = entry >= source and words[entry + one] >= starts[plan[fold + 2]]
        bits[plan[fold + 1], decision] = words[entry + one + 2] if real else nothing(plan[fold + 8])
        fold += FOLD_WORDS


@compiled
def fold_values(
    plan: Array,
    place: int,
    starts: Array,
    words: Array,
    source: int,
    length: int,
    at: int,
    left: Array,
    right: Array,
    parameters: Array,
    out: Array,
    bits: Array,
    decision: int,
    names: Array,
    listed: int,
) -> Int:
    """Finish the folds of one layer of counted values; gives how many values were named so far."""
    kind, width, fold = plan[place], plan[place + 2], place + FOLDED_WORDS + 2 * plan[place + 4]
    entries, last = np.empty(length // 2, np.int64), 0
    entry = source
    while entry < source + length and words[entry] < at:
        entries[last] = entry
        last += 1
        entry += 2 + width * max(words[entry + 1], 0)
    number, window, start, count = last - 1, -1, FIRST, 0
    for _ in range(plan[place + 5]):
        row, cap, result = plan[fold + 1], plan[fold + 6], plan[fold + 8]
        if plan[fold + 2] != window:
            window = plan[fold + 2]
            if starts[window] > start or start == FIRST:
                number, count = last - 1, 0
            start = starts[window]
            while number >= 0 and words[entries[number]] >= start:
                more = words[entries[number] + 1]
                if count >= 0 and more >= 0:
                    count = united(kind, cap, left, count, words, entries[number] + 2, more, right)
                    left, right = right, left
                else:
                    count = -1
                number -= 1
        if plan[fold] == OF_DISTINCT:
            out[row, decision] = float(count) if count <= cap else estimated(left[cap - 1] ^ FIRST, cap)
        elif kind == QUANTILE:
            bits[row, decision] = quantile(left, count, parameters[fold + 7])
        elif kind == TOP:
            found = ranked(left, count, int(parameters[fold + 7]))
            bits[row, decision] = nothing(result) if found < 0 else in_order(left[2 * found], result)
        else:
            named = min(count, cap)
            for name in range(named):
                names[listed + name] = left[name] ^ FIRST
            bits[row, decision] = (listed << 24) | named
            listed += named
        fold += FOLD_WORDS
    return listed


@compiled
def finish(plan: Array, fold: int, sums: Array, out: Array, bits: Array, decision: int) -> None:
    """Write the value of a fold of tiles."""
    how, row, one, two, three = plan[fold], plan[fold + 1], plan[fold + 3], plan[fold + 4], plan[fold + 5]
    if how == OF_ROW:
        bits[row, decision] = sums[one + 2] if sums[one + 1] >= 0 else nothing(plan[fold + 8])
    elif how == OF_EXTREME:
        none = sums[one] in (LAST, FIRST)
        bits[row, decision] = nothing(plan[fold + 8]) if none else in_order(sums[one], plan[fold + 8])
    elif how == OF_COUNT:
        out[row, decision] = float(sums[one])
    elif how == OF_SUM:
        out[row, decision] = total_of(sums[two], sums[two + 1], SCALES[plan[fold + 6]])
    else:
        n, s_high, s_low, scale = sums[one], sums[two], sums[two + 1], SCALES[plan[fold + 6]]
        if how == OF_MEAN:
            out[row, decision] = mean_of(n, s_high, s_low, scale)
        elif how == OF_VAR:
            out[row, decision] = var_of(n, s_high, s_low, sums[three], sums[three + 1], scale)
        else:
            out[row, decision] = std_of(n, s_high, s_low, sums[three], sums[three + 1], scale)


@compiled
def nothing(result: Int) -> Int:
    """The bits of NULL in a result."""
    return NAN if result == AS_NUMBER else NULL_TIME


@compiled
def in_order(word: Int, result: Int) -> Int:
    """The bits of a result from the word that is in the order of results."""
    return word ^ ((word >> 63) & LAST) if result == AS_NUMBER else word


class FoldPlan:
    """What `fold` does for one decision: the folds of some shapes, one row of results each.

    `shapes` has for each blob of a decision its shape, and the folds that are finished from it by their keys.
    """

    def __init__(self, shapes: Sequence[tuple[Shape, Sequence[str]]]) -> None:
        windows = {shape.windows[shape.places[key].window] for shape, keys in shapes for key in keys}
        self.windows = sorted(windows, key=lambda window: (window.reach is None, window.reach or 0, window))
        self.keys = [key for _, keys in shapes for key in keys]
        self.calendars = [window for window in self.windows if window.unit]
        widest, counted, units = 1, False, list[int]()
        for shape, keys in shapes:
            unit = [0, len(shape.layers)]
            for number, layer in enumerate(shape.layers):
                unit += self._layer(shape, layer, [key for key in keys if shape.places[key].layer == number])
                widest, counted = max(widest, layer.width), counted or layer.kind > NEWEST
            unit[0] = len(unit)
            units += unit
        head = [len(self.windows), len(shapes), widest, counted]
        self.numbers = np.array([*head, *window_numbers(self.windows), *units], dtype=np.int64)

    def starts(self, at: int) -> Array:
        """Where the calendar's windows begin at a time, as `fold` takes it."""
        return np.array([[start_of(at, window) for window in self.calendars]], dtype=np.int64)

    def _layer(self, shape: Shape, layer: Layer, keys: Sequence[str]) -> list[int]:
        """One layer as numbers: the parts that its folds need, and the folds with those of one window together."""
        places = [(self.windows.index(shape.windows[shape.places[key].window]), key) for key in keys]
        folds, needed = list[int](), set[int]()
        for window, key in sorted(places):
            place = shape.places[key]
            needed |= {place.first, place.second, place.third} - {0}
            parameter = int(np.float64(place.parameter).view(np.int64))
            folds += [place.finish, self.keys.index(key), window, place.first, place.second, place.third]
            folds += [place.number, parameter, place.result]
        parts = [number for part in layer.parts if part.offset in needed for number in (part.what, part.offset)]
        head = [layer.kind, 0, layer.width, layer.cap, len(parts) // 2, len(keys)]
        head[1] = len(head) + len(parts) + len(folds)
        return [*head, *parts, *folds]
