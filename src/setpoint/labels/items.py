"""Items that people label: a decision of the log, or a row of any table, with what is shown of it."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from setpoint.core.errors import DataError
from setpoint.core.records import FEATURE, FIELD

MOST_SHOWN_BYTES = 2_000_000
"""The most bytes of a blob that are kept to be shown; of a longer one only its size is told."""

_MEDIA = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True)
class Item:
    """One thing to look at. `fields` and `features` are what is shown; `decision` is set where it is a decision.

    >>> Item("c1", {"total": 20}).to_dict()["fields"]
    {'total': 20}
    """

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    priority: float = 0.0
    decision: str = ""
    at: int | None = None
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The item as JSON-like data: bytes as base64 beside what they hold."""
        return {
            "key": self.key,
            "fields": {name: _plain(value) for name, value in self.fields.items()},
            "features": {name: _plain(value) for name, value in self.features.items()},
            "priority": float(self.priority),
            "decision": self.decision,
            "at": self.at,
            "score": _plain(self.score),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Item:
        """The item that `to_dict` wrote."""
        return cls(**body)


def media_of(data: bytes) -> str:
    """What bytes hold, as a media type: an image by its first bytes, else text or just bytes.

    >>> media_of(b"GIF89a..."), media_of("words".encode()), media_of(bytes([0, 255]))
    ('image/gif', 'text/plain', 'application/octet-stream')
    """
    for mark, media in _MEDIA:
        if data.startswith(mark):
            return media
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    try:
        words = data.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\0" in words else "text/plain"


def items_of_rows(rows: pa.Table, key: str, *, columns: Sequence[str] | None = None) -> list[Item]:
    """The rows of a table as items, by the column that names them.

    >>> [item.key for item in items_of_rows(pa.table({"id": ["a", "b"], "words": ["x", "y"]}), "id")]
    ['a', 'b']
    """
    if key not in rows.column_names:
        raise DataError(f"The rows have no column {key!r}.", expected=f"one of {', '.join(rows.column_names[:12])}")
    names = [name for name in columns or rows.column_names if not name.startswith("__")]
    keys = rows[key].to_pylist()
    if None in keys or len(set(keys)) < len(keys):
        raise DataError(f"The column {key!r} does not name every row.", expected="a different value in each row")
    shown = rows.select(names).to_pylist()
    return [Item(str(name), fields=row) for name, row in zip(keys, shown, strict=True)]


def items_of_decisions(log: pa.Table) -> list[Item]:
    """Decisions of the log as items, each by its key, with what it saw; the first one of a key."""
    found: dict[str, Item] = {}
    for row in log.to_pylist():
        key = str(row["key"])
        if key not in found:
            fields, features = (
                {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
                for prefix in (FIELD, FEATURE)
            )
            score = row["score"]
            found[key] = Item(key, fields, features, decision=row["decision_id"], at=row["at"], score=score)
    return list(found.values())


def with_blobs(items: Iterable[Item], names: Collection[str], content: Callable[[str], bytes | None]) -> list[Item]:
    """Items whose fields of these names hold digests, with the blobs of those digests in their place.

    >>> with_blobs([Item("a", {"scan": "d1"})], ["scan"], {"d1": b"GIF89a"}.get)[0].fields
    {'scan': b'GIF89a'}
    """

    def shown(name: str, value: Any) -> Any:
        found = content(value) if name in names and isinstance(value, str) else None
        return value if found is None else found

    return [replace(item, fields={name: shown(name, value) for name, value in item.fields.items()}) for item in items]


def newest_items(log: Iterable[pa.Table], count: int, *, known: Collection[str] = ()) -> list[Item]:
    """The newest decisions whose key is not known, as items; `log` gives rows of the decision log, newest parts first.

    >>> rows = {"decision_id": ["d1", "d2"], "key": ["a", "b"], "at": [1, 2], "score": [0.5, 0.5]}
    >>> [item.key for item in newest_items([pa.table(rows)], 5, known=["a"])]
    ['b']
    """
    found: dict[str, Item] = {}
    for rows in log:
        if len(found) >= count:
            break
        for item in items_of_decisions(rows.sort_by([("at", "descending")])):
            if item.key not in known and len(found) < count:
                found.setdefault(item.key, item)
    return list(found.values())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        if len(value) > MOST_SHOWN_BYTES:
            return {"media": media_of(value[:64]), "size": len(value)}
        return {"media": media_of(value), "size": len(value), "base64": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
