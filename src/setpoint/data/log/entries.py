"""Entries of the quarantine: each row that was set aside, of a file or told, and what became of it since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Metadata, Tables
from setpoint.core.times import iso
from setpoint.data.ingest.quarantine import read_gone, read_quarantine
from setpoint.data.log.told import ADMITTED, Batch, Mended

OPEN, DISMISSED, REPLACED, GONE = "open", "dismissed", "replaced", "gone"
"""What a row of the quarantine may be beside "admitted": waiting; left there for good; set aside again as another; or
no longer set aside, since its delivery was mended or the contract changed."""

STATES = (OPEN, ADMITTED, REPLACED, DISMISSED, GONE)
"""Every state of a row of the quarantine."""

NOUN = "dismissed"
"""Under which noun it is written down which rows were dismissed."""


@dataclass(frozen=True)
class Entry:
    """A row of the quarantine. `held` is the row as JSON, `received_at` when it was told, None for one of a file.

    `mended` is what became of it when it was told again; `by` and `why` of the last word about it; `origin` is the
    entry that this one replaced, `replaced_by` the one that replaced it.
    """

    id: str
    source: str
    rule: str
    reason: str
    held: str
    row: int | None
    file: str | None = None
    received_at: int | None = None
    state: str = OPEN
    by: str = ""
    why: str = ""
    at: int | None = None
    origin: str | None = None
    replaced_by: str | None = None
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """Whether the row was told to the live system, rather than delivered in a file."""
        return self.received_at is not None

    def values(self) -> dict[str, Any]:
        """What the row held, by column; nothing where it was none.

        >>> Entry("e1", "sales", "range", "below 0", '{"price": -1}', 3).values()
        {'price': -1}
        """
        try:
            held = json.loads(self.held)
        except ValueError:
            return {}
        return held if isinstance(held, dict) else {}

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON-like data."""
        return {
            "id": self.id,
            "source": self.source,
            "file": self.file,
            "row": self.row,
            "told": self.told,
            "received_at": None if self.received_at is None else iso(self.received_at),
            "rule": self.rule,
            "reason": self.reason,
            "held": self.held,
            "state": self.state,
            "by": self.by or None,
            "why": self.why or None,
            "at": None if self.at is None else iso(self.at),
            "origin": self.origin,
            "replaced_by": self.replaced_by,
            "changed": {name: list(pair) for name, pair in self.changed.items()},
        }


def read_entries(
    source: str, tables: Tables, told: Sequence[tuple[int, Batch]], dismissed: Mapping[str, Mapping[str, Any]]
) -> list[Entry]:
    """Every row of a source that was ever set aside: of files first, then told, each with what became of it.

    `told` are the batches of the source's log with their positions, `dismissed` what `read_dismissed` gives.
    """
    found = _delivered(source, read_quarantine(tables, source), OPEN)
    there = {entry.id for entry in found}
    found += [entry for entry in _delivered(source, read_gone(tables, source), GONE) if entry.id not in there]
    marks: dict[str, tuple[Mended, int, str | None]] = {}
    for position, batch in told:
        aside = {each.row: told_id(source, position, each.row) for each in batch.aside}
        for mark in batch.mended:
            marks[mark.of] = mark, batch.known_at, aside.get(mark.row)
        origins = {mark.row: mark.of for mark in batch.mended}
        found += [
            Entry(
                id=aside[each.row],
                source=source,
                rule=each.rule,
                reason=each.reason,
                held=each.held,
                row=each.row,
                received_at=batch.known_at,
                origin=origins.get(each.row),
            )
            for each in batch.aside
        ]
    return [_judged(entry, marks.get(entry.id), dismissed.get(entry.id)) for entry in found]


def told_id(source: str, position: int, row: int) -> str:
    """The id of an event that was set aside: by its call's position in the source's log, and its row there."""
    return digest([source, "told", position, row])[:16]


def _delivered(source: str, rows: pa.Table, state: str) -> list[Entry]:
    """Rows of files: one is the same, wherever it stands in a file, that holds the same."""
    times: Counter[str] = Counter()
    found = []
    for each in rows.to_pylist():
        number = times[each["held"]]
        times[each["held"]] += 1
        name = digest([source, "delivered", each["held"], number])[:16]
        found.append(
            Entry(
                id=name,
                source=source,
                rule=each["rule"],
                reason=each["reason"],
                held=each["held"],
                row=each["row"],
                file=each["file"],
                state=state,
            )
        )
    return found


def _judged(entry: Entry, mark: tuple[Mended, int, str | None] | None, dismissed: Mapping[str, Any] | None) -> Entry:
    if mark is not None:
        what, at, again = mark
        state = ADMITTED if what.became == ADMITTED else REPLACED
        return replace(
            entry, state=state, by=what.by, why=what.why, at=at, replaced_by=again, changed=dict(what.changed)
        )
    if dismissed is not None and entry.state == OPEN:
        return replace(entry, state=DISMISSED, by=dismissed["by"], why=dismissed["why"], at=dismissed["at"])
    return entry


def choose(entries: Iterable[Entry], which: Sequence[str], *, states: Sequence[str] = (OPEN,)) -> list[Entry]:
    """The entries of these rules or ids (a beginning of six letters is enough) that are in one of these states.

    Raises NameUnknown for a word that is neither.

    >>> one = Entry("0a1b2c3d4e5f6071", "sales", "range", "below 0", "{}", 3)
    >>> [entry.id for entry in choose([one], ["range"])], choose([one], ["0a1b2c"]) == [one]
    (['0a1b2c3d4e5f6071'], True)
    """
    every = list(entries)
    rules, found = sorted({entry.rule for entry in every}), dict[str, Entry]()
    for word in which:
        named = [
            entry for entry in every if entry.rule == word or (len(word) >= SHORTEST and entry.id.startswith(word))
        ]
        if not named:
            raise NameUnknown("rule or row", word, rules, where="The quarantine")
        found |= {entry.id: entry for entry in named if entry.state in states}
    return list(found.values())


SHORTEST = 6
"""The fewest letters of an id that say which it is."""


def dismiss(metadata: Metadata, entries: Sequence[Entry], *, by: str, why: str, at: int) -> None:
    """Write down that rows are not to be taken in; they stay, with who said so, when and why."""
    with metadata.transaction():
        for entry in entries:
            metadata.put(NOUN, entry.id, {"id": entry.id, "source": entry.source, "by": by, "why": why, "at": at})


def read_dismissed(metadata: Metadata) -> dict[str, dict[str, Any]]:
    """What was written down of dismissed rows, by their ids."""
    return {each["id"]: each for each in metadata.find(NOUN)}
