"""The rows of a batch, as the groups of their source want them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.data.arrays import Array, Mask, to_array
from setpoint.data.language.evaluate import Inputs
from setpoint.data.rows import AT, ENDS, KNOWN_AT, NEVER, POSITION, SIGN, times_of
from setpoint.features.key_hashes import Hashes, hashes_of
from setpoint.features.online_batch import Batch
from setpoint.features.online_groups import Group, SourceGroups
from setpoint.features.online_keys import Columns


class Rows:
    """Rows of a source in order of position, with what their groups make of them."""

    def __init__(self, source: SourceGroups, rows: pa.Table) -> None:
        self._source, self._rows = source, rows
        self.position, self.known_at, self.at = (times_of(rows, name) for name in (POSITION, KNOWN_AT, AT))
        self._columns = Columns(rows)
        self._hashes: dict[tuple[str, ...], Hashes | None] = {}

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
        return self._columns.keys(group.shape.columns, chosen)

    def hashes(self, group: Group) -> Hashes | None:
        """The hashes of the rows' keys, where there are columns that can be hashed."""
        names = group.shape.columns
        if names not in self._hashes:
            self._hashes[names] = hashes_of([self._rows.column(name) for name in names])
        return self._hashes[names]

    def spelled(self, group: Group, chosen: Array) -> tuple[Array, list[str]]:
        """What `keys` gives, for few rows of many."""
        columns = Columns(self._rows.select(list(group.shape.columns)).take(pa.array(chosen)))
        return columns.keys(group.shape.columns, np.arange(chosen.size))

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
