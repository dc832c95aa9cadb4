"""Which rows may say the same as another, among more rows than fit in memory: by 64-bit hashes that lie on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import Mask
from setpoint.data.identity import Hashes, content_hashes

Ints = npt.NDArray[np.int64]

MOST = 1 << 18
"""About so many rows that share hashes are given together, unless more share one."""

_PIECE = 1 << 20


def hash_rows(columns: Sequence[pa.Array]) -> tuple[Hashes, Mask]:
    """64 bits for the values of each row, the same whatever rows it is among; and which rows have all of them.

    >>> hashes, whole = hash_rows([pa.array([0.0, -0.0, None])])
    >>> bool(hashes[0] == hashes[1]), whole.tolist()
    (True, [True, True, False])
    """
    size = len(columns[0])
    whole = np.ones(size, dtype=np.bool_)
    plain = {}
    for number, column in enumerate(columns):
        if column.null_count:
            whole &= np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        plain[str(number)] = pc.add(column, 0.0) if pa.types.is_floating(column.type) else column
    return content_hashes(plain, size), whole


class RowHashes:
    """Rows by their numbers, each with a hash and when it became known, on disk; a context that closes the files.

    >>> import tempfile
    >>> with RowHashes(Path(tempfile.mkdtemp()) / "id") as found:
    ...     found.add(np.array([7, 8, 7], dtype=np.uint64), np.array([0, 1, 2]), np.array([5, 5, 5]))
    ...     [rows.tolist() for _, rows, _ in found.shared()]
    [[0, 2]]
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._opened = folder, ExitStack()
        self._files = [self._opened.enter_context((folder / name).open("wb")) for name in ("hash", "row", "known")]

    def __enter__(self) -> RowHashes:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def add(self, hashes: Hashes, rows: Ints, known_at: Ints) -> None:
        """Add rows."""
        for file, values in zip(self._files, (hashes, rows, known_at), strict=True):
            file.write(np.ascontiguousarray(values).data)

    def shared(self, *, most: int = MOST) -> Iterator[tuple[Hashes, Ints, Ints]]:
        """The rows whose hash another has, too: hash, number in rising order, and when known; those of a hash together.

        Nothing can be added from then on.
        """
        self._opened.close()
        hashes = self._map("hash", np.uint64)
        if not hashes.size:
            return
        twice = self._twice(hashes)
        if not twice.size:
            return
        count = self._pick(hashes, twice)
        chosen = [self._map(f"shared-{name}", kind) for name, kind in _COLUMNS]
        parts = -(-count // most)
        edges = [int(twice[number * twice.size // parts]) for number in range(1, parts)]
        for low, high in zip([0, *edges], [*edges, 2**64], strict=True):
            mine = np.flatnonzero((chosen[0] >= np.uint64(low)) & (chosen[0] <= np.uint64(high - 1)))
            if mine.size:
                yield np.array(chosen[0][mine]), np.array(chosen[1][mine]), np.array(chosen[2][mine])

    def _map(self, name: str, kind: Any) -> npt.NDArray[Any]:
        path = self._folder / name
        if not path.stat().st_size:
            return np.zeros(0, dtype=kind)
        return np.memmap(path, dtype=kind, mode="r")

    def _twice(self, hashes: Hashes) -> Hashes:
        """The hashes that are there more than once, in order."""
        ordered = np.memmap(self._folder / "ordered", dtype=np.uint64, mode="w+", shape=hashes.shape)
        ordered[:] = hashes
        ordered.sort()
        last = None
        with (self._folder / "twice").open("wb") as file:
            for start in range(0, ordered.size, _PIECE):
                piece = ordered[start : start + _PIECE + 1]
                again = np.unique(piece[1:][piece[1:] == piece[:-1]])
                if again.size and again[0] == last:
                    again = again[1:]
                if again.size:
                    last = again[-1]
                    file.write(again.data)
        del ordered
        (self._folder / "ordered").unlink()
        return self._map("twice", np.uint64)

    def _pick(self, hashes: Hashes, twice: Hashes) -> int:
        """Write the rows whose hash is among some; gives how many."""
        columns = [hashes, self._map("row", np.int64), self._map("known", np.int64)]
        count = 0
        with ExitStack() as opened:
            files = [opened.enter_context((self._folder / f"shared-{name}").open("wb")) for name, _ in _COLUMNS]
            for start in range(0, hashes.size, _PIECE):
                piece = hashes[start : start + _PIECE]
                place = np.minimum(np.searchsorted(twice, piece), twice.size - 1)
                found = np.flatnonzero(twice[place] == piece)
                count += found.size
                for file, column in zip(files, columns, strict=True):
                    file.write(np.array(column[start : start + _PIECE][found]).data)
        return count


_COLUMNS = (("hash", np.uint64), ("row", np.int64), ("known", np.int64))
