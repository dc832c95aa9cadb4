"""What `setpoint check --file` does: a file is held to the contract of a source before it is delivered."""

from __future__ import annotations

from argparse import Namespace

from rich.markup import escape

from setpoint.cli.render import out, print_json, table
from setpoint.core.errors import WrongType
from setpoint.system import Live


def show_file(words: Namespace, live: Live) -> int:
    """Say whether a file would be taken in, and what would be set aside."""
    if words.source is None:
        raise WrongType("Nothing says which contract the file is held to.", expected="--source NAME beside --file")
    found = live.check_file(words.file, words.source)
    if words.json:
        print_json(found)
        return 0 if found["passed"] else 1
    if found["rules"]:
        out.print(table("Rows that would be set aside", ("rule", "rows"), found["rules"].items()))
    for reason in found["reasons"]:
        out.print(escape(reason))
    more = found["quarantined"] - len(found["reasons"])
    if more > 0:
        out.print(f"and {more:,} more")
    due = found["rows"] - found["skipped"]
    if found["refused"] is not None:
        out.print(f"[red]refused[/] {escape(found['refused'])}")
    else:
        out.print(f"{due - found['quarantined']:,} of {found['rows']:,} rows would be taken in by {words.source}.")
    out.print("[green]passed[/]" if found["passed"] else "[red]not passed[/]")
    return 0 if found["passed"] else 1
