"""What a source elsewhere had when it was last read: kept, so that one that cannot be reached now is still known."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import iso
from setpoint.data.files.read import ROW
from setpoint.data.ingest.ingest import REASON, RULE, Ingested, in_order
from setpoint.data.ingest.quarantine import file_name
from setpoint.data.rows import SYSTEM_COLUMNS
from setpoint.data.snapshots.snapshot import ContentDigests
from setpoint.data.versions import is_versioned, unfold
from setpoint.declare.source import SourceInfo

NOUN = "kept"
"""Under which noun it is written down when a source elsewhere was read."""

_PART = "delivered"


@dataclass(frozen=True)
class Kept:
    """The deliveries of a source that were read at a time, or until then."""

    delivered: pa.Table
    read_at: int

    @property
    def raw(self) -> pa.Table:
        """The rows as a file would have them: without what ingest adds."""
        return self.delivered.drop_columns([name for name in self.delivered.column_names if name in SYSTEM_COLUMNS])

    def ingested(self, info: SourceInfo) -> Ingested:
        """The rows as they were taken in; none of them is set aside, since those that were are in the quarantine."""
        aside = pa.table({ROW: pa.array([], pa.int64()), RULE: pa.array([], pa.string())})
        aside = aside.append_column(REASON, pa.array([], pa.string()))
        if is_versioned(info):
            done = unfold(info, self.delivered)
            return Ingested(done.rows, aside, self.delivered, superseded=done.superseded)
        return Ingested(in_order(self.delivered), aside, self.delivered)


@dataclass(frozen=True)
class Unreachable:
    """A source that cannot be read now, why, and until when its rows are known."""

    source: str
    problem: str
    read_at: int

    def __str__(self) -> str:
        return f"unreachable; its rows as of {iso(self.read_at)[:19]}Z are used. {self.problem}"


def is_elsewhere(info: SourceInfo) -> bool:
    """Whether a source is read over a network, so that it may be out of reach; SQLite is a file.

    >>> from setpoint.declare.source import events, info
    >>> is_elsewhere(info(events("a", "https://host/a.csv", at="t"))), is_elsewhere(info(events("a", "a.csv", at="t")))
    (True, False)
    """
    return "://" in info.path and not info.path.startswith("sqlite")


def keep(info: SourceInfo, found: Ingested, *, tables: Tables, metadata: Metadata, now: int) -> None:
    """Keep what a source elsewhere has now in place of what it had before; the same is not written again."""
    key, shelf = _places(info)
    content = ContentDigests().of(found.delivered)
    before = metadata.get(NOUN, key)
    if before is None or before["content"] != content or not tables.parts(shelf):
        tables.write(shelf, _PART, found.delivered)
    metadata.put(NOUN, key, {"content": content, "read_at": now})


def kept(info: SourceInfo, *, tables: Tables, metadata: Metadata) -> Kept | None:
    """What a source had when it was last read; None where it never was."""
    key, shelf = _places(info)
    book = metadata.get(NOUN, key)
    if book is None or not tables.parts(shelf):
        return None
    return Kept(tables.read(shelf, parts=[_PART]), book["read_at"])


def let_go(info: SourceInfo, *, tables: Tables) -> None:
    """Keep a source no longer: a live system has taken it in."""
    tables.delete(_places(info)[1], _PART)


def _places(info: SourceInfo) -> tuple[str, str]:
    identity = digest(info.to_dict())
    return f"{info.name}/{identity}", f"{NOUN}/{file_name(info.name)}-{identity[:12]}"
