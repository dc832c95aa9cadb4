"""How the goal is framed: what decisions by each framing are worth, and what they gain over the declared one."""

from __future__ import annotations

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.markup import Markup
from setpoint.console.section import Row, Section, both_widths, part_of, rows_of, table
from setpoint.console.words import between, count, number, share

TITLE = "How the goal is framed"


def framings(found: Row) -> Section:
    """A dot for each framing, with the interval of what it is worth."""
    each = rows_of(found, "framings")
    lead = f"Best framing: {found['best']}. {found['because']}."
    dots = [_dot(one) for one in each]

    def draw(width: float, name: str) -> Markup:
        return dot_chart(
            [("", dots)], reference=None, width=width, name=name, title=TITLE, description=lead, beside="acts on"
        )

    rows = [
        (
            str(one["name"]),
            number(part_of(one, "value")["estimate"], 1),
            number(part_of(one, "difference")["estimate"], 1),
            between(part_of(one, "difference")["low"], part_of(one, "difference")["high"], 1),
            share(one["acts"], 1),
            str(one["how"]),
        )
        for one in each
    ]
    unit = str(found["unit"])
    columns = ("Framing", f"{unit} per 1000", "More than declared", "95\u202f% interval", "Acts on", "What it does")
    how = (
        f"Each framing is fitted on the same older rows and decides on {count(found['rows'])} newer decisions of "
        f"{count(found['days'])} days, before those that the gate judges by. Lines are 95\u202f% intervals by days; "
        "differences are paired."
    )
    body = [both_widths(draw, "framings"), table(columns, rows, caption=TITLE, tail=1)]
    return Section("framings", TITLE, lead, body, how)


def _dot(one: Row) -> Dot:
    value = part_of(one, "value")
    tip = f"{one['name']}\n{number(value['estimate'], 1)} per 1000 decisions"
    return Dot(str(one["name"]), value["estimate"], value["low"], value["high"], share(one["acts"], 0), tip)
