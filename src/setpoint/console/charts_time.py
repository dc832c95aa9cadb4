"""Pictures whose x axis is the calendar: quality with its releases, and incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.console.markup import Markup, el
from setpoint.console.scale import Scale, TimeTick, calendar_ticks, domain
from setpoint.console.svg import (
    Box,
    Place,
    band_path,
    line,
    line_path,
    mark,
    picture,
    rect,
    text,
    time_axis,
    value_axis,
)

CHANGES = ("promote", "rollback")
"""Acts after which another model decides."""

WIDE = 900
"""From this width on a picture has room for all ticks."""


@dataclass(frozen=True)
class Week:
    """Quality over a span of time; None where too few labels are settled."""

    start: int
    end: int
    value: float | None
    low: float | None
    high: float | None
    other: float | None
    tip: str

    @property
    def middle(self) -> float:
        """Where its point is drawn."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Sign:
    """An act at a time: promote, rollback, reject or train."""

    at: int
    kind: str
    tip: str


@dataclass(frozen=True)
class Reign:
    """A span in which one model, or the rule, decided."""

    start: int
    end: int
    name: str
    rule: bool
    tip: str


@dataclass(frozen=True)
class Span:
    """An incident from its first to its last finding."""

    start: int
    end: int
    severity: str
    tip: str


def quality_chart(
    weeks: Sequence[Week],
    signs: Sequence[Sign],
    reigns: Sequence[Reign],
    *,
    start: int,
    end: int,
    width: float,
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Quality by week with its interval, a second line for comparison, the acts and the champions below it."""
    wide = width >= WIDE
    height_of_plot = 260.0 if wide else 200.0
    box = Box(46, 12, width - 12, 12 + height_of_plot)
    lane, strip = box.bottom + 32, box.bottom + 58
    foot = Box(box.left, box.top, box.right, strip + 24)
    x = Scale(start, end, box.left, box.right)
    ends = domain([value for week in weeks for value in (week.low, week.high, week.value, week.other)], most=6)
    y = Scale(*ends, box.bottom, box.top)
    seen = [week for week in weeks if week.end > start and week.start < end]

    def places(which: str) -> list[Place | None]:
        return [_place(x, y, week, getattr(week, which)) for week in seen]

    return picture(
        name,
        title,
        description,
        time_axis(x, foot, calendar_ticks(start, end, most=12 if wide else 6)),
        value_axis(y, box),
        [line(x(s.at), box.top, x(s.at), lane - 8, f"drop {s.kind}") for s in signs if s.kind in CHANGES],
        el("path", d=band_path(places("low"), places("high")), class_="band"),
        el("path", d=line_path(places("other")), class_="line frozen"),
        el("path", d=line_path(places("value")), class_="line live"),
        [_hit(x, week, box, y) for week in seen],
        text(box.left, lane - 13, "Releases", "lane"),
        line(box.left, lane, box.right, lane, "rail"),
        [mark(s.kind, x(s.at), lane, tip=s.tip) for s in sorted(signs, key=lambda sign: sign.kind != "train")],
        text(box.left, strip + 1, "Champion", "lane"),
        [_reign(x, r, strip + 6, index) for index, r in enumerate(reigns) if x(r.end) - x(r.start) > 1],
        width=width,
        height=foot.bottom + 40,
    )  # fmt: skip


def incidents_chart(
    lanes: Sequence[tuple[str, Sequence[Span]]],
    *,
    start: int,
    end: int,
    width: float,
    most_rows: int = 12,
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Incidents as bars over time, one lane per level, overlapping ones below each other."""
    box_left, box_right, top = 14.0, width - 12, 10.0
    x = Scale(start, end, box_left, box_right)
    beds: list[Markup] = []
    bars: list[Markup] = []
    for level, spans in lanes:
        rows = pack([(x(span.start), max(x(span.end), x(span.start) + 7)) for span in spans])
        height = min(max(rows, default=0) + 1, most_rows) * 12.0
        hidden = sum(row >= most_rows for row in rows)
        words = f"{level} · {len(spans) or 'none'}" + (f" ({hidden} more than there is room for)" if hidden else "")
        bars.append(text(box_left, top + 12, words, "lane"))
        beds.append(rect(box_left, top + 18, box_right - box_left, height + 4, "bed", rx=3))
        for span, row in zip(spans, rows, strict=True):
            if row < most_rows:
                left, right = x(span.start), x(span.end)
                bars.append(
                    rect(left, top + 21 + 12 * row, max(right - left, 7), 9, f"incident {span.severity}", rx=2,
                         data_tip=span.tip)
                )  # fmt: skip
        top += height + 32
    marks: list[TimeTick] = calendar_ticks(start, end, most=12 if width >= WIDE else 6)
    box = Box(box_left, 8, box_right, top)
    return picture(name, title, description, beds, time_axis(x, box, marks), bars, width=width, height=top + 40)


def pack(spans: Sequence[tuple[float, float]], *, gap: float = 3) -> list[int]:
    """The row of each span so that none overlap; the first free row from the top.

    >>> pack([(0, 10), (5, 8), (12, 20), (14, 15)], gap=1)
    [0, 1, 0, 1]
    """
    ends: list[float] = []
    rows = []
    for left, right in spans:
        row = next((index for index, taken in enumerate(ends) if taken + gap <= left), len(ends))
        if row == len(ends):
            ends.append(right)
        else:
            ends[row] = right
        rows.append(row)
    return rows


def _place(x: Scale, y: Scale, week: Week, value: float | None) -> Place | None:
    if value is None:
        return None
    return min(max(x(week.middle), x.start), x.end), y(value)


def _hit(x: Scale, week: Week, box: Box, y: Scale) -> Markup:
    left, right = max(x(week.start), box.left), min(x(week.end), box.right)
    middle = min(max(x(week.middle), box.left), box.right)
    return el(
        "g",
        rect(left, box.top, right - left, box.bottom - box.top, "catch"),
        line(middle, box.top, middle, box.bottom, "cross"),
        None if week.value is None else el("circle", cx=middle, cy=y(week.value), r=4, class_="spot live"),
        None if week.other is None else el("circle", cx=middle, cy=y(week.other), r=4, class_="spot frozen"),
        class_="hit",
        data_tip=week.tip,
    )


def _reign(x: Scale, reign: Reign, top: float, index: int) -> Markup:
    left, right = x(reign.start), x(reign.end)
    room = right - left
    shown = reign.name if room > 7 * len(reign.name) + 6 else reign.name[:4] if room > 34 else None
    kind = "rule" if reign.rule else f"model-{index % 2}"
    return el(
        "g",
        rect(left, top, room - 1, 18, f"reign {kind}", rx=2),
        None if shown is None else text((left + right) / 2, top + 13, shown, "digest middle"),
        data_tip=reign.tip,
    )
