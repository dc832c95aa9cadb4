"""What comes in is read within limits of size, time and depth, and only as strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from setpoint.api.errors import Problem, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MOST_BYTES = 1_000_000
"""The most bytes of a body."""

BODY_SECONDS = 10.0
"""How long a body may take to arrive."""

_decoder = msgspec.json.Decoder()


async def read_body(headers: Iterable[tuple[bytes, bytes]], receive: Receive, *, seconds: float) -> bytes:
    """The whole body of a request that says it is JSON.

    Raises Refused with 415 for another media type, 413 for too many bytes, 408 when they do not come in time.
    """
    media, length = b"", b"0"
    for name, value in headers:
        if name == b"content-type":
            media = value
        elif name == b"content-length":
            length = value
    if media.partition(b";")[0].strip().lower() != b"application/json":
        raise Refused(
            Problem(
                415,
                "media-type",
                f"The body is said to be {media.decode('latin-1')[:80]!a}.",
                expected="content-type: application/json",
                close=True,
            )
        )
    if not length.isdigit() or int(length[:12]) > MOST_BYTES:
        raise _too_large()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = loop.call_later(seconds, expire)  # asyncio.timeout would cost 7 us for each request
    try:
        return await _all(receive)
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


async def _all(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Problem(400, "disconnected", "The client went away.", close=True))
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BYTES:
            raise _too_large()
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


def _too_large() -> Refused:
    return Refused(
        Problem(413, "body-too-large", "The body is too large.", expected=f"at most {MOST_BYTES} bytes", close=True)
    )
