"""What comes in is read within limits of size, time and depth, and only as strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from setpoint.api.errors import Problem, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MOST_BYTES = 1_000_000
"""The most bytes of a body."""

MOST_EVENT_BYTES = 16_000_000
"""The most bytes of a body of events."""

MOST_HELD_BYTES = 256_000_000
"""The most bytes of events that are held at once, by all requests together."""

JSON = b"application/json"
LINES = (b"application/x-ndjson", b"application/jsonl")
"""The types of a body that holds a JSON value, and of one that holds one in each line."""

BODY_SECONDS = 10.0
"""How long a body may take to arrive."""

_decoder = msgspec.json.Decoder()


async def read_body(
    headers: Iterable[tuple[bytes, bytes]],
    receive: Receive,
    *,
    seconds: float,
    types: Sequence[bytes] = (JSON,),
    most: int = MOST_BYTES,
) -> tuple[bytes, bytes]:
    """The whole body of a request that says it is JSON, or another of these types, and which.

    Raises Refused with 415 for another media type, 413 for too many bytes, 408 when they do not come in time.
    """
    media, length = b"", b"0"
    for name, value in headers:
        if name == b"content-type":
            media = value
        elif name == b"content-length":
            length = value
    kind = media.partition(b";")[0].strip().lower()
    if kind not in types:
        raise Refused(
            Problem(
                415,
                "media-type",
                f"The body is said to be {media.decode('latin-1')[:80]!a}.",
                expected=f"content-type: {b' or '.join(types).decode()}",
                close=True,
            )
        )
    if not length.isdigit() or int(length[:12]) > most:
        raise _too_large(most)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = loop.call_later(seconds, expire)  # asyncio.timeout would cost 7 us for each request
    try:
        return await _all(receive, most), kind
    except asyncio.CancelledError:
        if not expired:
            raise
        task.uncancel()
        raise Refused(
            Problem(
                408,
                "body-late",
                f"The body did not arrive within {seconds:g} s.",
                expected="the whole body",
                close=True,
            )
        ) from None
    finally:
        timer.cancel()


def refuse_elsewhere(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise Refused (403) for a request that a page of another server made a browser send.

    A browser names that page's origin, or says that the request crosses sites; what is no browser says neither.
    """
    told = {name: value.strip().lower() for name, value in headers if name in _ORIGINS}
    origin, host = told.get(b"origin"), told.get(b"host", b"")
    crosses = told.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
    if crosses or (origin is not None and origin.partition(b"://")[2] != host):
        raise Refused(
            Problem(
                403,
                "other-origin",
                f"The request comes from {(origin or b'another site').decode('latin-1')[:80]!a}.",
                expected="a page of this server",
                close=True,
            )
        )


_ORIGINS = (b"origin", b"host", b"sec-fetch-site")


class Room:
    """How many bytes of events may be held at once: a request takes its share before its body is read."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
        """Hold as many bytes as a body says that it has, or may have; raises Refused (503) where they are too many."""
        told = next((value for name, value in headers if name == b"content-length"), b"")
        size = min(int(told[:12]), MOST_EVENT_BYTES) if told.isdigit() else MOST_EVENT_BYTES
        if size > self._free:
            raise Refused(
                Problem(503, "too-busy", "Too many events are being taken in just now.", "fewer at once", close=True)
            )
        self._free -= size
        try:
            yield
        finally:
            self._free += size


async def _all(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Problem(400, "disconnected", "The client went away.", close=True))
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if len(parts) > 1 else parts[0]


def read_json(body: bytes) -> Any:
    """The value that a JSON text means.

    Raises Refused with 400 for what is not strict JSON, NaN and numbers beyond every float included.
    """
    try:
        return _decoder.decode(body)
    except RecursionError:
        reason = "It is nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    raise Refused(
        Problem(
            400,
            "json-malformed",
            f"The body is no JSON: {reason}.",
            expected="JSON as in RFC 8259; NaN and infinity are no numbers there",
        )
    )


def read_events(body: bytes, kind: bytes) -> list[Any]:
    """The events that a body holds: one object, a list of them, or one in each line.

    A line that is no JSON stays a text, which is no event: it is set aside with the others' reasons. Raises Refused
    with 400 for another body that is no JSON.
    """
    if kind == JSON:
        value = read_json(body)
        return value if isinstance(value, list) else [value]
    try:
        return _decoder.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_line(line) for line in body.split(b"\n") if line.strip()]


def _line(line: bytes) -> Any:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line.decode("utf-8", errors="replace")


def _too_large(most: int) -> Refused:
    return Refused(
        Problem(413, "body-too-large", "The body is too large.", expected=f"at most {most} bytes", close=True)
    )
