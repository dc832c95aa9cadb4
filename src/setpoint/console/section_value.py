"""What the decisions were worth, what they cost to make, and the months in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Bar, bar_chart, column_chart
from setpoint.console.markup import el
from setpoint.console.metric import Metric, metric_of
from setpoint.console.section import HALF, Row, Section, folded, missing, part_of, rows_of, table
from setpoint.console.words import DASH, amount, count, month, number, plural, share

MOST_STEPS = 30
ACTED = "Acted on"
DECIDED = (
    "Month",
    "Decided by",
    "Decisions",
    "Known",
    "Void",
    "Unknown",
    "Coverage",
    "By the rule",
    ACTED,
    "Value",
)
HAPPENED = ("Alarms", "Trained", "Promoted", "Rolled back")


def business(results: Mapping[str, Any]) -> Section:
    """The business value of the decisions, by month."""
    title, found = "Business value", rows_of(results, "months")
    known = [each for each in found if each["business"] is not None]
    if not known:
        why = "No month has a value: no label had settled, or the goal declares no cost."
        return missing("business", title, why, half=True)
    years = len({each["month"][:4] for each in known}) > 1
    best, worst = max(known, key=lambda each: each["business"]), min(known, key=lambda each: each["business"])
    lead = f"1,000 decisions were worth {amount(best['business'])} in {month(best['month'], year=years)}"
    if worst is not best:
        lead += f", the best month, and {amount(worst['business'])} in {month(worst['month'], year=years)}, the worst"
    lead += "."
    losses = sum(each["business"] < 0 for each in known)
    if losses and metric_of(results).of_two:
        lead += f" In {plural(losses, 'month')} acting did more harm than good."
    chart = column_chart(
        [_column(each) for each in known], width=HALF, name="business-chart", title=title, description=lead
    )
    acts = metric_of(results).of_two
    rows = [
        (month(each["month"], year=True), amount(each["business"]), *((share(each["acted"]),) if acts else ()))
        for each in found
    ]
    columns = ("Month", "Per 1,000 decisions", *((ACTED,) if acts else ()))
    more = folded("The numbers", table(columns, rows, caption=title))
    how = f"In {results.get('unit') or 'units of value'}, per 1,000 decisions, "
    if metric_of(results).of_two:
        how += "against never acting: at zero, acting made no difference."
    else:
        how += "less than zero: what errors cost."
    return Section("business", title, lead, el("figure", chart), how, half=True, more=more)


def _column(each: Row) -> Bar:
    tip = f"{month(each['month'], year=True)}\n{amount(each['business'])} per 1,000 decisions"
    acted = "" if each["acted"] is None else f"\n{share(each['acted'])} acted on"
    return Bar(month(each["month"])[:3], each["business"], "", tip + acted)


def cpu(results: Mapping[str, Any]) -> Section:
    """Where the processor's time went."""
    title, found = "Processor time", rows_of(results, "steps", "cpu_seconds")
    steps = sorted(((each["step"], each["cpu_seconds"]) for each in found), key=lambda each: (-each[1], each[0]))
    total = sum(seconds for _, seconds in steps)
    if total <= 0:
        return missing("cpu", title, "No step reported its time.", half=True)
    summary = part_of(results, "summary")
    whole = max(total, summary["cpu_seconds"] or 0.0)
    first, most = steps[0]
    lead = f"{amount(whole)} CPU seconds in all; the step that took most is {first}, with {share(most / whole, 0)}."
    shown = steps[:MOST_STEPS]
    rest = whole - sum(seconds for _, seconds in shown)
    if rest > 0.01 * whole:
        shown.append(("everything else", rest))
    bars = [
        Bar(
            name, seconds, f"{number(seconds, 1)} s", f"{name}\n{number(seconds, 2)} s, {share(seconds / whole)} of all"
        )
        for name, seconds in shown
    ]
    chart = bar_chart(bars, width=HALF, name="cpu-chart", title=title, description=lead)
    how = "All threads together, on the machine that ran the replay. Measured times are no part of the digest."
    if summary["peak_rss_mb"] is not None:
        how += f" The most memory held at once was {number(summary['peak_rss_mb'], 0)} MB."
    return Section("cpu", title, lead, el("figure", chart), how, half=True)


def parity(results: Mapping[str, Any]) -> Section:
    """Whether the online path saw what the batches saw."""
    title, found = "Online against offline", part_of(results, "parity")
    if not found["sampled"] or found["mismatches"] is None:
        why = "No decision was sent through the online path, so nothing is known of differences."
        return missing("parity", title, why, half=True)
    wrong = found["mismatches"]
    lead = f"{plural(found['sampled'], 'decision')} went through the online path as well: {plural(wrong, 'difference')}"
    lead += f" in {count(found['compared_values'])} values, compared bit for bit."
    words = "✗ Values differ between online and offline" if wrong else "✓ The same values online and offline"
    body = el("p", words, class_=f"verdict {'bad' if wrong else 'good'}")
    how = "The online state is fed event by event and never reads the tables that batches read: a difference would be "
    how += "a fault in one of the two."
    return Section("parity", title, lead, body, how, half=True)


def months(results: Mapping[str, Any]) -> Section:
    """The months in numbers."""
    title, found = "Month by month", rows_of(results, "months")
    if not found:
        return missing("months", title, "The replay holds no month with a decision in it.")
    metric = metric_of(results)
    judged = sum(each[metric.key] is not None for each in found)
    lead = f"{plural(len(found), 'month').capitalize()}, {judged} of them with enough settled labels to judge quality."
    body = [
        table(
            [name for name in DECIDED if metric.of_two or name != ACTED],
            [_decided(each, metric) for each in found],
            caption="What was decided, by month",
            words=2,
        ),
        table(_judged_by(metric), [_judged(each, metric) for each in found], caption="How good it was, by month"),
    ]
    how = "Months are those of the decision, in UTC; value is per 1,000 decisions. A dash: too few labels to say."
    return Section("months", title, lead, body, how)


def _judged_by(metric: Metric) -> tuple[str, ...]:
    live = f"{metric.name} live", "95\u202f% interval", f"{metric.name} first model"
    told = ("Base rate", *live, "Log loss", "ECE") if metric.of_two else live
    return ("Month", *told, *HAPPENED)


def _decided(each: Row, metric: Metric) -> tuple[object, ...]:
    return (
        month(each["month"], year=True),
        el("code", each["champion"] or DASH),
        *(count(each[name]) for name in ("decisions", "known", "void", "unknown")),
        share(each["coverage"], 0),
        count(each["degraded"]),
        *((share(each["acted"]),) if metric.of_two else ()),
        amount(each["business"]),
    )


def _judged(each: Row, metric: Metric) -> tuple[object, ...]:
    return (
        month(each["month"], year=True),
        *((share(each["base_rate"]),) if metric.of_two else ()),
        metric.number(each[metric.key]),
        metric.between(each[metric.low], each[metric.high]),
        metric.number(each[metric.frozen]),
        *(number(each[name]) for name in ("log_loss", "ece") if metric.of_two),
        *(count(each[name]) for name in ("alarms", "retrainings", "promotions", "rollbacks")),
    )
