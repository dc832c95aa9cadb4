"""Collection of blobs: contents that nothing names any more go, never one that something names.

First those that were not put for a day, then who names them: whoever brings one meanwhile puts it again, and the store
spares what was put since, in the moment in which it removes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.ports import Blobs
from setpoint.data.snapshots.collect import YOUNG

Named = Callable[[AbstractSet[str]], AbstractSet[str]]
"""Says which of some digests anything names now."""

_DIGEST = re.compile("[0-9a-f]{32}")


def find_blobs(store: Blobs, *, named: Named, now: int) -> Mapping[str, int]:
    """The blobs that a collection would remove at a time, with their bytes; nothing is changed.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from setpoint.backends.sqlite_blobs import SqliteBlobs
    >>> from setpoint.core.clock import SimulatedClock
    >>> store = SqliteBlobs(Path(tempfile.mkdtemp()) / "blobs.db", clock=SimulatedClock(0))
    >>> _ = store.put({"a": b"needed", "b": b"left"})
    >>> find_blobs(store, named=lambda digests: digests & {"a"}, now=2 * YOUNG)
    {'b': 4}
    >>> store.close()
    """
    old = store.sizes(before=now - YOUNG)
    kept = named(old.keys()) if old else set()
    return {digest: size for digest, size in sorted(old.items()) if digest not in kept}


def collect_blobs(store: Blobs, *, named: Named, now: int) -> Mapping[str, int]:
    """Remove the blobs that nothing names at a time; gives those that were removed, with their bytes."""
    found = find_blobs(store, named=named, now=now)
    return {digest: found[digest] for digest in store.delete(list(found), before=now - YOUNG)}


def named_in_rows(rows: pa.Table, wanted: pa.Array) -> set[str]:
    """Which digests the texts of a table are, whatever the columns are called.

    >>> sorted(named_in_rows(pa.table({"image": ["d1", None], "n": [1, 2]}), pa.array(["d1", "d2"])))
    ['d1']
    """
    found: set[str] = set()
    for column in rows.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts = column.cast(pa.string())
            found |= set(pc.unique(texts.filter(pc.is_in(texts, value_set=wanted))).to_pylist())
    return found


def named_in_texts(texts: Iterable[str], wanted: AbstractSet[str]) -> set[str]:
    """Which digests stand anywhere in texts, such as the rows of a quarantine as JSON.

    >>> named_in_texts(['{"image": "' + "0f" * 16 + '"}'], {"0f" * 16, "ab" * 16}) == {"0f" * 16}
    True
    """
    return {digest for text in texts for digest in _DIGEST.findall(text)} & set(wanted)
