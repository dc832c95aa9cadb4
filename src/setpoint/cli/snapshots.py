"""What `setpoint status` shows of snapshots: which are stored, how two differ, what is held and what nothing needs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_json, spell, table
from setpoint.console.snapshot_report import write_comparison
from setpoint.system import Live


def asks_of_snapshots(words: Namespace) -> bool:
    """Whether a call of `status` asks of snapshots rather than of the loop."""
    return bool(words.snapshots or words.diff or words.hold or words.let_go or words.collect or words.sweep)


def show_snapshots(words: Namespace, live: Live) -> int:
    """Do one of these: compare, hold, let go, collect or list."""
    if words.diff:
        return _compare(words, live)
    if words.hold:
        return _held(words, live.hold(words.hold, which=words.of, reason=words.because), "held")
    if words.let_go:
        return _held(words, live.let_go(words.let_go), "let go")
    found = live.collect(sweep=words.collect and words.sweep)
    if words.json:
        print_json(found)
        return 0
    if words.snapshots:
        out.print(_listed(found))
    gone = f"{len(found['snapshots']):,} snapshots and {found['parts']:,} blocks, {size(found['bytes'])}"
    if found["blobs"]:
        gone += f"; {len(found['blobs']):,} blobs, {size(found['blob_bytes'])}"
    if "blobs_kept_because" in found:
        out.print(f"all blobs stay: {escape(found['blobs_kept_because'])}")
    if found["removed"]:
        out.print(f"removed {gone}")
    elif found["parts"] or found["snapshots"] or found["blobs"]:
        out.print(f"nothing needs {gone}; `setpoint status --collect --sweep` removes them")
    elif words.collect:
        out.print("everything that is stored is needed")
    return 0


def _listed(found: dict[str, Any]) -> Any:
    everything = [*found["kept"], *[{**each, "because": "nothing needs it"} for each in found["snapshots"]]]
    rows = [
        (each["snapshot"][:12], each["as_of"], each["rows"], size(each["bytes"]), each["because"])
        for each in everything
    ]
    return table(f"Snapshots of {found['system']}", ("snapshot", "as of", "rows", "size", "because"), rows)


def _held(words: Namespace, found: dict[str, Any], done: str) -> int:
    if words.json:
        print_json(found)
    else:
        out.print(f"{done}: [bold]{escape(found['name'])}[/], the snapshot {found['snapshot']}")
    return 0


def _compare(words: Namespace, live: Live) -> int:
    found = {"system": live.declared.name, **live.compare(*words.diff, examples=words.examples)}
    if words.report is not None:
        write_comparison(found, words.report)
    if words.json:
        print_json(found)
        return 0
    before, after = found["before"], found["after"]
    told = [f"{each['snapshot'][:12]} ({each['as_of'] or 'all that was known'})" for each in (before, after)]
    out.print(f"from [bold]{told[0]}[/] to [bold]{told[1]}[/]")
    if found["same"]:
        out.print("[green]the same rows[/]")
        return 0
    columns = ("source", "rows before", "rows after", "added", "removed", "changed", "changed in")
    rows = [
        (
            *(each[name] for name in ("source", "rows_before", "rows_after", "added", "removed", "changed")),
            ", ".join(f"{name} {spell(count)}" for name, count in each["changed_by_column"].items()) or None,
        )
        for each in found["sources"]
    ]
    out.print(table("Rows", columns, rows))
    changes = [(each["source"], *change.values()) for each in found["sources"] for change in each["columns"]]
    if changes:
        out.print(table("\nColumns", ("source", "column", "change", "before", "after"), changes))
    names = ("column", "effect", "distance", "apart", "null_before", "null_after", "most")
    shifts = [
        (each["source"], *(shift[name] for name in names))
        for each in found["sources"]
        for shift in each["shifts"]
        if shift["effect"] not in ("none", "tiny")
    ]
    if shifts:
        titles = ("source", "column", "effect", "distance", "apart", "NULL before", "NULL after", "what moved most")
        out.print(table("\nValues that moved", titles, shifts))
    for each in found["sources"]:
        for example in each["examples"]:
            values = ", ".join(f"{name} {_shown(value)}" for name, value in example["columns"].items())
            out.print(escape(f"  {example['change']:<8} {each['source']} {example['id']}: {values}"))
    if words.report is not None:
        out.print(f"report: [bold]{escape(str(words.report))}[/]")
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{_shown(value['before'])} -> {_shown(value['after'])}"
    return "NULL" if value is None else str(value)


def size(count: int) -> str:
    """A number of bytes as people read it.

    >>> size(0), size(1536), size(5_300_000)
    ('0 B', '1.5 KB', '5.3 MB')
    """
    if count < 1000:
        return f"{count} B"
    for unit, each in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)):
        if count < 1000 * each:
            return f"{count / each:.1f} {unit}"
    return f"{count / 1e12:,.1f} TB"
