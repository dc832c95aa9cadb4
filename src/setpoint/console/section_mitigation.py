"""What was done against a gap between groups, and the trade-off that other limits would have made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_effect import Curve, effect_chart
from setpoint.console.markup import Markup
from setpoint.console.section import Row, Section, both_widths, part_of, rows_of, table
from setpoint.console.words import between, number

TITLE = "What a smaller gap costs"


def mitigation(results: Mapping[str, Any]) -> list[Section]:
    """The section of the newest candidate's mitigation; none where the goal asks for none."""
    judged = [gate for gate in rows_of(results, "gates") if gate["mitigated"]]
    return [_section(part_of(judged[-1], "mitigated"))] if judged else []


def _section(found: Row) -> Section:
    points = [point for point in rows_of(found, "points") if point["gap"] is not None]
    lead = f"{str(found['words'])[:1].upper()}{str(found['words'])[1:]}."
    if not points:
        return Section("mitigation", TITLE, lead, None)
    unit, best = str(found["unit"]), sorted((p for p in points if p["best"]), key=lambda p: float(p["gap"]))
    curve = _curve(f"{unit} per 1000 decisions, by the gap that is left", best)

    def draw(width: float, name: str) -> Markup:
        return effect_chart([curve], width=width, name=name, title=TITLE, description=lead)

    rows = [
        (
            "as declared costs say" if point["within"] is None else f"{number(point['within'])}",
            number(point["gap"]),
            number(point["value"], 1),
            number(part_of(point, "difference")["estimate"], 1),
            between(part_of(point, "difference")["low"], part_of(point, "difference")["high"], 1),
            "yes" if point["best"] else "no",
        )
        for point in points
    ]
    columns = ("Limit", "Gap", f"{unit} per 1000", "Change", "90\u202f% interval", "Unbeaten")
    how = (
        "A point is what one limit on the gap, kept on the validation rows, makes of held-out decisions: the gap that "
        "is left, and what 1000 of them are worth more than without mitigation, with its 90\u202f% interval by days. "
        "Drawn are the points that no other beats in both (Pareto)."
    )
    body: list[object] = [both_widths(draw, "mitigation")] if len(best) > 1 else []
    body.append(table(columns, rows, caption=f"Limits on the gap of {found['rate']} by {found['by']}", tail=1))
    return Section("mitigation", TITLE, lead, body, how)


def _curve(name: str, points: list[Row]) -> Curve:
    changes = [part_of(point, "difference") for point in points]
    return Curve(
        name,
        [float(point["gap"]) for point in points],
        [float(change["estimate"] or 0.0) for change in changes],
        [change["low"] for change in changes],
        [change["high"] for change in changes],
    )
