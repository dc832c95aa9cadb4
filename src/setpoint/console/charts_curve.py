"""Two curves: how labels settle with age, and whether scores are what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from setpoint.console.markup import Markup, el
from setpoint.console.scale import Scale, domain
from setpoint.console.svg import Box, bottom_axis, line, line_path, picture, rect, text, value_axis

AGES = ((1, "1 h"), (2, "2 h"), (4, "4 h"), (8, "8 h"), (24, "1 d"), (48, "2 d"), (96, "4 d"), (168, "7 d"),
        (336, "14 d"), (720, "30 d"), (2160, "90 d"), (8760, "1 y"))  # fmt: skip


@dataclass(frozen=True)
class Bin:
    """Scores close to each other: their mean, how often the outcome came, the interval of that, and how many."""

    score: float
    rate: float
    low: float
    high: float
    n: int
    tip: str


def maturity_chart(
    points: Sequence[tuple[float, float]],
    levels: Sequence[tuple[float, float, str]],
    *,
    width: float,
    name: str,
    title: str,
    description: str,
) -> Markup:
    """The share of labels settled by an age, on a stretched axis; `levels` are ages and shares to point out."""
    box = Box(52, 14, width - 14, 264)
    last = max((age for age, _ in points), default=1.0)
    x = Scale(0, stretch(last), box.left, box.right)
    y = Scale(0, 1, box.bottom, box.top)
    places = [(x(stretch(age)), y(part)) for age, part in points]
    area = [*places, (places[-1][0], box.bottom), (places[0][0], box.bottom)]
    ages = [(0, "0"), *[(age, label) for age, label in AGES if age <= last]]
    return picture(
        name,
        title,
        description,
        value_axis(y, box, most=6, percent=True),
        [[line(x(stretch(age)), box.bottom, x(stretch(age)), box.bottom + 5, "rail"),
          text(x(stretch(age)), box.bottom + 19, label, "tick middle")] for age, label in ages],
        el("path", d=line_path(area) + "Z", class_="area"),
        el("path", d=line_path([*places]), class_="line live"),
        [_level(x(stretch(age)), y(part), box, words) for age, part, words in levels],
        [_point(x(stretch(age)), y(part), f"{part:.1%} settled after {age:g} h") for age, part in points],
        text((box.left + box.right) / 2, box.bottom + 38, "age of the decision", "axis middle"),
        width=width,
        height=box.bottom + 46,
    )  # fmt: skip


def stretch(age: float) -> float:
    """An age on the stretched axis, where early hours have more room.

    >>> stretch(0), stretch(3)
    (0.0, 2.0)
    """
    return math.log2(1 + age)


def reliability_chart(bins: Sequence[Bin], *, width: float, name: str, title: str, description: str) -> Markup:
    """Observed rate against mean score with intervals and the diagonal; below it how common each score is."""
    box = Box(52, 14, width - 14, 220)
    floor = Box(52, 232, width - 14, 270)
    low, high = domain([v for b in bins for v in (b.score, b.rate, b.low, b.high)], include=[0.0], most=6)
    low, high = max(0.0, low), min(1.0, high)
    x, y = Scale(low, high, box.left, box.right), Scale(low, high, box.bottom, box.top)
    edges = edges_of([b.score for b in bins], low, high)
    density = [b.n / max(right - left, 1e-9) for b, left, right in zip(bins, edges[:-1], edges[1:], strict=True)]
    peak = max(density, default=1.0) or 1.0
    return picture(
        name,
        title,
        description,
        value_axis(y, box, most=6, percent=True),
        bottom_axis(x, Box(box.left, box.top, box.right, floor.bottom), most=6, percent=True),
        line(x(low), y(low), x(high), y(high), "diagonal"),
        [rect(x(left) + 0.5, floor.bottom - 34 * d / peak, x(right) - x(left) - 1, 34 * d / peak, "hist")
         for d, left, right in zip(density, edges[:-1], edges[1:], strict=True)],
        el("path", d=line_path([(x(b.score), y(b.rate)) for b in bins]), class_="line live thin"),
        [[line(x(b.score), y(max(b.low, low)), x(b.score), y(min(b.high, high)), "whisker"),
          el("circle", cx=x(b.score), cy=y(b.rate), r=3.5, class_="dot", data_tip=b.tip)] for b in bins],
        text((box.left + box.right) / 2, floor.bottom + 36, "score", "axis middle"),
        width=width,
        height=floor.bottom + 44,
    )  # fmt: skip


def edges_of(centres: Sequence[float], low: float, high: float) -> list[float]:
    """The edges between neighbouring centres, the outer ones as far out as the inner ones.

    >>> edges_of([1, 2, 4], 0, 10)
    [0.5, 1.5, 3.0, 5.0]
    """
    if not centres:
        return [low]
    if len(centres) == 1:
        return [low, high]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    first = max(low, 2 * centres[0] - inner[0])
    return [first, *inner, min(high, 2 * centres[-1] - inner[-1])]


def _level(x: float, y: float, box: Box, words: str) -> Markup:
    room = x - 9 - 6.8 * len(words) > box.left
    return el(
        "g",
        line(x, y, x, box.bottom, "guide"),
        el("circle", cx=x, cy=y, r=4, class_="dot"),
        text(x - 9, y - 6, words, "note end") if room else text(x + 9, y + 14, words, "note"),
    )


def _point(x: float, y: float, tip: str) -> Markup:
    return el("circle", cx=x, cy=y, r=9, class_="catch", data_tip=tip)
