"""The report of a check: one HTML file that shows a person what the data are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.page import page
from setpoint.console.section import Section, rows_of
from setpoint.console.section_check import absent, findings, sources, volume
from setpoint.console.section_check_bias import bias
from setpoint.console.section_check_columns import columns
from setpoint.console.section_check_quarantine import quarantine
from setpoint.console.words import clock, count, plural

SECTIONS: tuple[Callable[[Mapping[str, Any]], Section], ...] = (
    findings, sources, volume, columns, absent, bias, quarantine,
)  # fmt: skip
"""Top to bottom."""


def write_check(found: Mapping[str, Any], path: Path) -> None:
    """Write what a check found as one HTML file that needs nothing else, not even a network.

    `found` is the document that `Live.check_report` gives. The same document gives the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_check(found), encoding="utf-8", errors="backslashreplace", newline="\n")


def render_check(found: Mapping[str, Any]) -> str:
    """What a check found as HTML.

    >>> "<h1>flights</h1>" in render_check({"system": "flights", "at": "2013-07-04T12:05:00Z", "passed": True})
    True
    """
    title = f"{found['system']}: check of {clock(found['at'])}"
    return page(title, [_header(found), _tiles(found)], [make(found) for make in SECTIONS])


def _header(found: Mapping[str, Any]) -> Markup:
    verdict = "passed" if found["passed"] else "did not pass"
    return el(
        "header",
        el("p", "Setpoint · check of the data", class_="eyebrow"),
        el("h1", found["system"]),
        el("p", f"{clock(found['at'])}, UTC", class_="period"),
        el("p", f"The check {verdict}. Nothing was trained.", class_="story"),
    )


def _tiles(found: Mapping[str, Any]) -> Markup:
    sources, aside = rows_of(found, "sources"), rows_of(found, "quarantine")
    waiting = sum(each["state"] == "open" for each in aside)
    objections = len(rows_of(found, "findings"))
    labels = found.get("labels") or {}
    tiles = [
        ("Rows", count(sum(each["rows"] for each in sources)), f"in {plural(len(sources), 'source')}"),
        ("In quarantine", count(waiting), f"of {count(len(aside))} ever set aside"),
        ("Findings", count(objections), "nothing to object" if not objections else "see below"),
        ("Labels known", count(labels.get("known")), f"of {plural(sum(labels.values()), 'decision')}"),
    ]
    return el(
        "dl",
        [
            el("div", el("dt", name), el("dd", value, class_="figure"), el("dd", below, class_="below"))
            for name, value, below in tiles
        ],
        class_="tiles",
    )
