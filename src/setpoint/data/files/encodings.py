"""Encodings: texts of files as UTF-8, whatever they are written in, with the place of what is not in it."""

from __future__ import annotations

import codecs
import io
from typing import Protocol

from setpoint.core.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLOCK, _LOOKED_AT = 1 << 20, 1 << 10


class Readable(Protocol):
    """What gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""
        ...


class Utf8Stream:
    """The bytes of a file as UTF-8: of one that begins with a mark, or whose encoding is declared, decoded.

    Bytes that are none in a declared encoding, or after a mark, raise DataError with their place in the file. A file
    that says nothing is passed on as it is: rows of it that are no UTF-8 are for its format to set aside.

    >>> Utf8Stream(io.BytesIO("é".encode("utf-16")), "sales.csv").read().decode()
    'é'
    """

    def __init__(self, source: Readable, name: str, *, encoding: str | None = None) -> None:
        self._source, self._name = source, name
        head = source.read(_LOOKED_AT)
        mark = next(((mark, found) for mark, found in _MARKS if head.startswith(mark)), (b"", None))
        self._taken = len(mark[0])
        self._encoding = mark[1] or encoding or "utf-8"
        if mark[1] is None and encoding is None:
            _refuse_wide(head, name)
        strict = self._encoding != "utf-8"
        self._decoder = codecs.getincrementaldecoder(self._encoding)() if strict else None
        self._held, self._ended = self._decoded(head[self._taken :]), False

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left; fewer only at the end."""
        parts, count = [self._held], len(self._held)
        while not self._ended and (size < 0 or count < size):
            data = self._source.read(_BLOCK)
            self._ended = not data
            parts.append(self._decoded(data))
            count += len(parts[-1])
        found = b"".join(parts)
        cut = len(found) if size < 0 else size
        self._held = found[cut:]
        return found[:cut]

    def _decoded(self, data: bytes) -> bytes:
        if self._decoder is None:
            return data
        before = self._taken - len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final=not data and self._taken > 0)
        except UnicodeDecodeError as error:
            found = f"byte {before + error.start:,} is 0x{error.object[error.start]:02x} ({error.reason})"
            raise DataError(
                f"{self._name} is not {self._encoding}: {found}.",
                expected=f"a file in {self._encoding} throughout",
                hint='Declare what it is in, such as encoding="latin-1", or write it in UTF-8.',
            ) from error
        self._taken += len(data)
        return text.encode("utf-8", errors="surrogatepass")


def to_utf8(data: bytes, name: str, *, encoding: str | None = None) -> bytes:
    r"""The bytes of a whole file as UTF-8; see Utf8Stream.

    >>> to_utf8(b"caf\xe9", "sales.csv", encoding="latin-1").decode()
    'café'
    """
    return Utf8Stream(io.BytesIO(data), name, encoding=encoding).read()


def _refuse_wide(head: bytes, name: str) -> None:
    """Raise DataError for a file whose every other byte is nothing: UTF-16 that does not say so."""
    for parity, found in ((1, "utf-16-le"), (0, "utf-16-be")):
        column = head[parity::2]
        if len(column) >= 4 and column.count(0) > 0.8 * len(column):
            raise DataError(
                f"{name} looks like UTF-16 without a mark at its beginning: byte {parity} is 0.",
                expected="UTF-8, or a declared encoding",
                hint=f'Declare encoding="{found}".',
            )


def bad_bytes(data: bytes, *, most: int = 1000) -> list[int]:
    r"""Where the bytes lie that are no UTF-8; at most so many.

    >>> bad_bytes(b"caf\xe9, caf\xc3\xa9, \xff")
    [3, 13]
    """
    found: list[int] = []
    view, start = memoryview(data), 0
    while start < len(view) and len(found) < most:
        part = view[start : start + _BLOCK]
        try:
            start += codecs.utf_8_decode(part, "strict", start + len(part) == len(view))[1] or len(part)
        except UnicodeDecodeError as error:
            found.append(start + error.start)
            start += error.end
    return found
