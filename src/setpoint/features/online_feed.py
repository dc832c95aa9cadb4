"""Rows on their way into the online state: found by key, folded into the blobs of their groups, written in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise, repeat
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.ports import Mark, OnlineState
from setpoint.data.arrays import Array, Mask, to_array
from setpoint.data.evaluate import Inputs
from setpoint.data.rows import AT, ENDS, KNOWN_AT, NEVER, POSITION, SIGN, times_of
from setpoint.features.online_groups import TEXTS, Group, SourceGroups, position_of
from setpoint.features.online_keys import MOST, Columns
from setpoint.features.shape import Added, Batch
from setpoint.features.state import BROKEN, EMPTY, GOOD, merge
from setpoint.features.windows import FAR_PAST, window_start

BATCH: Final = 1 << 15
"""Most rows that are taken in at once."""

PAGE: Final = 1 << 12
"""Most keys that are rewritten at once."""

Blob = tuple[str, str, bytes]
Log = Callable[[str, int], pa.Table]
"""Gives the rows of a source up to and with a position."""


class Taken(NamedTuple):
    """What a batch comes to: the groups that move and to where, and the blobs that are new."""

    moves: dict[str, tuple[Mark | None, Mark]]
    blobs: list[Blob]


class Feeder:
    """Takes the rows of one source into a state: all groups of the source move together.

    Any number of feeders may try; a batch that another was quicker with is passed over.
    """

    def __init__(self, source: SourceGroups, state: OnlineState, log: Log | None) -> None:
        self.source, self._state, self._log = source, state, log
        self._spelt: set[int] = set()

    def feed(self, rows: pa.Table) -> int:
        """Take in rows that came after the marks; gives how many were new to some group."""
        rows, position = in_order(rows)
        if not position.size:
            return 0
        taken, marks = 0, self.marks()
        while due := self._due(marks, int(position[0]), int(position[-1])):
            reached = min(position_of(marks[place]) for place in due)
            first = int(np.searchsorted(position, reached, side="right"))
            batch = rows.slice(first, BATCH)
            found = self._taken(batch, due, marks)
            if found is not None and self._state.apply(found.moves, found.blobs):
                moved = zip(self.source.names, marks, strict=True)
                marks = [found.moves[name][1] if name in found.moves else mark for name, mark in moved]
                self._remember(found.blobs)
                taken += batch.num_rows
            else:  # another feeder was quicker
                marks = self.marks()
        return taken

    def marks(self) -> list[Mark | None]:
        """The marks of the source's groups."""
        return self._state.read(self.source.names, [])[0]

    def _due(self, marks: Sequence[Mark | None], first: int, last: int) -> list[int]:
        """The places of the groups that rows from `first` to `last` go on where they stand."""
        behind = [place for place, mark in enumerate(marks) if position_of(mark) < last]
        due = [place for place in behind if position_of(marks[place]) >= first - 1]
        if behind and len(behind) == len(marks) and not due:
            reached = max(position_of(mark) for mark in marks)
            raise DataError(
                f"Source {self.source.name!r} is fed from position {first}, but was taken in up to {reached}.",
                expected=f"the rows from position {reached + 1}",
            )
        return due

    def _taken(self, rows: pa.Table, due: Sequence[int], marks: Sequence[Mark | None]) -> Taken | None:
        """What a batch comes to; None where the marks are others by now."""
        batch = Rows(self.source, rows)
        last, known_at = int(batch.position[-1]), int(batch.known_at[-1])
        live = batch.live(last)
        touched: list[_Touched] = []
        moves: dict[str, tuple[Mark | None, Mark]] = {}
        for place in due:
            group, mark = self.source.groups[place], marks[place]
            fresh = live & (batch.position > position_of(mark)) if position_of(mark) >= batch.position[0] else live
            again = batch.taken_back(position_of(mark))
            rebuilt = batch.keys(group, again)[1] if again.size else []
            touched.append(_Touched(group, *batch.folded(group, fresh), rebuilt))
            moves[group.name] = mark, Mark(last, known_at if mark is None else max(known_at, mark.known_at))
        wanted = [name for one in touched for name in zip(repeat(one.group.name), one.keys, strict=False)]
        now, blobs = self._state.read(self.source.names, wanted)
        if now != list(marks):
            return None
        found: list[Blob] = []
        start = 0
        for one in touched:
            old = blobs[start : start + len(one.keys)]
            start += len(one.keys)
            found += merged(batch.batch.added(one.group.shape, one.rows), one.group, one.numbers, one.keys, old)
            found += self._texts(batch, one)
            if one.rebuilt:
                found += self._rebuilt(one.group, one.rebuilt, last)
        if len(found) > len(wanted):
            found = list({(group, key): (group, key, blob) for group, key, blob in found}.values())
        return Taken(moves, found)

    def _rebuilt(self, group: Group, keys: Sequence[str], last: int) -> Iterator[Blob]:
        """The blobs of keys from the log alone: what a row that was taken back leaves behind."""
        if self._log is None:
            raise DataError(
                f"Source {self.source.name!r} takes rows back, which needs its log.",
                expected="OnlineFeatures(..., history=...)",
            )
        rows, position = in_order(self._log(self.source.name, last))
        log = Rows(self.source, rows.slice(0, int(np.searchsorted(position, last, side="right"))))
        mine = log.of(group, keys)
        chosen, numbers, found = mine.folded(group, mine.live(last))
        yield from ((group.name, key, b"") for key in set(keys) - set(found))
        added = mine.batch.added(group.shape, chosen)
        yield from merged(added, group, numbers, found, [None] * len(found))

    def _texts(self, batch: Rows, one: _Touched) -> Iterator[Blob]:
        """The texts among the values of rows, each under its hash, that this feeder has not written yet."""
        for hashed, text in batch.texts(one.group, one.rows):
            if hashed not in self._spelt:
                yield (TEXTS, text_key(hashed), blob_of(text))

    def _remember(self, blobs: Sequence[Blob]) -> None:
        if len(self._spelt) > MOST:
            self._spelt.clear()
        self._spelt.update(int(key, 16) for group, key, _ in blobs if group == TEXTS)


class _Touched(NamedTuple):
    """What a batch is to a group: its rows, the number of each one's key, the keys, and those to build again."""

    group: Group
    rows: Array
    numbers: Array
    keys: list[str]
    rebuilt: list[str]


class Rows:
    """Rows of a source in order of position, with what their groups make of them."""

    def __init__(self, source: SourceGroups, rows: pa.Table) -> None:
        self._source, self._rows = source, rows
        self.position, self.known_at, self.at = (times_of(rows, name) for name in (POSITION, KNOWN_AT, AT))
        self._columns = Columns(rows)

    @cached_property
    def batch(self) -> Batch:
        """What shapes want of the rows."""
        name, kinds = self._source.name, self._source.kinds
        columns = {(name, column): to_array(self._rows.column(column), kind) for column, kind in kinds.items()}
        inputs = Inputs(self._rows.num_rows, columns)
        return Batch(inputs, at=self.at, known_at=self.known_at, position=self.position)

    @property
    def ends(self) -> Array:
        """The position of the row that takes each one back."""
        if ENDS in self._rows.column_names:
            return times_of(self._rows, ENDS)
        return np.full(self.position.size, NEVER, dtype=np.int64)

    def live(self, last: int) -> Mask:
        """Which rows hold when the log is known up to and with a position."""
        if SIGN not in self._rows.column_names:
            return np.ones(self.position.size, dtype=np.bool_)
        return np.asarray((times_of(self._rows, SIGN) > 0) & (self.ends > last))

    def taken_back(self, mark: int) -> Array:
        """The places of the rows beyond a mark that take back one up to it."""
        if SIGN not in self._rows.column_names:
            return np.zeros(0, dtype=np.int64)
        fresh = self.position > mark
        back = np.flatnonzero(fresh & (times_of(self._rows, SIGN) < 0))
        return back[~np.isin(self.position[back], self.ends[fresh])]

    def folded(self, group: Group, live: Mask) -> tuple[Array, Array, list[str]]:
        """The places of the rows that add to a group's blobs, the number of each one's key, and the keys."""
        chosen = np.flatnonzero(live & self.batch.counts(group.shape))
        numbers, keys = self.keys(group, chosen)
        if numbers.min(initial=0) < 0:
            chosen, numbers = chosen[numbers >= 0], numbers[numbers >= 0]
        return chosen, numbers, keys if chosen.size else []

    def keys(self, group: Group, chosen: Array) -> tuple[Array, list[str]]:
        """The number of the key of each of these rows, -1 for none, and the keys."""
        return self._columns.keys(group.shape.columns, group.spelling, chosen)

    def of(self, group: Group, keys: Sequence[str]) -> Rows:
        """The rows that have one of these keys."""
        numbers, found = self.keys(group, np.arange(self.position.size))
        wanted = np.array([*[key in set(keys) for key in found], False])
        return Rows(self._source, self._rows.take(pa.array(np.flatnonzero(wanted[numbers]))))

    def texts(self, group: Group, rows: Array) -> Iterator[tuple[int, str]]:
        """The hash and the text of every different text that these rows add to a group."""
        for hashes, texts in self.batch.texts(group.shape, rows):
            distinct, first = np.unique(hashes, return_index=True)
            yield from zip(distinct.view(np.uint64).tolist(), texts[first].tolist(), strict=True)


def merged(
    added: Added, group: Group, numbers: Array, keys: Sequence[str], old: Sequence[bytes | None], since: int = FAR_PAST
) -> list[Blob]:
    """The blobs of keys with rows added; `numbers` says whose each row is, the watermark becomes `since` at least."""
    if not keys:
        return []
    order = np.argsort(added.at, kind="stable")
    words = words_of([blob or EMPTY for blob in old])
    calendar = np.zeros((len(keys), 0), dtype=np.int64)
    if group.shape.calendars:
        calendar = _edges(group, words, old, added.known_at, numbers, since)
    room = words.size + added.at.size * group.shape.row_words + len(keys) * group.shape.head_words
    out, ends = np.empty(room, dtype=np.int64), np.empty(len(keys) + 1, dtype=np.int64)
    check(merge(group.program, calendar, words, added, numbers, order, since, out, ends), group)
    content, bounds = out[: ends[-1]].tobytes(), (8 * ends).tolist()
    blobs = [content[begin:end] for begin, end in pairwise(bounds)]
    return list(zip(repeat(group.name), keys, blobs, strict=False))


def words_of(blobs: Sequence[bytes]) -> Array:
    """Blobs behind each other, as words."""
    return np.frombuffer(bytearray().join(blobs), dtype=np.int64)


def check(status: int, group: Group) -> None:
    """Raises DataError where compiled code says that a blob is none, or that a sum does not fit."""
    if status == BROKEN:
        raise DataError(
            f"A blob of the group {group.name!r} is not what was written.",
            expected="blobs of this version",
            hint="Drop the group: it is built again from the log.",
        )
    if status != GOOD:
        names = sorted({str(value.column) for value in group.shape.values.values() if value.form == "scaled"})
        raise DataError(
            f"A sum of squares of {' or '.join(names)} leaves 127 bits.",
            expected="smaller numbers",
            hint="Give the var or std fewer decimals=.",
        )


def in_order(rows: pa.Table) -> tuple[pa.Table, Array]:
    """Rows in order of position, each once, and their positions; raises DataError where some are missing between."""
    position = times_of(rows, POSITION)
    if np.any(position[1:] <= position[:-1]):
        position, first = np.unique(position, return_index=True)
        rows = rows.take(pa.array(first))
    if position.size and position[-1] - position[0] >= position.size:
        gap = int(position[np.flatnonzero(np.diff(position) > 1)[0]])
        raise DataError(f"Rows are missing after position {gap}.", expected="every position between the first and last")
    return rows, position


def text_key(hashed: int) -> str:
    """The key of a text in the state, by its hash.

    >>> text_key(255)
    '00000000000000ff'
    """
    return f"{hashed:016x}"


def blob_of(text: str) -> bytes:
    """A text as the state keeps it: never empty."""
    return b"=" + text.encode()


def text_of(blob: bytes) -> str:
    """The text that a blob keeps.

    >>> text_of(blob_of(""))
    ''
    """
    return blob[1:].decode()


def _edges(
    group: Group, words: Array, old: Sequence[bytes | None], known_at: Array, numbers: Array, since: int
) -> Array:
    """Where the calendar's windows begin by the new watermark of each key."""
    marks = np.full(len(old), since, dtype=np.int64)
    sizes = np.array([len(blob or EMPTY) // 8 for blob in old])
    real = np.flatnonzero(sizes > 1)
    marks[real] = np.maximum(since, words[(np.cumsum(sizes) - sizes)[real] + 1])
    np.maximum.at(marks, numbers, known_at)
    return np.stack([window_start(marks, window) for window in group.shape.calendars], axis=1)
