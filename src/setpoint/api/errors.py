"""Errors as answers: problem details for HTTP (RFC 9457)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from setpoint.core.errors import (
    BatchRefused,
    Busy,
    LogUnavailable,
    NothingYet,
    OutcomeConflict,
    RequestInvalid,
    SetpointError,
    StateUnavailable,
    StorageUnavailable,
    did_you_mean,
)

MEDIA_TYPE = b"application/problem+json"
RETRY_SECONDS = 1
"""After how many seconds a client may try again what could not be done just now."""

_STATUS: tuple[tuple[type[SetpointError], int], ...] = (
    (OutcomeConflict, 409),
    (RequestInvalid, 422),
    (BatchRefused, 422),
    (LogUnavailable, 503),
    (StateUnavailable, 503),
    (StorageUnavailable, 503),
    (NothingYet, 503),
    (Busy, 503),
)


@dataclass(frozen=True)
class Problem:
    """An answer that is no success: what happened, what was expected and what to do next.

    `close` ends the connection after it, because the rest of the request was not read. `receipt` says what became of
    each event.
    """

    status: int
    code: str
    detail: str
    expected: str | None = None
    hint: str | None = None
    field: str | None = None
    allow: str | None = None
    close: bool = False
    receipt: Mapping[str, Any] | None = None

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that this problem needs beyond those of every answer."""
        found = [(b"content-type", MEDIA_TYPE)]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            found.append((b"retry-after", str(RETRY_SECONDS).encode()))
        if self.allow is not None:
            found.append((b"allow", self.allow.encode()))
        if self.close:
            found.append((b"connection", b"close"))
        return found

    def body(self) -> bytes:
        """The problem as JSON."""
        told = {
            "type": f"urn:setpoint:error:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "expected": self.expected,
            "hint": self.hint,
            "field": self.field,
            "receipt": self.receipt,
        }
        return msgspec.json.encode({name: value for name, value in told.items() if value is not None})


class Refused(SetpointError):
    """A request that ends here, with its answer."""

    code = "request-refused"

    def __init__(self, problem: Problem) -> None:
        self.answer = problem
        super().__init__(problem.detail, expected=problem.expected, hint=problem.hint)


def problem_of(error: Exception) -> Problem | None:
    """The answer that an error has over HTTP; None for one that no caller can be expected to cause."""
    if isinstance(error, Refused):
        return error.answer
    for kind, status in _STATUS:
        if isinstance(error, kind):
            field = error.field if isinstance(error, RequestInvalid) else None
            return Problem(status, error.code, error.problem, error.expected, error.hint, field)
    return None


def not_accepted(receipt: Mapping[str, Any]) -> Problem:
    """The answer when every event was set aside: they are kept in the quarantine, so telling them again is no use."""
    bad = receipt["quarantined"]
    return Problem(
        422,
        "events-quarantined",
        f"None of {len(bad)} events was taken in; {bad[0]['reason']}.",
        expected=f"events that keep the contract of {receipt['source']!r}",
        receipt=receipt,
    )


def internal() -> Problem:
    """The answer to whatever nobody foresaw: nothing of it is shown, the server's log has it."""
    return Problem(500, "internal", "The server failed on this request.", hint="Its log says how.")


def not_found(path: str, known: Collection[str]) -> Problem:
    """The answer for a path that leads nowhere."""
    return Problem(
        404, "not-found", f"There is nothing at {ascii(path[:200])[1:-1]}.", hint=did_you_mean(path[:200], known)
    )


def not_allowed(method: str, path: str, allow: str) -> Problem:
    """The answer for a method that a path does not take."""
    return Problem(405, "method-not-allowed", f"{path} does not take {method[:20]}.", expected=allow, allow=allow)
