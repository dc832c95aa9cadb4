"""Sources over HTTP: a file at a URL, fetched whole with the standard library, into memory or to the disk."""

from __future__ import annotations

import http.client
import netrc
import zlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from setpoint.core.errors import DataError, SourceMissing, SourceUnavailable
from setpoint.core.ports import Fetched

SECONDS = 30.0
"""How long a server may be silent."""

MOST_BYTES = 4_000_000_000
"""The most bytes of a file."""

_PART = 1 << 20
_GONE = (404, 410)
_REFUSED = (401, 403, 407)


class HttpSource:
    """Fetches files over HTTP and HTTPS; calling it gives what is at a URL.

    A server that asks for a user and a password is given those that `.netrc` has for it: a URL holds none. `most` is
    the most bytes of a file, `seconds` how long the server may be silent.
    """

    def __init__(self, *, most: int = MOST_BYTES, seconds: float = SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._opener = OpenerDirector()
        # Nothing but HTTP, also where a server redirects to.
        for handler in (
            ProxyHandler,
            HTTPHandler,
            HTTPSHandler,
            HTTPDefaultErrorHandler,
            HTTPErrorProcessor,
            _Redirects,
        ):
            self._opener.add_handler(handler())

    def __call__(self, url: str, columns: Sequence[str] | None = None) -> Fetched:  # noqa: ARG002 (a file is whole)
        """The file at a URL; raises SourceMissing, SourceUnavailable or DataError, and says no password."""
        parts: list[bytes] = []
        name, media = self._fetch(url, parts.append)
        return Fetched(name, b"".join(parts), media)

    def save(self, url: str, path: Path) -> Fetched:
        """The same, written to a path instead of into memory."""
        with path.open("wb") as file:
            name, media = self._fetch(url, file.write)
        return Fetched(name, path, media)

    def _fetch(self, url: str, take: Callable[[bytes], object]) -> tuple[str, str]:
        """Hand on the parts of the file at a URL as they come; gives what it is called, and its type."""
        parts = urlsplit(url)
        if parts.password is not None or parts.username is not None:
            raise DataError(
                f"The URL of a file at {parts.hostname} holds a user or a password.",
                expected="a URL that may be shown",
                hint="Put them into ~/.netrc: machine HOST login USER password PASSWORD.",
            )
        name = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        request = Request(url, headers={"Accept-Encoding": "gzip", "User-Agent": "setpoint"})  # noqa: S310 (HTTP only)
        known = _login(parts.hostname or "")
        if known:
            request.add_unredirected_header("Authorization", f"Basic {known}")
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                self._read(answer, name, take)
                return name, answer.headers.get_content_type()
        except HTTPError as error:
            with error:
                _refuse(name, error)
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise SourceUnavailable(
                f"{name} cannot be read: {reason or type(error).__name__}.",
                expected="a server that answers",
                hint="Is the address right, and can this machine reach it?",
            ) from error

    def _read(self, answer: http.client.HTTPResponse, name: str, take: Callable[[bytes], object]) -> None:
        """Hand on the whole body, unpacked; a body that breaks off or is too large is none."""
        length = answer.headers.get("Content-Length", "")
        expected = int(length) if length.isdigit() else None
        unpack = _Unpacker(answer.headers.get("Content-Encoding", "identity").lower(), name)
        size = received = 0
        while part := answer.read(_PART):
            received += len(part)
            unpacked = unpack(part, self._most - size + 1)
            size += len(unpacked)
            if size <= self._most:
                take(unpacked)
            else:
                raise DataError(f"{name} has more than {self._most} bytes.", expected="a smaller file, or several")
        if not unpack.finished or received < (received if expected is None else expected):
            raise http.client.HTTPException(f"it broke off after {received} of {expected or 'more'} bytes")


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but not from HTTPS to where anybody can read along."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", urlsplit(req.full_url).scheme):
            raise HTTPError(req.full_url, code, f"redirected to {urlsplit(newurl).scheme}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Unpacker:
    """Takes a body's parts as they come and gives what they hold."""

    def __init__(self, coding: str, name: str) -> None:
        if coding not in ("identity", "gzip", "x-gzip"):
            raise DataError(f"{name} came with the coding {coding[:40]!r}.", expected="gzip or none")
        self._inner = zlib.decompressobj(wbits=31) if coding != "identity" else None

    def __call__(self, part: bytes, most: int) -> bytes:
        """What a part holds, up to `most` bytes of it: one gzip stream, or several one after the other."""
        if self._inner is None:
            return part
        found, size = [], 0
        try:
            while part and size < most:
                if self._inner.eof:
                    self._inner = zlib.decompressobj(wbits=31)
                found.append(self._inner.decompress(part, most - size))
                size += len(found[-1])
                part = self._inner.unused_data
        except zlib.error as error:
            raise http.client.HTTPException(f"its gzip coding is broken ({error})") from error
        return b"".join(found)

    @property
    def finished(self) -> bool:
        """Whether the body ended where it says."""
        return self._inner is None or self._inner.eof


def _refuse(name: str, error: HTTPError) -> NoReturn:
    if error.code in _GONE:
        raise SourceMissing(f"There is nothing at {name} ({error.code} {error.reason}).", expected="a file") from error
    if error.code in _REFUSED:
        raise SourceUnavailable(
            f"The server of {name} refuses ({error.code} {error.reason}).",
            expected="a user who may read it",
            hint="Put user and password into ~/.netrc: machine HOST login USER password PASSWORD.",
        ) from error
    raise SourceUnavailable(f"The server of {name} answered {error.code} {error.reason}.", expected="200") from error


def _login(host: str) -> str:
    """User and password for a host, as HTTP sends them; empty when `.netrc` has none."""
    try:
        found = netrc.netrc().hosts.get(host)
    except FileNotFoundError:
        return ""
    except (netrc.NetrcParseError, OSError) as error:
        raise DataError(f"~/.netrc cannot be read ({type(error).__name__}).", expected="lines of machines") from error
    return b64encode(f"{found[0]}:{found[2]}".encode()).decode() if found else ""
