"""Rows of the quarantine told again: what is asked is written down first, and done once, whatever stops in between."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from setpoint.core.digest import digest
from setpoint.core.errors import DataError, RequestInvalid
from setpoint.core.ports import Metadata
from setpoint.data.contracts.contract import Contract
from setpoint.data.log.entries import GONE, REPLACED, Entry
from setpoint.data.log.mend_files import Edited, as_kinds
from setpoint.data.log.told import Ask, Mended

FIX, READMIT = "fix", "readmit"
"""Why a row of the quarantine is told again: somebody edited it, or the contract may have changed."""

NOUN = "mend"
"""Under which noun it is written down what is asked of the quarantine."""

ASKED, DONE = "asked", "done"

_MANY = 10_000


class Mending(Protocol):
    """Where rows of the quarantine are told again."""

    def mend(self, source: str, asks: Sequence[Ask]) -> list[Mended]:
        """What became of each, in their order."""
        ...


def plan_fixes(
    entries: Sequence[Entry], edited: Sequence[Edited], contracts: Mapping[str, Contract], *, by: str, why: str
) -> dict[str, list[Ask]]:
    """What edited rows ask for, by source. One whose entry was set aside again stands for the newest of these.

    Raises DataError for a row that is not in the quarantine, is no longer set aside, or is there twice, and
    RequestInvalid for one of a source that takes no events.
    """
    known = {entry.id: entry for entry in entries}
    chosen: dict[str, Edited] = {}
    for each in edited:
        entry = known.get(each.of)
        if entry is None:
            raise DataError(f"The quarantine has no row {each.of!r}.", expected="an id as `--export` writes it")
        if each.of in chosen:
            raise DataError(f"The row {each.of!r} is there twice.", expected="each once")
        if entry.state == GONE:
            raise DataError(
                f"The row {each.of!r} is no longer set aside: its delivery was mended, or the contract changed.",
                expected="a row that `setpoint check --quarantine` shows as open",
            )
        chosen[each.of] = each
    pairs = [(newest(known, known[of]), each) for of, each in chosen.items()]
    return _asks(pairs, contracts, act=FIX, by=by, why=why)


def plan_readmission(
    entries: Sequence[Entry], contracts: Mapping[str, Contract], *, by: str, why: str
) -> dict[str, list[Ask]]:
    """What it takes to tell rows again as they were, by source; raises RequestInvalid like `plan_fixes`."""
    return _asks([(entry, None) for entry in entries], contracts, act=READMIT, by=by, why=why)


def newest(known: Mapping[str, Entry], entry: Entry) -> Entry:
    """What stands for an entry now: itself, or the last of those that replaced it."""
    while entry.state == REPLACED and entry.replaced_by in known:
        entry = known[str(entry.replaced_by)]
    return entry


def _asks(
    pairs: Sequence[tuple[Entry, Edited | None]], contracts: Mapping[str, Contract], *, act: str, by: str, why: str
) -> dict[str, list[Ask]]:
    found: dict[str, list[Ask]] = {}
    for source in dict.fromkeys(entry.source for entry, _ in pairs):
        if contracts[source].info.at is None:
            raise RequestInvalid(
                f"The source {source!r} has no times, so its rows cannot be told.",
                expected="rows of a source with at= or valid_from=",
                hint="Mend the file itself, and deliver it again.",
            )
        kinds = contracts[source].kinds
        theirs = [pair for pair in pairs if pair[0].source == source]
        held = [entry.values() for entry, _ in theirs]
        read = as_kinds(held, kinds)
        before = [was if entry.told else now for (entry, _), was, now in zip(theirs, held, read, strict=True)]
        rows = [dict(old if each is None else each.row) for (_, each), old in zip(theirs, before, strict=True)]
        texts = [each is not None and (each.texts or not entry.told) for entry, each in theirs]
        after = [now if text else row for row, now, text in zip(rows, as_kinds(rows, kinds), texts, strict=True)]
        for (entry, _), old, new in zip(theirs, before, after, strict=True):
            changed = _changed(old, new, kinds)
            ask = digest([entry.id, act, by, why, new])
            found.setdefault(source, []).append(Ask(ask, entry.id, act, by, why, new, changed, entry.rule))
    return found


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    """What is other than it was, by column; JSON that was taken apart is what it was as text."""
    return {name: (old.get(name), new.get(name)) for name in kinds if _text(old.get(name)) != _text(new.get(name))}


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def write_asks(metadata: Metadata, asks: Mapping[str, Sequence[Ask]], *, at: int) -> None:
    """Write down what is asked, all of it or nothing; what is asked again is there once."""
    with metadata.transaction():
        for source, theirs in asks.items():
            for ask in theirs:
                body = {**msgspec.to_builtins(ask), "source": source, "state": ASKED, "asked_at": at}
                metadata.put(NOUN, f"{source}/{ask.ask}", body)


def do_asked(metadata: Metadata, mending: Mending) -> dict[str, str]:
    """Do what is written down and not done yet; gives what became of each row of the quarantine, by its id.

    What was in the log before a crash is not told again, so this may be called at any time, again and again.
    """
    waiting = metadata.find(NOUN, state=ASKED)
    became: dict[str, str] = {}
    for source in dict.fromkeys(each["source"] for each in waiting):
        theirs = [each for each in waiting if each["source"] == source]
        for first in range(0, len(theirs), _MANY):
            some = theirs[first : first + _MANY]
            asks = [msgspec.convert({name: each[name] for name in Ask.__struct_fields__}, Ask) for each in some]
            marks = mending.mend(source, asks)
            with metadata.transaction():
                for each, mark in zip(some, marks, strict=True):
                    became[each["of"]] = mark.became
                    metadata.put(NOUN, f"{source}/{each['ask']}", {**each, "state": DONE, "became": mark.became})
    return became
