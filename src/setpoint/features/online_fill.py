"""Filling groups from the whole log, and letting go of what no window needs any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from setpoint.core.errors import Busy
from setpoint.core.ports import Mark, OnlineState
from setpoint.features.online_batch import nothing_added
from setpoint.features.online_groups import TEXTS, Group, SourceGroups
from setpoint.features.online_merge import Blob, blob_of, merged, text_key
from setpoint.features.online_rows import Rows, in_order

CHUNK: Final = 1 << 18
"""Most rows that are filled in at once."""

PAGE: Final = 1 << 12
"""Most keys that are looked at at once."""

_FILLING: Final = "~filling"


class Progress(Protocol):
    """Told after every step how far a backfill is."""

    def __call__(self, *, done: int, of: int) -> None:
        """So many rows of so many were taken in."""
        ...


def fill(source: SourceGroups, state: OnlineState, rows: pa.Table, progress: Progress | None) -> int:
    """Fill the groups that have no mark with the rows of a source from its beginning; gives how many rows they were.

    Key by key instead of batch by batch, so that each blob is written once. Readers see nothing of it until the marks
    are set. What was begun and not ended is begun anew. Raises Busy when somebody else begins.
    """
    marks, _ = state.read(source.names, [])
    empty = [group for group, mark in zip(source.groups, marks, strict=True) if mark is None]
    rows, position = in_order(rows)
    if not empty or not position.size:
        return 0
    found = Rows(source, rows)
    last, known_at = int(position[-1]), int(found.known_at[-1])
    done, of = 0, position.size * len(empty)
    for group in empty:
        token = _begin(state, group)
        for blobs, count in _filled(source, group, rows, last):
            _write(state, group, {_lock(group): (token, token)}, blobs)
            done += count
            if progress is not None:
                progress(done=done, of=of)
        _write(state, group, {_lock(group): (token, token), group.name: (None, Mark(last, known_at))}, [])
        state.forget(_lock(group))
    return int(position.size)


def compact(source: SourceGroups, state: OnlineState, at: int) -> int:
    """Let go of what no decision from a time on needs; gives how many keys went. No value changes."""
    gone = 0
    for group in source.groups:
        keys = state.keys(group.name)
        while page := list(islice(keys, PAGE)):
            while (dropped := _compacted(state, group, page, at)) is None:
                pass
            gone += dropped
    return gone


def _compacted(state: OnlineState, group: Group, keys: Sequence[str], at: int) -> int | None:
    """Rewrite the blobs of keys as of a time; None where rows came in meanwhile."""
    (mark,), old = state.read([group.name], [(group.name, key) for key in keys])
    if mark is None:
        return 0
    there = [(key, blob) for key, blob in zip(keys, old, strict=True) if blob]
    head = 8 * group.shape.head_words
    blobs: list[Blob] = []
    nobody = np.zeros(0, dtype=np.int64)
    found = merged(
        nothing_added(group.shape), group, nobody, [key for key, _ in there], [blob for _, blob in there], at
    )
    for (_, before), (name, key, after) in zip(there, found, strict=True):
        if len(after) == head:
            blobs.append((name, key, b""))
        elif before[16:] != after[16:]:
            blobs.append((name, key, after))
    if not state.apply({group.name: (mark, Mark(mark.position, max(mark.known_at, at)))}, blobs):
        return None
    return sum(not blob for _, _, blob in blobs)


def _begin(state: OnlineState, group: Group) -> Mark:
    """Take over the filling of a group, and drop what an earlier one left."""
    (before,), _ = state.read([_lock(group)], [])
    token = Mark(0 if before is None else before.position + 1, 0)
    _write(state, group, {_lock(group): (before, token)}, [])
    state.forget(group.name)
    return token


def _filled(source: SourceGroups, group: Group, rows: pa.Table, last: int) -> Iterator[tuple[list[Blob], int]]:
    """The blobs of all keys of a group, key by key in steps of some rows, and how many rows each step took."""
    everything = Rows(source, rows)
    held = np.flatnonzero(everything.live(last))
    numbers, names = everything.keys(group, held)
    held, numbers = held[numbers >= 0], numbers[numbers >= 0]
    order = np.argsort(numbers.astype(np.uint16) if len(names) < 1 << 16 else numbers, kind="stable")
    held, numbers = held[order], numbers[order]
    begun: dict[str, bytes] = {}
    for start in range(0, held.size, CHUNK):
        some = np.sort(held[start : start + CHUNK])
        part = Rows(source, rows.take(pa.array(some)))
        chosen, theirs, keys = part.folded(group, np.ones(some.size, dtype=np.bool_))
        blobs = list(merged(part.batch.added(group.shape, chosen), group, theirs, keys, [*map(begun.get, keys)]))
        texts = [(TEXTS, text_key(hashed), blob_of(text)) for hashed, text in part.texts(group, chosen)]
        yield [*blobs, *texts], some.size
        unfinished = names[numbers[min(start + CHUNK, held.size) - 1]]
        begun = {key: blob for _, key, blob in blobs if key == unfinished} or begun


def _write(
    state: OnlineState, group: Group, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[Blob]
) -> None:
    if not state.apply(moves, blobs):
        raise Busy(
            f"Somebody else fills {group.name!r} now.", hint="Let them finish, or begin again when they have stopped."
        )


def _lock(group: Group) -> str:
    """The group whose mark says who fills another."""
    return group.name + _FILLING
