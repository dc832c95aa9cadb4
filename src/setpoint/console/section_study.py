"""What a training was asked beside the gate's answer: which features are needed, and whether more data would help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.charts_effect import Curve, effect_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, part_of, table
from setpoint.console.section_framings import framings
from setpoint.console.svg import legend
from setpoint.console.words import between, count, listed, number, share

MOST = 25
"""Features, and groups of them, that are drawn."""


def study(results: Mapping[str, Any]) -> list[Section]:
    """The sections of what was asked for: none where nothing was."""
    found = []
    if results.get("selection"):
        found.append(_selection(part_of(results, "selection")))
    if results.get("ablation"):
        found.append(_ablation(part_of(results, "ablation")))
    if results.get("learning_curve"):
        found.append(_curve(part_of(results, "learning_curve")))
    if results.get("framings"):
        found.append(framings(part_of(results, "framings")))
    return found


def _selection(found: Row) -> Section:
    """How often each feature was chosen on halves of the days."""
    title = "Which features are needed"
    features = [Row(each) for each in found["features"]]
    kept = [str(each["feature"]) for each in features if each["verdict"] == "keep"]
    spare = [str(name) for name in found["spare"]]
    lead = f"{count(len(kept))} of {count(len(features))} features are chosen whatever half of the days is asked."
    lead += f" {listed(spare)} could be left out." if spare else ""
    shown = sorted(features, key=lambda each: -each["share"])[:MOST]
    dots = [
        Dot(
            str(each["feature"]),
            each["share"],
            each["low"],
            each["high"],
            str(each["verdict"]),
            f"{each['feature']}\nchosen by {share(each['share'], 0)}; {each['because']}",
        )
        for each in shown
    ]

    def draw(width: float, name: str) -> Markup:
        return dot_chart([("", dots)], reference=None, width=width, name=name, title=title, description=lead)

    stable = part_of(found, "stability")
    told = "" if stable["index"] is None else f" The stability of the choices is {number(stable['index'], 2)}"
    told += "" if stable["index"] is None else f" ({between(stable['low'], stable['high'], 2)})."
    how = (
        f"Each half of {count(found['days'])} days fits a model; a feature is chosen where the other half's rows are "
        f"shown to be predicted worse with its values shuffled.{told} Of features that say the same each seems to "
        "matter little."
    )
    rows = [
        (each["feature"], share(each["share"], 0), str(each["generalises"]), each["verdict"], each["because"])
        for each in features
    ]
    columns = ("Feature", "Chosen", "Elsewhere", "Verdict", "Because")
    body = [legend([("dot", "share of the halves that choose it, with its 95\u202f% interval")])]
    numbers = folded("The numbers", table(columns, rows, caption=title, tail=3))
    return Section("needed", title, lead, [*body, both_widths(draw, "needed-chart")], how, more=numbers)


def _ablation(found: Row) -> Section:
    """What models lose without each group of features."""
    title = "What models lose without groups of features"
    groups = [Row(each) for each in found["groups"]]
    matter = [f"{each['by']} {each['name']}" for each in groups if each["verdict"] == "matters"]
    lead = f"{count(len(matter))} of {count(len(groups))} groups are shown to matter"
    lead += f": {listed(matter)}." if matter else "."
    metric = str(found["metric"])
    dots = []
    for each in groups[:MOST]:
        worse, name = part_of(each, "worse"), f"{each['by']} {each['name']}"
        tip = f"{name}: {', '.join(each['features'])}\n{metric} worse by {number(worse['estimate'], 5)}"
        dots.append(Dot(name, worse["estimate"], worse["low"], worse["high"], str(each["verdict"]), tip))

    def draw(width: float, name: str) -> Markup:
        reference = (0.0, "no loss")
        return dot_chart([("", dots)], reference=reference, width=width, name=name, title=title, description=lead)

    how = (
        f"Models were fitted anew without each group and scored on {count(found['rows'])} newer rows of "
        f"{count(found['days'])} days in {count(found['blocks'])} blocks; the {metric} was "
        f"{number(found['before'], 4)} with all features. Differences are paired, rows of a day taken to be alike. "
        f"A group could go where it is shown that no more than {number(found['margin'], 4)} is lost."
    )
    rows = []
    for each in groups:
        worse = part_of(each, "worse")
        bounds = between(worse["low"], worse["high"], 5)
        named = (f"{each['by']} {each['name']}", ", ".join(each["features"]))
        rows.append((*named, number(worse["estimate"], 5), bounds, each["verdict"]))
    columns = ("Without", "Features", f"{metric} worse by", "95\u202f% interval", "Verdict")
    body = [legend([("dot", f"{metric} worse by, with its 95\u202f% interval")]), both_widths(draw, "groups-chart")]
    numbers = folded("The numbers", table(columns, rows, caption=title, words=2, tail=1))
    return Section("groups", title, lead, body, how, more=numbers)


def _curve(found: Row) -> Section:
    """The loss on newer rows by how many rows were learned from, and the advice."""
    title = "More data, or another model"
    lead = f"Advice: {found['advice']}. {str(found['because'])[:1].upper()}{str(found['because'])[1:]}."
    loss = str(found["loss"]).replace("_", " ")
    points = [Row(each) for each in found["points"]]
    curves = []
    for which in ("newest", "oldest"):
        these = [(each["rows"], part_of(each, "loss")) for each in points if each["which"] == which]
        if len(these) > 1:
            rows, losses = zip(*these, strict=True)
            values = [[each[name] for each in losses] for name in ("estimate", "low", "high")]
            curves.append(Curve(f"the {which} rows", rows, *values))

    def draw(width: float, name: str) -> Markup:
        return effect_chart(curves, width=width, name=name, title=title, description=lead, zero=False)

    how = (
        f"The {loss} on {count(found['rows'])} newer rows of {count(found['days'])} days, by how many rows the recipe "
        "learned from: the newest ones, as one would have had who began later, and the oldest ones, which are further "
        "from the present. Intervals are those of other days to judge on."
    )
    table_rows = [
        (
            f"{each['which']} {count(each['rows'])}",
            number(part_of(each, "loss")["estimate"], 4),
            between(part_of(each, "loss")["low"], part_of(each, "loss")["high"], 4),
            number(each["seen"], 4),
        )
        for each in points
    ]
    columns = ("Rows learned from", f"{loss} on newer rows", "95\u202f% interval", "on rows learned from")
    others = [
        f"{part_of(each, 'recipe')['learner']} with other parameters loses "
        f"{number(part_of(each, 'loses')['estimate'], 4)} more "
        f"({between(part_of(each, 'loses')['low'], part_of(each, 'loses')['high'], 4)})"
        for each in map(Row, found["others"])
    ]
    body = [legend([("band", f"{loss} with its 95\u202f% interval")]), both_widths(draw, "learning-chart")]
    more = folded(
        "The numbers", table(columns, table_rows, caption=title), el("ul", [el("li", each) for each in others])
    )
    return Section("learning", title, lead, body, how, more=more)
