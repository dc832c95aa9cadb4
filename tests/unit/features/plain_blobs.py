"""What a blob has to be, from the set of its rows alone: the definition in plain Python, against the compiled code.

Nothing is merged here. Each row is put into the entry that its time and the watermark name, and each entry is made of
all its rows at once, with Python's own integers.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from setpoint.features.online_batch import Added
from setpoint.features.shape import (
    COUNT,
    DISTINCT,
    FORMAT,
    GREATEST,
    LEAST,
    NEWEST,
    OLDEST,
    SQUARES,
    SUM,
    TOP,
    Layer,
    Part,
    Shape,
)
from setpoint.features.windows import FAR_PAST, start_of


class Row(NamedTuple):
    """A row: its times and position, and its truths and values in the order of the shape."""

    at: int
    known_at: int
    position: int
    truths: tuple[int, ...]
    values: tuple[int, ...]


def rows_of(added: Added) -> list[Row]:
    """Rows as Python has them."""
    times = zip(added.at.tolist(), added.known_at.tolist(), added.position.tolist(), strict=True)
    return [
        Row(*time, tuple(added.truths[:, place].tolist()), tuple(added.values[:, place].tolist()))
        for place, time in enumerate(times)
    ]


def blob_of(shape: Shape, rows: Sequence[Row]) -> bytes:
    """The blob of a key with these rows."""
    mark = max(row.known_at for row in rows)
    edges = [start_of(mark, window) for window in shape.windows]
    layers = [layer_of(layer, edges, mark, rows) for layer in shape.layers]
    size = 2 + len(layers) + sum(map(len, layers))
    words = [FORMAT << 40 | size, mark, *map(len, layers), *[word for layer in layers for word in layer]]
    return struct.pack(f"<{len(words)}q", *words)


def layer_of(layer: Layer, edges: Sequence[int], mark: int, rows: Sequence[Row]) -> list[int]:
    """The words of a layer: its entries in order of time."""
    entries: dict[int, list[Row]] = {}
    for row in rows:
        begin = entry_of(row.at, layer, edges, mark)
        if begin is not None and row.truths[layer.truth]:
            entries.setdefault(begin, []).append(row)
    found: list[int] = []
    for begin in sorted(entries):
        if layer.kind > NEWEST:
            found += [begin, *values_of(layer, entries[begin])]
            continue
        parts = [part_of(part, entries[begin], edges) for part in layer.parts]
        if layer.kind != NEWEST or any(position >= 0 for _, position, _ in parts):
            found += [begin, *[word for part in parts for word in part]]
    return found


def entry_of(at: int, layer: Layer, edges: Sequence[int], mark: int) -> int | None:
    """The time of a row's entry: its own from the watermark on, else that of a tile no far edge can cut; None: gone.

    A tile may be as wide as the hops of the windows that still have an edge before or in it have in common.
    """
    if at >= mark:
        return at
    passed = mark
    for level, grain in enumerate(layer.grains):
        passed = min(edges[window] for window in layer.windows[: level + 1])
        coarser = layer.grains[min(level + 1, len(layer.grains) - 1)]
        if at >= passed // coarser * coarser:
            return at // grain * grain
    return FAR_PAST if layer.tail else None


def part_of(part: Part, rows: Sequence[Row], edges: Sequence[int]) -> list[int]:
    """One part of an entry, of the rows that count for it."""
    mine = [row for row in rows if row.truths[part.truth]]
    if part.what == COUNT:
        return [len(mine)]
    values = [row.values[part.value] for row in mine]
    if part.what in (SUM, SQUARES):
        total = sum(values) if part.what == SUM else sum(value * value for value in values)
        return [total >> 64, (total & (2**64 - 1)) - (2**64 if total & 2**63 else 0)]
    if part.what in (LEAST, GREATEST):
        return [min(values, default=2**63 - 1) if part.what == LEAST else max(values, default=-(2**63))]
    choose = min if part.what == OLDEST else max
    row = choose(mine, key=lambda one: (one.at, one.position), default=None)
    windows = [window for window in range(62) if part.expires >> window & 1]
    if row is None or (windows and row.at < min(edges[window] for window in windows)):
        return [0, -1, 0]
    return [row.at, row.position, row.values[part.value]]


def values_of(layer: Layer, rows: Sequence[Row]) -> list[int]:
    """How many different values an entry has, and what is kept of them, in order."""
    (part,) = layer.parts
    counts = Counter(row.values[part.value] for row in rows)
    if layer.kind == DISTINCT:
        smallest = sorted(counts)[: layer.cap + 1]
        return [len(smallest), *smallest]
    if layer.kind == TOP and len(counts) > layer.cap:
        return [-1]
    return [len(counts), *[number for word in sorted(counts) for number in (word, counts[word])]]
