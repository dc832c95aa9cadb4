"""Different values, counted: lists of records in order of value, one for each tile of a layer of values.

A record is a hash, or a value and how often it came. Lists are brought together by merging, which no order of rows can
change.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.shape import DISTINCT, FIRST, LAST, NAN, QUANTILE, RECORD_WORDS, TOP, TRUTHS, VALUES
from setpoint.features.values import BUCKET_SHIFT
from setpoint.features.wide import Int, to_float


@compiled
def counted(
    kind: int,
    added: Any,
    rows: Array,
    first: int,
    last: int,
    truth: int,
    value: int,
) -> tuple[Array, int]:
    """The different values of rows in order of time, in order of value, and how many they are."""
    words, found = np.empty(last - first, np.int64), 0
    for place in range(first, last):
        if added[TRUTHS][truth, rows[place]]:
            words[found] = added[VALUES][value, rows[place]]
            found += 1
    put_in_order(words, found)
    width = RECORD_WORDS[kind]
    records, many = np.empty(width * found, np.int64), 0
    for place in range(found):
        if place == 0 or words[place] != words[place - 1]:
            records[width * many] = words[place]
            if width == 2:
                records[width * many + 1] = 0
            many += 1
        if width == 2:
            records[width * many - 1] += 1
    return records, many


@compiled
def put_in_order(words: Array, count: int) -> None:
    """Sort the first of some words in place: Williams' heapsort, "Algorithm 232" (1964)."""
    for step in range(count + count // 2 - 1, 0, -1):
        if step >= count:  # first every parent is made the greatest of its children, then the greatest goes last
            parent, last = step - count, count
        else:
            words[0], words[step] = words[step], words[0]
            parent, last = 0, step
        while 2 * parent + 1 < last:
            child = 2 * parent + 1
            if child + 1 < last and words[child + 1] > words[child]:
                child += 1
            if words[parent] >= words[child]:
                break
            words[parent], words[child] = words[child], words[parent]
            parent = child


@compiled
def united(kind: int, cap: int, left: Array, count: int, right: Array, source: int, more: int, out: Array) -> Int:
    """Bring two lists of values in order together; gives how many there are, -1 where they are too many to count."""
    width, found, one, other = RECORD_WORDS[kind], 0, 0, source
    stop, end = width * count, source + width * more
    while one < stop or other < end:
        if kind == DISTINCT and found > cap:
            break
        to = width * found
        found += 1
        if other == end or (one < stop and left[one] < right[other]):
            for word in range(width):
                out[to + word] = left[one + word]
            one += width
        elif one == stop or right[other] < left[one]:
            for word in range(width):
                out[to + word] = right[other + word]
            other += width
        else:
            out[to] = left[one]
            if kind in (TOP, QUANTILE):
                out[to + 1] = left[one + 1] + right[other + 1]
            one += width
            other += width
    return -1 if kind == TOP and found > cap else found


@compiled
def quantile(counts: Array, count: int, share: float) -> Int:
    """The bits of the number in whose bucket the value of a rank is."""
    rows = 0
    for place in range(count):
        rows += counts[2 * place + 1]
    if rows == 0:
        return NAN
    rank = max(1.0, math.ceil(share * float(rows)))
    place, passed = 0, counts[1]
    while passed < rank:
        place += 1
        passed += counts[2 * place + 1]
    bucket = counts[2 * place]
    return abs(bucket) << BUCKET_SHIFT | (FIRST if bucket < 0 else 0)


@compiled
def ranked(counts: Array, count: int, rank: int) -> Int:
    """The place of the value of a rank, the most frequent first and of equally frequent ones the smaller; -1: none."""
    if count < rank:
        return -1
    before, found = LAST, -1
    for _ in range(rank):
        best = -1
        for place in range(count):
            times = counts[2 * place + 1]
            after = times < before or (times == before and place > found)
            if after and (best < 0 or times > counts[2 * best + 1]):
                best = place
        before, found = counts[2 * best + 1], best
    return found


@compiled
def estimated(hashed: int, cap: int) -> float:
    """`values.estimate` from the bits of a hash."""
    return float(np.rint(float(cap - 1) / ((to_float(0, hashed) + 1.0) / 2.0**64)))
