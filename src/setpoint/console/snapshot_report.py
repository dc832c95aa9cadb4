"""The report of a comparison: one HTML file that shows a person what differs between two snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.page import page
from setpoint.console.section_snapshots import changed_columns, changed_rows, moved_values
from setpoint.console.words import short

SECTIONS = (changed_rows, changed_columns, moved_values)
"""Top to bottom."""


def write_comparison(found: Mapping[str, Any], path: Path) -> None:
    """Write what differs between two snapshots as one HTML file that needs nothing else, not even a network.

    `found` is the document that `Live.compare` gives, with the name of the `system`. The same document gives the same
    bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_comparison(found), encoding="utf-8", errors="backslashreplace", newline="\n")


def render_comparison(found: Mapping[str, Any]) -> str:
    """What differs between two snapshots as HTML.

    >>> sides = {"before": {"snapshot": "a1", "as_of": None}, "after": {"snapshot": "b2", "as_of": None}}
    >>> "<h1>flights</h1>" in render_comparison({"system": "flights", **sides, "same": False, "sources": []})
    True
    """
    title = f"{found['system']}: snapshots {short(found['before']['snapshot'])} and {short(found['after']['snapshot'])}"
    return page(title, [_header(found)], [make(found) for make in SECTIONS])


def _header(found: Mapping[str, Any]) -> Markup:
    told = [f"{each['snapshot']}, {_moment(each['as_of'])}" for each in (found["before"], found["after"])]
    words = "The same rows." if found["same"] else "What differs between the rows of two snapshots."
    return el("header", el("h1", found["system"]), el("p", words), el("p", f"From {told[0]}, to {told[1]}."))


def _moment(as_of: str | None) -> str:
    return "all that was known" if as_of is None else f"as of {as_of}"
