"""Where the model is weak, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Bar, Dot, bar_chart, dot_chart
from setpoint.console.markup import el
from setpoint.console.section import HALF, Row, Section, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, listed, number, share

MOST_DOTS, MOST_ROWS, MOST_BARS = 20, 300, 20


def slices(results: Mapping[str, Any]) -> Section:
    """Quality by slice value with intervals, the worst one marked."""
    title = "Slices"
    known = rows_of(results, "slices", "auc")
    if not known:
        why = "No slice to compare: the goal names none, or none has enough settled labels of both outcomes."
        return missing("slices", title, why, half=True)
    known.sort(key=lambda each: (each["auc"], str(each["slice"]), str(each["value"])))
    overall = part_of(results, "summary")["auc"]
    lead = _found(known, overall)
    groups = []
    for name in dict.fromkeys(str(each["slice"]) for each in known):
        inside = [each for each in known if each["slice"] == name]
        more = f", the weakest {MOST_DOTS} of {len(inside)}" if len(inside) > MOST_DOTS else ""
        groups.append((name + more, [_dot(each, worst=each is known[0]) for each in inside[:MOST_DOTS]]))
    reference = None if overall is None else (overall, f"all decisions {number(overall)}")
    chart = dot_chart(
        groups, reference=reference, beside="decisions", width=HALF, name="slices-chart", title=title, description=lead
    )
    rows = [
        (
            _name(each),
            number(each["auc"]),
            between(each["low"], each["high"]),
            share(each["base_rate"]),
            count(each["n"]),
        )
        for each in known[:MOST_ROWS]
    ]
    columns = ("Slice", "AUC", "95\u202f% interval", "Base rate", "Decisions")
    numbers = folded("The numbers", table(columns, rows, caption="Quality by slice"))
    body = [legend([("dot", "AUC with its 95\u202f% interval"), ("worst", "weakest")]), el("figure", chart)]
    how = "A short line is well known, a long one is not: a weak slice with a long line may only be a small one."
    return Section("slices", title, lead, body, how, half=True, more=numbers)


def _found(known: Sequence[Row], overall: float | None) -> str:
    worst, best = known[0], known[-1]
    lead = f"Ranking is weakest for {_name(worst)} (AUC {number(worst['auc'])}, {between(worst['low'], worst['high'])})"
    lead += f" and strongest for {_name(best)} ({number(best['auc'])})." if best is not worst else "."
    if overall is None:
        return lead
    below = [_name(each) for each in known if each["high"] is not None and each["high"] < overall]
    if not below:
        return f"{lead} No slice lies wholly below the {number(overall)} of all decisions."
    which = listed(below) if len(below) <= 3 else f"{len(below)} of {len(known)} slices"
    verb = "lies" if len(below) == 1 else "lie"
    return f"{lead} Wholly below the {number(overall)} of all decisions {verb} {which}."


def _name(each: Row) -> str:
    return f"{each['slice']} {each['value']}"


def _dot(each: Row, *, worst: bool) -> Dot:
    tip = (
        f"{_name(each)}\nAUC {number(each['auc'])} ({between(each['low'], each['high'])})\n"
        f"base rate {share(each['base_rate'])}, {count(each['n'])} decisions"
    )
    kind = "worst" if worst else ""
    return Dot(str(each["value"]), each["auc"], each["low"], each["high"], count(each["n"]), tip, kind)


def importances(results: Mapping[str, Any]) -> Section:
    """What the last champion looks at."""
    title, features = "Feature importances", rows_of(results, "importances", "share")
    if not features:
        why = "The last champion does not say what it looks at, or no model was ever champion."
        return missing("importances", title, why, half=True)
    features.sort(key=lambda each: (-each["share"], each["feature"]))
    bars = [_bar(each["feature"], each["share"]) for each in features[:MOST_BARS]]
    rest = features[MOST_BARS:]
    if rest:
        bars.append(_bar(f"{len(rest)} others together", sum(each["share"] for each in rest)))
    carrying, running = 0, 0.0
    while running < 0.5 and carrying < len(features):
        running += features[carrying]["share"]
        carrying += 1
    lead = f"The last champion looks most at {features[0]['feature']} ({share(features[0]['share'], 0)})"
    lead += f"; {carrying} of its {len(features)} features carry half." if carrying > 1 else "."
    chart = bar_chart(bars, width=HALF, name="importances-chart", title=title, description=lead)
    how = "A share says how much the model used a feature, not what the world would do if the feature changed."
    rows = [(each["feature"], share(each["share"], 2)) for each in features[:MOST_ROWS]]
    more = folded("The numbers", table(("Feature", "Share"), rows, caption=title))
    return Section("importances", title, lead, el("figure", chart), how, half=True, more=more)


def _bar(name: str, part: float) -> Bar:
    return Bar(name, part, share(part), f"{name}\n{share(part, 2)} of what the model uses")
