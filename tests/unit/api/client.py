"""The application called in process, as an ASGI server would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from setpoint.api.app import App
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.ports import Clock
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import ingest
from setpoint.data.log.eventlog import EventLog, Origin
from setpoint.data.log.told import read_batches
from setpoint.declare.source import info
from setpoint.serve.desk import Desk
from setpoint.serve.outcomes import Outcomes
from setpoint.serve.snapshot import Scorer, Serving
from tests.unit.serve.shop import NOON, Formula, ReadFeatures, returns, shop

JSON = ((b"content-type", b"application/json"),)


@dataclass(frozen=True)
class Reply:
    """What the application sent back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


def call(
    app: App,
    method: str,
    path: str,
    body: Any = b"",
    *,
    headers: Sequence[tuple[bytes, bytes]] = JSON,
    parts: Sequence[dict[str, Any]] | None = None,
) -> Reply:
    """The reply to one request; `parts` are the messages by which its body arrives, and then none comes any more."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    messages = list(parts) if parts is not None else [{"type": "http.request", "body": data, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": list(headers)}
    asyncio.run(app(scope, receive, send))
    start, end = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(named["content-length"]) == len(end["body"])
    return Reply(start["status"], named, end["body"])


@dataclass
class Shop:
    """An application that serves the shop, and what stands behind it."""

    app: App
    desk: Desk
    log: FileSegments
    clock: SimulatedClock
    events: EventLog


def event_log(segments: FileSegments, clock: Clock) -> EventLog:
    """The log of the shop's returns, which starts with two of them and goes on with what was told."""
    moments = [NOON - 2 * 86_400_000_000, NOON - 86_400_000_000]
    raw = pa.table(
        {
            "return_id": ["r1", "r2"],
            "checkout_id": ["x1", "x2"],
            "ts": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "fraud": [True, False],
        }
    )
    source = info(returns)
    contract = infer_contract(source, raw)
    origin = Origin(source, contract, ingest(source, raw, contract).delivered, read_batches(segments))
    return EventLog({"returns": origin}, {"returns": segments}, clock=clock)


def opened(folder: Path, *, scorer: Scorer | None = None, quota: int = 10**9) -> Iterator[Shop]:
    """The shop with its logs in a folder, closed at the end."""
    plan = shop()
    log, told = FileSegments(folder / "log", quota=quota, sync_every=0), FileSegments(folder / "told", sync_every=0)
    clock, segments = SimulatedClock(NOON), FileSegments(folder / "events", quota=quota, sync_every=0)
    events = event_log(segments, clock)
    desk = Desk(
        Serving(plan, scorer),
        features=ReadFeatures(plan),
        clock=clock,
        log=log,
        outcomes=Outcomes("shop", told),
        told=events,
        status=lambda: {"tick": 7},
    )
    yield Shop(App({"shop": desk}, body_seconds=0.05), desk, log, clock, events)
    desk.close()
    segments.close()
    log.close()
    told.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Shop]:
    """The shop, with a model."""
    yield from opened(tmp_path, scorer=Formula())
