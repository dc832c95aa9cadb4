"""Sources as a check found them: their rows by day, what is missing when, and findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_days import Lane, buckets, day_chart, heat_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, missing, rows_of, table
from setpoint.console.words import count, date, listed, plural, share
from setpoint.core.times import DAY

MOST_LANES = 30
"""Columns that the picture of missing values has: those with the most."""

CELLS = 60
"""Cells of a row of that picture."""


def sources(results: Mapping[str, Any]) -> Section:
    """Every source with its rows, its times and how many rows wait."""
    title, found = "Sources", rows_of(results, "sources")
    if not found:
        return missing("sources", title, "The declaration has no source.")
    total, aside = sum(each["rows"] for each in found), sum(each["quarantined"] for each in found)
    lead = f"{plural(total, 'row')} in {plural(len(found), 'source')}; {plural(aside, 'row')} of these deliveries "
    lead += "broke their contract."
    columns = ("Source", "Rows", "Columns", "Set aside", "Not yet", "First", "Last", "Known")
    rows = [
        (
            each["name"],
            count(each["rows"]),
            count(len(each["columns"])),
            count(each["quarantined"]),
            count(each["skipped"]),
            date(each["first"]),
            date(each["last"]),
            each["known"],
        )
        for each in found
    ]
    notes = [el("p", f"{each['name']} is {each['unreachable']}", class_="how") for each in found if each["unreachable"]]
    return Section("sources", title, lead, [table(columns, rows, caption=title, tail=3), notes])


def findings(results: Mapping[str, Any]) -> Section:
    """What the check has to object."""
    title, found = "Findings", rows_of(results, "findings")
    if not found:
        return missing("findings", title, "Nothing to object: the sources and the declaration passed the check.")
    rows = [(each["kind"], each["evidence"], each["hint"]) for each in found]
    lead = f"{plural(len(found), 'finding').capitalize()}."
    body = table(("Finding", "Evidence", "What to do"), rows, caption=title, words=3)
    return Section("findings", title, lead, body)


def volume(results: Mapping[str, Any]) -> Section:
    """How many rows each source has of each day."""
    title = "Volume"
    timed = [each for each in rows_of(results, "sources") if each["profile"]["by_day"]]
    if not timed:
        return missing("volume", title, "No source has rows with times.")
    gaps = {each["name"]: _gaps(each["profile"]["by_day"]) for each in timed}
    without = [f"{name} ({plural(many, 'day')})" for name, many in gaps.items() if many]
    lead = "Every source has rows of every day from its first to its last."
    if without:
        lead = f"Days without any row, between the first and the last: {listed(without)}."
    charts = [_volume(each, number) for number, each in enumerate(timed)]
    return Section(
        "volume",
        title,
        lead,
        charts,
        "Rows of a day, by the day on which they happened, UTC; averages where a column stands for several days.",
    )


def absent(results: Mapping[str, Any]) -> Section:
    """Which columns lack values, and when."""
    title = "Missing values over time"
    charts: list[Markup] = []
    told = []
    for number, each in enumerate(rows_of(results, "sources")):
        profile = each["profile"]
        lacking = {n: c for n, c in profile["columns"].items() if c["nulls"] and c["nulls_by_day"]}
        if not lacking or not profile["by_day"]:
            continue
        names = sorted(lacking, key=lambda name: (-lacking[name]["null_share"], name))
        told += [f"{each['name']}.{name} ({share(lacking[name]['null_share'])})" for name in names]
        charts.append(_absent(each, names[:MOST_LANES], number))
    if not charts:
        return missing("missing", title, "No column of a source with times lacks a value.")
    lead = f"{plural(len(told), 'column').capitalize()} with empty cells: {listed(told[:6])}"
    lead += f", and {len(told) - 6} more." if len(told) > 6 else "."
    return Section("missing", title, lead, charts, "The darker a cell, the greater the share of rows without a value.")


def _volume(each: Row, number: int) -> Markup:
    days = each["profile"]["by_day"]
    start, end = days[0][0], days[-1][0] + DAY

    def draw(width: float, name: str) -> Markup:
        words = f"{plural(sum(day[1] for day in days), 'row')} on {plural(len(days), 'day')}"
        return day_chart(
            days, start, end, width=width, name=name, title=f"Rows of {each['name']} by day", description=words
        )

    return el("div", el("h3", each["name"]), both_widths(draw, f"volume-{number}"))


def _absent(each: Row, names: list[str], number: int) -> Markup:
    profile = each["profile"]
    days = profile["by_day"]
    start, end = days[0][0], days[-1][0] + DAY
    rows = buckets(days, start, end, most=CELLS)
    lanes = []
    for name in names:
        column = profile["columns"][name]
        cells = []
        for all_, none in zip(rows, buckets(column["nulls_by_day"], start, end, most=CELLS), strict=True):
            part = min(1.0, none.count / all_.count) if all_.count else None
            cells.append(
                (all_.start, all_.end, part, f"{name}, {all_.words}\n{share(part)} of {count(all_.count)} rows")
            )
        lanes.append(Lane(name, cells, share(column["null_share"])))

    def draw(width: float, name: str) -> Markup:
        title, words = f"Missing values of {each['name']}", f"Shares of rows without a value: {listed(names)}"
        return heat_chart(lanes, start, end, width=width, name=name, title=title, description=words)

    return el("div", el("h3", each["name"]), both_widths(draw, f"missing-{number}"))


def _gaps(days: list[list[int]]) -> int:
    """Days without a row between the first and the last."""
    return (days[-1][0] - days[0][0]) // DAY + 1 - len(days)
