"""An index of rows on disk: which rows of many parts are the same, or contradict each other, in bounded memory.

Rows of one identity lie in one of many files, by a hash of it; each file is looked at on its own. What a row says is
compared by 64 bits, only between rows of one identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.identity import codes_of, text_hashes

Ints = npt.NDArray[np.int64]

FILES = 64
"""How many files an index has: memory is needed for the rows of one."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("known_at", pa.int64()),
        ("content", pa.uint64()),
        ("part", pa.int64()),
        ("place", pa.int64()),
        ("number", pa.int64()),
        ("file", pa.int64()),
    ]
)
"""Identity, time, hash of the content; part and place in it; number in its file, and which file that is."""


@dataclass(frozen=True)
class Shared:
    """Rows of one identity that are not its first: `same` as it or `other`; `heads` are the first rows of those.

    All are rows of `rows`, a table of the index. `turn` is how many of their identity come before each of `rows`.
    """

    rows: pa.Table
    same: Ints
    other: Ints
    heads: Ints
    turn: Ints


class RowIndex:
    """Rows by identity, written part by part to files in a folder and then read back file by file.

    >>> import tempfile
    >>> index = RowIndex(Path(tempfile.mkdtemp()))
    >>> rows = {"id": ["a", "b", "a"], "known_at": [1, 1, 0], "content": [7, 7, 7], "part": [0, 0, 1]}
    >>> rows |= {"place": [0, 1, 0], "number": [1, 2, 1], "file": [0, 0, 0]}
    >>> index.add(pa.table(rows))
    >>> [shared.rows["part"].to_numpy()[shared.same].tolist() for shared in index.shared() if shared.same.size]
    [[0]]
    """

    def __init__(self, folder: Path, *, files: int = FILES) -> None:
        self._paths = [folder / f"{number:03d}.arrow" for number in range(files)]
        self._opened = ExitStack()
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = [
            self._opened.enter_context(
                pa.ipc.new_stream(self._opened.enter_context(pa.OSFile(str(path), "wb")), SCHEMA)
            )
            for path in self._paths
        ]

    def add(self, rows: pa.Table) -> None:
        """Write the rows of a part."""
        rows = rows.cast(SCHEMA).combine_chunks()
        where = (text_hashes(rows["id"].combine_chunks()) % np.uint64(len(self._paths))).astype(np.int64)
        order = np.argsort(where, kind="stable")
        ends = np.searchsorted(where[order], np.arange(len(self._paths) + 1))
        sorted_ = rows.take(pa.array(order))
        for number, writer in enumerate(self._writers):
            count = int(ends[number + 1] - ends[number])
            if count:
                writer.write_table(sorted_.slice(int(ends[number]), count))

    def shared(self) -> Iterator[Shared]:
        """What rows of one identity are to each other, file by file; nothing can be added from then on."""
        self._opened.close()
        for path in self._paths:
            with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as opened:
                rows = opened.read_all().combine_chunks()
            path.unlink()
            if rows.num_rows:
                yield _compare(rows)

    def close(self) -> None:
        """Let go of the files."""
        self._opened.close()


def _compare(rows: pa.Table) -> Shared:
    codes = codes_of(rows["id"].combine_chunks())
    shared = np.flatnonzero(np.bincount(codes)[codes] > 1)
    known_at, part, place = (rows[name].to_numpy()[shared] for name in ("known_at", "part", "place"))
    shared = shared[np.lexsort((place, part, known_at, codes[shared]))]
    rows, codes = rows.take(pa.array(shared)), codes[shared]
    count = np.arange(codes.size)
    starts = np.r_[True, codes[1:] != codes[:-1]] if codes.size else np.zeros(0, dtype=bool)
    heads = np.maximum.accumulate(np.where(starts, count, 0))
    content = rows["content"].to_numpy()
    equal = content == content[heads]
    return Shared(
        rows, np.flatnonzero(~starts & equal), other := np.flatnonzero(~starts & ~equal), heads[other], count - heads
    )


def spelled_numbers(column: pa.Array) -> pa.Array:
    """Values as texts that are the same whatever type their part has: a whole number is spelled without a fraction.

    >>> spelled_numbers(pa.array([1.0, 2.5, None])).to_pylist(), spelled_numbers(pa.array([1])).to_pylist()
    (['1', '2.5', None], ['1'])
    """
    if pa.types.is_floating(column.type):
        whole = pc.fill_null(pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53)), False)
        numbers = pc.cast(pc.if_else(whole, column, 0.0), pa.int64())
        return pc.if_else(whole, pc.cast(numbers, pa.string()), pc.cast(column, pa.string()))
    return pc.cast(column, pa.string())
