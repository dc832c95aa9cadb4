from __future__ import annotations

import re
from typing import Any

import pytest

from setpoint.console.charts_bar import Bar, Dot, bar_chart, column_chart, dot_chart, interval_glyph
from setpoint.console.charts_curve import Bin, maturity_chart, reliability_chart
from setpoint.console.charts_time import Reign, Sign, Span, Week, incidents_chart, pack, quality_chart
from setpoint.console.svg import band_path, line_path, picture
from setpoint.core.times import DAY, WEEK
from tests.unit.console.parsed import Page

NAMED: dict[str, Any] = {"name": "p", "title": "A title", "description": "What it shows"}


def weeks(values: list[float | None]) -> list[Week]:
    """One week after another, with an interval of 0.02 around each value."""
    return [
        Week(
            index * WEEK,
            (index + 1) * WEEK,
            value,
            None if value is None else value - 0.01,
            None if value is None else value + 0.01,
            None,
            f"week {index}",
        )
        for index, value in enumerate(values)
    ]


def path_of(svg: str, class_: str) -> str:
    """The path of the element of a class."""
    return str(re.findall(rf'<path d="([^"]*)" class="{class_}"', svg)[0])


def quality(values: list[float | None], *, signs: list[Sign] | None = None, width: float = 900) -> str:
    """The picture of weekly values, all decided by one model."""
    end = len(values) * WEEK
    reigns = [Reign(0, end, "ab12cd34", rule=False, tip="a model")]
    return quality_chart(weeks(values), signs or [], reigns, start=0, end=end, width=width, **NAMED)


def test_a_line_breaks_where_a_value_is_missing() -> None:
    """Two stretches are two strokes, and a value alone is a dot."""
    assert line_path([(0, 0), (1, 1), None, (2, 2), None]) == "M0,0L1,1M2,2h0"


def test_a_band_breaks_where_either_side_is_missing() -> None:
    """The area between two lines is closed at every gap."""
    lows, highs = [(0, 0), (1, 0), None, (3, 0), (4, 0)], [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2)]
    assert band_path(lows, highs) == "M0,0L1,0L1,2L0,2ZM3,0L4,0L4,2L3,2Z"


def test_quality_leaves_a_gap_for_a_week_that_could_not_be_judged() -> None:
    """A missing week is a gap in line and band, and still tells why when pointed at."""
    svg = quality([0.7, 0.71, None, 0.72, 0.73])
    assert path_of(svg, "line live").count("M") == 2
    assert path_of(svg, "band").count("Z") == 2
    assert Page(svg).values("data-tip").count("week 2") == 1


def test_better_weeks_stand_higher() -> None:
    """The y of a point falls as its value rises, in equal steps for equal differences."""
    path = path_of(quality([0.70, 0.72, 0.74]), "line live")
    ys = [float(place.split(",")[1]) for place in path[1:].split("L")]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.02)
    assert ys[0] > ys[1]


def test_weeks_stand_in_the_middle_of_their_span() -> None:
    """Two weeks of a fortnight stand at a quarter and at three quarters of the axis."""
    path = path_of(quality([0.70, 0.72]), "line live")
    xs = [float(place.split(",")[0]) for place in path[1:].split("L")]
    left, right = 46, 900 - 12
    assert xs == pytest.approx([left + (right - left) / 4, left + 3 * (right - left) / 4], abs=0.01)


def test_releases_are_marked_each_with_its_own_sign() -> None:
    """Promotions and rollbacks cut through the picture; trainings only stand on the rail."""
    signs = [Sign(WEEK, "promote", "up"), Sign(2 * WEEK, "rollback", "down"), Sign(WEEK, "train", "dot")]
    classes = Page(quality([0.7, 0.71, 0.72], signs=signs)).values("class")
    assert [classes.count(f"mark {kind}") for kind in ("promote", "rollback", "train")] == [1, 1, 1]
    assert [classes.count(f"drop {kind}") for kind in ("promote", "rollback", "train")] == [1, 1, 0]


def test_a_narrow_picture_has_fewer_ticks_not_smaller_ones() -> None:
    """A phone gets its own drawing."""
    wide, narrow = (Page(quality([0.7] * 52, width=width)).values("class") for width in (900, 390))
    assert narrow.count("tick middle") < wide.count("tick middle")


def test_incidents_that_overlap_stand_below_each_other() -> None:
    """No bar hides another, and every level has its lane even when it is empty."""
    spans = [Span(0, 3 * DAY, "page", "first"), Span(DAY, 2 * DAY, "digest", "second")]
    svg = incidents_chart([("input", spans), ("label", [])], start=0, end=7 * DAY, width=900, **NAMED)
    tops = [float(attrs["y"] or 0) for tag, attrs in Page(svg).elements if tag == "rect" and attrs.get("data-tip")]
    assert tops[1] - tops[0] == 12
    assert "input · 2" in svg
    assert "label · none" in svg


def test_a_lane_too_full_says_how_many_it_left_out() -> None:
    """Nothing is dropped without a word."""
    spans = [Span(0, DAY, "page", f"{index}") for index in range(15)]
    svg = incidents_chart([("input", spans)], start=0, end=7 * DAY, width=900, **NAMED)
    assert "3 more than there is room for" in svg
    assert len(Page(svg).values("data-tip")) == 12


def test_packing_uses_as_few_rows_as_overlap_asks_for() -> None:
    """Spans one after another share a row."""
    assert pack([(index * 10, index * 10 + 5) for index in range(5)]) == [0] * 5
    assert pack([(0, 100), (0, 100), (0, 100)]) == [0, 1, 2]


def test_maturity_rises_to_the_right() -> None:
    """The curve begins at its lowest and ends at its highest point."""
    svg = maturity_chart([(0, 0.0), (5, 0.5), (48, 1.0)], [(5, 0.5, "50 % by 5 hours")], width=430, **NAMED)
    places = [place.split(",") for place in path_of(svg, "line live")[1:].split("L")]
    assert [float(y) for _, y in places] == [264, 139, 14]
    assert "50 % by 5 hours" in svg


def test_perfect_scores_lie_on_the_diagonal() -> None:
    """Where rate equals score, the point is as far right as it is up."""
    bins = [Bin(value, value, value - 0.05, value + 0.05, 100, "tip") for value in (0.2, 0.4, 0.6)]
    svg = reliability_chart(bins, width=430, **NAMED)
    low, high = 52, 430 - 14
    dots = [attrs for tag, attrs in Page(svg).elements if tag == "circle"]
    for attrs in dots:
        right = (float(attrs["cx"] or 0) - low) / (high - low)
        up = (220 - float(attrs["cy"] or 0)) / (220 - 14)
        assert right == pytest.approx(up, abs=0.001)


def test_dots_without_an_interval_have_no_line() -> None:
    """A value whose interval is not known is a dot alone."""
    dots = [Dot("a", 0.7, 0.6, 0.8, "10", "tip"), Dot("b", 0.7, None, None, "10", "tip")]
    svg = dot_chart([("", dots)], reference=(0.75, "all"), width=430, **NAMED)
    classes = Page(svg).values("class")
    assert classes.count("whisker") == 1
    assert classes.count("dot") == 2
    assert classes.count("reference") == 1


def test_bars_are_as_long_as_their_values() -> None:
    """Twice the value, twice the bar; no value, hardly a bar."""
    svg = bar_chart([Bar("a", 4, "4", "t"), Bar("b", 2, "2", "t"), Bar("c", 0, "0", "t")], width=430, **NAMED)
    lengths = [float(attrs["width"] or 0) for tag, attrs in Page(svg).elements if attrs.get("class") == "column"]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.02)
    assert lengths[2] == 1


def test_a_loss_hangs_below_zero() -> None:
    """Negative columns begin where positive ones end, and are told apart by more than their colour."""
    svg = column_chart([Bar("Jan", 100, "", "t"), Bar("Feb", -50, "", "t")], width=430, **NAMED)
    gain, loss = (a for _, a in Page(svg).elements if (a.get("class") or "").startswith("column"))
    assert float(gain["y"] or 0) + float(gain["height"] or 0) == pytest.approx(float(loss["y"] or 0), abs=0.02)
    assert loss["class"] == "column below"


def test_a_glyph_needs_a_value() -> None:
    """A cell without a value stays empty, one without an interval has a dot alone."""
    assert interval_glyph(None, 0, 1, ends=(0, 1)) is None
    assert Page(str(interval_glyph(0.5, None, None, ends=(0, 1)))).values("class") == ["chart glyph", "rail", "dot"]


def test_every_picture_is_named_and_described() -> None:
    """Who cannot see a picture hears its title and what it shows."""
    page = Page(picture("x", "Title <1>", "Shown & told", width=10, height=10))
    (_, attrs), *_ = page.elements
    assert (attrs["role"], attrs["aria-labelledby"], attrs["aria-describedby"]) == ("img", "x-title", "x-desc")
    assert page.text == "Title <1> Shown & told"


@pytest.mark.parametrize("values", [[], [None], [0.7], [0.7, None], [0.0, 1.0]])
def test_quality_draws_whatever_there_is(values: list[float | None]) -> None:
    """No week, one week or none judged: still a picture that is well formed."""
    end = max(1, len(values)) * WEEK
    svg = quality_chart(weeks(values), [], [], start=0, end=end, width=900, **NAMED)
    assert Page(svg).unclosed == []
    assert "nan" not in svg
