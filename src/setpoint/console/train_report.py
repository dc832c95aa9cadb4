"""The report of a training: one HTML file that shows a person what the gate found, and what the candidate goes by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.page import page
from setpoint.console.section import Section, rows_of, table
from setpoint.console.section_behaviour import behaviour
from setpoint.console.section_explain import effects, goes_by
from setpoint.console.section_fairness import fairness
from setpoint.console.section_mitigation import mitigation
from setpoint.console.section_search import search
from setpoint.console.section_study import study
from setpoint.console.section_use import use
from setpoint.console.section_weak import weak
from setpoint.console.words import DASH, clock, number


def guardrails(results: Mapping[str, Any]) -> Section:
    """What the gate found of each guardrail of the candidate, and what it was promised to keep."""
    title = "What the gate found"
    gate = rows_of(results, "gates")[-1]
    lead = "The candidate passed the gate." if gate["passed"] else "The gate refused the candidate."
    rows = [
        (
            str(each["name"]),
            DASH if each["value"] is None else number(each["value"], 4),
            DASH if each["bound"] is None else number(each["bound"], 4),
            str(each["verdict"]),
        )
        for each in gate["guardrails"]
    ]
    went = gate["update"]
    told = [*gate["reasons"], *(gate["confidence"] or ()), *([went["reason"]] if went else [])]
    told += (gate["ensemble"] or {"words": []})["words"]
    body: list[object] = (
        [table(("Guardrail", "Value", "Bound", "Verdict"), rows, caption=title, tail=1)] if rows else []
    )
    body += [el("ul", [el("li", line) for line in told])] if told else []
    return Section("gate", title, lead, body, "Bounds are one-sided 95\u202f% bounds on held-out decisions, by days.")


SECTIONS: tuple[Callable[[Mapping[str, Any]], Section], ...] = (
    guardrails, use, goes_by, effects, weak, fairness, behaviour,
)  # fmt: skip
"""Top to bottom."""


def write_training(found: Mapping[str, Any], path: Path) -> None:
    """Write what a training found as one HTML file that needs nothing else, not even a network.

    `found` is the document that `Live.train` gives. The same document gives the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_training(found), encoding="utf-8", errors="backslashreplace", newline="\n")


def render_training(found: Mapping[str, Any]) -> str:
    """What a training found as HTML.

    >>> shop = {"system": "shop", "at": "2013-07-04T12:05:00Z", "model": "0a1b", "passed": True, "guardrails": []}
    >>> "<h1>shop</h1>" in render_training({**shop, "reasons": []})
    True
    """
    title = f"{found['system']}: training of {clock(found['at'])}"
    results = {"gates": [found], "goes_by": found.get("goes_by")}
    asked = [*mitigation(results), *search(found), *study(found)]
    return page(title, [_header(found)], [*[make(results) for make in SECTIONS], *asked])


def _header(found: Mapping[str, Any]) -> Markup:
    return el(
        "header",
        el("p", "Setpoint · training report", class_="eyebrow"),
        el("h1", found["system"]),
        el("p", f"{clock(found['at'])}, UTC", class_="period"),
        el("p", "Model ", el("code", found["model"]), class_="digest"),
    )
