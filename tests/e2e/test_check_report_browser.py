"""The report of a check in a real browser: light, dark, and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.console.check_report import write_check
from tests.e2e.browser import PROGRAM, browsing
from tests.unit.console.checked import checked

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")

UNREADABLE = """
(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255).map(
      (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("h1, h2, h3, p, td, th, dt, dd, li, summary, .chart text")].filter((each) => {
    const style = getComputedStyle(each);
    const ink = light(each.ownerSVGElement ? style.fill : style.color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5;
  }).map((each) => each.textContent.slice(0, 40));
})()
"""


def test_the_page_is_readable_everywhere(tmp_path: Path) -> None:
    """Nothing sticks out of a phone or a desk, every word stands out from the paper (WCAG AA), nothing is asked for."""
    write_check(checked(), tmp_path / "check.html")
    with browsing(tmp_path / "profile") as page:
        for width in (360, 800, 1280):
            for dark in (False, True):
                page.size(width)
                page.dark(on=dark)
                page.open((tmp_path / "check.html").as_uri())
                assert page.value("document.documentElement.scrollWidth") <= width
                assert page.value(UNREADABLE) == []
        assert page.value("performance.getEntriesByType('resource').length") == 0
        assert page.value("document.querySelectorAll('#columns .spark').length") >= 3
        assert page.value("document.title") == "shop: check of 2 Mar 2026, 10:00"
        assert page.complaints == []


def test_a_picture_tells_its_numbers_where_one_points(tmp_path: Path) -> None:
    """A column of the rows by day has its day and its count."""
    write_check(checked(), tmp_path / "check.html")
    with browsing(tmp_path / "profile") as page:
        page.size(1280)
        page.open((tmp_path / "check.html").as_uri())
        page.value(
            "document.querySelector('#volume .wide [data-tip]')"
            ".dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: 300, clientY: 300}))"
        )
        assert page.value("document.querySelector('.tip').innerText") == "1 Jan 2026\n24 rows, 24 a day"
