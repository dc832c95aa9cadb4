"""What hands out events, against the laws of the Events port: rows as ingested, and the log of a live system."""

from __future__ import annotations

import pyarrow as pa

from setpoint.conformance.events import EventsLaws
from setpoint.core.clock import SimulatedClock
from setpoint.core.ports import Events
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import ingest
from setpoint.data.log.eventlog import EventLog, Origin
from setpoint.data.log.feed import RowsFeed
from setpoint.declare.source import SourceInfo
from tests.unit.data.make import moments, sales
from tests.unit.data.memory import MemorySegments

PLAIN = sales(id="id", known_at="seen", delay=None)
CORRECTED = sales(id="id", known_at="seen", delay=None, version="v", retracted="gone")


def raw() -> pa.Table:
    """Twelve sales, two of them corrected and one taken back."""
    rows = [(f"s{number}", 1, number // 2, number, False) for number in range(12)]
    rows += [("s1", 2, 3, 1, False), ("s2", 2, 9, 2, True), ("s3", 2, 9, 3, False)]
    ids, versions, seen, ts, gone = zip(*rows, strict=True)
    return pa.table({"id": ids, "v": versions, "seen": moments(*seen), "ts": moments(*ts), "gone": gone})


def feed(source: SourceInfo, table: pa.Table) -> RowsFeed:
    """A table as ingested."""
    return RowsFeed({"sales": ingest(source, table, infer_contract(source, table)).rows})


def log(source: SourceInfo, table: pa.Table) -> EventLog:
    """A log that begins with the table's first rows and was told the others, all of them at times of their own."""
    contract = infer_contract(source, table)
    begin = ingest(source, table.slice(0, 8), contract).delivered
    clock = SimulatedClock(2)
    found = EventLog({"sales": Origin(source, contract, begin)}, {"sales": MemorySegments()}, clock=clock)
    for number, row in enumerate(table.slice(8).to_pylist()):
        clock.advance_to(3 + number // 2)
        found.append("sales", [row])
    clock.advance_to(1000)
    return found


class TestRowsFeed(EventsLaws):
    source = "sales"

    def opened(self) -> Events:
        return feed(PLAIN, raw().slice(0, 12))


class TestRowsFeedWithCorrections(EventsLaws):
    source = "sales"

    def opened(self) -> Events:
        return feed(CORRECTED, raw())


class TestEventLog(EventsLaws):
    source = "sales"

    def opened(self) -> Events:
        return log(PLAIN, raw().slice(0, 12))


class TestEventLogWithCorrections(EventsLaws):
    source = "sales"

    def opened(self) -> Events:
        return log(CORRECTED, raw())
