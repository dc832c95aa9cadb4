"""Blobs: fetched by their digests, and collected once nothing of the project names them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from setpoint.core.ports import Tables
from setpoint.data.contracts.in_force import NOUN as CONTRACTS
from setpoint.data.ingest.quarantine import read_gone, read_quarantine
from setpoint.data.log.decisions import DECISIONS
from setpoint.data.log.taken import taken_last
from setpoint.data.log.told import read_batches
from setpoint.data.snapshots.collect import needed_parts
from setpoint.data.snapshots.collect_blobs import collect_blobs, find_blobs, named_in_rows, named_in_texts
from setpoint.data.snapshots.manifest import SNAPSHOTS
from setpoint.declare.source import info
from setpoint.labels.queue import items_stored
from setpoint.serve.asked import take_moment
from setpoint.system.folders import Folders
from setpoint.system.opened import Opened
from setpoint.system.workspaces import reading


@dataclass(frozen=True)
class BlobsLeft:
    """The blobs that nothing names, or that were removed, with their bytes; or why none may be judged."""

    blobs: Mapping[str, int] = field(default_factory=dict)
    because: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The blobs as JSON-like data."""
        found: dict[str, Any] = {"blobs": list(self.blobs), "blob_bytes": sum(self.blobs.values())}
        return {**found, "blobs_kept_because": self.because} if self.because else found


def left_over(opened: Opened, *, sweep: bool) -> BlobsLeft:
    """The blobs that no snapshot, quarantined row, item of a queue, decision or source's row names; removed by `sweep`.

    Where another system of the project brings blobs of sources that this one does not have, all of them stay.
    """
    if not opened.folders.blobs.exists():
        return BlobsLeft()
    others = _others(opened)
    if others:
        return BlobsLeft(because=f"the sources {', '.join(others)} are of another system: what they name is not known")
    rows = opened.sources.ingested  # read first, so that what the sources have now was put just now
    store = opened.folders.open_blobs(opened.clock)

    def named(digests: AbstractSet[str]) -> AbstractSet[str]:
        wanted = pa.array(sorted(digests), pa.string())
        found = {digest for each in rows.values() for digest in named_in_rows(each.delivered, wanted)}
        for table in _tables(opened):
            found |= named_in_rows(table, wanted)
        return found | named_in_texts(_texts(opened), digests)

    try:
        return BlobsLeft((collect_blobs if sweep else find_blobs)(store, named=named, now=opened.clock.now()))
    finally:
        store.close()


def _others(opened: Opened) -> list[str]:
    """Sources with blobs that another system of the project has, and this one has not."""
    return sorted(
        {
            body["source"]
            for body in opened.metadata.find(CONTRACTS)
            if body["system"] != opened.declared.name
            and body["source"] not in opened.declared.sources
            and body["contract"]["source"].get("blobs")
        }
    )


def _tables(opened: Opened) -> Iterator[pa.Table]:
    """Rows that may name blobs: of stored snapshots, of what was taken in, and of every decision."""
    tables, live = opened.folders.open_tables(), opened.workspaces.live
    stored = set(tables.parts(SNAPSHOTS))
    for part in sorted(needed_parts(opened.metadata) & stored):
        yield tables.read(SNAPSHOTS, parts=[part])
    for folders in _workspaces(opened):
        work = folders.open_tables()
        for part in work.parts(DECISIONS):
            yield work.read(DECISIONS, parts=[part])
    if live.home.exists():
        yield from _of_live(opened, live.open_tables())


def _of_live(opened: Opened, tables: Tables) -> Iterator[pa.Table]:
    """What the live system took in of its sources, and its decisions that no tick has shipped."""
    metadata = opened.workspaces.live.open_metadata(opened.settings)
    with ExitStack() as stack:
        stack.callback(metadata.close)
        for source in opened.declared.sources.values():
            taken = taken_last(info(source), tables=tables, metadata=metadata)
            if taken is not None:
                yield taken[0]
        log = reading(stack, opened.workspaces.live.log)
        if log is not None:
            yield take_moment(opened.plan, metadata, tables, log).newer


def _workspaces(opened: Opened) -> list[Folders]:
    """The live system's workspace and that of every replay."""
    found = [Folders(path) for path in sorted((opened.folders.home / "replay").glob("*"))]
    return [*found, opened.workspaces.live] if opened.workspaces.live.home.exists() else found


def _texts(opened: Opened) -> Iterator[str]:
    """Texts that may name blobs: rows of the quarantine, what was told, and the items of every queue."""
    tables = opened.folders.open_tables()
    for name in opened.declared.sources:
        for rows in (read_quarantine(tables, name), read_gone(tables, name)):
            yield from rows["held"].to_pylist()
    with ExitStack() as stack:
        for log in opened.workspaces.event_logs(stack, writes=False).values():
            for batch in read_batches(log):
                yield from (row.held for row in batch.aside)
                yield from (value for column in batch.columns.values() for value in column if isinstance(value, str))
    systems = {opened.declared.name, *[body["system"] for body in opened.metadata.find(CONTRACTS)]}
    for system in sorted(systems):
        yield from (json.dumps(body) for body in items_stored(opened.metadata, system))
