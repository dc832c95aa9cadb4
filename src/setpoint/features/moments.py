"""Counts, exact sums and exact sums of squares of what decisions see, and the folds that are made of them.

Sums up to each block of rows are kept, so that a range is the difference of two and some rows at its ends.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.finalise import mean_of, std_of, total_of, var_of
from setpoint.features.wide import Float, Int, Truth, add, add_square, add_wide, subtract_wide

MOMENTS: Mapping[str, int] = {"count": 0, "sum": 1, "mean": 2, "var": 3, "std": 4}
"""The folds that are made of counts, sums and squares."""

COUNT, SUM, MEAN, VAR = (MOMENTS[kind] for kind in ("count", "sum", "mean", "var"))

BLOCK = 16
"""Rows of a block."""

NARROW = 2**28
"""Below this size the squares of twice BLOCK values, and of as many again, are summed in 64 bits."""


def blocks_of(values: Array, scale: float) -> tuple[Array, float]:
    """Count, sum and sum of squares (wide ones in two words) of the values before each block, and the greatest size.

    A value is taken as the whole number nearest to itself times `scale`; NaN is none.

    >>> blocks, greatest = blocks_of(np.array([1.5, np.nan, -2.5]), 10.0)
    >>> blocks.tolist(), greatest
    ([[0, 0, 0, 0, 0]], 25.0)
    """
    blocks = np.zeros((values.size // BLOCK + 1, 5), dtype=np.int64)
    return blocks, cumulate(values, scale, blocks)


@compiled
def cumulate(values: Array, scale: Float, blocks: Array) -> Float:
    """Fill in the blocks; gives the size of the greatest value, scaled."""
    n, s_high, s_low, q_high, q_low = 0, 0, 0, 0, 0
    greatest = 0.0
    for place in range(values.size):
        if place % BLOCK == 0:
            note(blocks[place // BLOCK], n, s_high, s_low, q_high, q_low)
        if values[place] == values[place]:
            rounded = np.rint(values[place] * scale)
            greatest = max(greatest, abs(rounded))
            scaled = np.int64(rounded)
            n += 1
            s_high, s_low = add(s_high, s_low, scaled)
            q_high, q_low = add_square(q_high, q_low, scaled)
    if values.size % BLOCK == 0:
        note(blocks[values.size // BLOCK], n, s_high, s_low, q_high, q_low)
    return greatest


@compiled
def note(block: Array, n: Int, s_high: Int, s_low: Int, q_high: Int, q_low: Int) -> None:
    """Write down a count, a sum and a sum of squares."""
    block[0], block[1], block[2], block[3], block[4] = n, s_high, s_low, q_high, q_low


@compiled
def scan(
    values: Array, scale: Float, narrow: Truth, first: Int, stop: Int, n: Int, s: Int, q_high: Int, q_low: Int
) -> tuple[Int, Int, Int, Int]:
    """Add the values of a few rows to a count, a sum and a sum of squares."""
    if narrow:
        q: Int = 0
        for place in range(first, stop):
            if values[place] == values[place]:
                scaled = np.int64(np.rint(values[place] * scale))
                n += 1
                s += scaled
                q += scaled * scaled
        q_high, q_low = add(q_high, q_low, q)
    else:
        for place in range(first, stop):
            if values[place] == values[place]:
                scaled = np.int64(np.rint(values[place] * scale))
                n += 1
                s += scaled
                q_high, q_low = add_square(q_high, q_low, scaled)
    return n, s, q_high, q_low


@compiled
def fold_moments(
    segments: Array,
    low: Array,
    high: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
    values: Array,
    scale: Float,
    narrow: Truth,
    blocks: Array,
    windows: Array,
    kinds: Array,
    outputs: Array,
    out: Array,
) -> None:
    """Fold the values of what decisions see; the folds of window w are `windows[w]` to `windows[w + 1]`.

    Without any value, rows are counted. Fold f is one of MOMENTS, `kinds[f]`, and goes to the column `outputs[f]` of
    `out`, which has a line for each decision.
    """
    longest = 0
    for segment in range(segments.size - 1):
        if spells[segment] < spells[segment + 1]:
            longest = max(longest, segments[segment + 1] - segments[segment] + 1)
    steps = np.zeros((longest, 5), dtype=np.int64)
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        late = spells[segment] < spells[segment + 1]
        for window in range(windows.size - 1):
            if windows[window] == windows[window + 1]:
                continue
            if late:
                steps[: last - first + 1] = 0
                for spell in range(spells[segment], spells[segment + 1]):
                    if enter[spell] < leave[window, spell]:
                        step_in(steps[enter[spell] - first], values, scale, row[spell], 1)
                        step_in(steps[leave[window, spell] - first], values, scale, row[spell], -1)
            late_n, late_s_high, late_s_low, late_q_high, late_q_low = 0, 0, 0, 0, 0
            for asked in range(first, last):
                start, stop = low[window, asked], high[asked]
                n, s_high, s_low, q_high, q_low = 0, 0, 0, 0, 0
                if values.size == 0:
                    n = stop - start
                elif stop - start <= 2 * BLOCK:
                    n, s_low, q_high, q_low = scan(values, scale, narrow, start, stop, 0, 0, 0, 0)
                    s_high = s_low >> 63
                else:
                    head, tail = (start + BLOCK - 1) // BLOCK, stop // BLOCK
                    n, s, q_high, q_low = scan(values, scale, narrow, start, head * BLOCK, 0, 0, 0, 0)
                    n, s, q_high, q_low = scan(values, scale, narrow, tail * BLOCK, stop, n, s, q_high, q_low)
                    n += blocks[tail, 0] - blocks[head, 0]
                    s_high, s_low = add(blocks[tail, 1], blocks[tail, 2], s)
                    s_high, s_low = subtract_wide(s_high, s_low, blocks[head, 1], blocks[head, 2])
                    q_high, q_low = add_wide(q_high, q_low, blocks[tail, 3], blocks[tail, 4])
                    q_high, q_low = subtract_wide(q_high, q_low, blocks[head, 3], blocks[head, 4])
                if late:
                    step = steps[asked - first]
                    late_n += step[0]
                    late_s_high, late_s_low = add_wide(late_s_high, late_s_low, step[1], step[2])
                    late_q_high, late_q_low = add_wide(late_q_high, late_q_low, step[3], step[4])
                    n += late_n
                    s_high, s_low = add_wide(s_high, s_low, late_s_high, late_s_low)
                    q_high, q_low = add_wide(q_high, q_low, late_q_high, late_q_low)
                for fold in range(windows[window], windows[window + 1]):
                    kind = kinds[fold]
                    if kind == COUNT:
                        found = float(n)
                    elif kind == SUM:
                        found = total_of(s_high, s_low, scale)
                    elif kind == MEAN:
                        found = mean_of(n, s_high, s_low, scale)
                    elif kind == VAR:
                        found = var_of(n, s_high, s_low, q_high, q_low, scale)
                    else:
                        found = std_of(n, s_high, s_low, q_high, q_low, scale)
                    out[asked, outputs[fold]] = found


@compiled
def step_in(step: Array, values: Array, scale: Float, place: Int, sign: Int) -> None:
    """Add the row at a place to a count, a sum and a sum of squares, or with the sign -1 take it out."""
    if values.size == 0:
        step[0] += sign
    elif values[place] == values[place]:
        scaled = np.int64(np.rint(values[place] * scale))
        q_high, q_low = add_square(0, 0, scaled)
        step[0] += sign
        step[1], step[2] = add(step[1], step[2], sign * scaled)
        if sign > 0:
            step[3], step[4] = add_wide(step[3], step[4], q_high, q_low)
        else:
            step[3], step[4] = subtract_wide(step[3], step[4], q_high, q_low)
