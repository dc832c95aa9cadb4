"""Rows on their way into the online state: found by key, folded into the blobs of their groups, written in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Final, NamedTuple, TypeGuard, cast

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.ports import KeepingState, Mark, OnlineState
from setpoint.data.arrays import Array
from setpoint.features.arena import Arena
from setpoint.features.online_groups import TEXTS, Group, SourceGroups, position_of
from setpoint.features.online_keys import MOST
from setpoint.features.online_merge import Blob, blob_of, merged, text_key
from setpoint.features.online_rows import Rows, in_order
from setpoint.features.online_slots import folded_in

BATCH: Final = 1 << 15
"""Most rows that are taken in at once."""

Log = Callable[[str, int], pa.Table]
"""Gives the rows of a source up to and with a position."""


class Taken(NamedTuple):
    """What a batch comes to: the groups that move and to where, the blobs that are new, and what puts others."""

    moves: dict[str, tuple[Mark | None, Mark]]
    blobs: list[Blob]
    puts: list[Callable[[], None]]


class Feeder:
    """Takes the rows of one source into a state: all groups of the source move together.

    Any number of feeders may try; a batch that another was quicker with is passed over.
    """

    def __init__(self, source: SourceGroups, state: OnlineState, log: Log | None) -> None:
        self.source, self._state, self._log = source, state, log
        self._spelt: set[int] = set()
        self._reached = [-1] * len(source.names)
        self._arenas = [cast(Arena, state.keep(name, Arena)) for name in source.names] if _keeps(state) else []

    def feed(self, rows: pa.Table) -> int:
        """Take in rows that came after the marks; gives how many were new to some group."""
        rows, position = in_order(rows)
        if not position.size:
            return 0
        taken, marks = 0, self.marks()
        if any(position_of(mark) < before for mark, before in zip(marks, self._reached, strict=True)):
            self._spelt.clear()  # the state lost something, so it may have lost texts
        while due := self._due(marks, int(position[0]), int(position[-1])):
            reached = min(position_of(marks[place]) for place in due)
            first = int(np.searchsorted(position, reached, side="right"))
            batch = rows.slice(first, BATCH)
            last = int(position[first + batch.num_rows - 1])
            found = self._taken(batch, [place for place in due if position_of(marks[place]) < last], marks)
            if found is not None and self._apply(found):
                moved = zip(self.source.names, marks, strict=True)
                marks = [found.moves[name][1] if name in found.moves else mark for name, mark in moved]
                self._remember(found.blobs)
                taken += batch.num_rows
            else:  # another feeder was quicker
                marks = self.marks()
        self._reached = [position_of(mark) for mark in marks]
        return taken

    def marks(self) -> list[Mark | None]:
        """The marks of the source's groups."""
        return self._state.read(self.source.names, [])[0]

    def _apply(self, taken: Taken) -> bool:
        """Write what a batch comes to; False where another feeder was quicker."""
        if not _keeps(self._state):
            return self._state.apply(taken.moves, taken.blobs)

        def put_all() -> None:
            for put in taken.puts:
                put()

        return self._state.apply(taken.moves, taken.blobs, also=put_all)

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
        found = Taken({}, [], [])
        by_key: list[_Touched] = []
        for place in due:
            group, mark = self.source.groups[place], marks[place]
            fresh = live & (batch.position > position_of(mark)) if position_of(mark) >= batch.position[0] else live
            if self._arenas:
                chosen, put = folded_in(self._arenas[place], batch, group, fresh)
                found.puts.append(put)
            else:
                chosen, numbers, keys = batch.folded(group, fresh)
                by_key.append(_Touched(group, chosen, numbers, keys))
            found.blobs.extend(self._texts(batch, group, chosen))
            again = batch.taken_back(position_of(mark))
            if again.size:
                found.blobs.extend(self._rebuilt(group, batch.keys(group, again)[1], last))
            found.moves[group.name] = mark, Mark(last, known_at if mark is None else max(known_at, mark.known_at))
        wanted = [name for one in by_key for name in zip(repeat(one.group.name), one.keys, strict=False)]
        now, blobs = self._state.read(self.source.names, wanted)
        if now != list(marks):
            return None
        start, rewritten = 0, list[Blob]()
        for one in by_key:
            old = blobs[start : start + len(one.keys)]
            start += len(one.keys)
            rewritten += merged(batch.batch.added(one.group.shape, one.rows), one.group, one.numbers, one.keys, old)
        if rewritten and found.blobs:  # a key that was built again is what it was built to
            rewritten = list({blob[:2]: blob for blob in [*rewritten, *found.blobs]}.values())
        return found._replace(blobs=rewritten or found.blobs)

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
        yield from merged(mine.batch.added(group.shape, chosen), group, numbers, found, [None] * len(found))

    def _texts(self, batch: Rows, group: Group, rows: Array) -> Iterator[Blob]:
        """The texts among the values of rows, each under its hash, that this feeder has not written yet."""
        for hashed, text in batch.texts(group, rows):
            if hashed not in self._spelt:
                yield (TEXTS, text_key(hashed), blob_of(text))

    def _remember(self, blobs: Sequence[Blob]) -> None:
        if len(self._spelt) > MOST:
            self._spelt.clear()
        self._spelt.update(int(key, 16) for group, key, _ in blobs if group == TEXTS)


class _Touched(NamedTuple):
    """What a batch is to a group: its rows, the number of each one's key, and the keys."""

    group: Group
    rows: Array
    numbers: Array
    keys: list[str]


def _keeps(state: OnlineState) -> TypeGuard[KeepingState]:
    """Whether a state lets blobs be kept by what knows their layout."""
    return isinstance(state, KeepingState)
