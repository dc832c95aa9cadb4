"""The quarantine: which rules were broken, when, and rows that broke them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Bar, bar_chart
from setpoint.console.charts_days import Lane, buckets, heat_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, missing, rows_of, table
from setpoint.console.words import clock, count, listed, plural
from setpoint.core import times
from setpoint.core.times import DAY

EXAMPLES = 3
"""Rows of each rule that are shown."""

MOST = 30
"""Rules that the pictures have: those that most rows broke."""

CELLS = 60


def quarantine(results: Mapping[str, Any]) -> Section:
    """How many rows broke which rule, over time, with examples."""
    title, found = "Quarantine", rows_of(results, "quarantine")
    if not found:
        return missing("quarantine", title, "No row was ever set aside.")
    states = Counter(each["state"] for each in found)
    lead = f"{plural(len(found), 'row').capitalize()} set aside: "
    lead += listed([f"{count(many)} {state}" for state, many in states.most_common()]) + "."
    by_rule = Counter(f"{each['source']}: {each['rule']}" for each in found)
    names = [name for name, _ in by_rule.most_common(MOST)]
    bars = [Bar(name, by_rule[name], count(by_rule[name]), f"{name}\n{plural(by_rule[name], 'row')}") for name in names]

    def draw(width: float, name: str) -> Markup:
        return bar_chart(bars, width=width, name=name, title="Rows by rule", description=lead)

    how = "By the time at which a row happened or, where it does not say, was told; rows without either are left out. "
    how += "Open rows wait to be mended: `setpoint check --export`, then `--fix`."
    body = [both_widths(draw, "rules"), _over_time(found, names)]
    return Section("quarantine", title, lead, body, how, more=_examples(found))


def _over_time(found: list[Row], names: list[str]) -> Markup | None:
    days: dict[str, Counter[int]] = defaultdict(Counter)
    for each in found:
        if each["happened_at"] is not None:
            days[f"{each['source']}: {each['rule']}"][times.time(each["happened_at"]) // DAY * DAY] += 1
    there = [day for name in names for day in days[name]]
    if not there:
        return None
    start, end = min(there), max(there) + DAY
    if end - start < 7 * DAY:
        end = start + 7 * DAY
    lanes = []
    for name in names:
        cells = buckets(sorted(days[name].items()), start, end, most=CELLS)
        most = max(each.count for each in cells) or 1
        shaded = [(c.start, c.end, c.count / most, f"{name}, {c.words}\n{plural(c.count, 'row')}") for c in cells]
        lanes.append(Lane(name, shaded, count(sum(each.count for each in cells))))

    def draw(width: float, name: str) -> Markup:
        title = "Rows that broke each rule, over time"
        return heat_chart(lanes, start, end, width=width, name=name, title=title, description=listed(names))

    return el("div", el("h3", "Over time"), both_widths(draw, "broken"))


def _examples(found: list[Row]) -> Markup:
    shown: Counter[str] = Counter()
    rows = []
    for each in found:
        name = f"{each['source']}: {each['rule']}"
        shown[name] += 1
        if shown[name] <= EXAMPLES:
            where = f"{each['file'] or 'told'}, row {each['row']}" if each["row"] else each["file"] or "told"
            word = each["state"] + (f" by {each['by']}" if each["by"] else "")
            rows.append(
                (
                    each["id"],
                    each["source"],
                    each["rule"],
                    each["reason"],
                    each["held"],
                    where,
                    clock(each["happened_at"]),
                    word,
                )
            )
    head = ("Row", "Source", "Rule", "Reason", "It held", "Where", "When", "State")
    return folded("Examples of each rule", table(head, rows, caption="Rows that were set aside", words=8), opened=True)
