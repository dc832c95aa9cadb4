"""How the newest model behaves when rows are changed: each expectation with its bound, and decisions that break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.markup import el
from setpoint.console.section import Row, Section, folded, missing, rows_of, table
from setpoint.console.words import DASH, count, share


def behaviour(results: Mapping[str, Any]) -> Section:
    """What the gate found of each expectation of behaviour for the newest model that was judged by any."""
    title = "Behaviour"
    judged = [gate for gate in rows_of(results, "gates") if gate["behaviours"]]
    if not judged:
        return missing("behaviour", title, "The goal expects no behaviour: nothing was changed to see what follows.")
    found = [Row(each) for each in judged[-1]["behaviours"]]
    kept = sum(each["verdict"] == "holds" for each in found)
    lead = f"The newest model keeps {count(kept)} of {count(len(found))} expectations."
    open_ = [each for each in found if each["verdict"] != "holds"]
    lead += f" {open_[0]['behaviour']}: {open_[0]['reason']}." if open_ else ""
    rows = [
        (
            each["behaviour"],
            DASH if each["share"] is None else share(each["share"]),
            DASH if each["bound"] is None else share(each["bound"]),
            share(each["limit"]),
            count(each["rows"]),
            each["verdict"],
        )
        for each in found
    ]
    columns = ("Expectation", "Broken by", "Bound", "May be", "Decisions", "Verdict")
    against = [
        el("li", el("strong", each["behaviour"]), " ", one["words"])
        for each in found
        for one in each["counterexamples"] or ()
    ]
    how = "Held-out decisions are changed as each expectation says; bounds are one-sided 95 % bounds, by days."
    more = folded("Decisions that break them", el("ul", against)) if against else None
    return Section("behaviour", title, lead, table(columns, rows, caption=title, tail=1), how, more=more)
