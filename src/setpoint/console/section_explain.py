"""What the last champion loses without each feature, and what their values do to its score, on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.charts_effect import Curve, effect_chart
from setpoint.console.markup import Markup
from setpoint.console.section import Row, Section, both_widths, folded, missing, part_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, listed, number

MOST = 20
"""Features that are drawn."""
MOST_UNREAD = 8
"""Features that are never read and named one by one."""


def goes_by(results: Mapping[str, Any]) -> Section:
    """By how much the loss rises when a feature's values are shuffled among the rows, with intervals."""
    title = "What it loses without a feature"
    found = part_of(results, "goes_by")
    inputs = [(str(each["feature"]), part_of(Row(each), "rise")) for each in found["inputs"] or ()]
    if not inputs:
        return missing("goes-by", title, "No champion was asked what it loses without each feature.")
    loss = str(found["loss"]).replace("_", " ")
    sure = [name for name, rise in inputs if rise["low"] is not None and rise["low"] > 0]
    lead = f"{count(len(sure))} of {count(len(inputs))} features are shown to matter to the last champion"
    lead += f", most of all {sure[0]}." if sure else "."
    unread = [str(name) for name in found["unread"] or ()]
    if unread:
        named = unread if len(unread) <= MOST_UNREAD else [*unread[:MOST_UNREAD], f"{len(unread) - MOST_UNREAD} others"]
        lead += f" It never reads {listed(named)}."
    shown = inputs[:MOST]
    groups = [("", [_dot(name, rise, loss=loss) for name, rise in shown])]

    def draw(width: float, name: str) -> Markup:
        return dot_chart(groups, reference=(0.0, "no loss"), width=width, name=name, title=title, description=lead)

    rows = [(name, number(rise["estimate"], 5), between(rise["low"], rise["high"], 5)) for name, rise in inputs]
    body = [legend([("dot", f"rise of the {loss} with its 95\u202f% interval")]), both_widths(draw, "goes-by-chart")]
    how = (
        f"The values of one feature at a time were shuffled among {count(found['rows'])} held-out rows, "
        f"{count(found['repeats'])} times; the {loss} was {number(found['before'], 4)} before. Each line holds by "
        "itself, rows of a day taken to be alike. Of features that say the same each seems to matter little."
    )
    columns = ("Feature", f"Rise of the {loss}", "95\u202f% interval")
    return Section("goes-by", title, lead, body, how, more=folded("The numbers", table(columns, rows, caption=title)))


def effects(results: Mapping[str, Any]) -> Section:
    """How the last champion's score changes along the numbers that matter most to it."""
    title = "What a value does to the score"
    found = [Row(each) for each in part_of(results, "goes_by")["effects"] or ()]
    curves = [curve for each in found if (curve := _curve(each)) is not None]
    if not curves:
        return missing("effects", title, "No number is shown to matter to a champion, or none was asked.")
    widest = max(curves, key=lambda curve: max(curve.effect) - min(curve.effect))
    spread = max(widest.effect) - min(widest.effect)
    lead = f"{widest.name} moves the last champion's score most: by {number(spread)} from its lowest effect to its "
    lead += "highest."

    def draw(width: float, name: str) -> Markup:
        return effect_chart(curves, width=width, name=name, title=title, description=lead)

    body = [legend([("band", "effect on the score with its 95\u202f% interval")]), both_widths(draw, "effects-chart")]
    how = (
        "Accumulated local effects: held-out rows are moved a little, each to the next value near its own, and the "
        "mean changes are added up; zero is the mean score. The lines hold point by point, rows of a day taken to be "
        "alike. They say what the model does, not what the world would do."
    )
    rows = [
        (curve.name, number(at, 4), number(effect, 4), between(low, high, 4))
        for curve in curves
        for at, effect, low, high in zip(curve.at, curve.effect, curve.low, curve.high, strict=True)
    ]
    columns = ("Feature", "Value", "Effect", "95\u202f% interval")
    return Section("effects", title, lead, body, how, more=folded("The numbers", table(columns, rows, caption=title)))


def _curve(found: Row) -> Curve | None:
    """A feature's effects at the values that are known; None where that are fewer than two."""
    points = zip(*(found[name] or () for name in ("at", "effect", "low", "high")), strict=False)
    known = [point for point in points if point[0] is not None and point[1] is not None]
    if len(known) < 2:
        return None
    at, effect, low, high = zip(*known, strict=True)
    return Curve(str(found["feature"]), at, effect, low, high)


def _dot(name: str, rise: Row, *, loss: str) -> Dot:
    tip = f"{name}\n{loss} {number(rise['estimate'], 5)} higher ({between(rise['low'], rise['high'], 5)})"
    return Dot(name, rise["estimate"], rise["low"], rise["high"], "", tip)
