"""Holds: a stored snapshot under a name of the user's own, which keeps it from being collected until it is let go."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Metadata
from setpoint.data.snapshots.manifest import manifest_of

NOUN = "hold"


@dataclass(frozen=True)
class Hold:
    """A name for a stored snapshot, since when, and why."""

    name: str
    snapshot: str
    at: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The hold as JSON-like data."""
        return asdict(self)


def hold_snapshot(metadata: Metadata, name: str, *, snapshot: str, at: int, reason: str = "") -> Hold:
    """Hold a stored snapshot under a name; the name may be given to another one later.

    Raises NameUnknown or NothingYet where the snapshot cannot be read.
    """
    found = Hold(name, snapshot, at, reason)
    with metadata.transaction():  # a collector that comes between would take the snapshot away
        manifest_of(metadata, snapshot)
        metadata.put(NOUN, name, {**found.to_dict(), "held": True})
    return found


def end_hold(metadata: Metadata, name: str) -> Hold:
    """End a hold; raises NameUnknown where there is none of this name."""
    with metadata.transaction():
        known = {each.name: each for each in holds(metadata)}
        if name not in known:
            raise NameUnknown("hold", name, known, where="What is stored")
        metadata.put(NOUN, name, {**known[name].to_dict(), "held": False})
    return known[name]


def holds(metadata: Metadata) -> list[Hold]:
    """What is held now, in order of the names' first use."""
    found = metadata.find(NOUN, held=True)
    return [Hold(**{name: value for name, value in body.items() if name != "held"}) for body in found]


def held_under(metadata: Metadata, name: str) -> str | None:
    """The digest of the snapshot that is held under a name; None where none is."""
    return next((each.snapshot for each in holds(metadata) if each.name == name), None)
