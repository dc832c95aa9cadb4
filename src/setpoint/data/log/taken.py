"""What a live system took in of its sources: kept, so that yesterday stays as it was whatever becomes of the files.

At first all that a source has is taken in as it says it became known. What is new in it later became known, at the
earliest, when it was taken in; what was there must still be there, and say the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import iso
from setpoint.data.arrays import Mask
from setpoint.data.identity import codes_of, identified_by
from setpoint.data.ingest.ingest import Ingested
from setpoint.data.ingest.quarantine import file_name
from setpoint.data.log.sourcelog import compare, shown_value
from setpoint.data.rows import ALWAYS, AT, ID, KNOWN_AT, times_of
from setpoint.data.snapshots.snapshot import ContentDigests
from setpoint.data.versions import is_versioned, versions_of
from setpoint.declare.source import SourceInfo

NOUN = "taken"
"""Under which noun it is written down what was taken in when."""


_CORRECTED = "Restore it. A correction is a row with a higher version: declare version=."
_FILLED_IN = "Restore it, or leave a column that is filled in later out of columns=."
_DELETED = "Restore it. That a row goes is a row of its own: declare retracted=."


def take_in(info: SourceInfo, found: Ingested, *, tables: Tables, metadata: Metadata, now: int) -> pa.Table:
    """All deliveries of a source that were taken in so far, those that are new in it now included.

    Raises DataError, naming the first row, when one that was taken in says something else now or is no longer there.
    """
    before, fresh = _bring(info, found, tables=tables, metadata=metadata, now=now)
    if not fresh.num_rows:
        return before
    return pa.concat_tables([before, fresh], promote_options="permissive") if before.num_rows else fresh


def take_new(info: SourceInfo, found: Ingested, *, tables: Tables, metadata: Metadata, now: int) -> pa.Table:
    """The deliveries that are new in a source since it was last taken in, taken in now; raises like `take_in`."""
    return _bring(info, found, tables=tables, metadata=metadata, now=now)[1]


def _bring(
    info: SourceInfo, found: Ingested, *, tables: Tables, metadata: Metadata, now: int
) -> tuple[pa.Table, pa.Table]:
    """What was taken in before, and what is new and written down now."""
    key, shelf = _places(info)
    book = metadata.get(NOUN, key) or {"parts": [], "content": ""}
    content = ContentDigests().of(found.delivered)
    before = _taken(book, shelf, tables, found, content)
    fresh = found.delivered
    if content == book["content"]:
        return before, fresh.slice(0, 0)
    if book["parts"]:
        fresh = _arrived(new_rows(info, before, fresh), now)
    if fresh.num_rows:
        number = len(book["parts"])
        part = {"part": f"{number:06d}", "rows": fresh.num_rows, "taken_at": now if number else None}
        tables.write(shelf, part["part"], fresh)
        book["parts"].append(part)
    metadata.put(NOUN, key, {**book, "content": content, "read_at": now})
    return before, fresh


def taken_last(info: SourceInfo, *, tables: Tables, metadata: Metadata) -> tuple[pa.Table, int] | None:
    """The deliveries of a source that were taken in so far, without reading it, and when; None where nothing was."""
    key, shelf = _places(info)
    book = metadata.get(NOUN, key)
    if book is None or not book["parts"]:
        return None
    last = [part["taken_at"] for part in book["parts"] if part["taken_at"] is not None]
    return _read(book, shelf, tables), book.get("read_at", max(last, default=0))


def taken_before(info: SourceInfo, found: Ingested, *, tables: Tables, metadata: Metadata) -> pa.Table:
    """The deliveries of a source that were taken in so far; all that it has now where nothing was."""
    key, shelf = _places(info)
    book = metadata.get(NOUN, key)
    if book is None:
        return found.delivered
    return _taken(book, shelf, tables, found, ContentDigests().of(found.delivered))


def _taken(book: dict[str, Any], shelf: str, tables: Tables, found: Ingested, content: str) -> pa.Table:
    """What was taken in by the book; where that is what the source has now, nothing is read again."""
    if not book["parts"]:
        return found.delivered.slice(0, 0)
    if content == book["content"] and len(book["parts"]) == 1:
        return found.delivered
    return _read(book, shelf, tables)


def _read(book: dict[str, Any], shelf: str, tables: Tables) -> pa.Table:
    parts = [tables.read(shelf, parts=[part["part"]]) for part in book["parts"]]
    return pa.concat_tables(parts, promote_options="permissive")


def parts_taken(info: SourceInfo, metadata: Metadata) -> int:
    """How many times something of a source was taken in."""
    return len((metadata.get(NOUN, _places(info)[0]) or {"parts": []})["parts"])


def batches_taken(info: SourceInfo, metadata: Metadata) -> list[dict[str, Any]]:
    """What was taken in of a source, a record for each time: `part`, `rows`, and `taken_at` (None: at first)."""
    return list((metadata.get(NOUN, _places(info)[0]) or {"parts": []})["parts"])


def _places(info: SourceInfo) -> tuple[str, str]:
    """Under which key it is written down what was taken in, and the set of tables that has it."""
    identity = digest(info.to_dict())
    return f"{info.name}/{identity}", f"{NOUN}/{file_name(info.name)}-{identity[:12]}"


def new_rows(info: SourceInfo, before: pa.Table, now: pa.Table) -> pa.Table:
    """The deliveries that a source has now and did not have before; raises DataError when what it had has changed.

    A row whose place was taken by a higher version of it, or by its retraction, has not changed.
    """
    if not identified_by(info):
        gone = pc.invert(pc.is_in(before[ID], value_set=now[ID].combine_chunks()))
        _refuse_gone(info, before, np.asarray(gone.to_numpy(), dtype=np.bool_))
        return now.filter(pc.invert(pc.is_in(now[ID], value_set=before[ID].combine_chunks())))
    found = compare(info, before, now)
    if found.clashes:
        words = found.clashes[min(found.clashes)]
        filled = " is empty; here " in words
        raise _changed(info, words, hint=_FILLED_IN if filled else _CORRECTED)
    there = np.zeros(before.num_rows, dtype=bool)
    there[found.again] = True
    _refuse_gone(info, before, ~(there | _replaced(info, before, now)))
    return now.filter(pa.array(found.fresh))


def _replaced(info: SourceInfo, before: pa.Table, now: pa.Table) -> Mask:
    """Which deliveries have a higher version now."""
    if not is_versioned(info):
        return np.zeros(before.num_rows, dtype=bool)
    both = pa.concat_tables([before, now], promote_options="permissive")
    columns = {name: both[name].combine_chunks() for name in both.column_names}
    codes, version = codes_of(columns[ID]), versions_of(info, columns, both.num_rows)
    assert version is not None
    size = before.num_rows
    highest = np.full(codes.max(initial=0) + 1, np.iinfo(np.int64).min)
    np.maximum.at(highest, codes[size:], version[size:])
    return np.asarray(highest[codes[:size]] > version[:size])


def _refuse_gone(info: SourceInfo, before: pa.Table, gone: Mask) -> None:
    if not gone.any():
        return
    row = before.slice(int(np.flatnonzero(gone)[np.argmin(times_of(before, KNOWN_AT)[gone])]), 1)
    at = row[AT][0].as_py()
    names = identified_by(info)
    which = " and ".join(f"{name} {shown_value(row[name][0])}" for name in names) if names else "the one"
    when = f" of {iso(at)}" if at > ALWAYS else ""
    raise _changed(info, f"{which}{when} is no longer there", hint=_DELETED)


def _changed(info: SourceInfo, words: str, *, hint: str) -> DataError:
    return DataError(
        f"Source {info.name!r} has other rows than those that were taken in: {words}.",
        expected="every row that was there, as it was; new rows beside them",
        hint=hint,
    )


def _arrived(rows: pa.Table, now: int) -> pa.Table:
    """Rows that nobody could know before now."""
    known_at = pa.array(np.maximum(times_of(rows, KNOWN_AT), now))
    return rows.set_column(rows.column_names.index(KNOWN_AT), KNOWN_AT, known_at)
