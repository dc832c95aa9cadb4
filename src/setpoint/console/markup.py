"""HTML and SVG that is escaped by construction: whatever is not `Markup` is text."""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID_ELEMENTS = frozenset({"meta", "br", "hr", "input", "link"})


class Markup(str):
    """HTML that is safe to place in a page: only `el` and `join` make it from data."""

    __slots__ = ()


def el(name: str, *children: object, **attributes: object) -> Markup:
    """An element; strings inside are escaped, None is left out, sequences are laid flat.

    An attribute's underscores become hyphens and a last one is dropped; None and False leave it out.

    >>> el("p", "5 < 6", class_="note", data_tip="a & b")
    '<p class="note" data-tip="a &amp; b">5 &lt; 6</p>'
    >>> el("ul", [el("li", word) for word in ("one", "two")])
    '<ul><li>one</li><li>two</li></ul>'
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID_ELEMENTS:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Markup:
    """Pieces one after another, text among them escaped.

    >>> join(["<script>", el("b", "x"), None])
    '&lt;script&gt;<b>x</b>'
    """
    return Markup("".join(_piece(child) for child in children))


def coordinate(value: float) -> str:
    """A number for an attribute, with at most two decimals.

    >>> coordinate(3.0), coordinate(-0.001), coordinate(2.345)
    ('3', '0', '2.35')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _piece(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (list, tuple)):
        return join(child)
    return html.escape(str(child), quote=False)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = coordinate(value) if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'
