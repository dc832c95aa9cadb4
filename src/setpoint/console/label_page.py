"""The page on which people label: one document that asks nothing of the network but its own server."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

from setpoint.console.markdown import markdown
from setpoint.console.markup import Markup, el
from setpoint.declare.hand import Hand

KEYS = 9
"""How many classes have a key of their own."""


def label_page(system: str, hand: Hand, *, path: str) -> str:
    """The page for a system's items, whose data are asked for under a path of the same server.

    >>> from setpoint.declare.hand import hand
    >>> "<title>shop: labels</title>" in label_page("shop", hand(["fraud", "fine"]), path="/v1/shop/label")
    True
    """
    title = f"{system}: labels"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(_asset("label.css"))),
    )
    body = el(
        "body",
        el("a", "Skip to the item", href="#item", class_="skip"),
        _top(system),
        el(
            "main",
            _name_form(),
            _work(hand),
            _disputes(),
            id="main",
            data_path=path,
            data_system=system,
            data_classes=json.dumps(list(hand.classes), ensure_ascii=False),
        ),
        el("p", "", id="status", role="status", aria_live="polite"),
        el("noscript", el("p", "This page needs JavaScript.")),
        el("script", Markup(_asset("label.js"))),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def label_policy() -> str:
    """The content security policy of the page: its own style and script by their hashes, images within the data.

    >>> label_policy().split("; ")[0]
    "default-src 'none'"
    """
    script, style = (_sha(_asset(name)) for name in ("label.js", "label.css"))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _top(system: str) -> Markup:
    return el(
        "header",
        el("h1", system, " ", el("span", "labels")),
        el(
            "div",
            el("progress", "", id="bar", value=0, max=1, aria_label="Items that have their labels"),
            el("span", "", id="count"),
            class_="progress",
        ),
        el(
            "div",
            el("button", "", id="who", type="button", hidden=True, aria_label="Change the annotator"),
            _command("disagreements", "Disagreements", "d"),
            class_="tools",
        ),
    )


def _name_form() -> Markup:
    return el(
        "form",
        el("label", "Your name", for_="name"),
        el("input", id="name", name_="name", autocomplete="username", required=True, maxlength=100),
        el("p", "It stands beside each of your labels.", class_="hint"),
        el("button", "Begin", type="submit"),
        id="sign",
        hidden=True,
    )


def _work(hand: Hand) -> Markup:
    classes = [
        el(
            "button",
            el("kbd", number) if number <= KEYS else None,
            el("span", name),
            type="button",
            class_="class",
            data_class=name,
            aria_keyshortcuts=number if number <= KEYS else None,
        )
        for number, name in enumerate(hand.classes, start=1)
    ]
    return el(
        "div",
        el(
            "article",
            el("h2", "", id="key", tabindex=-1),
            el("p", "", id="again", class_="hint", hidden=True),
            el("dl", "", id="fields"),
            el("details", el("summary", "Features"), el("dl", "", id="features"), id="more", hidden=True),
            id="item",
            aria_live="off",
        ),
        el("div", el("fieldset", el("legend", "Class"), classes, id="classes"), _commands(), class_="answer"),
        _note(),
        el(
            "details",
            el("summary", "Guidelines ", el("kbd", "g")),
            el("div", markdown(hand.guidelines) if hand.guidelines.strip() else el("p", "There are none.")),
            id="guidelines",
            open=True,
        ),
        id="work",
        hidden=True,
    )


def _commands() -> Markup:
    return el("div", _command("skip", "Skip", "s"), _command("undo", "Undo", "u"), class_="commands")


def _command(name: str, words: str, key: str) -> Markup:
    return el("button", words, " ", el("kbd", key), id=name, type="button", aria_keyshortcuts=key)


def _note() -> Markup:
    return el(
        "div",
        el("label", "Note ", el("kbd", "n"), for_="note"),
        el("textarea", "", id="note", rows=2, maxlength=4000, aria_keyshortcuts="n"),
        class_="note",
    )


def _disputes() -> Markup:
    return el(
        "section",
        el("h2", "Disagreements", id="disputes-title", tabindex=-1),
        el("p", "", id="disputes-lead", class_="hint"),
        el("ol", "", id="disputes-list"),
        el("button", "Back to labelling ", el("kbd", "Esc"), id="back", type="button"),
        id="disputes",
        hidden=True,
        aria_labelledby="disputes-title",
    )


def _asset(name: str) -> str:
    return (files("setpoint.console") / name).read_text(encoding="utf-8").strip()


def _sha(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
