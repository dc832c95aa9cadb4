"""The section of behaviour: what it says, and what it says without any."""

from __future__ import annotations

from typing import Any

from setpoint.console.report import render
from setpoint.console.section_behaviour import behaviour
from tests.unit.console.sample import empty, sample


def with_behaviours(*verdicts: str) -> dict[str, Any]:
    """A replay whose newest gate judged behaviours with these verdicts."""
    results = sample()
    results["gates"][-1]["behaviours"] = [
        {
            "behaviour": f"never_falls_when_raised('x{place}')",
            "verdict": verdict,
            "limit": 0.05,
            "share": None if verdict == "not enough evidence" else 0.25,
            "bound": None if verdict == "not enough evidence" else 0.2,
            "rows": 956,
            "days": 30,
            "reason": "25 % of 956 held-out decisions score lower",
            "model": "judged",
            "counterexamples": [{"words": "decision c7: x0 1 to 2: score 0.4 to <0.3>"}] if verdict == "fails" else [],
        }
        for place, verdict in enumerate(verdicts)
    ]
    return results


def test_the_expectation_that_is_broken_comes_first_with_its_decisions() -> None:
    """A reader sees which, why, and a decision that shows it, escaped."""
    section = behaviour(with_behaviours("holds", "fails", "not enough evidence"))
    assert section.lead.startswith("The newest model keeps 1 of 3 expectations. never_falls_when_raised('x1'): 25 %")
    html = str(section.html())
    assert "decision c7: x0 1 to 2: score 0.4 to &lt;0.3&gt;" in html
    assert 'id="behaviour"' in render(with_behaviours("fails"))


def test_where_all_are_kept_nothing_is_folded_away() -> None:
    """There are no decisions to show."""
    section = behaviour(with_behaviours("holds", "holds"))
    assert section.lead == "The newest model keeps 2 of 2 expectations."
    assert section.more is None


def test_a_goal_without_expectations_says_so() -> None:
    """Reports of models judged before, and replays that trained nothing."""
    assert behaviour(sample()).empty
    assert behaviour(empty()).empty
