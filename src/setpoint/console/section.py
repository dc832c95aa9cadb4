"""A section of the report: a heading, what was found, a picture, how to read it, and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.console.markup import Markup, el

WIDE, NARROW, HALF = 900.0, 390.0, 430.0
"""Widths that pictures are drawn at: for the page, for a phone, for half of the page."""


class Row(dict[str, Any]):
    """A row of the document; what it lacks is None.

    >>> Row(auc=0.7)["auc_frozen"] is None
    True
    """

    def __missing__(self, key: str) -> None:
        return None


@dataclass(frozen=True)
class Section:
    """One section: `lead` says what was found, `how` how to read the picture, `more` holds its numbers.

    `half` lets two stand side by side; `empty` means that there is nothing but the reason why.
    """

    name: str
    title: str
    lead: str
    body: object
    how: str | None = None
    half: bool = False
    more: Markup | None = None
    empty: bool = False

    def html(self) -> Markup:
        """The section as HTML."""
        return el(
            "section",
            el("h2", self.title),
            el("p", self.lead, class_="lead empty" if self.empty else "lead"),
            el("div", self.body, class_="body"),
            el("div", None if self.how is None else el("p", self.how, class_="how"), self.more),
            id=self.name,
            class_="half" if self.half else None,
        )


def missing(name: str, title: str, why: str, *, half: bool = False) -> Section:
    """A section that has nothing to show, and says why."""
    return Section(name, title, why, None, half=half, empty=True)


def rows_of(results: Mapping[str, Any], name: str, *needed: str) -> list[Row]:
    """The rows of a part of the document; none when it is not there, nor those that lack what is needed.

    >>> rows_of({"steps": [{"step": "a", "cpu_seconds": None}, {"cpu_seconds": 2.0}]}, "steps", "cpu_seconds")
    [{'cpu_seconds': 2.0}]
    """
    rows = [Row(each) for each in results.get(name) or ()]
    return [row for row in rows if all(row[key] is not None for key in needed)]


def part_of(results: Mapping[str, Any], name: str) -> Row:
    """A part of the document that is one record; empty when it is not there."""
    return Row(results.get(name) or {})


def both_widths(draw: Callable[[float, str], Markup], name: str) -> Markup:
    """A picture drawn twice, for a page and for a phone; the style sheet shows the one that fits."""
    return el(
        "figure",
        el("div", draw(WIDE, f"{name}-wide"), class_="wide"),
        el("div", draw(NARROW, f"{name}-narrow"), class_="narrow"),
    )


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str, words: int = 1, tail: int = 0
) -> Markup:
    """A table whose first `words` and last `tail` columns are text and the others numbers.

    >>> "<caption>C</caption>" in table(["a", "b"], [["x", 1]], caption="C")
    True
    """

    def kind(index: int) -> str | None:
        return "n" if words <= index < len(columns) - tail else None

    return el(
        "div",
        el(
            "table",
            el("caption", caption),
            el("thead", el("tr", [el("th", name, scope="col", class_=kind(i)) for i, name in enumerate(columns)])),
            el(
                "tbody",
                [
                    el(
                        "tr",
                        el("th", row[0], scope="row"),
                        [el("td", cell, class_=kind(i)) for i, cell in enumerate(row[1:], start=1)],
                    )
                    for row in rows
                ],
            ),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def folded(summary: object, *content: object, opened: bool = False) -> Markup:
    """Content that is shown when its summary is clicked."""
    return el("details", el("summary", summary), content, open=opened)


def latest(rows: Sequence[Row], most: int, noun: str) -> tuple[list[Row], Markup | None]:
    """The last rows, at most so many, and a note about those left out.

    >>> latest([{}, {}, {}], 2, "acts")[1]
    '<p class="how">The first 1 of 3 acts are left out here; the JSON document has them all.</p>'
    """
    if len(rows) <= most:
        return list(rows), None
    left = len(rows) - most
    words = f"The first {left:,} of {len(rows):,} {noun} are left out here; the JSON document has them all."
    return list(rows[-most:]), el("p", words, class_="how")
