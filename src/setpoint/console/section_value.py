"""What the decisions were worth, what they cost to make, and the months in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Bar, bar_chart, column_chart
from setpoint.console.markup import el
from setpoint.console.section import HALF, Section, folded, missing, rows_of, table
from setpoint.console.words import MONTHS, amount, between, month, number, plural, share

STEPS_MOST = 30


def business(results: Mapping[str, Any]) -> Section:
    """The business value of the decisions, by month."""
    title = "Business value"
    months = [each for each in rows_of(results, "months") if each.get("business") is not None]
    if not months:
        why = "No month has a value: no label had settled, or the goal declares no cost."
        return missing("business", title, why, half=True)
    unit = results.get("unit") or "value"
    years = len({each["month"][:4] for each in months}) > 1
    best, worst = max(months, key=lambda m: m["business"]), min(months, key=lambda m: m["business"])
    lead = (
        f"1,000 decisions were worth {amount(best['business'])} in {month(best['month'], year=years)}, the best month"
    )
    lead += (
        f", and {amount(worst['business'])} in {month(worst['month'], year=years)}, the worst."
        if worst is not best
        else "."
    )
    losses = sum(each["business"] < 0 for each in months)
    if losses:
        lead += f" In {plural(losses, 'month')} acting did more harm than good."
    bars = [
        Bar(MONTHS[int(each["month"][5:7]) - 1][:3], each["business"], amount(each["business"]),
            f"{month(each['month'], year=True)}\n{amount(each['business'])} per 1,000 decisions\n"
            f"{share(each['acted'])} acted on")
        for each in months
    ]  # fmt: skip
    chart = column_chart(bars, width=HALF, name="business-chart", title=title, description=lead)
    rows = [(month(each["month"], year=True), amount(each["business"]), share(each["acted"])) for each in months]
    table_ = table(("Month", "Per 1,000 decisions", "Acted on"), rows, caption="Business value by month")
    how = f"The unit is {unit}, per 1,000 decisions, against never acting; zero means acting made no difference."
    return Section(
        "business", title, lead, el("div", el("figure", chart), folded("The numbers", table_)), how, half=True
    )


def cpu(results: Mapping[str, Any]) -> Section:
    """Where the processor's time went."""
    title = "Processor time"
    steps = sorted(rows_of(results, "steps"), key=lambda each: (-each["cpu_seconds"], each["step"]))
    total = sum(each["cpu_seconds"] for each in steps)
    if not steps or total <= 0:
        return missing("cpu", title, "No step reported its time.", half=True)
    lead = f"The replay took {amount(total)} CPU seconds in its steps; {steps[0]['step']} took {share(steps[0]['cpu_seconds'] / total, 0)} of them."
    bars = [
        Bar(each["step"], each["cpu_seconds"], f"{number(each['cpu_seconds'], 1)} s", f"{each['step']}\n{share(each['cpu_seconds'] / total)} of the steps")
        for each in steps[:STEPS_MOST]
    ]  # fmt: skip
    chart = bar_chart(bars, width=HALF, name="cpu-chart", title=title, description=lead)
    peak = (results.get("summary") or {}).get("peak_rss_mb")
    how = "CPU seconds of this machine, all threads together. They are no part of the digest."
    if peak is not None:
        how = f"The most memory held at once was {number(peak, 0)} MB. {how}"
    return Section("cpu", title, lead, el("figure", chart), how, half=True)


def parity(results: Mapping[str, Any]) -> Section:
    """Whether the online path saw what the batches saw."""
    title, found = "Online against offline", results.get("parity")
    if not found or not found.get("sampled"):
        why = "No decision was sent through the online path, so nothing is known of differences."
        return missing("parity", title, why, half=True)
    wrong = found["mismatches"]
    lead = (
        f"{plural(found['sampled'], 'decision')} went through the online path as well: {plural(wrong, 'difference')} "
        f"in {found['compared_values']:,} values compared bit for bit."
    )
    verdict = el("p", "✓ Same values online and offline" if not wrong else "✗ Values differ between online and offline",
                 class_="verdict " + ("good" if not wrong else "bad"))  # fmt: skip
    how = "The online state is fed event by event and never reads the tables that batches read, so a difference would be a fault."
    return Section("parity", title, lead, verdict, how, half=True)


def months(results: Mapping[str, Any]) -> Section:
    """The months in numbers."""
    title, found = "Month by month", rows_of(results, "months")
    if not found:
        return missing("months", title, "The replay holds no decision that fell into a month.")
    columns = (
        "Month", "Champion", "Decisions", "Known", "Void", "Unknown", "Coverage", "By the rule", "Acted on", "Base rate",
        "AUC live", "95\u202f% interval", "AUC frozen", "Log loss", "ECE", "Value", "Alarms", "Trained", "Promoted", "Rolled back",
    )  # fmt: skip
    rows = [
        (month(m["month"], year=True), m["champion"] or "–", f"{m['decisions']:,}", f"{m['known']:,}", f"{m['void']:,}",
         f"{m['unknown']:,}", share(m["coverage"], 0), f"{m['degraded']:,}", share(m["acted"]), share(m["base_rate"]),
         number(m["auc"]), between(m["auc_low"], m["auc_high"]), number(m["auc_frozen"]), number(m["log_loss"]),
         number(m["ece"]), amount(m["business"]), m["alarms"], m["retrainings"], m["promotions"], m["rollbacks"])
        for m in found
    ]  # fmt: skip
    judged = sum(each["auc"] is not None for each in found)
    lead = f"{plural(len(found), 'month').capitalize()}, {judged} of them with enough settled labels to judge quality."
    body = table(columns, rows, caption="Months", words=2)
    return Section(
        "months", title, lead, body, "Months are of the decision, in UTC. A dash: not enough labels, or not measured."
    )
