"""Rows that were set aside: shown, told again, or dismissed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from setpoint.core.errors import Busy, WrongType
from setpoint.data.log.entries import GONE, Entry, choose, dismiss, read_dismissed, read_entries
from setpoint.data.log.mend_files import Edited, read_edited
from setpoint.data.log.readmit import do_asked, newest, plan_fixes, plan_readmission, write_asks
from setpoint.data.log.told import ADMITTED, Ask, decode_batch
from setpoint.system.opened import Opened
from setpoint.system.workspaces import LIVE


def entries(opened: Opened) -> list[Entry]:
    """Every row that was ever set aside, of files and told, with what became of it since."""
    fitting, tables, dismissed = opened.sources.fitting, opened.folders.open_tables(), read_dismissed(opened.metadata)
    with ExitStack() as stack:
        logs = opened.workspaces.event_logs(stack, writes=False)
        return [
            entry
            for name in fitting
            for entry in read_entries(
                name,
                tables,
                [(place, decode_batch(data)) for place, data in logs[name].read()] if name in logs else [],
                dismissed,
            )
        ]


def fix(opened: Opened, rows: Path | Sequence[Edited], *, by: str, why: str = "") -> dict[str, Any]:
    """What became of rows of the quarantine that `by` edited, told again now, under the contract."""
    edited = read_edited(rows) if isinstance(rows, Path) else rows
    return _tell_again(opened, plan_fixes(entries(opened), edited, opened.contracts, by=by, why=why))


def readmit(opened: Opened, which: Sequence[str], *, by: str, why: str = "") -> dict[str, Any]:
    """What became of open rows of the quarantine, named by rules or ids, told again as they are."""
    known = entries(opened)
    gone = choose(known, which, states=[GONE])
    done = _tell_again(opened, plan_readmission(choose(known, which), opened.contracts, by=by, why=why))
    return {**done, "gone": [entry.id for entry in gone]}


def dismiss_rows(opened: Opened, which: Sequence[str], *, by: str, why: str) -> dict[str, Any]:
    """Say of open rows of the quarantine, named by rules or ids, that they are not to be taken in; they stay."""
    if not why.strip():
        raise WrongType("Nothing says why the rows are dismissed.", expected="a reason")
    chosen = choose(entries(opened), which)
    dismiss(opened.metadata, chosen, by=by, why=why, at=opened.clock.now())
    return {"system": opened.declared.name, "dismissed": [entry.id for entry in chosen]}


def _tell_again(opened: Opened, asks: Mapping[str, Sequence[Ask]]) -> dict[str, Any]:
    """Write down what is asked of the quarantine, and do it, unless another process is the live system."""
    opened.workspaces.adopt(opened.clock.now())
    opened.workspaces.live.home.mkdir(parents=True, exist_ok=True)
    metadata, waits = opened.workspaces.live.open_metadata(opened.settings), False
    try:
        write_asks(metadata, asks, at=opened.clock.now())
        if opened.events.written is not None:
            do_asked(metadata, opened.events.written)
        else:
            with (
                opened.open(opened.workspaces.live, opened.clock, what=LIVE) as (work, _),
                opened.events.log(work.metadata, work.tables) as events,
            ):
                do_asked(metadata, events)
    except Busy:
        waits = True
    finally:
        metadata.close()
    known = {entry.id: entry for entry in entries(opened)}
    found = [known[ask.of] for theirs in asks.values() for ask in theirs]
    return {
        "system": opened.declared.name,
        "admitted": [entry.id for entry in found if entry.state == ADMITTED],
        "set_aside": [newest(known, e).to_dict() for e in found if e.state != ADMITTED and not waits],
        "waiting": [entry.id for entry in found if entry.state != ADMITTED and waits],
    }
