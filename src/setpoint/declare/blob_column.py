"""Blobs: columns of whole files, such as images, that a source's rows carry with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, WrongType

MEDIA = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "text/plain", "application/octet-stream")
"""The types of blobs whose content is looked at; the last is any bytes at all."""

MOST = 100_000_000
"""The most bytes of one blob, unless it is declared."""

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?B)")


@dataclass(frozen=True)
class Blob:
    """What a column of blobs holds: its media type, and the most bytes of one."""

    media: str
    at_most: int

    def to_dict(self) -> dict[str, Any]:
        """The blob as JSON-like data."""
        return {"media": self.media, "at_most": self.at_most}


def blob(media: str = "application/octet-stream", *, at_most: str | int = MOST) -> Blob:
    """A column of whole files of one type, kept by the digest of its content; for `expect=` of a source.

    One that is not what it says, or is larger than `at_most`, is quarantined with its row.

    >>> blob("image/png", at_most="5MB")
    Blob(media='image/png', at_most=5000000)
    """
    if media not in MEDIA:
        raise DeclarationError(f"A blob has the media type {media!r}.", expected=f"one of {', '.join(MEDIA)}")
    return Blob(media, byte_count(at_most))


def byte_count(value: str | int) -> int:
    """A number of bytes, from a number or a text such as "5MB"; units are powers of 1000.

    >>> byte_count("1.5KB"), byte_count(7)
    (1500, 7)
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or float(found[1]) <= 0:
        raise WrongType(f"{value!r} is no size.", expected='a number of bytes, or a text such as "5MB"')
    return int(float(found[1]) * _UNITS[found[2]])
