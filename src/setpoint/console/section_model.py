"""Where the model is weak, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Bar, Dot, bar_chart, dot_chart
from setpoint.console.markup import el
from setpoint.console.metric import Metric, metric_of
from setpoint.console.section import HALF, Row, Section, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import count, listed, share

MOST_DOTS, MOST_ROWS, MOST_BARS = 20, 300, 20


def slices(results: Mapping[str, Any]) -> Section:
    """Quality by slice value with intervals, the worst one marked."""
    title, metric = "Slices", metric_of(results)
    known = rows_of(results, "slices", metric.key)
    if not known:
        of_both = " of both outcomes" if metric.of_two else ""
        why = f"No slice to compare: the goal names none, or none has enough settled labels{of_both}."
        return missing("slices", title, why, half=True)
    known.sort(key=lambda each: (metric.gain(each[metric.key], 0.0), str(each["slice"]), str(each["value"])))
    overall = part_of(results, "summary")[metric.key]
    lead = _found(known, overall, metric)
    groups = []
    for name in dict.fromkeys(str(each["slice"]) for each in known):
        inside = [each for each in known if each["slice"] == name]
        more = f", the weakest {MOST_DOTS} of {len(inside)}" if len(inside) > MOST_DOTS else ""
        groups.append((name + more, [_dot(each, metric, worst=each is known[0]) for each in inside[:MOST_DOTS]]))
    reference = None if overall is None else (overall, f"all decisions {metric.number(overall)}")
    chart = dot_chart(
        groups, reference=reference, beside="decisions", width=HALF, name="slices-chart", title=title, description=lead
    )
    rows = [
        (
            _name(each),
            metric.number(each[metric.key]),
            metric.between(each["low"], each["high"]),
            *((share(each["base_rate"]),) if metric.of_two else ()),
            count(each["n"]),
        )
        for each in known[:MOST_ROWS]
    ]
    rate = ("Base rate",) if metric.of_two else ()
    columns = ("Slice", metric.name, "95\u202f% interval", *rate, "Decisions")
    numbers = folded("The numbers", table(columns, rows, caption="Quality by slice"))
    body = [legend([("dot", f"{metric.name} with its 95\u202f% interval"), ("worst", "weakest")]), el("figure", chart)]
    how = "A short line is well known, a long one is not: a weak slice with a long line may only be a small one."
    return Section("slices", title, lead, body, how, half=True, more=numbers)


def _found(known: Sequence[Row], overall: float | None, metric: Metric) -> str:
    worst, best, key = known[0], known[-1], metric.key
    what = "Ranking is" if metric.of_two else "Decisions are"
    shown = f"{metric.number(worst[key])}, {metric.between(worst['low'], worst['high'])}"
    lead = f"{what} weakest for {_name(worst)} ({metric.name} {shown})"
    lead += f" and strongest for {_name(best)} ({metric.number(best[key])})." if best is not worst else "."
    if overall is None:
        return lead
    side, end = ("below", "high") if metric.greater_is_better else ("above", "low")
    beyond = [_name(each) for each in known if each[end] is not None and metric.gain(each[end], overall) < 0]
    if not beyond:
        return f"{lead} No slice lies wholly {side} the {metric.number(overall)} of all decisions."
    which = listed(beyond) if len(beyond) <= 3 else f"{len(beyond)} of {len(known)} slices"
    verb = "lies" if len(beyond) == 1 else "lie"
    return f"{lead} Wholly {side} the {metric.number(overall)} of all decisions {verb} {which}."


def _name(each: Row) -> str:
    return f"{each['slice']} {each['value']}"


def _dot(each: Row, metric: Metric, *, worst: bool) -> Dot:
    rate = f"base rate {share(each['base_rate'])}, " if metric.of_two else ""
    value = f"{metric.number(each[metric.key])} ({metric.between(each['low'], each['high'])})"
    tip = f"{_name(each)}\n{metric.name} {value}\n{rate}{count(each['n'])} decisions"
    kind = "worst" if worst else ""
    return Dot(str(each["value"]), each[metric.key], each["low"], each["high"], count(each["n"]), tip, kind)


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
