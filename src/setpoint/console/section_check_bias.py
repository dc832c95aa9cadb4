"""Protected attributes as a check found them: who is there, what came of them, and what tells or hides them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import DASH, between, count, listed, number, plural, share

LACKING, TELLING = 3, 5
"""Features that the pictures show: those whose missing values differ most, and those that tell a group best."""

CHANCE = 0.5


def bias(results: Mapping[str, Any]) -> Section:
    """What the data alone say of the groups of each attribute that the goal protects."""
    title, found = "Protected groups", Row(results.get("bias") or {})
    if not found:
        return missing("bias", title, "The goal protects no attribute: sp.goal(..., protect=[...]) names them.")
    findings = rows_of(found, "findings")
    facts = found["facts"] or {}
    lead = f"{count(len(findings))} of {plural(found['tests'], 'difference')} between groups of {listed(list(facts))} "
    lead += f"{'is' if len(findings) == 1 else 'are'} beyond chance and large enough to matter, in "
    lead += f"{plural(found['rows'], 'decision')}. They are for people to judge, and no reason not to pass."
    how = (
        "A dot is the share of a group, its line the 95\u202f% interval, by days; the upright mark is the share of the "
    )
    how += "population, where the goal tells it. A feature with an AUC of 0.5 tells nothing of who belongs to a group."
    drawn = [
        _attribute(name, [Row(each) for each in groups], number) for number, (name, groups) in enumerate(facts.items())
    ]
    return Section("bias", title, lead, [_findings(findings), drawn], how)


def _findings(findings: Sequence[Row]) -> Markup | None:
    if not findings:
        return None
    columns = ("Where it enters", "Category", "Attribute", "Group", "Evidence", "What to do")
    names = ("source", "category", "attribute", "group", "evidence", "hint")
    rows = [tuple(each[name] for name in names) for each in findings]
    return table(columns, rows, caption="Where bias enters", words=len(columns))


def _attribute(name: str, groups: Sequence[Row], place: int) -> Markup:
    parts = [part for part in (_representation(groups), _outcomes(groups), _contested(groups)) if part is not None]
    parts += [_lacking(feature, groups) for feature in list(groups[0]["missing"] or {})[:LACKING]]
    told = [part for feature in _telling(groups)[:TELLING] if (part := _told_by(feature, groups))[1]]
    words = f"Shares of the groups of {name}: {listed([each['group'] for each in groups])}"

    def shares(width: float, chart: str) -> Markup:
        return dot_chart(
            parts, reference=None, beside="rows", width=width, name=chart, title=f"Groups of {name}", description=words
        )

    def proxies(width: float, chart: str) -> Markup:
        return dot_chart(
            told,
            reference=(CHANCE, "by chance"),
            beside="AUC",
            width=width,
            name=chart,
            title=f"What tells the groups of {name}",
            description=f"How well single features tell the groups of {name}",
        )

    entries = [("dot", "a group, with its 95\u202f% interval")]
    entries += [("expected", "share of the population")] if any(each["margin"] is not None for each in groups) else []
    return el(
        "div",
        el("h3", name),
        legend(entries),
        both_widths(shares, f"bias-{place}"),
        [el("p", "Features that tell who belongs to a group:", class_="how"), both_widths(proxies, f"proxies-{place}")]
        if told
        else None,
        folded("The numbers", _numbers(name, groups)),
    )


Part = tuple[str, list[Dot]]


def _representation(groups: Sequence[Row]) -> Part:
    dots = []
    for each in groups:
        of = "" if each["margin"] is None else f"\n{share(each['margin'])} of the population"
        of += "" if each["weighed"] is None else f"\n{share(each['weighed'])} as training weighs it"
        tip = f"{each['group']}\n{share(each['share'])} of the decisions{of}"
        dots.append(Dot(each["group"], each["share"], None, None, count(each["rows"]), tip, expected=each["margin"]))
        if each["weighed"] is not None:
            label = f"{each['group']}, weighed"
            dots.append(Dot(label, each["weighed"], None, None, "", tip, "hollow", expected=each["margin"]))
    return "share of the decisions", dots


def _outcomes(groups: Sequence[Row]) -> Part | None:
    return _bounded("positive outcomes, of known labels", groups, "rate", "labelled")


def _contested(groups: Sequence[Row]) -> Part | None:
    return _bounded("items that annotators disagree on", groups, "contested", "looked_at")


def _bounded(caption: str, groups: Sequence[Row], name: str, of: str) -> Part | None:
    dots = []
    for each in groups:
        value, low, high = each[name]
        if value is not None:
            tip = f"{each['group']}\n{share(value)} ({_range(low, high)})\nof {count(each[of])} rows"
            dots.append(Dot(each["group"], value, low, high, count(each[of]), tip))
    return (caption, dots) if dots else None


def _lacking(feature: str, groups: Sequence[Row]) -> Part:
    dots = [
        Dot(each["group"], each["missing"][feature], None, None, count(each["rows"]), _lacks(feature, each))
        for each in groups
        if feature in each["missing"]
    ]
    return f"missing values of {feature}", dots


def _lacks(feature: str, each: Row) -> str:
    return f"{each['group']}\n{feature} is missing in {share(each['missing'][feature])} of its rows"


def _telling(groups: Sequence[Row]) -> list[str]:
    """The features that tell a group, the best one first."""
    best: dict[str, float] = {}
    for each in groups:
        for feature, auc in each["tells"].items():
            best[feature] = max(auc, best.get(feature, 0.0))
    return sorted(best, key=lambda name: (-best[name], name))


def _told_by(feature: str, groups: Sequence[Row]) -> Part:
    dots = []
    for each in groups:
        auc = each["tells"].get(feature)
        if auc is not None:
            tip = f"{each['group']}\n{feature} alone tells it with an AUC of {number(auc, 2)}"
            dots.append(Dot(each["group"], auc, None, None, number(auc, 2), tip))
    return feature, dots


def _numbers(name: str, groups: Sequence[Row]) -> Markup:
    lacking = list(groups[0]["missing"] or {})
    columns = ["Group", "Decisions", "Share", "Population", "Weighed", "Labels", "Positive", "95\u202f% interval"]
    columns += ["Contested", *[f"{feature} missing" for feature in lacking]]
    rows = [
        (
            each["group"],
            count(each["rows"]),
            share(each["share"]),
            share(each["margin"]),
            share(each["weighed"]),
            count(each["labelled"]),
            share(each["rate"][0]),
            _range(each["rate"][1], each["rate"][2]),
            share(each["contested"][0]),
            *[share(each["missing"].get(feature)) for feature in lacking],
        )
        for each in groups
    ]
    return table(columns, rows, caption=f"Groups of {name}")


def _range(low: float | None, high: float | None) -> str:
    return DASH if low is None or high is None else f"{between(100 * low, 100 * high, 1)}\u202f%"
