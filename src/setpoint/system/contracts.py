"""The contracts of the sources, shown to be pasted into a declaration."""

from __future__ import annotations

from typing import Any

from setpoint.data.contracts.in_force import versions_of
from setpoint.data.contracts.suggest import suggest_contract
from setpoint.declare.contract import StatedContract
from setpoint.system.opened import Opened


def show_contracts(opened: Opened) -> list[dict[str, Any]]:
    """The contract of each source as Python to paste into the declaration, and its versions, oldest first."""
    sources, rows = opened.declared.sources, {name: found.rows for name, found in opened.sources.ingested.items()}
    return [
        {
            "source": name,
            "python": suggest_contract(
                opened.contracts[name],
                opened.declared.contracts.get(name, StatedContract(source, ())),
                rows,
                sources,
                now=opened.clock.now(),
            ),
            "versions": [each.to_dict() for each in versions_of(opened.metadata, opened.declared.name, name)],
        }
        for name, source in sources.items()
    ]
