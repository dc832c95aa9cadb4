"""Blobs with rows added: what compiled code makes of those that were there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, repeat
from typing import Final

import numpy as np

from setpoint.core.errors import DataError
from setpoint.data.arrays import Array
from setpoint.features.online_batch import Added
from setpoint.features.online_groups import Group
from setpoint.features.state import BROKEN, GOOD, SIZE, merge
from setpoint.features.windows import FAR_PAST, window_start

Blob = tuple[str, str, bytes]
WORD: Final = np.dtype(np.int64)


def merged(
    added: Added, group: Group, numbers: Array, keys: Sequence[str], old: Sequence[bytes | None], since: int = FAR_PAST
) -> list[Blob]:
    """The blobs of keys with rows added; `numbers` says whose each row is, the watermark becomes `since` at least."""
    if not keys:
        return []
    sizes = np.array([len(blob or b"") for blob in old]) // 8
    words, begins = words_of([blob or b"" for blob in old]), np.where(sizes > 0, np.cumsum(sizes) - sizes, -1)
    if np.any((words[begins[sizes > 0]] & SIZE) != sizes[sizes > 0]):
        check(BROKEN, group)
    out, ends = rewritten(added, group, numbers, words, begins, int(words.size), since)
    content, bounds = out[: ends[-1]].tobytes(), (8 * ends).tolist()
    blobs = [content[begin:end] for begin, end in pairwise(bounds)]
    return list(zip(repeat(group.name), keys, blobs, strict=False))


def rewritten(
    added: Added, group: Group, numbers: Array, words: Array, begins: Array, size: int, since: int = FAR_PAST
) -> tuple[Array, Array]:
    """The blobs of keys with rows added, behind each other, and where each ends, beginning with 0.

    `begins` is where in `words` each key's blob was, -1 for none; together they had `size` words.
    """
    order = np.argsort(added.at, kind="stable")
    calendar = np.zeros((begins.size, 0), dtype=np.int64)
    if group.shape.calendars:
        calendar = _edges(group, words, begins, added.known_at, numbers, since)
    room = size + added.at.size * group.shape.row_words + begins.size * group.shape.head_words
    out, ends = np.empty(room, dtype=np.int64), np.empty(begins.size + 1, dtype=np.int64)
    check(merge(group.program, calendar, words, begins, tuple(added), numbers, order, since, out, ends), group)
    return out, ends


def words_of(blobs: Sequence[bytes]) -> Array:
    """Blobs behind each other, as words."""
    return np.frombuffer(bytearray(blobs[0]) if len(blobs) == 1 else bytearray().join(blobs), WORD)


def check(status: int, group: Group) -> None:
    """Raises DataError where compiled code says that a blob is none, or that a sum does not fit."""
    if status == BROKEN:
        raise DataError(
            f"A blob of the group {group.name!r} is not what was written.",
            expected="blobs of this version",
            hint="Drop the group: it is built again from the log.",
        )
    if status != GOOD:
        names = sorted({str(value.column) for value in group.shape.values.values() if value.form == "scaled"})
        raise DataError(
            f"A sum of squares of {' or '.join(names)} leaves 127 bits.",
            expected="smaller numbers",
            hint="Give the var or std fewer decimals=.",
        )


def text_key(hashed: int) -> str:
    """The key of a text in the state, by its hash.

    >>> text_key(255)
    '00000000000000ff'
    """
    return f"{hashed:016x}"


def blob_of(text: str) -> bytes:
    """A text as the state keeps it: never empty."""
    return b"=" + text.encode()


def text_of(blob: bytes) -> str:
    """The text that a blob keeps.

    >>> text_of(blob_of(""))
    ''
    """
    return blob[1:].decode()


def _edges(group: Group, words: Array, begins: Array, known_at: Array, numbers: Array, since: int) -> Array:
    """Where the calendar's windows begin by the new watermark of each key."""
    marks = np.full(begins.size, since, dtype=np.int64)
    real = begins >= 0
    marks[real] = np.maximum(since, words[begins[real] + 1])
    np.maximum.at(marks, numbers, known_at)
    return np.stack([window_start(marks, window) for window in group.shape.calendars], axis=1)
