"""Sums over all slices of a table at once: how often two or three groups of columns meet, and the losses there.

Combinations are counted, not multiplied out: a row adds to one cell of a joint table, so no matrix of ones is made.
Pairs of columns are counted two at a time, by tables of three columns of which two are neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from setpoint.data.compiled import compiled
from setpoint.measure.bins import Levels
from setpoint.measure.rows import Array

Joint = npt.NDArray[np.uint16]
Places = npt.NDArray[np.int64]

BLOCK = 32_768
"""Rows that are read while they and a table stay close to the processor."""
TABLES = 32 * 2**20
"""Most bytes of the tables that are counted together."""


def scan_singles(codes: Levels, values: Array, width: int) -> tuple[Array, Array]:
    """The sums of each group of each column, and its largest loss: (columns, width, 2) and (columns, width).

    `values` has a row's weight and its weight times its loss. A group without rows has the largest loss 0.

    >>> codes, values = np.array([[0, 1, 0]], dtype=np.uint8), np.array([[1.0, 3.0], [1.0, 5.0], [1.0, 4.0]])
    >>> scan_singles(codes, values, 2)[0].tolist()
    [[[2.0, 7.0], [1.0, 5.0]]]
    """
    sums = np.zeros((codes.shape[0], width, 2))
    largest = np.zeros((codes.shape[0], width))
    _singles(codes, values, sums, largest)
    return sums, largest


def scan_pairs(codes: Levels, values: Array, width: int) -> Array:
    """The sums of each pair of groups of each two columns, (columns, columns, width, width, 2), the first one lower.

    >>> codes, values = np.array([[0, 1, 0], [1, 1, 1]], dtype=np.uint8), np.array([[1.0, 3.0], [1.0, 5.0], [1.0, 4.0]])
    >>> scan_pairs(codes, values, 2)[0, 1, 0, 1].tolist()
    [2.0, 7.0]
    """
    columns = codes.shape[0]
    found = np.zeros((columns, columns, width, width, 2))
    if columns < 2:
        return found
    even = [(j, j + 1) for j in range(0, columns - 1, 2)]
    tasks = [(place, k) for place, (_, j) in enumerate(even) for k in range(j + 1, columns)]
    joint = join_columns(codes, np.array(even), width)
    for part, tables in _counted(joint, codes, values, tasks, width):
        for (place, k), table in zip(part, tables, strict=True):
            first, second = even[place]
            found[first, k], found[second, k] = table.sum(axis=1), table.sum(axis=0)
            found[first, second] = table.sum(axis=2)
    if columns % 2 == 0:  # the last two columns meet no third one
        last = np.zeros((1, width * width, 2))
        _joint(joint[-1:], np.zeros_like(codes[:1]), values, np.zeros(1, np.int64), np.zeros(1, np.int64), 1, last)
        found[columns - 2, columns - 1] = last.reshape(width, width, 2)
    return found


def scan_triples(codes: Levels, values: Array, width: int, triples: Places) -> Array:
    """The sums of each three groups of some threes of columns, in rising order: (threes, width, width, width, 2).

    >>> codes = np.array([[0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    >>> found = scan_triples(codes, np.array([[1.0, 3.0], [1.0, 5.0]]), 2, np.array([[0, 1, 2]]))
    >>> found[0, 1, 1, 0].tolist()
    [1.0, 5.0]
    """
    pairs, place = np.unique(triples[:, :2], axis=0, return_inverse=True)
    joint = join_columns(codes, pairs, width)
    tasks = list(zip(place.ravel().tolist(), triples[:, 2].tolist(), strict=True))
    parts = [tables for _, tables in _counted(joint, codes, values, tasks, width)]
    return np.concatenate(parts) if parts else np.zeros((0, width, width, width, 2))


def join_columns(codes: Levels, pairs: Places, width: int) -> Joint:
    """The joint group of each row in each of some pairs of columns.

    >>> join_columns(np.array([[0, 1], [1, 1]], dtype=np.uint8), np.array([[0, 1]]), 2).tolist()
    [[1, 3]]
    """
    found = np.empty((len(pairs), codes.shape[1]), dtype=np.uint16)
    for place, (first, second) in enumerate(pairs.tolist()):
        np.multiply(codes[first], width, out=found[place], dtype=np.uint16)
        found[place] += codes[second]
    return found


def tables_at_once(width: int) -> int:
    """How many tables of three columns are counted together.

    >>> tables_at_once(16)
    512
    """
    return max(1, TABLES // (16 * width**3))


def _counted(
    joint: Joint, codes: Levels, values: Array, tasks: list[tuple[int, int]], width: int
) -> Iterator[tuple[list[tuple[int, int]], Array]]:
    """The tables of some (joint column, column) tasks, part by part."""
    for start in range(0, len(tasks), tables_at_once(width)):
        part = tasks[start : start + tables_at_once(width)]
        lefts, rights = (np.array(places, dtype=np.int64) for places in zip(*part, strict=True))
        tables = np.zeros((len(part), width**3, 2))
        _joint(joint, codes, values, lefts, rights, width, tables)
        yield part, tables.reshape(len(part), width, width, width, 2)


@compiled
def _joint(left: Joint, right: Levels, values: Array, lefts: Places, rights: Places, width: int, tables: Array) -> None:
    size = values.shape[0]
    for start in range(0, size, BLOCK):
        stop = min(size, start + BLOCK)
        value = values[start:stop]
        for task in range(lefts.size):
            first, second, table = left[lefts[task], start:stop], right[rights[task], start:stop], tables[task]
            for i in range(stop - start):
                cell = np.intp(first[i]) * width + second[i]
                table[cell, 0] += value[i, 0]
                table[cell, 1] += value[i, 1]


@compiled
def _singles(codes: Levels, values: Array, sums: Array, largest: Array) -> None:
    for column in range(codes.shape[0]):
        for i in range(values.shape[0]):
            group = codes[column, i]
            sums[column, group, 0] += values[i, 0]
            sums[column, group, 1] += values[i, 1]
            if values[i, 0] > 0 and values[i, 1] > largest[column, group] * values[i, 0]:
                largest[column, group] = values[i, 1] / values[i, 0]
