"""The section of what a champion loses without each feature."""

from __future__ import annotations

from setpoint.console.report import render
from setpoint.console.section_explain import effects, goes_by
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


def test_a_picture_shows_what_values_do_to_the_score() -> None:
    """A curve with its band for each feature that matters, the one that moves the score most in words."""
    section = effects(sample())
    most = f"{FEATURES[0]} moves the last champion's score most: by 0.199 from its lowest effect to its highest."
    assert section.lead == most
    html = str(section.html())
    assert html.count('class="band"') == 2 * 5 + 1
    assert "accumulated local effects" in html.lower()
    assert 'id="effects"' in render(sample())


def test_effects_without_bounds_are_drawn_without_a_band() -> None:
    """One day bounds nothing."""
    results = sample()
    for each in results["goes_by"]["effects"]:
        each["low"] = each["high"] = [None] * 12
    assert 'class="band" d' not in str(effects(results).html())
    assert effects(empty()).empty
    assert effects({**sample(), "goes_by": {"inputs": []}}).empty
