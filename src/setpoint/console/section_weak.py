"""Where the newest model loses more than it expects: the slices that were declared or found, judged on newer rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.markup import Markup
from setpoint.console.section import Row, Section, both_widths, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, number, share
from setpoint.learn.weak import LOSSES

MOST = 15
"""Slices that are drawn."""


def weak(results: Mapping[str, Any]) -> Section:
    """How many times what it expected the newest model loses in each slice, with intervals."""
    title = "Weak slices"
    judged = [gate for gate in rows_of(results, "gates") if gate["weak"] is not None]
    found = Row(judged[-1]["weak"]) if judged else Row()
    slices = [Row(each) for each in found["slices"] or ()]
    shown = [each for each in slices if part_of(each, "times")["estimate"] is not None][:MOST]
    if not shown:
        why = "No slice to judge: no candidate was trained, or none of the slices looked at stood out."
        return missing("weak", title, why)
    bad = [each for each in shown if each["worse"]]
    lead = (
        f"Of {count(found['looked_at'])} slices looked at, {_many(len(bad))} shown to lose more than the newest model "
    )
    lead += f"expects: {bad[0]['words'] or bad[0]['name']}." if bad else "expects."
    groups = [(str(each["name"]), [_dot(each)]) for each in shown]

    def draw(width: float, name: str) -> Markup:
        reference = (1.0, "as expected")
        return dot_chart(
            groups, reference=reference, beside="decisions", width=width, name=name, title=title, description=lead
        )

    loss = LOSSES.get(str(found["loss"]), str(found["loss"]))
    rows = [
        (
            each["name"],
            number(each["loss"]),
            number(each["others"]),
            number(each["expected"]),
            number(part_of(each, "times")["estimate"], 2),
            between(part_of(each, "times")["low"], part_of(each, "times")["high"], 2),
            share(each["share"]),
        )
        for each in shown
    ]
    columns = ("Slice", loss, "Others", "Expected", "Times", "Interval", "Decisions")
    body = [
        legend([("dot", "loss over what was expected"), ("worst", "shown to be more")]),
        both_widths(draw, "weak-chart"),
    ]
    how = f"Slices stood out among older rows, or were declared, and are judged on {count(found['rows'])} newer ones. "
    how += "The lines hold together: the chance of one false alarm among them is below 5\u202f%."
    return Section("weak", title, lead, body, how, more=folded("The numbers", table(columns, rows, caption=title)))


def _many(bad: int) -> str:
    return "none is" if bad == 0 else "one is" if bad == 1 else f"{bad} are"


def _dot(each: Row) -> Dot:
    times = part_of(each, "times")
    kind = "worst" if each["worse"] else ""
    tip = str(each["words"] or each["name"]).replace("; ", "\n")
    return Dot(
        "found" if each["found"] else "declared",
        times["estimate"],
        times["low"],
        times["high"],
        share(each["share"]),
        tip,
        kind,
    )
