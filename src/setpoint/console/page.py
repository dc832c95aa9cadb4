"""The page around the sections: one file that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from setpoint.console.markup import Markup, el
from setpoint.console.section import Section


def page(title: str, top: Sequence[Markup], sections: Sequence[Section]) -> str:
    """The whole document.

    Its content security policy lets no address be asked and no script run but our own, named by its hash.
    """
    style, script = _asset("report.css"), _asset("report.js")
    sha = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{sha}'; img-src data:; base-uri 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(style)),
    )
    contents = el(
        "nav",
        el("ol", [el("li", el("a", each.title, href=f"#{each.name}")) for each in sections]),
        aria_label="Sections",
    )
    body = el(
        "body",
        el("a", "Skip to the report", href="#report", class_="skip"),
        contents,
        el("main", top, el("div", [each.html() for each in sections], class_="sections"), id="report"),
        el("script", Markup(script)),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _asset(name: str) -> str:
    return (files("setpoint.console") / name).read_text(encoding="utf-8").strip()
