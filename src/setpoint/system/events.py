"""The events that were told to the live system, in one log with what its sources brought."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import pyarrow as pa

from setpoint.core.errors import SetpointError
from setpoint.core.ports import Clock, Metadata, Tables
from setpoint.data.ingest.ingest import Ingested
from setpoint.data.ingest.kept import is_elsewhere, let_go
from setpoint.data.log.eventlog import EventLog, Origin
from setpoint.data.log.taken import parts_taken, take_in, take_new, taken_before
from setpoint.data.log.told import read_batches
from setpoint.declare.source import SourceInfo, info
from setpoint.features.fit import unfit
from setpoint.system.sources import Sources
from setpoint.system.workspaces import LIVE

_logger = logging.getLogger("setpoint.system")


class Events:
    """The log of the live system's sources: the one this process writes, or the one it follows."""

    def __init__(self, sources: Sources, *, clock: Clock) -> None:
        self.sources, self.clock, self.workspaces = sources, clock, sources.workspaces
        self.written: EventLog | None = None
        self._followed: tuple[list[int], EventLog] | None = None

    @contextmanager
    def log(self, metadata: Metadata, tables: Tables) -> Iterator[EventLog]:
        """The log of the live system's sources, with what is new in them; one process at a time may open it."""
        with ExitStack() as stack:
            logs, origins = self.workspaces.event_logs(stack, writes=True), {}
            for name, found in self.sources.ingested.items():
                told = read_batches(logs[name]) if name in logs else []
                source = info(self.sources.declared.sources[name])
                now = max([self.clock.now(), *[batch.known_at + 1 for batch in told[-1:]]])
                if name in self.sources.unreached and parts_taken(source, metadata):
                    taken = taken_before(source, found, tables=tables, metadata=metadata)
                else:
                    taken = take_in(source, found, tables=tables, metadata=metadata, now=now)
                if is_elsewhere(source):
                    let_go(source, tables=self.workspaces.project.open_tables())
                origins[name] = Origin(source, self.sources.contracts[name], taken, told)
            self.written = EventLog(
                origins, logs, clock=self.clock, unfit=partial(unfit, self.sources.plan), keep=self.sources.keep_blobs
            )
            try:
                yield self.written
            finally:
                self.written = None

    def rows_of(self, metadata: Metadata, tables: Tables) -> Mapping[str, pa.Table]:
        """The sources' rows as what was recorded last knows them: those of the live system's log, if there is one."""
        if self.workspaces.newest()[2] != LIVE:
            return self.sources.rows
        if self.written is not None:
            return self.written.tables
        sources = {name: info(source) for name, source in self.sources.declared.sources.items()}
        parts = [parts_taken(source, metadata) for source in sources.values()]
        if self._followed is None or self._followed[0] != parts or not self._followed[1].follow():
            logs, origins = self.workspaces.event_logs(ExitStack(), writes=False), {}
            for name, source in sources.items():
                taken = taken_before(source, self.sources.ingested[name], tables=tables, metadata=metadata)
                told = read_batches(logs[name]) if name in logs else []
                origins[name] = Origin(source, self.sources.contracts[name], taken, told)
            self._followed = parts, EventLog(origins, logs, clock=self.clock, unfit=partial(unfit, self.sources.plan))
        return self._followed[1].tables

    def reach(self, events: EventLog, metadata: Metadata, tables: Tables) -> None:
        """Ask again for the sources that could not be reached, and take in what is new in those that answer."""
        for name, (told, before) in list(self.sources.unreached.items()):
            source = info(self.sources.declared.sources[name])
            try:
                found = self.sources.ask_again(name)
                count = events.take(name, partial(_new_in, source, found, tables, metadata))
            except SetpointError as error:
                if str(error) != told.problem:
                    _logger.warning("Source %r cannot be taken in: %s", name, error)
                self.sources.unreached[name] = replace(told, problem=str(error)), before
                continue
            del self.sources.unreached[name]
            _logger.warning("Source %r is back; %d of its rows are new.", name, count)


def _new_in(source: SourceInfo, found: Ingested, tables: Tables, metadata: Metadata, now: int) -> pa.Table:
    """What is new in a source, taken in as known from a time on."""
    return take_new(source, found, tables=tables, metadata=metadata, now=now)
