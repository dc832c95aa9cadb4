"""Blobs: columns of whole files become digests of their content, and what is not what it says is told."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from setpoint.core.digest import digest_bytes
from setpoint.core.ports import Blobs
from setpoint.declare.blob_column import Blob
from setpoint.declare.source import SourceInfo

MALFORMED_BLOB, TOO_LARGE = "malformed-blob", "too-large"
"""The rules of blobs that are not what they say, and that are larger than is declared."""

PUT_BYTES = 1 << 24
"""About how many bytes of blobs are kept at a time."""

_PNG, _IEND = b"\x89PNG\r\n\x1a\n", b"IEND"
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_SCAN, _JPEG_ALONE = 0xDA, (*range(0xD0, 0xD8), 0x01)


@dataclass(frozen=True)
class Judged:
    """The digests of a column of blobs, NULL where there is none, and rule and reason of those that break it."""

    digests: pa.Array
    bad: Mapping[int, tuple[str, str]]


def judge_blobs(column: pa.Array | pa.ChunkedArray, blob: Blob) -> Judged:
    """A column of blobs held to what is declared of it: bytes, or texts that are their base64.

    >>> judged = judge_blobs(pa.array([b"GIF89a", None]), Blob("image/gif", 100))
    >>> judged.digests.to_pylist(), judged.bad[0]
    ([None, None], ('malformed-blob', 'is no image/gif: it ends before its size is told'))
    """
    digests: list[str | None] = []
    bad: dict[int, tuple[str, str]] = {}
    look = _LOOKS[blob.media]
    for place, value in enumerate(_values(column)):
        content = _content(value)
        wrong = None if content is None else look(content) if isinstance(content, bytes) else content
        if isinstance(content, bytes) and len(content) > blob.at_most:
            bad[place] = (TOO_LARGE, f"has {len(content):,} bytes; expected at most {blob.at_most:,}")
        elif wrong is not None:
            bad[place] = (MALFORMED_BLOB, f"is no {blob.media}: {wrong}")
        digests.append(digest_bytes(content) if isinstance(content, bytes) and place not in bad else None)
    return Judged(pa.array(digests, pa.string()), bad)


def keep_blobs(info: SourceInfo, raw: pa.Table, rows: pa.Table, store: Blobs) -> int:
    """Keep the blobs of a batch that its rows name, each once; gives how many are new."""
    fresh = 0
    for name, _ in info.blobs:
        wanted = set(rows[name].to_pylist()) - {None}
        batch: dict[str, bytes] = {}
        size = 0
        for value in (value for chunk in raw[name].chunks for value in _values(chunk)):
            content = _content(value)
            key = digest_bytes(content) if isinstance(content, bytes) else None
            if key in wanted and isinstance(content, bytes):
                wanted.discard(key)
                batch[str(key)] = content
                size += len(content)
            if size >= PUT_BYTES:
                fresh += store.put(batch)
                batch, size = {}, 0
        fresh += store.put(batch)
    return fresh


def without_content(info: SourceInfo, rows: pa.Table) -> pa.Table:
    """Rows as they came, with the size of each blob in the place of its content: that of a bad one is not kept."""
    for name, _ in info.blobs:
        if name in rows.column_names:
            told = [None if value is None else f"{len(value):,} bytes" for value in _values(rows[name])]
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(told, pa.string()))
    return rows


def _values(column: pa.Array | pa.ChunkedArray) -> Sequence[bytes | str | None]:
    return [None if not value.is_valid else value.as_py() for value in column]


def _content(value: bytes | str | None) -> bytes | str | None:
    """The bytes of a blob; for what holds none, why."""
    if not isinstance(value, str):
        return value if value is None or isinstance(value, bytes) else "it holds no bytes"
    try:
        return base64.b64decode(value.partition("base64,")[2] or value, validate=True)
    except (binascii.Error, ValueError):
        return "it is a text that is no base64"


def _png(data: bytes) -> str | None:
    """Every chunk and its checksum: the header first, with a size, and the end last."""
    if not data.startswith(_PNG):
        return "it does not begin like one"
    at, first = len(_PNG), True
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return f"its chunk {kind.decode('latin-1')!r} is torn"
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return f"the checksum of its chunk {kind.decode('latin-1')!r} is wrong"
        if first and (kind != b"IHDR" or length != 13 or 0 in struct.unpack_from(">II", data, at + 8)):
            return "it has no size"
        if kind == _IEND:
            return None
        at, first = end, False
    return "it ends before its end is told"


def _jpeg(data: bytes) -> str | None:
    """Its segments up to the first scan, one of them with a size, and the mark of its end."""
    if not data.startswith(b"\xff\xd8\xff"):
        return "it does not begin like one"
    at, sized = 2, False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return f"byte {at:,} begins no segment"
        kind = data[at + 1]
        if kind in _JPEG_ALONE or kind == 0xFF:
            at += 1 if kind == 0xFF else 2
            continue
        if kind == _JPEG_SCAN:
            if not sized:
                return "it has no size"
            return None if data.rstrip(b"\x00").endswith(b"\xff\xd9") else "it ends before its end is told"
        if kind in _JPEG_FRAMES:
            sized = at + 9 <= len(data) and 0 not in struct.unpack_from(">HH", data, at + 5)
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return "it ends before its end is told"


def _gif(data: bytes) -> str | None:
    if not data.startswith((b"GIF87a", b"GIF89a")):
        return "it does not begin like one"
    if len(data) < 13 or 0 in struct.unpack_from("<HH", data, 6):
        return "it ends before its size is told" if len(data) < 13 else "it has no size"
    return None if data.rstrip(b"\x00").endswith(b"\x3b") else "it ends before its end is told"


def _webp(data: bytes) -> str | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return "it does not begin like one"
    told = struct.unpack_from("<I", data, 4)[0] + 8
    return None if told <= len(data) else f"it has {len(data):,} bytes and says that it has {told:,}"


def _bmp(data: bytes) -> str | None:
    if not data.startswith(b"BM") or len(data) < 26:
        return "it does not begin like one"
    told = struct.unpack_from("<I", data, 2)[0]
    return None if told <= len(data) else f"it has {len(data):,} bytes and says that it has {told:,}"


def _text(data: bytes) -> str | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start:,} is no UTF-8"
    return None


def _any(_: bytes) -> str | None:
    return None


_LOOKS: Mapping[str, Callable[[bytes], str | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/bmp": _bmp,
    "text/plain": _text,
    "application/octet-stream": _any,
}
