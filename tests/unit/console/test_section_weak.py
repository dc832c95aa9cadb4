"""The section of weak slices: what it says, and what it says without any."""

from __future__ import annotations

from typing import Any

from setpoint.console.report import render
from setpoint.console.section_weak import weak
from tests.unit.console.sample import empty, sample


def newest(results: dict[str, Any]) -> dict[str, Any]:
    """The weak slices of the newest gate report."""
    found: dict[str, Any] = results["gates"][-1]["weak"]
    return found


def test_the_slice_that_is_shown_to_be_weak_is_named_first() -> None:
    """With how many were looked at, its loss in words, a picture and the numbers."""
    section = weak(sample())
    assert section.lead.startswith("Of 2,814 slices looked at, one is shown to lose more than the newest model expects")
    assert "expects: carrier = MQ and dest = DCA" in section.lead
    html = str(section.html())
    assert 'class="whisker worst"' in html
    assert "as expected" in html
    assert "origin = LGA" in html
    assert 'id="weak"' in render(sample())


def test_where_none_is_shown_it_says_so() -> None:
    """The others are still drawn, with their intervals."""
    results = sample()
    del newest(results)["slices"][0]
    section = weak(results)
    assert section.lead == "Of 2,814 slices looked at, none is shown to lose more than the newest model expects."
    assert 'class="whisker worst"' not in str(section.html()).split("</ul>")[1]


def test_reports_of_models_judged_without_it_are_read() -> None:
    """An old gate report has no such part, and a replay may have trained nothing."""
    results = sample()
    for gate in results["gates"]:
        del gate["weak"]
    assert weak(results).empty
    assert weak(empty()).empty
