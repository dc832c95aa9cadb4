"""Runs an application on uvicorn (httptools, uvloop), with limits on what a connection may take of the server."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from setpoint.core.errors import SettingInvalid

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive; a body has its own limit in the application."""

MOST_HEAD_BYTES = 32_768
"""The most bytes of path and headers."""

KEEP_ALIVE_SECONDS = 75
DRAIN_SECONDS = 10
MOST_CONNECTIONS = 4096

_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def serve_http(
    app: Any,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    head_seconds: float = HEAD_SECONDS,
) -> None:
    """Answer HTTP until SIGINT or SIGTERM, then finish what is under way and return.

    `port` 0 takes any free one; `announce` is told the URL once connections are taken; the head of a request may take
    `head_seconds` to arrive. Raises SettingInvalid for an address that cannot be listened on.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=type("Protocol", (_Protocol,), {"head_seconds": head_seconds}),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    shown = f"[{host}]" if ":" in host else host
    server = _Server(config, lambda: announce(f"http://{shown}:{listener.getsockname()[1]}"))
    # uvicorn raises the signal that ended it once more: here it has done its work, and the caller goes on.
    ours = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *_: None) for number in ours}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingInvalid(
            f"Nothing can listen on {host}, port {port} ({error}).",
            expected="an address of this machine and a port that is free",
            hint="Port 0 takes any free one.",
        ) from error
    return listener


class _Server(uvicorn.Server):
    """A server that says when it takes connections."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


class _Protocol(HttpToolsProtocol):
    """A connection whose requests must arrive with their head in time, and with a head of bounded size."""

    head_seconds = HEAD_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        if self._timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _grow(self, size: int) -> None:
        self._head += size
        if self._head > MOST_HEAD_BYTES:
            raise ValueError("the head is too large")  # the parser stops, and the connection is answered 400 and closed

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _head_is_there(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self.transport.write(_LATE)
        self.transport.close()
