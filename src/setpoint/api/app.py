"""The ASGI application: each path leads to one call of a service, and every answer explains itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from setpoint.api.errors import Problem, Refused, internal, not_accepted, not_allowed, not_found, problem_of
from setpoint.api.metrics import Labels, Metrics
from setpoint.api.openapi import openapi
from setpoint.api.validate import (
    BODY_SECONDS,
    JSON,
    LINES,
    MOST_EVENT_BYTES,
    MOST_HELD_BYTES,
    Message,
    Receive,
    Room,
    read_body,
    read_events,
    read_json,
    refuse_elsewhere,
)
from setpoint.core.clock import stopwatch
from setpoint.core.errors import BatchRefused
from setpoint.data.log.eventlog import Receipt
from setpoint.serve.decide import Decision
from setpoint.serve.outcomes import Outcome

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

EXPLAIN = b"explain=1"
"""The part of a query that asks why a decision has its score."""

_logger = logging.getLogger("setpoint.api")
_encode = msgspec.json.Encoder().encode


class Service(Protocol):
    """One system, as HTTP sees it.

    Calls come from one thread, except `status` and `event`, which may take their time in others.
    """

    def decide(self, request: Mapping[str, Any], *, explain: bool = False) -> Decision:
        """The decision on a request, with why it has its score if asked; raises RequestInvalid or LogUnavailable."""
        ...

    def outcome(self, told: Mapping[str, Any]) -> tuple[Outcome, bool]:
        """The outcome as recorded, and whether it is new."""
        ...

    def shapes(self) -> Mapping[str, Any]:
        """What a decision says of its prediction, and what the value of an outcome is, as JSON Schema."""
        ...

    def event(self, source: str, events: Sequence[Any]) -> Receipt:
        """What became of events that were told to a source; raises RequestInvalid or LogUnavailable."""
        ...

    def events(self) -> Mapping[str, Any]:
        """What an event of each source that takes them may hold, as JSON Schema."""
        ...

    def schema(self) -> Mapping[str, Any]:
        """What a request may hold, as JSON Schema."""
        ...

    def status(self) -> Mapping[str, Any]:
        """The state of the loop, as JSON-like data."""
        ...

    def ready(self) -> str:
        """Why no decision can be taken now; empty when one can."""
        ...


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)


Handler = Callable[[Any], Awaitable[Answer]]
"""Gives the answer; what it is given is the decoded body of a POST, None for a GET."""


@dataclass(frozen=True)
class Route:
    """A path: its method, what counts it in the metrics, and what answers.

    `events` takes many at once; `same_origin` refuses what a page of another server makes a browser send.
    """

    method: str
    system: str
    name: str
    handler: Handler
    events: bool = False
    same_origin: bool = False


class App:
    """Serves systems over HTTP.

    `body_seconds` is how long the body of a request may take to arrive, `event_room` how many bytes of events all
    requests together may hold; `pages` are routes beside those of the services.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        *,
        pages: Mapping[str, Route] | None = None,
        body_seconds: float = BODY_SECONDS,
        event_room: int = MOST_HELD_BYTES,
    ) -> None:
        self.metrics = Metrics()
        self._services, self._body_seconds = dict(services), body_seconds
        self._room = Room(event_room)
        self._routes: dict[str, Route] = {
            "/livez": Route("GET", "", "livez", self._livez),
            "/readyz": Route("GET", "", "readyz", self._readyz),
            "/metrics": Route("GET", "", "metrics", self._metrics),
            "/openapi.json": Route("GET", "", "openapi", self._openapi),
        }
        self._explained: dict[str, Route] = {}
        for system, service in self._services.items():
            handler = self._decide(system, service, explain=True)
            self._explained[f"/v1/{system}/decide"] = Route("POST", system, "decide", handler)
            for name, method, handler in self._of(system, service):
                self._routes[f"/v1/{system}/{name}"] = Route(method, system, name, handler)
            for source in service.events():
                handler = self._events(system, service, source)
                self._routes[f"/v1/{system}/events/{source}"] = Route("POST", system, "events", handler, events=True)
        self._routes.update(pages or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the entry point of ASGI servers."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        explained = self._explained if EXPLAIN in scope.get("query_string", b"").split(b"&") else {}
        route = explained.get(scope["path"]) or self._routes.get(scope["path"])
        try:
            answer = await self._answer(scope, receive, route)
        except Exception as error:  # the edge: whatever happens inside, the client gets an answer
            problem = problem_of(error)
            if problem is None:
                _logger.exception("The server failed on %s %r.", scope["method"], scope["path"])
                self.metrics.count("setpoint_failures_total")
                problem = internal()
            answer = _told(problem)
        system, name = ("", "unknown") if route is None else (route.system, route.name)
        labels: Labels = (("system", system), ("route", name), ("status", str(answer.status)))
        self.metrics.count("setpoint_requests_total", labels)
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive, route: Route | None) -> Answer:
        if route is None:
            raise Refused(not_found(scope["path"], self._routes))
        method = scope["method"]
        if route.same_origin:
            refuse_elsewhere(scope["headers"])
        if route.method == "GET":
            if method not in ("GET", "HEAD"):
                raise Refused(not_allowed(method, scope["path"], "GET, HEAD"))
            return await route.handler(None)
        if method != route.method:
            raise Refused(not_allowed(method, scope["path"], route.method))
        if route.events:
            types, most = (JSON, *LINES), MOST_EVENT_BYTES
            headers = scope["headers"]
            with self._room.taken(headers):
                body, kind = await read_body(headers, receive, seconds=self._body_seconds, types=types, most=most)
                return await route.handler(read_events(body, kind))
        body, _ = await read_body(scope["headers"], receive, seconds=self._body_seconds)
        return await route.handler(read_json(body))

    def _of(self, system: str, service: Service) -> list[tuple[str, str, Handler]]:
        """The routes of one system."""

        async def outcome(told: Any) -> Answer:
            recorded, new = service.outcome(told)
            return Answer(201 if new else 200, _encode({**recorded.to_dict(), "new": new}))

        async def schema(_: None) -> Answer:
            return Answer(200, _encode(service.schema()))

        async def status(_: None) -> Answer:
            return Answer(200, _encode(await asyncio.to_thread(service.status)))

        return [
            ("decide", "POST", self._decide(system, service, explain=False)),
            ("outcome", "POST", outcome),
            ("schema", "GET", schema),
            ("status", "GET", status),
        ]

    def _decide(self, system: str, service: Service, *, explain: bool) -> Handler:
        """What answers requests for decisions; those that are explained take longer and are timed apart."""
        acted: Labels = (("system", system),)
        timed = "setpoint_explained_decision_seconds" if explain else "setpoint_decision_seconds"

        async def decide(request: Any) -> Answer:
            began = stopwatch()
            decision = service.decide(request, explain=explain)
            self.metrics.observe(timed, acted, (stopwatch() - began) / 1e9)
            labels = (("system", system), ("arm", decision.arm), ("action", decision.action))
            self.metrics.count("setpoint_decisions_total", labels)
            if decision.degraded:
                self.metrics.count("setpoint_degraded_total", (("system", system), ("reason", decision.degraded)))
            return Answer(200, _encode(decision.to_dict()))

        return decide

    def _events(self, system: str, service: Service, source: str) -> Handler:
        """What takes the events of one source."""

        async def events(told: Any) -> Answer:
            def count(became: str, events: int) -> None:
                labels = (("system", system), ("source", source), ("became", became))
                self.metrics.count("setpoint_events_total", labels, by=events)

            try:
                receipt = await asyncio.to_thread(service.event, source, told)
            except BatchRefused:
                count("refused", len(told))
                raise
            counts = {name: getattr(receipt, name) for name in ("accepted", "repeated", "superseded", "skipped")}
            for became, events in {**counts, "quarantined": len(receipt.quarantined)}.items():
                count(became, events)
            if receipt.quarantined and not any(counts.values()):
                raise Refused(not_accepted(receipt.to_dict()))
            return Answer(202 if receipt.accepted else 200, _encode(receipt.to_dict()))

        return events

    async def _livez(self, _: None) -> Answer:
        return Answer(200, b'{"live":true}')

    async def _readyz(self, _: None) -> Answer:
        waiting = {system: why for system, service in self._services.items() if (why := service.ready())}
        if waiting:
            told = "; ".join(f"{system}: {why}" for system, why in waiting.items())
            return _told(Problem(503, "not-ready", told))
        return Answer(200, b'{"ready":true}')

    async def _metrics(self, _: None) -> Answer:
        gauges: dict[tuple[str, Labels], float] = {
            ("setpoint_ready", (("system", system),)): float(not service.ready())
            for system, service in self._services.items()
        }
        text = self.metrics.text(gauges=gauges)
        return Answer(200, text.encode(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def _openapi(self, _: None) -> Answer:
        services = self._services
        document = openapi(
            {name: each.schema() for name, each in services.items()},
            {name: each.events() for name, each in services.items()},
            {name: each.shapes() for name, each in services.items()},
        )
        return Answer(200, _encode(document))


def _told(problem: Problem) -> Answer:
    return Answer(problem.status, problem.body(), tuple(problem.headers()))


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
