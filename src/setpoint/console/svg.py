"""The parts that every picture is made of: a frame with a title, lines with gaps, bands, axes, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.console.markup import Markup, coordinate, el
from setpoint.console.scale import Scale, TimeTick, step_of, tick_label, ticks

Place = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """The part of a picture that data is drawn in."""

    left: float
    top: float
    right: float
    bottom: float


def picture(name: str, title: str, description: str, *children: object, width: float, height: float) -> Markup:
    """An SVG picture with a title and a description for those who cannot see it; `name` is unique in the page.

    >>> picture("p", "Title", "What it shows", width=10, height=5)[:17]
    '<svg class="chart'
    """
    return el(
        "svg",
        el("title", title, id=f"{name}-title"),
        el("desc", description, id=f"{name}-desc"),
        children,
        class_="chart",
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        style=f"max-width:{coordinate(width * 1.25)}px",
    )


def runs(places: Sequence[Place | None]) -> list[list[Place]]:
    """The stretches between gaps.

    >>> runs([(0, 1), (1, 2), None, (3, 4)])
    [[(0, 1), (1, 2)], [(3, 4)]]
    """
    found: list[list[Place]] = [[]]
    for place in places:
        if place is None:
            found.append([])
        else:
            found[-1].append(place)
    return [run for run in found if run]


def line_path(places: Sequence[Place | None]) -> str:
    """The path of a line that breaks where a value is missing; a value alone is a dot.

    >>> line_path([(0, 1), (1, 2), None, (3, 4)])
    'M0,1L1,2M3,4h0'
    """
    pieces = []
    for run in runs(places):
        steps = "L".join(f"{coordinate(x)},{coordinate(y)}" for x, y in run)
        pieces.append(f"M{steps}" + ("h0" if len(run) == 1 else ""))
    return "".join(pieces)


def band_path(lows: Sequence[Place | None], highs: Sequence[Place | None]) -> str:
    """The path around what lies between two lines, closed at every gap; a value alone is a bar four wide.

    >>> band_path([(0, 1), (1, 1)], [(0, 3), (1, 4)])
    'M0,1L1,1L1,4L0,3Z'
    """
    gone = [low is None or high is None for low, high in zip(lows, highs, strict=True)]
    below = runs([None if lost else low for low, lost in zip(lows, gone, strict=True)])
    above = runs([None if lost else high for high, lost in zip(highs, gone, strict=True)])
    pieces = []
    for low, high in zip(below, above, strict=True):
        if len(low) == 1:
            (x, bottom), (_, top) = low[0], high[0]
            low, high = [(x - 2, bottom), (x + 2, bottom)], [(x - 2, top), (x + 2, top)]  # noqa: PLW2901
        around = [*low, *reversed(high)]
        pieces.append("M" + "L".join(f"{coordinate(x)},{coordinate(y)}" for x, y in around) + "Z")
    return "".join(pieces)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return el("path", d=f"M{coordinate(x1)},{coordinate(y1)}L{coordinate(x2)},{coordinate(y2)}", class_=class_)


def rect(x: float, y: float, width: float, height: float, class_: str, **more: object) -> Markup:
    """A rectangle, never narrower than nothing."""
    return el(
        "rect", x=float(x), y=float(y), width=max(0.0, width), height=max(0.0, height), class_=class_, **more
    )  # fmt: skip


def text(x: float, y: float, words: object, class_: str, **more: object) -> Markup:
    """A text; its anchor comes from the class."""
    return el("text", words, x=float(x), y=float(y), class_=class_, **more)


def value_axis(scale: Scale, box: Box, *, most: int = 6, percent: bool = False) -> list[Markup]:
    """Horizontal grid lines with their numbers at the left."""
    step = step_of(scale.low, scale.high, most=most)
    drawn = []
    for tick in ticks(scale.low, scale.high, most=most):
        y = scale(tick)
        label = f"{tick_label(100 * tick, 100 * step)}\u202f%" if percent else tick_label(tick, step)
        drawn += [line(box.left, y, box.right, y, "grid"), text(box.left - 8, y + 4, label, "tick end")]
    return drawn


def bottom_axis(scale: Scale, box: Box, *, most: int = 6, percent: bool = False) -> list[Markup]:
    """Vertical grid lines with their numbers below."""
    step = step_of(scale.low, scale.high, most=most)
    drawn = []
    for tick in ticks(scale.low, scale.high, most=most):
        x = scale(tick)
        label = f"{tick_label(100 * tick, 100 * step)}\u202f%" if percent else tick_label(tick, step)
        drawn += [line(x, box.top, x, box.bottom, "grid"), text(x, box.bottom + 17, label, "tick middle")]
    return drawn


def time_axis(scale: Scale, box: Box, marks: Sequence[TimeTick]) -> list[Markup]:
    """Vertical grid lines at ticks of the calendar, their names and years below."""
    drawn = []
    for tick in marks:
        x = scale(tick.at)
        drawn += [line(x, box.top, x, box.bottom, "grid"), text(x, box.bottom + 17, tick.label, "tick middle")]
        if tick.year is not None:
            drawn.append(text(x, box.bottom + 32, tick.year, "tick middle year"))
    return drawn


def mark(kind: str, x: float, y: float, *, tip: str | None = None) -> Markup:
    """The sign of an act: a triangle up (promote) or down (rollback), a cross (reject), a dot (train)."""
    form = {
        "promote": f"M{coordinate(x)},{coordinate(y - 5)}l5,9h-10z",
        "rollback": f"M{coordinate(x)},{coordinate(y + 5)}l5,-9h-10z",
        "reject": f"M{coordinate(x - 3.5)},{coordinate(y - 3.5)}l7,7m0,-7l-7,7",
        "train": f"M{coordinate(x - 2.5)},{coordinate(y)}a2.5,2.5 0 1 0 5,0a2.5,2.5 0 1 0 -5,0",
    }[kind]
    return el("path", d=form, class_=f"mark {kind}", data_tip=tip)


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """What the lines and signs of a picture mean: (kind, meaning) pairs."""
    return el(
        "ul",
        [el("li", el("svg", _swatch(kind), class_="swatch", viewBox="0 0 22 12", aria_hidden="true"), words)
         for kind, words in entries],
        class_="legend",
    )  # fmt: skip


def _swatch(kind: str) -> list[Markup]:
    if kind in ("promote", "rollback", "reject", "train"):
        return [mark(kind, 11, 6)]
    if kind == "band":
        return [rect(0, 1, 22, 10, "band"), line(0, 6, 22, 6, "line live")]
    if kind in ("page", "digest", "column", "hist"):
        return [rect(2, 2, 18, 8, kind if kind in ("column", "hist") else f"incident {kind}", rx=2)]
    if kind == "dot":
        return [line(0, 6, 22, 6, "whisker"), el("circle", cx=11, cy=6, r=3.5, class_="dot")]
    if kind == "expected":
        return [line(11, 0, 11, 12, "expected")]
    if kind == "worst":
        return [line(0, 6, 22, 6, "whisker worst"), el("path", d="M11,1l5,5l-5,5l-5,-5z", class_="dot worst")]
    return [line(0, 6, 22, 6, f"line {kind}")]
