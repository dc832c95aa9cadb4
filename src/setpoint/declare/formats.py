"""The format of everything Setpoint writes, chosen by how it is read again."""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.core.errors import WrongType
from setpoint.declare.plan import Choice

SCAN, FETCH, APPEND, DOCUMENT = "scan", "fetch", "append", "document"
"""How something is read: some columns of many rows, one record by its key, all records in order, or by people."""


@dataclass(frozen=True)
class Format:
    """A format: what it is called, how values lie in it, whether it is text, and what that is good for."""

    name: str
    order: str
    text: bool
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {'text' if self.text else 'binary'}, {self.order}"


FORMATS = {
    SCAN: Format(
        "Parquet",
        "by column",
        text=False,
        reason="many rows and few columns are read: two columns of thirty cost a thirtieth of the bytes of CSV, while "
        "one row by its key costs those of its whole group of rows",
    ),
    FETCH: Format(
        "SQLite",
        "by row",
        text=False,
        reason="one record is read by its key: some pages of it are read, whatever else is there, and a column of all "
        "costs the whole file",
    ),
    APPEND: Format(
        "framed records",
        "by row",
        text=False,
        reason="records are added one by one, each whole and with a checksum before it is answered, and read in order",
    ),
    DOCUMENT: Format(
        "JSON",
        "by row",
        text=True,
        reason="it is small, of any shape, and people read it: text costs more bytes and needs no program",
    ),
}
"""The format for each way of reading."""

WRITTEN = (
    ("snapshots, archived decisions, quarantine", SCAN),
    ("online state of features, images and other blobs", FETCH),
    ("decisions and events as they come", APPEND),
    ("contracts, plans, audit, replay results", DOCUMENT),
)
"""What Setpoint writes, and how it is read."""


def format_for(access: str) -> Format:
    """The format for a way of reading.

    >>> str(format_for("scan")), str(format_for("fetch"))
    ('Parquet: binary, by column', 'SQLite: binary, by row')
    """
    if access not in FORMATS:
        raise WrongType(f"{access!r} is no way of reading.", expected=f"one of {', '.join(FORMATS)}")
    return FORMATS[access]


def format_choices() -> tuple[Choice, ...]:
    """The choices that a plan shows: what is written in which format, and why; no part of the plan's digest."""
    return tuple(Choice(f"format of {what}", str(format_for(how)), format_for(how).reason) for what, how in WRITTEN)
