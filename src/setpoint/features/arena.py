"""The blobs of a group in one array of words: what a state in this process keeps instead of an object for each key.

Blobs are only ever added behind the others; where each key's newest begins is in an array, by the key's slot. When the
room is used up, the newest are moved together. Keys of rows find their slots by 128 bits of hash, so that taking in a
batch makes no Python object for a key that was there before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.key_hashes import Hashes
from setpoint.features.wide import Int

SLACK = 4
"""How many times the words of the newest blobs there is room for when it is made."""

FIRST_ROOM = 1 << 12
"""How many words, and a quarter as many keys, an arena has room for when it is new."""


class Arena(MutableMapping[str, bytes]):
    """Blobs of whole words by key, like a dict, and many at once by slot; safe to share between threads.

    >>> arena = Arena()
    >>> arena["k"] = b"8 bytes!"
    >>> dict(arena), len(arena)
    ({'k': b'8 bytes!'}, 1)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._slots: dict[str, int] = {}
        self._names: list[str] = []
        self._words = np.empty(FIRST_ROOM, dtype=np.int64)
        self._begins = np.full(FIRST_ROOM // 4, -1, dtype=np.int64)
        self._sizes = np.zeros(FIRST_ROOM // 4, dtype=np.int64)
        self._used, self._live, self._readers = 0, 0, 0
        self._table = Table(FIRST_ROOM)

    def __getitem__(self, key: str) -> bytes:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """The blob of a key."""
        slot = self._slots.get(key)
        if slot is None:
            return default
        with self._lock:
            begin, size = self._begins[slot], self._sizes[slot]
            return default if begin < 0 else self._words[begin : begin + size].tobytes()

    def __setitem__(self, key: str, blob: bytes) -> None:
        words = np.frombuffer(blob, dtype=np.int64)
        self.put(self.slots([key]), words, np.array([0, words.size]))

    def __delitem__(self, key: str) -> None:
        slot = self._slots[key]
        with self._lock:
            if self._begins[slot] < 0:
                raise KeyError(key)
            self._live -= int(self._sizes[slot])
            self._begins[slot], self._sizes[slot] = -1, 0

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            there = np.flatnonzero(self._begins >= 0).tolist()
        return iter([self._names[slot] for slot in there])

    def __len__(self) -> int:
        with self._lock:
            return int(np.count_nonzero(self._begins >= 0))

    def slots(self, keys: Sequence[str]) -> Array:
        """The slot of each key; a key keeps its slot for good."""
        with self._lock:
            new = [key for key in dict.fromkeys(keys) if key not in self._slots]
            self._slots.update(zip(new, range(len(self._names), len(self._names) + len(new)), strict=True))
            self._names += new
            room = self._begins.size
            if len(self._names) > room:
                more = max(len(self._names), 2 * room) - room
                self._begins = np.concatenate([self._begins, np.full(more, -1, dtype=np.int64)])
                self._sizes = np.concatenate([self._sizes, np.zeros(more, dtype=np.int64)])
            return np.array([*map(self._slots.__getitem__, keys)], dtype=np.int64)

    def put(self, slots: Array, words: Array, ends: Array) -> None:
        """Make these the blobs of slots: the words between two ends behind each other."""
        with self._lock:
            size = int(ends[-1])
            if self._used + size > self._words.size:
                self._make_room(size)
            self._words[self._used : self._used + size] = words[:size]
            sizes = np.diff(ends)
            self._live += size - int(self._sizes[slots].sum())
            self._begins[slots], self._sizes[slots] = self._used + ends[:-1], sizes
            self._used += size

    @property
    def slots_given(self) -> int:
        """How many slots there are: they are numbered from 0."""
        return len(self._names)

    @contextmanager
    def reading(self, slots: Array) -> Iterator[tuple[Array, Array, int]]:
        """Words, where in them the blob of each slot begins (-1: it has none), and how many words these blobs have.

        They are of one moment, and stay as they are while the block runs.
        """
        with self._lock:
            self._readers += 1
            found = self._words, self._begins[slots], int(self._sizes[slots].sum())
        try:
            yield found
        finally:
            with self._lock:
                self._readers -= 1

    def clear(self) -> None:
        """Drop every blob; keys keep their slots."""
        with self._lock:
            self._begins[:], self._sizes[:] = -1, 0
            self._live = 0

    def find(self, hashes: Hashes) -> Array:
        """The slot of each key by its hashes; -1 for one that is not known by them."""
        with self._lock:
            return self._table.find(hashes)

    def remember(self, hashes: Hashes, slots: Array) -> None:
        """Say whose slots these are, by the hashes of their keys."""
        with self._lock:
            self._table = self._table.with_more(hashes, slots)

    def _make_room(self, size: int) -> None:
        """Move the newest blobs together: in place, unless somebody reads them or they need more room."""
        words, needed = self._words, self._live + size
        if self._readers or 2 * needed > words.size:
            words = np.empty(max(SLACK * needed, words.size), dtype=np.int64)
        slots = np.flatnonzero(self._begins >= 0)
        slots = slots[np.argsort(self._begins[slots])]
        self._used = int(move_together(self._words, self._begins, self._sizes, slots, words))
        self._words = words


class Table:
    """Slots by hash, at most half full; what is not in it is -1."""

    def __init__(self, room: int) -> None:
        self._first, self._second = np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64)
        self._slots = np.full(room, -1, dtype=np.int64)
        self._used = 0

    def find(self, hashes: Hashes) -> Array:
        """The slot of each key."""
        found = np.empty(hashes.first.size, dtype=np.int64)
        look_up(self._first, self._second, self._slots, hashes.first, hashes.second, found)
        return found

    def with_more(self, hashes: Hashes, slots: Array) -> Table:
        """A table with more in it: this one, or a larger one."""
        room, needed = self._slots.size, 2 * (self._used + slots.size)
        table = self
        if needed > room:
            while needed > room:
                room *= 2
            table = Table(room)
            there = np.flatnonzero(self._slots >= 0)
            table._add(self._first[there], self._second[there], self._slots[there])
        table._add(hashes.first, hashes.second, slots)
        return table

    def _add(self, first: Array, second: Array, slots: Array) -> None:
        self._used += int(write_down(self._first, self._second, self._slots, first, second, slots))


@compiled
def move_together(words: Array, begins: Array, sizes: Array, slots: Array, out: Array) -> Int:
    """Move blobs behind each other, in the order in which they are, maybe to where others of them were.

    `begins` says where they are, and then where they came to; gives how many words they are.
    """
    used = 0
    for place in range(slots.size):
        slot = slots[place]
        begin = begins[slot]
        for word in range(sizes[slot]):
            out[used + word] = words[begin + word]
        begins[slot] = used
        used += sizes[slot]
    return used


@compiled
def look_up(first: Array, second: Array, slots: Array, one: Array, other: Array, found: Array) -> None:
    """The slot of each pair of hashes in a table, -1 where it is not there."""
    last = slots.size - 1
    for key in range(one.size):
        place = one[key] & last
        while slots[place] >= 0 and (first[place] != one[key] or second[place] != other[key]):
            place = (place + 1) & last
        found[key] = slots[place]


@compiled
def write_down(first: Array, second: Array, slots: Array, one: Array, other: Array, values: Array) -> Int:
    """Add pairs of hashes and their slots to a table; gives how many were new."""
    last, new = slots.size - 1, 0
    for key in range(one.size):
        place = one[key] & last
        while slots[place] >= 0 and (first[place] != one[key] or second[place] != other[key]):
            place = (place + 1) & last
        new += slots[place] < 0
        first[place], second[place], slots[place] = one[key], other[key], values[key]
    return new
