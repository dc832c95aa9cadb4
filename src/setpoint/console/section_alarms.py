"""Alarms merged into incidents, on a time line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_time import Span, incidents_chart
from setpoint.console.markup import Markup
from setpoint.console.section import Row, Section, both_widths, folded, latest, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import DASH, count, days, listed, plural
from setpoint.core import times

LEVELS = ("input", "feature", "prediction", "label")
SEVERITIES = {"page": "page: a fault, look now", "digest": "digest: the world moved, read when convenient"}
MOST = 400


def alarms(results: Mapping[str, Any]) -> Section:
    """When something was out of the ordinary, where in the loop, and how serious."""
    title, incidents = "Alarms", rows_of(results, "incidents", "opened", "last", "level")
    if not incidents:
        return missing("alarms", title, "No alarm was raised: no monitor saw more than its share of the alarm budget.")
    start, end = times.time(results["start"]), times.time(results["end"])
    shown, note = latest(incidents, MOST, "incidents")
    levels = [*LEVELS, *sorted({each["level"] for each in shown} - set(LEVELS))]
    lanes = [(level, [_span(each, start, end) for each in shown if each["level"] == level]) for level in levels]
    lead = _found(incidents)

    def draw(width: float, name: str) -> Markup:
        return incidents_chart(lanes, start=start, end=end, width=width, name=name, title=title, description=lead)

    rows = [
        (
            days(each["opened"], each["last"]),
            each["severity"],
            each["level"],
            _about(each),
            each["cause"],
            each["next_step"],
            count(each["findings"]),
        )
        for each in shown
    ]
    columns = ("Seen", "Severity", "Level", "About", "Suspected cause", "Next step", "Findings")
    entries = [(kind, words) for kind, words in SEVERITIES.items() if any(each["severity"] == kind for each in shown)]
    how = "Each bar is one incident, from its first to its last finding. The lanes follow the loop, from what comes in "
    how += "to what comes true."
    more = folded("Every incident, with its next step", note, table(columns, rows, caption="Incidents", words=6))
    return Section("alarms", title, lead, [legend(entries), both_widths(draw, "alarms-chart")], how, more=more)


def _found(incidents: Sequence[Row]) -> str:
    levels = Counter(each["level"] for each in incidents)
    causes = Counter(each["cause"] for each in incidents if each["cause"])
    pages = sum(each["severity"] == "page" for each in incidents)
    lead = plural(len(incidents), "incident").capitalize()
    if pages == len(incidents):
        lead += ", each a fault to look at now"
    else:
        lead += (
            f", {pages:,} of them {'a fault' if pages == 1 else 'faults'} to look at now" if pages else ", no faults"
        )
    level, most = max(levels.items(), key=lambda each: (each[1], each[0]))
    lead += f"; {'all' if most == len(incidents) else f'most, {most:,},'} on the {level} level."
    if causes:
        cause, most = max(causes.items(), key=lambda each: (each[1], each[0]))
        lead += f" Suspected cause of {'all' if most == len(incidents) else f'{most:,} of them'}: {cause}."
    return lead


def _about(incident: Row) -> str:
    return listed([subject or "all rows" for subject in incident["subjects"] or ()])


def _span(incident: Row, start: int, end: int) -> Span:
    first, last = (min(max(times.time(incident[key]), start), end) for key in ("opened", "last"))
    tip = f"{_about(incident)} ({incident['severity']})\n{days(incident['opened'], incident['last'])}"
    tip += f"\nsuspected: {incident['cause'] or DASH}\n{incident['next_step'] or DASH}"
    return Span(first, last, "page" if incident["severity"] == "page" else "digest", tip)
