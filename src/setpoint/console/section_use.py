"""Whether the candidate is to be used at all: the verdict, and every baseline beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.section import Section, missing, part_of, rows_of, table
from setpoint.console.words import DASH, between, count, number

TITLE = "Should it be a model at all"


def use(results: Mapping[str, Any]) -> Section:
    """The verdict on the newest candidate, and what it gains over each baseline."""
    judged = [gate for gate in rows_of(results, "gates") if gate["use"]]
    if not judged:
        return missing("use", TITLE, "No candidate was compared with its baselines.")
    gate = judged[-1]
    found, rows = part_of(gate, "use"), []
    for each in rows_of(gate, "baselines"):
        more, worth = part_of(each, "difference"), part_of(each, "worth")
        rows.append(
            (
                str(each["name"]),
                DASH if each["value"] is None else number(each["value"], 4),
                DASH if more["estimate"] is None else number(more["estimate"], 4),
                DASH if worth["estimate"] is None else number(worth["estimate"], 1),
                DASH if worth["low"] is None else between(worth["low"], worth["high"]),
                DASH if each["rows"] is None else count(each["rows"]),
                str(each["how"] or ""),
            )
        )
    columns = (
        "Baseline",
        str(gate["metric"]),
        "Model has more",
        "Worth more",
        "95\u202f% interval",
        "Rows",
        "What it is",
    )
    body = [table(columns, rows, caption="Every baseline beside the model", tail=1)]
    how = (
        "What 1000 decisions by the model are worth more, in the goal's unit, on held-out decisions newer than all "
        "it learned from; rows of a day are taken to be alike."
    )
    return Section("use", TITLE, f"Use: {found['verdict']}. {str(found['reason']).capitalize()}.", body, how)
