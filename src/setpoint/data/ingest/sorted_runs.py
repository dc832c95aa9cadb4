"""Rows in the order (known_at, at, id) that do not fit in memory: sorted runs on disk, merged piece by piece.

External merge sort (Knuth, The Art of Computer Programming 3, section 5.4), with as many rows compared at once as fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.mapped import MappedWriter
from setpoint.data.rows import AT, ID, KNOWN_AT, times_of

RUN_BYTES = 1 << 26
"""About how much memory the rows that are sorted at once take."""

_PIECE = 1 << 20

Key: TypeAlias = tuple[int, int, str]


def write_runs(blocks: Iterable[pa.Table], work: Path, *, run_bytes: int = RUN_BYTES) -> list[Path]:
    """Rows as folders of mapped tables, each in order; rows that come in order are one.

    >>> import tempfile
    >>> from setpoint.data.mapped import open_mapped
    >>> parts = [pa.table({KNOWN_AT: [n], AT: [n], ID: [str(n)]}) for n in (1, 3, 2)]
    >>> runs = write_runs(parts, Path(tempfile.mkdtemp()), run_bytes=1)
    >>> [open_mapped(run)[AT].to_pylist() for run in runs]
    [[1, 3], [2]]
    """
    runs: list[Path] = []
    writer: MappedWriter | None = None
    last: Key | None = None
    with ExitStack() as opened:
        for group in _groups(blocks, run_bytes):
            rows = group if are_sorted(group) else _sorted(group)
            if not rows.num_rows:
                continue
            if writer is None or last is None or _key(rows, 0) < last:
                opened.close()  # ends the run before
                runs.append(work / f"run-{len(runs):06d}")
                writer = opened.enter_context(MappedWriter(runs[-1]))
            writer.write(rows)
            last = _key(rows, rows.num_rows - 1)
    return runs


def merge_runs(runs: Sequence[pa.Table], *, run_bytes: int = RUN_BYTES) -> Iterator[pa.Table]:
    """The rows of runs, each of which is in order, in one order; no two rows have the same place in it.

    >>> runs = [pa.table({KNOWN_AT: n, AT: n, ID: [str(each) for each in n]}) for n in ([1, 4], [2, 3])]
    >>> [at for part in merge_runs(runs) for at in part[AT].to_pylist()]
    [1, 2, 3, 4]
    """
    rows = sum(run.num_rows for run in runs)
    piece = max(1, run_bytes // max(1, sum(run.nbytes for run in runs) // max(1, rows)) // max(1, len(runs)))
    left = [run for run in runs if run.num_rows]
    while left:
        left.sort(key=lambda run: _key(run, 0))
        chosen: list[pa.Table] = []
        bound: Key | None = None
        for run in left:
            if bound is not None and _key(run, 0) > bound:
                break
            chosen.append(run)
            if run.num_rows > piece:
                end = _key(run, piece - 1)
                bound = end if bound is None else min(bound, end)
        counts = [_until(run.slice(0, piece), bound) for run in chosen]
        parts = [run.slice(0, count) for run, count in zip(chosen, counts, strict=True)]
        yield parts[0] if len(parts) == 1 else _sorted(pa.concat_tables(parts))
        rest = [run.slice(count) for run, count in zip(chosen, counts, strict=True)]
        left = [run for run in rest if run.num_rows] + left[len(chosen) :]


def are_sorted(rows: pa.Table) -> bool:
    """Whether rows are in the order (known_at, at, id).

    >>> are_sorted(pa.table({KNOWN_AT: [1, 1], AT: [2, 2], ID: ["a", "b"]}))
    True
    """
    return all(_in_order(rows.slice(start, _PIECE + 1)) for start in range(0, rows.num_rows, _PIECE))


def _in_order(rows: pa.Table) -> bool:
    known, at = times_of(rows, KNOWN_AT), times_of(rows, AT)
    same = known[1:] == known[:-1]
    if not np.all((known[1:] > known[:-1]) | (same & (at[1:] >= at[:-1]))):
        return False
    tied = np.flatnonzero(same & (at[1:] == at[:-1]))
    if not tied.size:
        return True
    ids = rows[ID].combine_chunks()
    return bool(pc.all(pc.less_equal(ids.take(pa.array(tied)), ids.take(pa.array(tied + 1)))).as_py())


def _groups(blocks: Iterable[pa.Table], most: int) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += block.nbytes
        if size >= most:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held:
        yield pa.concat_tables(held)


def _sorted(rows: pa.Table) -> pa.Table:
    by = [(name, "ascending") for name in (KNOWN_AT, AT, ID)]
    rows = rows.combine_chunks()
    return rows.take(pc.sort_indices(rows.select([KNOWN_AT, AT, ID]), sort_keys=by))


def _key(rows: pa.Table, place: int) -> Key:
    return rows[KNOWN_AT][place].as_py(), rows[AT][place].as_py(), rows[ID][place].as_py()


def _until(rows: pa.Table, bound: Key | None) -> int:
    """How many of the first rows come no later than a key."""
    if bound is None:
        return int(rows.num_rows)
    first, last = 0, int(rows.num_rows)
    while first < last:
        middle = (first + last) // 2
        first, last = (middle + 1, last) if _key(rows, middle) <= bound else (first, middle)
    return first
