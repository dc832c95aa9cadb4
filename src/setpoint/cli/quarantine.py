"""What `setpoint check` does with the quarantine: rows shown, written to be edited, taken in again, dismissed."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_csv, print_json, table
from setpoint.cli.who import who
from setpoint.core.errors import NameUnknown
from setpoint.data.log.entries import OPEN, STATES, Entry
from setpoint.data.log.mend_files import write_entries
from setpoint.system import Live

SHOWN = 60
"""Rows that people are shown; --json and --csv print all of them."""

ALL = "all"
"""What `--state` is told for rows of every state."""


def asks_of_quarantine(words: Namespace) -> bool:
    """Whether a call of `check` asks of the quarantine rather than of the whole system."""
    return bool(words.quarantine or words.export or words.fix or words.readmit or words.dismiss)


def show_quarantine(words: Namespace, live: Live) -> int:
    """Do one of these: take in edited rows, take in rows as they are, dismiss, write or show."""
    if words.fix:
        return _told(words, live.fix(words.fix, by=who(words), why=words.because))
    if words.readmit:
        return _told(words, live.readmit(words.readmit, by=who(words), why=words.because))
    if words.dismiss:
        done = live.dismiss(words.dismiss, by=who(words), why=words.because)
        if words.json:
            print_json(done)
        else:
            out.print(f"{len(done['dismissed']):,} rows dismissed; they stay in the quarantine")
        return 0
    rows = _chosen(words, live.quarantine())
    if words.export:
        write_entries(words.export, rows)
        if words.json:
            print_json({"system": live.declared.name, "file": str(words.export), "rows": len(rows)})
        else:
            out.print(f"wrote {len(rows):,} rows to {escape(str(words.export))}; edit them, then: --fix")
        return 0
    _show(words, live.declared.name, rows)
    return 0


def _chosen(words: Namespace, rows: Sequence[Entry]) -> list[Entry]:
    sources, rules = sorted({each.source for each in rows}), sorted({each.rule for each in rows})
    for asked, known, noun in (
        (words.source, sources, "source"),
        (words.rule, rules, "rule"),
        (None if words.state == ALL else words.state, STATES, "state"),
    ):
        if asked is not None and asked not in known:
            raise NameUnknown(noun, asked, known, where="The quarantine")
    return [
        each
        for each in rows
        if words.source in (None, each.source) and words.rule in (None, each.rule) and words.state in (ALL, each.state)
    ]


def _show(words: Namespace, system: str, rows: Sequence[Entry]) -> None:
    told = [each.to_dict() for each in rows]
    if words.json:
        print_json({"system": system, "rows": told})
        return
    if words.csv:
        columns = ("id", "source", "state", "rule", "reason", "file", "row", "received_at", "held", "by", "why", "at")
        print_csv(columns, [[each[name] for name in columns] for each in told])
        return
    if not rows:
        out.print("no row is set aside" if words.state == OPEN else "no row")
        return
    counts = Counter((each.source, each.rule, each.state) for each in rows)
    out.print(table("Quarantine", ("source", "rule", "state", "rows"), [(*k, n) for k, n in counts.most_common()]))
    lines = [(each.id, each.source, _where(each), each.rule, each.reason, each.held[:WIDEST]) for each in rows[:SHOWN]]
    out.print(table("", ("id", "source", "where", "rule", "reason", "held"), lines))
    for each in rows[:SHOWN]:
        if each.by:
            out.print(f"{each.id}: {each.state} by {escape(each.by)} {escape(each.why)}")
    if len(rows) > SHOWN:
        out.print(f"and {len(rows) - SHOWN:,} more; --csv and --json print all")


WIDEST = 120
"""Letters of what a row held that people are shown."""


def _where(entry: Entry) -> str:
    if entry.told:
        return f"event told {entry.row}"
    return " ".join(filter(None, (entry.file, f"row {entry.row}" if entry.row else "")))


def _told(words: Namespace, done: dict[str, Any]) -> int:
    """What became of rows that were told again; the answer is no where one was set aside."""
    if words.json:
        print_json(done)
        return 1 if done["set_aside"] else 0
    out.print(f"{len(done['admitted']):,} rows admitted, {len(done['set_aside']):,} set aside")
    for each in done["set_aside"][:SHOWN]:
        out.print(f"  {each['id']} {escape(each['source'])}: [bold]{escape(each['rule'])}[/] {escape(each['reason'])}")
    if done["waiting"]:
        out.print(f"{len(done['waiting']):,} wait for the process that is the live system; it takes them in at once")
    if done.get("gone"):
        out.print(f"{len(done['gone']):,} are no longer set aside: their delivery keeps the contract now")
    return 1 if done["set_aside"] else 0
