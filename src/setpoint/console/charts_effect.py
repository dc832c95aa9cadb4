"""How a score changes along each feature: a line with its band for each, on one scale of effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.console.markup import Markup, el
from setpoint.console.scale import Scale, domain
from setpoint.console.svg import Box, band_path, bottom_axis, line, line_path, picture, text, value_axis

HEIGHT, LEAST = 190.0, 300.0
"""How high one picture is with its axis, and how wide at least."""


@dataclass(frozen=True)
class Curve:
    """The effect of a feature at some of its values, with bounds where they are known."""

    name: str
    at: Sequence[float]
    effect: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]


def effect_chart(
    curves: Sequence[Curve], *, width: float, name: str, title: str, description: str, zero: bool = True
) -> Markup:
    """Curves side by side, as many in a row as there is room for, all on one vertical scale; `zero` is a line of it."""
    across = max(1, int(width // LEAST))
    known = [value for curve in curves for part in (curve.effect, curve.low, curve.high) for value in part]
    ends = domain(known, include=[0.0] if zero else [], most=4)
    drawn = []
    for place, curve in enumerate(curves):
        left, top = (place % across) * width / across, (place // across) * HEIGHT
        box = Box(left + 58, top + 26, left + width / across - 16, top + HEIGHT - 34)
        drawn.append(_curve(curve, box, Scale(*ends, box.bottom, box.top), zero=zero))
    rows = -(-len(curves) // across)
    return picture(name, title, description, drawn, width=width, height=rows * HEIGHT)


def _curve(curve: Curve, box: Box, y: Scale, *, zero: bool) -> list[object]:
    x = Scale(min(curve.at), max(curve.at), box.left, box.right)
    lows, highs = (
        [None if value is None else (x(at), y(value)) for at, value in zip(curve.at, bound, strict=True)]
        for bound in (curve.low, curve.high)
    )
    places = [(x(at), y(value)) for at, value in zip(curve.at, curve.effect, strict=True)]
    return [
        text(box.left, box.top - 10, curve.name, "lane"),
        value_axis(y, box, most=4),
        bottom_axis(x, box, most=4),
        line(box.left, y(0.0), box.right, y(0.0), "reference") if zero else None,
        el("path", d=band_path(lows, highs), class_="band"),
        el("path", d=line_path(places), class_="line live"),
    ]
