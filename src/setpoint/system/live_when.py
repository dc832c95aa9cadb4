"""What was live when, and what was known of it when."""

from __future__ import annotations

from typing import Any

from setpoint.core.times import iso
from setpoint.registry import audit
from setpoint.system.opened import Opened


def live_when(opened: Opened, *, at: int | None = None, known_at: int | None = None) -> dict[str, Any]:
    """What decided one after another, or at a time; as is known now, or as was known at another time."""
    with opened.workspaces.recorded() as (metadata, _, where):
        acts = audit.trail(metadata)
    kept = audit.reigns(acts, known_at=known_at) if at is None else [audit.live_at(acts, at, known_at=known_at)]
    return {
        "system": opened.declared.name,
        "where": where,
        "at": None if at is None else iso(at),
        "known_at": None if known_at is None else iso(known_at),
        "live": [
            {
                "model": each.model,
                "since": None if each.since is None else iso(each.since),
                "known_since": None if each.known_at is None else iso(each.known_at),
                "reason": each.reason,
            }
            for each in kept
        ],
    }
