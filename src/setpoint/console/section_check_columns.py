"""The contract of each source, with what was seen of each column beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_days import buckets, spark
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, folded, missing, rows_of, table
from setpoint.console.words import DASH, amount, count, date, listed, plural, share
from setpoint.core.times import DAY, iso

SHOWN = 3
"""Most frequent values that a cell has."""

OPENED = 2
"""Sources whose columns are shown at once; a click shows those of the others."""

CELLS = 40
"""Columns of the small picture of a time's days."""


def columns(results: Mapping[str, Any]) -> Section:
    """What each column must hold, and what it holds."""
    title, found = "Contract, and what was seen", rows_of(results, "sources")
    if not found:
        return missing("columns", title, "The declaration has no source.")
    total = sum(len(each["columns"]) for each in found)
    lead = f"{plural(total, 'column').capitalize()}, each with what its contract states beside what its rows hold."
    odd = [words for each in found for words in _odd(each)]
    lead += f" {' '.join(odd)}" if odd else ""
    how = "Quantiles and counts of many different values are within a few per cent; extremes, means and empty cells "
    how += "are exact. The picture of a number is over the middle of its values where a few lie far out."
    return Section(
        "columns", title, lead, [_source(each, opened=place < OPENED) for place, each in enumerate(found)], how
    )


def _source(each: Row, *, opened: bool) -> Markup:
    seen = each["profile"]["columns"]
    head = ("Column", "Kind", "Contract states", "Seen", "", "Empty", "Different")
    rows = [
        (
            column["name"],
            column["kind"],
            "; ".join(column["stated"]) or "its kind",
            _values(Row(seen[column["name"]])) if column["name"] in seen else DASH,
            _picture(column["name"], Row(seen[column["name"]])) if column["name"] in seen else None,
            share(seen[column["name"]]["null_share"]) if column["name"] in seen else DASH,
            _different(Row(seen[column["name"]])) if column["name"] in seen else DASH,
        )
        for column in each["columns"]
    ]
    rules = [el("li", rule) for rule in each["rules"]]
    told = el("p", "Rules of its rows:", class_="how") if rules else None
    return folded(
        f"{each['name']}: {plural(each['rows'], 'row')}, {plural(len(rows), 'column')}, "
        f"refused whole above {share(each['refuse_above'], 0)} bad rows",
        told,
        el("ul", rules, class_="rules") if rules else None,
        table(head, rows, caption=f"Columns of {each['name']}", words=5),
        opened=opened,
    )


def _odd(each: Row) -> list[str]:
    """Columns that say nothing new."""
    profile = each["profile"]
    same = [name for name, column in profile["columns"].items() if column["constant"]]
    found = []
    if same:
        found.append(f"In {each['name']} the same in every row: {listed(same)}.")
    if profile["duplicates"]:
        found.append(
            f"In {each['name']} equal in every row: {listed([f'{a} = {b}' for a, b in profile['duplicates']])}."
        )
    return found


def _values(column: Row) -> object:
    if not column["distinct"]:
        return "nothing"
    low, middle, high = (column["quantiles"][place] for place in (0, 4, 8))
    if column["kind"] == "time":
        return f"{date(iso(int(low)))} to {date(iso(int(high)))}"
    if column["kind"] == "bool":
        return f"true in {share(column['mean'])}"
    if column["kind"] == "text":
        shown = [f"{value} ({count(many)})" for value, many in column["top"][:SHOWN]]
        letters = plural(int(low), "letter") if low == high else f"{low} to {plural(int(high), 'letter')}"
        return f"{', '.join(shown) or 'no value often'}; {letters}"
    far = f"; {plural(column['infinite'], 'infinity')}" if column["infinite"] else ""
    return f"{amount(low)} to {amount(high)}, median {amount(middle)}, mean {amount(column['mean'])}{far}"


def _picture(name: str, column: Row) -> Markup | None:
    if column["kind"] == "time":
        days = column["by_day"]
        if not days:
            return None
        found = buckets(days, days[0][0], days[-1][0] + DAY, most=CELLS)
        return spark([each.count for each in found], tip=f"{name} by day\n{found[0].words} to {found[-1].words}")
    if column["kind"] == "text":
        most = [many for _, many in column["top"]]
        return spark(most, tip=f"{name}\nthe {len(most)} most frequent values") if len(most) > 1 else None
    shape = column["histogram"]
    if not shape or len(shape["counts"]) < 2:
        return None
    low, high = shape["edges"][0], shape["edges"][-1]
    beyond = shape["below"] + shape["above"]
    tip = f"{name}\n{amount(low)} to {amount(high)}" + (f"\n{plural(beyond, 'value')} beyond" if beyond else "")
    return spark(shape["counts"], tip=tip)


def _different(column: Row) -> str:
    return count(column["distinct"]) if column["distinct_exact"] else f"about {count(column['distinct'])}"
