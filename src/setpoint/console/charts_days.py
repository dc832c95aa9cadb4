"""Pictures of counts over the calendar: columns by day, and rows of shaded cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from setpoint.console.charts_bar import clip
from setpoint.console.markup import Markup, coordinate, el
from setpoint.console.scale import Scale, calendar_ticks, domain
from setpoint.console.svg import Box, line, picture, rect, text, time_axis, value_axis
from setpoint.console.words import amount, date, plural
from setpoint.core.times import DAY, iso

Days = Sequence[Sequence[int]]
"""The first microsecond of each day that has any, with its count."""

ROW = 22.0


@dataclass(frozen=True)
class Bucket:
    """So many days, from the first microsecond to the one after the last, and the sum of their counts."""

    start: int
    end: int
    count: int

    @property
    def a_day(self) -> float:
        """How many of each day, on average: the last span may be shorter."""
        return self.count * DAY / (self.end - self.start)

    @property
    def words(self) -> str:
        """Which days these are.

        >>> Bucket(0, DAY, 3).words, Bucket(0, 2 * DAY, 3).words
        ('1 Jan 1970', '1 Jan 1970 – 2 Jan 1970')
        """
        first, last = date(iso(self.start)), date(iso(self.end - 1))
        return first if first == last else f"{first} – {last}"


def buckets(days: Days, start: int, end: int, *, most: int) -> list[Bucket]:
    """At most so many spans of whole days, all of one length, and the sum of each.

    >>> buckets([(0, 2), (2 * DAY, 3)], 0, 4 * DAY, most=2)
    [Bucket(start=0, end=172800000000, count=2), Bucket(start=172800000000, end=345600000000, count=3)]
    """
    width = max(1, -(-(end - start) // (most * DAY))) * DAY
    sums = [0] * max(1, -(-(end - start) // width))
    for day, count in days:
        if start <= day < end:
            sums[(day - start) // width] += count
    return [Bucket(start + n * width, min(start + (n + 1) * width, end), count) for n, count in enumerate(sums)]


def day_chart(days: Days, start: int, end: int, *, width: float, name: str, title: str, description: str) -> Markup:
    """Counts of a day over time as columns; where there are many days, the average of several."""
    wide = width >= 600
    box = Box(58, 10, width - 10, 170 if wide else 140)
    found = buckets(days, start, end, most=120 if wide else 48)
    x = Scale(start, end, box.left, box.right)
    y = Scale(*domain([each.a_day for each in found], include=[0.0], most=4), box.bottom, box.top)
    return picture(
        name,
        title,
        description,
        time_axis(x, box, calendar_ticks(start, end, most=12 if wide else 5)),
        value_axis(y, box, most=4),
        [_column(each, x, y, box) for each in found],
        line(box.left, box.bottom, box.right, box.bottom, "rail"),
        width=width,
        height=box.bottom + 40,
    )


@dataclass(frozen=True)
class Lane:
    """A named row of cells: for each bucket how full it is (0 to 1, None: nothing there) and what it tells."""

    label: str
    cells: Sequence[tuple[int, int, float | None, str]]
    beside: str = ""


def heat_chart(
    lanes: Sequence[Lane], start: int, end: int, *, width: float, name: str, title: str, description: str
) -> Markup:
    """Rows of cells over time, the darker the fuller."""
    wide = width >= 600
    most = 24 if wide else 13
    left = 16 + 6.9 * min(most, max((len(lane.label) for lane in lanes), default=4))
    right = width - 12 - 6.9 * max((len(lane.beside) for lane in lanes), default=0)
    box = Box(left, 4, right, 4 + ROW * len(lanes))
    x = Scale(start, end, left, right)
    drawn: list[Markup] = []
    for number, lane in enumerate(lanes):
        top = box.top + ROW * number
        drawn.append(text(left - 10, top + 15, clip(lane.label, most), "name end"))
        drawn.append(rect(left, top + 3, right - left, ROW - 6, "bed"))
        for first, last, full, tip in lane.cells:
            if full is None:
                continue
            wide_ = max(x(last) - x(first), 1.0)
            drawn.append(
                rect(x(first), top + 3, wide_, ROW - 6, "heat", fill_opacity=round(0.12 + 0.88 * full, 3), data_tip=tip)
                if full > 0
                else rect(x(first), top + 3, wide_, ROW - 6, "catch", data_tip=tip)
            )
        drawn.append(text(right + 8, top + 15, lane.beside, "beside"))
    return picture(
        name,
        title,
        description,
        time_axis(x, box, calendar_ticks(start, end, most=12 if wide else 4)),
        drawn,
        width=width,
        height=box.bottom + 40,
    )


def spark(counts: Sequence[int], *, tip: str) -> Markup | None:
    """A histogram small enough for a cell of a table.

    >>> spark([], tip="none") is None
    True
    """
    most = max(counts, default=0)
    if not most:
        return None
    slot = 120 / len(counts)
    return el(
        "svg",
        [
            rect(slot * place, 22 - 22 * count / most, max(slot - 0.5, 0.5), 22 * count / most, "hist")
            for place, count in enumerate(counts)
            if count
        ],
        line(0, 22.5, 120, 22.5, "rail"),
        class_="chart spark",
        viewBox=f"0 0 120 {coordinate(23)}",
        role="img",
        aria_label=tip,
        data_tip=tip,
    )


def _column(each: Bucket, x: Scale, y: Scale, box: Box) -> Markup:
    left, right = x(each.start), x(each.end)
    return el(
        "g",
        rect(left, box.top, right - left, box.bottom - box.top, "catch"),
        rect(left, y(each.a_day), max(right - left - 0.6, 0.4), box.bottom - y(each.a_day), "column")
        if each.count
        else None,
        data_tip=f"{each.words}\n{plural(each.count, 'row')}, {amount(each.a_day)} a day",
    )
