"""Rows on their way into blobs that are kept by slot: no Python object is made for a key that was there before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from setpoint.data.arrays import Array, Mask
from setpoint.features.arena import Arena
from setpoint.features.key_hashes import numbered
from setpoint.features.online_groups import Group
from setpoint.features.online_merge import rewritten
from setpoint.features.online_rows import Rows


def folded_in(arena: Arena, batch: Rows, group: Group, live: Mask) -> tuple[Array, Callable[[], None]]:
    """The places of the rows of a batch that add to a group's blobs, and what puts the new blobs into the arena."""
    chosen = np.flatnonzero(live & batch.batch.counts(group.shape))
    slots = _slots(arena, batch, group, chosen)
    if slots.min(initial=0) < 0:
        chosen, slots = chosen[slots >= 0], slots[slots >= 0]
    numbers, distinct = np.empty(slots.size, dtype=np.int64), np.empty(slots.size, dtype=np.int64)
    distinct = distinct[: int(numbered(slots, arena.slots_given, numbers, distinct))]
    with arena.reading(distinct) as (words, begins, size):
        out, ends = rewritten(batch.batch.added(group.shape, chosen), group, numbers, words, begins, size)
    return chosen, partial(arena.put, distinct, out, ends)


def _slots(arena: Arena, batch: Rows, group: Group, chosen: Array) -> Array:
    """The slot of each row's key, -1 for a row that has none."""
    hashes = batch.hashes(group)
    if hashes is None:
        numbers, keys = batch.keys(group, chosen)
        return np.append(arena.slots(keys), -1)[numbers]
    mine = hashes.of(chosen)
    slots = arena.find(mine)
    slots[mine.none] = -1
    new = np.flatnonzero((slots < 0) & ~mine.none)
    if new.size:
        numbers, keys = batch.spelled(group, chosen[new])
        slots[new] = np.append(arena.slots(keys), -1)[numbers]
        arena.remember(mine.of(new), slots[new])
    return slots
