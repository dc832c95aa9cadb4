"""Versions of contracts: which was in force when. A batch is judged by the one in force when it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.ports import Metadata
from setpoint.core.times import iso
from setpoint.data.contracts.contract import Contract

NOUN = "contract-version"
"""Under which noun versions are written down."""


@dataclass(frozen=True)
class Version:
    """One version of a source's contract: its number from 1, its digest, and when it came into force."""

    number: int
    digest: str
    since: int
    rules: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The version as JSON-like data."""
        return {"version": self.number, "digest": self.digest, "since": iso(self.since), "rules": list(self.rules)}


def put_in_force(metadata: Metadata, system: str, contracts: Mapping[str, Contract], now: int) -> None:
    """Write down, for each source whose contract is not the one in force, that it is from now on."""
    if not any(_changed(metadata, system, name, contract) for name, contract in contracts.items()):
        return
    with metadata.transaction():
        for name, contract in contracts.items():
            if not _changed(metadata, system, name, contract):
                continue
            before = versions_of(metadata, system, name)
            body = {
                "system": system,
                "source": name,
                "version": len(before) + 1,
                "digest": contract.digest,
                "since": now,
                "contract": contract.to_dict(),
                "rules": [rule.name for rule in contract.rules],
            }
            metadata.append(NOUN, [body])


def _changed(metadata: Metadata, system: str, name: str, contract: Contract) -> bool:
    before = versions_of(metadata, system, name)
    return not before or before[-1].digest != contract.digest


def versions_of(metadata: Metadata, system: str, source: str) -> list[Version]:
    """The versions of a source's contract in a system, oldest first; the last is in force."""
    return [
        Version(body["version"], body["digest"], body["since"], tuple(body["rules"]))
        for body in metadata.find(NOUN, system=system, source=source)
    ]
