"""A table that grows at its end: rows are added, read by their places, and never copied more than a few times."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.identity import text_hashes

Ints = npt.NDArray[np.int64]

SETTLED = 1 << 20
"""A chunk of so many rows is not merged with what comes after it."""


class Growing:
    """Chunks of one table. A new chunk is merged with the one before it unless that has twice its rows.

    >>> table = Growing(pa.table({"x": [1, 2]}))
    >>> table.append(pa.table({"x": [3.5]}))
    >>> table.rows, table.since(1)["x"].to_pylist(), table.take(np.array([2, 0]))["x"].to_pylist()
    (3, [2.0, 3.5], [3.5, 1.0])
    """

    def __init__(self, first: pa.Table) -> None:
        self._chunks, self._whole = [first.combine_chunks()], first
        self._starts = [0, first.num_rows]

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self._starts[-1])

    def append(self, rows: pa.Table) -> None:
        """Add rows with the same columns; whole numbers become float64 where the others are."""
        if rows.num_rows == 0:
            return
        fresh = self._alike(rows.select(self._chunks[0].column_names)).combine_chunks()
        self._chunks.append(fresh)
        while len(self._chunks) > 1 and self._chunks[-2].num_rows < min(2 * self._chunks[-1].num_rows, SETTLED):
            last = self._chunks.pop()
            self._chunks[-1] = pa.concat_tables([self._chunks[-1], last]).combine_chunks()
        self._starts = [0, *accumulate(chunk.num_rows for chunk in self._chunks)]
        self._whole = pa.concat_tables(self._chunks)

    def table(self) -> pa.Table:
        """All rows, without a copy."""
        return self._whole

    def since(self, place: int) -> pa.Table:
        """The rows from a place on, without a copy."""
        return self._whole.slice(place)

    def take(self, places: Ints) -> pa.Table:
        """The rows at these places, in this order; only the chunks that hold them are touched."""
        order = np.argsort(places, kind="stable")
        edges = np.searchsorted(places[order], self._starts)
        parts = [self._chunks[0].slice(0, 0)]
        for chunk, start, begin, end in zip(self._chunks, self._starts, edges[:-1], edges[1:], strict=False):
            if begin < end:
                parts.append(chunk.take(pa.array(places[order[begin:end]] - start)))
        back = np.empty(order.size, dtype=np.int64)
        back[order] = np.arange(order.size)
        return pa.concat_tables(parts).combine_chunks().take(pa.array(back))

    def value(self, name: str, place: int) -> pa.Scalar:
        """One value."""
        number = bisect_right(self._starts, place) - 1
        return self._chunks[number][name][place - self._starts[number]]

    def _alike(self, rows: pa.Table) -> pa.Table:
        """Rows with the types of the others; where these hold fractions and the others none, the others change."""
        schema = self._chunks[0].schema
        for number, (mine, theirs) in enumerate(zip(schema, rows.schema, strict=True)):
            if mine.type == theirs.type:
                continue
            if pa.types.is_integer(mine.type) and pa.types.is_floating(theirs.type):
                schema = schema.set(number, pa.field(mine.name, pa.float64()))
        if schema != self._chunks[0].schema:
            self._chunks = [_cast(chunk, schema) for chunk in self._chunks]
        return rows if rows.schema.equals(schema) else _cast(rows, schema)


def _cast(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    return pa.table(
        [pc.cast(column, field.type, safe=False) for column, field in zip(rows.columns, schema, strict=True)],
        schema=schema,
    )


class Numbers:
    """Whole numbers that grow at their end and may be changed in place.

    >>> numbers = Numbers(np.array([1, 2]))
    >>> numbers.append(np.array([3]))
    >>> numbers.put(np.array([0]), np.array([9]))
    >>> numbers.all.tolist()
    [9, 2, 3]
    """

    def __init__(self, first: Ints) -> None:
        self._held, self._size = first.copy(), first.size

    @property
    def all(self) -> Ints:
        """All of them, as they are now."""
        return self._held[: self._size]

    def append(self, values: Ints) -> None:
        """Add some."""
        if self._size + values.size > self._held.size:
            self._held = np.r_[self.all, np.zeros(self._size + values.size, dtype=np.int64)]
        self._held[self._size : self._size + values.size] = values
        self._size += values.size

    def put(self, places: Ints, values: Ints) -> None:
        """Change some."""
        self._held[places] = values


class Places:
    """Where each text was seen: an index of 16 bytes a text, in sorted runs that are merged as they grow.

    >>> index = Places()
    >>> index.add(pa.array(["a", "b", "a"]), 0)
    >>> index.add(pa.array(["c"]), 3)
    >>> index.find(pa.array(["c", "a", "x"])).tolist()
    [0, 2, 3]
    """

    def __init__(self) -> None:
        self._runs: list[tuple[npt.NDArray[np.uint64], Ints]] = []

    def add(self, texts: pa.Array, start: int) -> None:
        """Take in texts that are at the places from `start` on."""
        hashes, places = text_hashes(texts), np.arange(start, start + len(texts), dtype=np.int64)
        while self._runs and self._runs[-1][0].size < 2 * hashes.size:
            before, theirs = self._runs.pop()
            hashes, places = np.r_[before, hashes], np.r_[theirs, places]
        order = np.argsort(hashes, kind="stable")
        self._runs.append((hashes[order], places[order]))

    def find(self, texts: pa.Array) -> Ints:
        """The places, sorted, of all that may be one of these texts: every one that is, and hardly another."""
        wanted = np.unique(text_hashes(texts))
        found = []
        for hashes, places in self._runs:
            first, last = np.searchsorted(hashes, wanted, "left"), np.searchsorted(hashes, wanted, "right")
            count = last - first
            hit = np.repeat(first - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(int(count.sum()))
            found.append(places[hit])
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
