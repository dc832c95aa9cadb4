"""What differs between two snapshots: columns, rows, and how far the values of each column have moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import Bar, bar_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import WIDE, Row, Section, folded, missing, rows_of, table
from setpoint.console.words import count, listed, number, plural, share

MOST = 40
"""Columns that the picture of shifts has; the table has them all."""


def changed_rows(results: Mapping[str, Any]) -> Section:
    """How many rows were added, removed and changed in each source, with examples."""
    title, sources = "Rows", rows_of(results, "sources")
    if not sources:
        return missing("rows", title, "Neither snapshot has a source.")
    sums = {name: sum(each[name] for each in sources) for name in ("added", "removed", "changed")}
    told = listed([f"{count(many)} {name}" for name, many in sums.items()])
    lead = f"Rows by identity: {told}, in {plural(len(sources), 'source')}."
    columns = ("Source", "Before", "After", "Added", "Removed", "Changed", "Changed in")
    body = table(columns, [_counts(each) for each in sources], caption=title, tail=1)
    how = "Only rows that stand at the time of each snapshot: what was corrected or taken back by then is not among "
    how += "them. A row without an identity of its own is what it holds, so it is never changed."
    return Section("rows", title, lead, body, how, more=_examples(sources))


def changed_columns(results: Mapping[str, Any]) -> Section:
    """Which columns came, went, or hold another kind of value."""
    title = "Columns"
    found = [(each["source"], Row(change)) for each in rows_of(results, "sources") for change in each["columns"]]
    if not found:
        return missing("columns", title, "Every source has the same columns, of the same kinds.")
    names = listed([str(each["column"]) for _, each in found])
    lead = f"{plural(len(found), 'column').capitalize()} in one of the two only, or of another kind: {names}."
    rows = [
        (source, each["column"], each["change"], each["before"] or "–", each["after"] or "–") for source, each in found
    ]
    return Section(
        "columns", title, lead, table(("Source", "Column", "Change", "Before", "After"), rows, caption=title, words=5)
    )


def moved_values(results: Mapping[str, Any]) -> Section:
    """How far the values of each column have moved."""
    title = "Values"
    found = [(each["source"], Row(shift)) for each in rows_of(results, "sources") for shift in each["shifts"]]
    if not found:
        return missing("values", title, "No source differs, so no value moved.")
    large = [f"{source}.{each['column']}" for source, each in found if each["effect"] in ("large", "medium")]
    lead = f"The effect is medium or large in {plural(len(large), 'column')} of {len(found):,}"
    lead += f": {listed(large[:8])}." if large else "."
    shown = sorted(found, key=lambda pair: -(pair[1]["apart"] or 0.0))[:MOST]
    bars = [
        Bar(
            f"{source}.{each['column']}",
            each["apart"],
            str(each["effect"]),
            f"{source}.{each['column']}\n{each['most']}\ndistance {number(each['distance'])}",
        )
        for source, each in shown
        if each["apart"] is not None
    ]
    chart = bar_chart(bars, width=WIDE, name="values-chart", title=title, description=lead) if bars else None
    how = "From 0 (the same distribution) to 1 (nothing in common): the Kolmogorov-Smirnov distance of numbers and "
    how += "times, the Jensen-Shannon distance of texts and truth values. The effect is told by the distance in the "
    how += "table: of numbers in standard deviations, of shares in rows."
    columns = ("Column", "Effect", "What moved most", "Distance", "Apart", "NULL before", "NULL after")
    rows = [_shift(source, each) for source, each in found]
    more = folded("Every column", table(columns, rows, caption="How far each column has moved", words=3))
    return Section("values", title, lead, el("figure", chart) if chart else None, how, more=more)


def _counts(each: Row) -> tuple[object, ...]:
    inside = [f"{name} {count(many)}" for name, many in each["changed_by_column"].items()]
    names = ("rows_before", "rows_after", "added", "removed", "changed")
    return each["source"], *(count(each[name]) for name in names), listed(inside) if inside else "–"


def _shift(source: object, each: Row) -> tuple[object, ...]:
    nulls = (share(each["null_before"]), share(each["null_after"]))
    return (
        f"{source}.{each['column']}",
        each["effect"],
        each["most"],
        number(each["distance"]),
        number(each["apart"]),
        *nulls,
    )


def _examples(sources: list[Row]) -> Markup | None:
    rows = [
        (each["source"], example["change"], example["id"], _values(example["columns"]))
        for each in sources
        for example in each["examples"]
    ]
    if not rows:
        return None
    return folded("Examples", table(("Source", "Change", "Row", "Values"), rows, caption="Rows that differ", words=4))


def _values(columns: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}: {_value(value['before'])} → {_value(value['after'])}"
        if isinstance(value, dict)
        else f"{name}: {_value(value)}"
        for name, value in columns.items()
    )


def _value(value: object) -> str:
    return "NULL" if value is None else str(value)
