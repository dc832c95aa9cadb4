"""Snapshots by name or time: compared, held, and collected once nothing needs them."""

from __future__ import annotations

import re
from typing import Any

from setpoint.core.errors import NothingYet
from setpoint.core.times import time
from setpoint.data.snapshots.collect import collect, find_garbage
from setpoint.data.snapshots.diff import EXAMPLES
from setpoint.data.snapshots.hold import end_hold, hold_snapshot
from setpoint.data.snapshots.manifest import load_snapshot
from setpoint.data.snapshots.snapshot import Snapshot, take_snapshot
from setpoint.labels.told import beside_sources
from setpoint.registry import lineage
from setpoint.system.blobs import left_over
from setpoint.system.opened import Opened
from setpoint.system.told import told_labels
from setpoint.watch.shifts import compare_snapshots


def snapshot(opened: Opened, which: str) -> Snapshot:
    """The rows of a stored snapshot, or those that were known at a time."""
    stored = _stored(opened, which)
    if stored is not None:
        return load_snapshot(opened.folders.open_tables(), opened.metadata, snapshot=stored)
    return _known(opened, opened.clock.now() if which == "now" else time(which))


def compare(opened: Opened, before: str, after: str, *, examples: int = EXAMPLES) -> dict[str, Any]:
    """What differs between two snapshots, named as `snapshot` has it: columns, rows, and how far values moved."""
    return compare_snapshots(snapshot(opened, before), snapshot(opened, after), examples=examples)


def hold(opened: Opened, name: str, *, which: str = "now", reason: str = "") -> dict[str, Any]:
    """Store a snapshot, named as `snapshot` has it, under a name; it is not collected until it is let go."""
    now, stored = opened.clock.now(), _stored(opened, which)
    if stored is None:
        stored = opened.sources.stored()(opened.metadata, snapshot(opened, which)).snapshot
    return hold_snapshot(opened.metadata, name, snapshot=stored, at=now, reason=reason).to_dict()


def let_go(opened: Opened, name: str) -> dict[str, Any]:
    """End a hold: its snapshot may be collected. Raises NameUnknown where there is none of this name."""
    return end_hold(opened.metadata, name).to_dict()


def collect_garbage(opened: Opened, *, sweep: bool = False) -> dict[str, Any]:
    """What is stored of snapshots and blobs that nothing needs, and with `sweep` removes it; what is kept, and why."""
    with opened.workspaces.registries() as registries:
        found = (collect if sweep else find_garbage)(
            opened.folders.open_tables(),
            opened.metadata,
            needs=lambda: lineage.needed_snapshots(registries),
            now=opened.clock.now(),
        )
    blobs = left_over(opened, sweep=sweep)  # last: those that only a collected snapshot named go with it
    return {"system": opened.declared.name, **found.to_dict(), **blobs.to_dict(), "removed": sweep}


def _stored(opened: Opened, which: str) -> str | None:
    """The digest of a stored snapshot that is called so; None where this is a time."""
    if which == "now" or re.match(r"\d{4}-\d\d", which):
        return None
    with opened.workspaces.registries() as registries:
        return lineage.snapshot_named(registries, opened.metadata, which)


def _known(opened: Opened, as_of: int) -> Snapshot:
    """What was known at a time, told labels included: the rows of what was recorded last, if anything was."""
    told = told_labels(opened)
    try:
        with opened.workspaces.recorded() as (metadata, tables, _):
            rows = opened.events.rows_of(metadata, tables)
            return take_snapshot(beside_sources(rows, told, as_of), as_of)
    except NothingYet:
        return take_snapshot(beside_sources(opened.rows, told, as_of), as_of)
