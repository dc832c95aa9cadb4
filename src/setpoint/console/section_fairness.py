"""How the newest model treats the groups of protected attributes: their rates, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, listed, number, plural

DRAWN = {
    "selection_rate": "acted on",
    "recall": "acted on of the positives",
    "false_positive_rate": "acted on of the negatives",
    "precision": "positive of those acted on",
}
"""Rates that are drawn, and what each is called."""
MOST = 12
"""Groups of an attribute that are drawn; the table has them all."""


def fairness(results: Mapping[str, Any]) -> Section:
    """The rates of each group with their intervals, the gaps by each criterion, and the features that tell groups."""
    title = "Fairness"
    judged = [gate for gate in rows_of(results, "gates") if gate["fairness"]]
    if not judged:
        why = "No attribute to look at: no candidate was trained, or the goal protects none and asks no gap by one."
        return missing("fairness", title, why)
    found = rows_of(judged[-1], "fairness")
    gaps = [(each, gap) for each in found for gap in rows_of(each, "gaps")]
    unequal = [(each, gap) for each, gap in gaps if gap["shown"]]
    compared = sum(part_of(gap, "difference")["low"] is not None for _, gap in gaps)
    lead = f"Of {plural(compared, 'gap')} between the groups of {listed([str(each['attribute']) for each in found])}, "
    lead += f"{_many(len(unequal))} shown to be more than chance"
    lead += f": {unequal[0][0]['attribute']}, {unequal[0][1]['words']}." if unequal else "."
    how = (
        "A dot is the rate of a group, its line the 95\u202f% interval, by days. Gaps have one-sided 95\u202f% bounds, "
        "as guardrails do: the lower one holds for all pairs of groups together. A largest difference is never 0, so "
        "what equal groups of these sizes would show by chance stands beside it. Groups of few rows are drawn, but "
        "are no part of a gap."
    )
    parts = [_attribute(each, place) for place, each in enumerate(found)]
    return Section("fairness", title, lead, [*parts, _proxies(judged[-1])], how)


def _attribute(each: Row, place: int) -> Markup:
    groups, name = rows_of(each, "groups"), str(each["attribute"])
    shown = sorted(groups, key=lambda group: -(group["n"] or 0))[:MOST]
    parts = [
        (words, [_dot(group, rate) for group in shown if _rate(group, rate)["estimate"] is not None])
        for rate, words in DRAWN.items()
    ]
    drawn = [part for part in parts if part[1]]
    told = f"How the groups of {name} are treated: {listed([str(group['group']) for group in shown])}"

    def draw(width: float, chart: str) -> Markup:
        return dot_chart(
            drawn, reference=None, beside="rows", width=width, name=chart, title=f"Groups of {name}", description=told
        )

    return el(
        "div",
        el("p", f"By {name}:", class_="how"),
        [legend([("dot", "a group, with its 95\u202f% interval")]), both_widths(draw, f"fairness-{place}")]
        if drawn
        else None,
        _gaps(rows_of(each, "gaps"), name),
        folded("The rates of each group", _rates(groups, name)),
    )


def _gaps(gaps: Sequence[Row], name: str) -> Markup:
    columns = ("Criterion", "Difference", "Bounds", "By chance", "Corrected", "Ratio", "Lowest", "Highest", "Shown")
    rows = []
    for gap in gaps:
        found, ratio = part_of(gap, "difference"), part_of(gap, "ratio")
        shown = "yes" if gap["shown"] else "no"
        rows.append(
            (
                str(gap["criterion"]).replace("_", " "),
                number(found["estimate"]),
                between(found["low"], found["high"]),
                number(gap["by_chance"]),
                number(gap["corrected"]),
                number(ratio["estimate"], 2),
                str(gap["lowest"]),
                str(gap["highest"]),
                shown,
            )
        )
    return table(columns, rows, caption=f"Gaps between the groups of {name}", tail=3)


def _rates(groups: Sequence[Row], name: str) -> Markup:
    names = list(Row(groups[0]["rates"]))
    rows = []
    for group in groups:
        words = str(group["group"]) + ("" if group["judged"] else " (too few rows to compare)")
        rows.append((words, count(group["n"]), *(_cell(_rate(group, rate)) for rate in names)))
    columns = ("Group", "Rows", *(rate.replace("_", " ") for rate in names))
    return table(columns, rows, caption=f"Rates of the groups of {name}")


def _cell(found: Row) -> str:
    return f"{number(found['estimate'])} ({between(found['low'], found['high'])})"


def _proxies(gate: Row) -> Markup | None:
    """The features that tell the groups of an attribute, so that leaving the attribute out hides nothing."""
    proxies = rows_of(gate, "proxies")
    if not proxies:
        return None
    rows = [
        (str(each["attribute"]), str(each["group"]), str(each["feature"]), number(each["auc"], 2)) for each in proxies
    ]
    columns = ("Attribute", "Group", "Feature", "AUC")
    return table(columns, rows, caption="Features that tell who belongs to a group, the best one of each", words=3)


def _rate(group: Row, rate: str) -> Row:
    return part_of(part_of(group, "rates"), rate)


def _dot(group: Row, rate: str) -> Dot:
    found = _rate(group, rate)
    tip = f"{group['group']}\n{DRAWN[rate]}: {number(found['estimate'])}"
    if found["low"] is not None:
        tip += f"\n95 % interval {between(found['low'], found['high'])}"
    kind = "" if group["judged"] else "few"
    return Dot(str(group["group"]), found["estimate"], found["low"], found["high"], count(group["n"]), tip, kind)


def _many(shown: int) -> str:
    return "none is" if shown == 0 else "one is" if shown == 1 else f"{shown} are"
