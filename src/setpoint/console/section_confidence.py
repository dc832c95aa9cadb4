"""Whether the sets that decisions said hold as many outcomes as promised, by month, with what the gate found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, number, share


def confidence(results: Mapping[str, Any]) -> Section:
    """The share of outcomes that sets held in each month, against the promised one."""
    title = "Does the promise hold?"
    months = rows_of(results, "confidence")
    if not months:
        return missing("confidence", title, "Decisions say no sets: the goal has no confidence=sp.conformal(...).")
    level = months[0]["level"]
    low = [each for each in months if each["verdict"] == "too low"]
    lead = f"Sets promised to hold {share(level)} of outcomes held too few of them in {count(len(low))} of "
    lead += f"{count(len(months))} months" + (f", first in {low[0]['month']}." if low else ".")
    dots = [_dot(each) for each in months]

    def draw(width: float, name: str) -> Markup:
        reference = (float(level), f"promised {share(level)}")
        return dot_chart([("", dots)], reference=reference, width=width, name=name, title=title, description=lead)

    body: list[object] = [
        legend([("dot", "share of outcomes held with its 95\u202f% interval")]),
        both_widths(draw, "confidence-chart"),
    ]
    judged = [gate for gate in rows_of(results, "gates") if gate["confidence"]]
    if judged:
        body.append(el("ul", [el("li", line) for line in judged[-1]["confidence"]]))
    rows = [
        (
            each["month"],
            count(part_of(each, "coverage")["n"]),
            share(part_of(each, "coverage")["estimate"]),
            between(part_of(each, "coverage")["low"], part_of(each, "coverage")["high"], 3),
            each["verdict"],
        )
        for each in months
    ]
    columns = ("Month", "Decisions", "Held", "95\u202f% interval", "Verdict")
    how = (
        "Labels that came after the decisions say whether each set held its outcome; rows of a day are taken to be "
        "alike. Below, what the gate found of the newest model."
    )
    more = folded("The numbers", table(columns, rows, caption=title, tail=1))
    return Section("confidence", title, lead, body, how, more=more)


def _dot(month: Row) -> Dot:
    held = part_of(month, "coverage")
    tip = f"{month['month']}\n{number(held['estimate'], 3)} held ({between(held['low'], held['high'], 3)})"
    return Dot(str(month["month"]), held["estimate"], held["low"], held["high"], "", tip)
