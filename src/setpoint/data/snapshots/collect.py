"""Collection: stored snapshots that nothing needs go, and the blocks that no other snapshot has go with them.

Mark, then sweep. Marking is one transaction that ends the manifests; sweeping looks at every block once more, inside a
transaction that also holds back whoever wants to store a snapshot. So a process may die between any two steps, and a
snapshot that is stored meanwhile keeps all of its blocks: the next collection goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import DAY, iso
from setpoint.data.snapshots.hold import holds
from setpoint.data.snapshots.manifest import GONE, SNAPSHOTS, STORED, Manifest, manifests, mark_gone, turn

YOUNG = DAY
"""A snapshot that was used so recently is left: a model that is being trained on it is not registered yet."""

SWEPT = 64
"""Blocks that are removed in one transaction, which others wait for."""

Needs = Callable[[], Mapping[str, str]]
"""Says which snapshots are needed now, by digest, each with what needs it."""


@dataclass(frozen=True)
class Needed:
    """A stored snapshot that stays, and why."""

    manifest: Manifest
    because: str


@dataclass(frozen=True)
class Garbage:
    """What nothing needs: snapshots, and the parts that only they have or that no snapshot has, with their bytes."""

    snapshots: tuple[Manifest, ...]
    parts: Mapping[str, int]
    kept: tuple[Needed, ...]

    @property
    def bytes(self) -> int:
        """How many bytes the parts take on disk."""
        return sum(self.parts.values())

    def to_dict(self) -> dict[str, Any]:
        """What would go and what stays, as JSON-like data."""
        return {
            "snapshots": [_told(each) for each in self.snapshots],
            "parts": len(self.parts),
            "bytes": self.bytes,
            "kept": [{**_told(each.manifest), "because": each.because} for each in self.kept],
        }


def find_garbage(tables: Tables, metadata: Metadata, *, needs: Needs, now: int) -> Garbage:
    """What a collection would remove at a time; nothing is changed."""
    everything, kept = manifests(metadata), _kept(metadata, needs, now)
    stay = {each.manifest.snapshot for each in kept}
    gone = [each for each in everything if each.snapshot not in stay and each.state != GONE]
    needed = set().union(*[each.manifest.parts for each in kept])
    parts = [part for part in tables.parts(SNAPSHOTS) if part not in needed]
    sizes = {part: tables.size(SNAPSHOTS, part) for part in parts}
    return Garbage(tuple(gone), sizes, tuple(each for each in kept if each.manifest.state == STORED))


def collect(tables: Tables, metadata: Metadata, *, needs: Needs, now: int) -> Garbage:
    """Remove what nothing needs at a time; gives what was removed. Whatever stops it, the next call goes on."""
    marked = mark(metadata, needs=needs, now=now)
    parts = sweep(tables, metadata)
    return Garbage(marked, parts, tuple(each for each in _kept(metadata, needs, now) if each.manifest.state == STORED))


def mark(metadata: Metadata, *, needs: Needs, now: int) -> tuple[Manifest, ...]:
    """End the manifests of snapshots that nothing needs: all of them, or none where the process dies."""
    with metadata.transaction():
        stay = {each.manifest.snapshot for each in _kept(metadata, needs, now)}
        gone = [each for each in manifests(metadata) if each.snapshot not in stay and each.state != GONE]
        for manifest in gone:
            mark_gone(metadata, manifest)
    return tuple(gone)


def sweep(tables: Tables, metadata: Metadata) -> dict[str, int]:
    """Remove the parts that no manifest names but those that were ended; gives their bytes."""
    removed: dict[str, int] = {}
    seen, needed = turn(metadata), needed_parts(metadata)
    parts = [part for part in tables.parts(SNAPSHOTS) if part not in needed]
    for start in range(0, len(parts), SWEPT):
        with metadata.transaction():
            if turn(metadata) != seen:
                seen, needed = turn(metadata), needed_parts(metadata)
            for part in parts[start : start + SWEPT]:
                if part not in needed:
                    removed[part] = tables.size(SNAPSHOTS, part)
                    tables.delete(SNAPSHOTS, part)
    return removed


def needed_parts(metadata: Metadata) -> set[str]:
    """The parts that a manifest names which was not ended."""
    return set().union(*[each.parts for each in manifests(metadata) if each.state != GONE])


def _kept(metadata: Metadata, needs: Needs, now: int) -> list[Needed]:
    """The snapshots that stay: needed, held, or used too recently to know."""
    needed = {**{each.snapshot: f"held as {each.name!r}" for each in holds(metadata)}, **needs()}
    found = []
    for manifest in manifests(metadata):
        because = needed.get(manifest.snapshot)
        if because is None and manifest.used_at > now - YOUNG:
            because = "used within the last day"
        if because is not None and manifest.state != GONE:
            found.append(Needed(manifest, because))
    return found


_FAR = 2**57
"""Times beyond this one mean the end of all time."""


def _told(manifest: Manifest) -> dict[str, Any]:
    return {
        "snapshot": manifest.snapshot,
        "as_of": iso(manifest.as_of) if manifest.as_of < _FAR else None,
        "used_at": iso(manifest.used_at),
        "rows": manifest.rows,
        "bytes": manifest.bytes,
    }
