"""The section of fairness: what it says, and what it says without any attribute."""

from __future__ import annotations

from setpoint.console.report import render
from setpoint.console.section_fairness import fairness
from tests.unit.console.sample import empty, sample


def test_the_gap_that_is_shown_is_named_first() -> None:
    """With how many were compared, a picture, the gaps with their bounds, and the features that tell the groups."""
    section = fairness(sample())
    assert section.lead.startswith("Of 2 gaps between the groups of sex, one is shown to be more than chance: sex, dem")
    html = str(section.html())
    assert "acted on of the positives" in html
    assert "<caption>Gaps between the groups of sex</caption>" in html
    assert "0.140–0.190" in html
    assert "x (too few rows to compare)" in html
    assert "occupation" in html
    assert 'id="fairness"' in render(sample())


def test_where_none_is_shown_it_says_so() -> None:
    """The groups are still drawn, with their intervals; without a record of proxies their table is left out."""
    results = sample()
    for gap in results["gates"][-1]["fairness"][0]["gaps"]:
        gap["shown"] = False
    results["gates"][-1]["proxies"] = []
    section = fairness(results)
    assert section.lead == "Of 2 gaps between the groups of sex, none is shown to be more than chance."
    assert "occupation" not in str(section.html())


def test_models_judged_without_it_are_read() -> None:
    """A goal may protect nothing, and a replay may have trained nothing."""
    results = sample()
    for gate in results["gates"]:
        del gate["fairness"]
    assert fairness(results).empty
    assert fairness(empty()).empty
