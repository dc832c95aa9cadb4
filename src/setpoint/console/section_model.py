"""Where the model is weak, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Bar, Dot, bar_chart, dot_chart
from setpoint.console.markup import el
from setpoint.console.section import HALF, Row, Section, folded, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, listed, number, plural, share

MOST_DOTS, MOST_ROWS, MOST_BARS = 20, 300, 20


def slices(results: Mapping[str, Any]) -> Section:
    """Quality by slice value with intervals, the worst one marked."""
    title = "Slices"
    known = [each for each in rows_of(results, "slices") if each.get("auc") is not None]
    if not known:
        why = "No slice to compare: the goal names none, or none has enough settled labels of both outcomes."
        return missing("slices", title, why, half=True)
    known = sorted(known, key=lambda each: (each["auc"], str(each["slice"]), str(each["value"])))
    worst, best = known[0], known[-1]
    overall = (results.get("summary") or {}).get("auc")
    lead = f"Ranking is weakest for {_name(worst)}, with an AUC of {number(worst['auc'])} ({between(worst['low'], worst['high'])})"
    lead += f", and strongest for {_name(best)} with {number(best['auc'])}." if best is not worst else "."
    if overall is not None:
        below = [each for each in known if each["high"] is not None and each["high"] < overall]
        lead += f" {plural(len(below), 'slice').capitalize()} of {len(known)} {'lies' if len(below) == 1 else 'lie'} wholly below the {number(overall)} of all decisions"
        lead += f": {listed([_name(each) for each in below])}." if 0 < len(below) <= 4 else "."
    groups = []
    for name in dict.fromkeys(str(each["slice"]) for each in known):
        inside = [each for each in known if each["slice"] == name]
        more = f" (the weakest {MOST_DOTS} of {len(inside)})" if len(inside) > MOST_DOTS else ""
        groups.append((name + more, [_dot(each, worst=each is worst) for each in inside[:MOST_DOTS]]))
    reference = None if overall is None else (overall, f"all decisions {number(overall)}")
    chart = dot_chart(groups, reference=reference, width=HALF, name="slices-chart", title=title, description=lead)
    rows = [
        (f"{each['slice']} = {each['value']}", number(each["auc"]), between(each["low"], each["high"]), share(each["base_rate"]), f"{each['n']:,}")
        for each in known[:MOST_ROWS]
    ]  # fmt: skip
    table_ = table(("Slice", "AUC", "95\u202f% interval", "Base rate", "Decisions"), rows, caption="Quality by slice")
    body = el("div", legend([("dot", "AUC with its 95\u202f% interval"), ("worst", "weakest")]), el("figure", chart),
              folded("The numbers", table_))  # fmt: skip
    how = "A short line is well known, a long one is not: read a weak slice with a long line as not known yet. At the right, decisions."
    return Section("slices", title, lead, body, how, half=True)


def _name(each: Row) -> str:
    return f"{each['slice']} {each['value']}"


def _dot(each: Row, *, worst: bool) -> Dot:
    tip = (
        f"{each['slice']} = {each['value']}\nAUC {number(each['auc'])} ({between(each['low'], each['high'])})\n"
        f"base rate {share(each['base_rate'])}, {each['n']:,} decisions"
    )
    kind = "worst" if worst else ""
    return Dot(str(each["value"]), each["auc"], each["low"], each["high"], f"{each['n']:,}", tip, kind)


def importances(results: Mapping[str, Any]) -> Section:
    """What the last champion looks at."""
    title, features = "Feature importances", rows_of(results, "importances")
    if not features:
        why = "The last champion does not say what it looks at, or no model was ever champion."
        return missing("importances", title, why, half=True)
    features = sorted(features, key=lambda each: (-each["share"], each["feature"]))
    top = features[:MOST_BARS]
    bars = [
        Bar(each["feature"], each["share"], share(each["share"]), f"{each['feature']}\n{share(each['share'], 2)}")
        for each in top
    ]
    rest = sum(each["share"] for each in features[MOST_BARS:])
    if rest:
        bars.append(
            Bar(f"{len(features) - len(top)} others", rest, share(rest), f"the others together\n{share(rest, 2)}")
        )
    half, running = 0, 0.0
    for each in features:
        half, running = half + 1, running + each["share"]
        if running >= 0.5:
            break
    lead = f"{features[0]['feature']} carries {share(features[0]['share'], 0)} of what the last champion looks at"
    lead += f"; the first {half} of {len(features)} features carry half." if half > 1 else "."
    chart = bar_chart(bars, width=HALF, name="importances-chart", title=title, description=lead)
    how = "A share says how much the model used a feature, not what the world would do if it changed."
    table_ = table(
        ("Feature", "Share"),
        [(each["feature"], share(each["share"], 2)) for each in features[:MOST_ROWS]],
        caption="Feature importances",
    )
    return Section(
        "importances", title, lead, el("div", el("figure", chart), folded("The numbers", table_)), how, half=True
    )
