"""The section of what a champion loses without each feature."""

from __future__ import annotations

from setpoint.console.report import render
from setpoint.console.section_explain import goes_by
from tests.unit.console.sample import FEATURES, empty, sample


def test_the_feature_that_matters_most_and_those_never_read_are_named() -> None:
    """With a picture, the numbers, and how they were measured."""
    section = goes_by(sample())
    assert f"most of all {FEATURES[0]}." in section.lead
    assert section.lead.endswith(f"It never reads {FEATURES[-1]}.")
    html = str(section.html())
    assert "rise of the log loss" in html
    assert "2,000 held-out rows" in html
    assert "<svg" in html
    assert 'id="goes-by"' in render(sample())


def test_where_nothing_is_shown_to_matter_it_says_so() -> None:
    """Intervals that hold zero show nothing."""
    results = sample()
    for each in results["goes_by"]["inputs"]:
        each["rise"] = {"estimate": 0.001, "low": -0.001, "high": 0.003}
    results["goes_by"]["unread"] = []
    count = len(results["goes_by"]["inputs"])
    assert goes_by(results).lead == f"0 of {count} features are shown to matter to the last champion."


def test_results_of_models_that_were_not_asked_are_read() -> None:
    """An old model has no such part, and a replay may have promoted none."""
    assert goes_by(empty()).empty
    assert goes_by({**sample(), "goes_by": None}).empty
