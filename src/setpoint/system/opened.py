"""A declaration opened on its backends: what every verb has at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from setpoint.core.ports import Clock, Metadata, OnlineState
from setpoint.core.settings import Settings
from setpoint.data.contracts.contract import Contract
from setpoint.data.ingest.kept import Unreachable
from setpoint.declare.declaration import System
from setpoint.declare.plan import Plan
from setpoint.loop import Workspace
from setpoint.system.events import Events
from setpoint.system.folders import Folders
from setpoint.system.sources import Sources
from setpoint.system.workspaces import REPLAY, Workspaces


class Opened:
    """A declaration with its sources, the workspaces of its project, and the events that were told to it."""

    def __init__(self, declared: System, *, root: Path, settings: Settings, clock: Clock) -> None:
        self.declared, self.root, self.settings, self.clock = declared, root, settings, clock
        self.workspaces = Workspaces(declared, root=root, settings=settings)
        self.sources = Sources(declared, root=root, clock=clock, workspaces=self.workspaces)
        self.events = Events(self.sources, clock=clock)

    @property
    def plan(self) -> Plan:
        """What is derived from the declaration on these sources."""
        return self.sources.plan

    @property
    def rows(self) -> dict[str, pa.Table]:
        """The sources' rows that keep their contract and fit the plan, in the order in which they became known."""
        return self.sources.rows

    @property
    def metadata(self) -> Metadata:
        """Documents of the project: contracts, plans, snapshots."""
        return self.workspaces.metadata

    @property
    def folders(self) -> Folders:
        """Where the project keeps what it writes."""
        return self.workspaces.project

    @property
    def contracts(self) -> dict[str, Contract]:
        """The contract of each source: inferred when it was first seen, then stated, with the rules declared."""
        return self.sources.contracts

    @property
    def unreachable(self) -> Mapping[str, Unreachable]:
        """The sources that could not be reached, and until when their rows are known."""
        return self.sources.unreachable

    def blob(self, digest: str) -> bytes | None:
        """The content of a blob that a source brought, by its digest; None where there is none."""
        blobs = self.folders.open_blobs(self.clock)
        try:
            return blobs.get([digest])[0]
        finally:
            blobs.close()

    def moment_of(self, metadata: Metadata, where: str) -> int:
        """The time in a workspace: now where a system is live, and where a replay ended its last tick."""
        state = metadata.get("loop", self.declared.name)
        return state["tick"] * self.plan.tick if where.startswith(REPLAY) and state else self.clock.now()

    @contextmanager
    def open(self, folders: Folders, clock: Clock, *, what: str) -> Iterator[tuple[Workspace, OnlineState]]:
        """A workspace, held against other processes; what was opened is closed in the end."""
        with self.workspaces.open(folders, clock, what=what, stored=self.sources.stored()) as opened:
            yield opened
