"""Pictures of named values: dots with intervals, bars, columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.console.markup import Markup, el
from setpoint.console.scale import Scale, domain
from setpoint.console.svg import Box, bottom_axis, line, picture, rect, text, value_axis

ROW = 22.0


@dataclass(frozen=True)
class Dot:
    """A named value with its interval; `kind` is the class that draws it, `expected` a value of its own to compare."""

    label: str
    value: float
    low: float | None
    high: float | None
    beside: str
    tip: str
    kind: str = ""
    expected: float | None = None


@dataclass(frozen=True)
class Bar:
    """A named value; `shown` is what is written beside it."""

    label: str
    value: float
    shown: str
    tip: str


def dot_chart(
    groups: Sequence[tuple[str, Sequence[Dot]]],
    *,
    reference: tuple[float, str] | None,
    beside: str = "",
    width: float,
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Values with intervals on one axis, in named groups; a dashed line marks a value to compare with.

    `beside` names what stands at the right of each row.
    """
    dots = [dot for _, group in groups for dot in group]
    left = 20 + 7.0 * min(22, max((len(dot.label) for dot in dots), default=4))
    right = width - 18 - 6.6 * max((len(dot.beside) for dot in dots), default=0)
    known = [value for dot in dots for value in (dot.low, dot.value, dot.high, dot.expected)]
    ends = domain(known, include=[] if reference is None else [reference[0]], most=5)
    top = 26.0 if reference is not None or beside else 8.0
    rows: list[Markup] = []
    height = sum(ROW * (len(group) + bool(caption)) + 8 * bool(caption) for caption, group in groups)
    box = Box(left, top, right, top + height)
    x = Scale(*ends, left, right)
    at = top
    for caption, group in groups:
        if caption:
            at += 8
            rows.append(text(8, at + 15, caption, "lane"))
            at += ROW
        for dot in group:
            rows.append(_dot(dot, x, at + ROW / 2, left=left, width=width))
            at += ROW
    return picture(
        name,
        title,
        description,
        bottom_axis(x, box, most=5),
        None if reference is None else _reference(x(reference[0]), box, reference[1]),
        text(width - 4, top - 8, beside, "tick end") if beside else None,
        rows,
        width=width,
        height=box.bottom + 26,
    )


def bar_chart(bars: Sequence[Bar], *, width: float, name: str, title: str, description: str) -> Markup:
    """Horizontal bars from zero, their names at the left and values at their ends."""
    left = 16 + 6.8 * min(24, max((len(bar.label) for bar in bars), default=4))
    right = width - 14 - 6.8 * max((len(bar.shown) for bar in bars), default=0)
    x = Scale(0, max((bar.value for bar in bars), default=1.0) or 1.0, left, right)
    return picture(
        name,
        title,
        description,
        [
            el(
                "g",
                rect(0, ROW * index + 2, width, ROW, "catch"),
                text(left - 10, ROW * index + 17, clip(bar.label, 24), "name end"),
                rect(left, ROW * index + 6, max(x(bar.value) - left, 1), ROW - 8, "column", rx=2),
                text(x(bar.value) + 7, ROW * index + 17, bar.shown, "beside"),
                data_tip=bar.tip,
            )
            for index, bar in enumerate(bars)
        ],
        line(left, 2, left, ROW * len(bars) + 4, "rail"),
        width=width,
        height=ROW * len(bars) + 6,
    )


def column_chart(bars: Sequence[Bar], *, width: float, name: str, title: str, description: str) -> Markup:
    """Columns from zero, negative ones downwards."""
    box = Box(58, 14, width - 10, 244)
    y = Scale(*domain([bar.value for bar in bars], include=[0.0], most=8), box.bottom, box.top)
    slot = (box.right - box.left) / max(1, len(bars))
    every = 1 + int(max((len(bar.label) for bar in bars), default=1) * 7.5 // slot)
    return picture(
        name,
        title,
        description,
        value_axis(y, box, most=8),
        [
            el(
                "g",
                rect(box.left + slot * index, box.top, slot, box.bottom - box.top, "catch"),
                rect(
                    box.left + slot * index + slot * 0.16,
                    min(y(bar.value), y(0)),
                    slot * 0.68,
                    max(abs(y(bar.value) - y(0)), 0.75),
                    "column" if bar.value >= 0 else "column below",
                    rx=2,
                ),
                text(box.left + slot * (index + 0.5), box.bottom + 17, bar.label, "tick middle")
                if index % every == 0
                else None,
                class_="hit",
                data_tip=bar.tip,
            )
            for index, bar in enumerate(bars)
        ],
        line(box.left, y(0), box.right, y(0), "rail"),
        width=width,
        height=box.bottom + 28,
    )


def interval_glyph(
    value: float | None, low: float | None, high: float | None, *, ends: tuple[float, float], width: float = 120
) -> Markup | None:
    """A value with its interval, small enough for a cell; its numbers stand beside it.

    >>> interval_glyph(None, None, None, ends=(0, 1)) is None
    True
    """
    if value is None:
        return None
    x = Scale(*ends, 6, width - 6)
    return el(
        "svg",
        line(0, 8, width, 8, "rail"),
        None if low is None or high is None else line(x(low), 8, x(high), 8, "whisker"),
        el("circle", cx=x(value), cy=8, r=3.5, class_="dot"),
        class_="chart glyph",
        viewBox=f"0 0 {width:g} 16",
        aria_hidden="true",
    )


def clip(label: str, most: int) -> str:
    """A name cut to what there is room for.

    >>> clip("left_late_origin_2h", 12)
    'left_late_o…'
    """
    return label if len(label) <= most else label[: most - 1] + "…"


def _dot(dot: Dot, x: Scale, y: float, *, left: float, width: float) -> Markup:
    middle = x(dot.value)
    form = (
        el("path", d=f"M{middle:.1f},{y - 5:.1f}l5,5l-5,5l-5,-5z", class_="dot worst")
        if dot.kind == "worst"
        else el("circle", cx=middle, cy=y, r=4, class_=f"dot {dot.kind}".strip())
    )
    whisker = None
    if dot.low is not None and dot.high is not None:
        whisker = line(x(dot.low), y, x(dot.high), y, f"whisker {dot.kind}".strip())
    return el(
        "g",
        rect(0, y - ROW / 2, width, ROW, "catch"),
        text(left - 12, y + 4, clip(dot.label, 22), "name end"),
        whisker,
        form,
        None if dot.expected is None else line(x(dot.expected), y - 7, x(dot.expected), y + 7, "expected"),
        text(width - 4, y + 4, dot.beside, "beside end"),
        class_="hit",
        data_tip=dot.tip,
    )


def _reference(x: float, box: Box, words: str) -> list[Markup]:
    anchor = "end" if x > (box.left + box.right) / 2 else ""
    return [
        line(x, box.top - 8, x, box.bottom, "reference"),
        text(x + (-6 if anchor else 6), box.top - 8, words, f"note {anchor}".strip()),
    ]
