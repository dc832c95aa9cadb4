"""Alarms merged into incidents, on a time line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_time import Span, incidents_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, latest, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import date, listed, plural
from setpoint.core import times

LEVELS = ("input", "feature", "prediction", "label")
SEVERITIES = {"page": "page: a fault, look now", "digest": "digest: the world moved, read when convenient"}
MOST = 400


def alarms(results: Mapping[str, Any]) -> Section:
    """When something was out of the ordinary, where in the loop, and how serious."""
    title, incidents = "Alarms", rows_of(results, "incidents")
    if not incidents:
        return missing("alarms", title, "No alarm was raised: no monitor saw more than its share of the alarm budget.")
    start, end = times.time(results["start"]), times.time(results["end"])
    shown, note = latest(incidents, MOST, "incidents")
    levels = [*LEVELS, *sorted({each["level"] for each in shown} - set(LEVELS))]
    lanes = [(level, [_span(each, start, end) for each in shown if each["level"] == level]) for level in levels]
    counts = Counter(each["level"] for each in incidents)
    pages = sum(each["severity"] == "page" for each in incidents)
    busiest, most = max(counts.items(), key=lambda each: (each[1], each[0]))
    causes = Counter(each["cause"] for each in incidents if each["cause"])
    lead = f"{plural(len(incidents), 'incident').capitalize()}, {pages or 'none'} of them a fault to look at at once"
    lead += f"; most ({most}) on the {busiest} level." if len(counts) > 1 else f"; all on the {busiest} level."
    if causes:
        lead += f" The cause suspected most often is {max(causes.items(), key=lambda each: (each[1], each[0]))[0]!r}."

    def draw(width: float, name: str) -> Markup:
        return incidents_chart(lanes, start=start, end=end, width=width, name=name, title=title, description=lead)

    rows = [
        (date(each["opened"]), date(each["last"]), each["severity"], each["level"], listed([s or "all rows" for s in each["subjects"]]),
         each["cause"], each["next_step"], each["findings"])
        for each in shown
    ]  # fmt: skip
    columns = ("Opened", "Last seen", "Severity", "Level", "About", "Suspected cause", "Next step", "Findings")
    entries = [(kind, words) for kind, words in SEVERITIES.items() if any(each["severity"] == kind for each in shown)]
    body = el("div", legend(entries), both_widths(draw, "alarms-chart"), note,
              folded("Every incident, with its next step", table(columns, rows, caption="Incidents", words=7)))  # fmt: skip
    how = "Each bar is one incident from its first to its last finding; the lanes go from what comes in to what comes out."
    return Section("alarms", title, lead, body, how)


def _span(incident: Row, start: int, end: int) -> Span:
    first, last = (min(max(times.time(incident[key]), start), end) for key in ("opened", "last"))
    about = listed([subject or "all rows" for subject in incident["subjects"]])
    tip = f"{date(incident['opened'])} to {date(incident['last'])} · {incident['severity']}\n{about}"
    tip += f"\nsuspected: {incident['cause']}\n{incident['next_step']}"
    return Span(first, last, "page" if incident["severity"] == "page" else "digest", tip)
