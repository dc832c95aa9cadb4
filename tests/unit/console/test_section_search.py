"""The section of what a search tried."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.console.section_search import search
from setpoint.console.train_report import render_training


def trial(c: float, value: float | None, **more: Any) -> dict[str, Any]:
    """A trial of the logistic learner."""
    return {"recipe": {"learner": "logistic", "parameters": {"c": c}}, "metric": "auc", "value": value, **more}


def found() -> dict[str, Any]:
    """What a training found: three trials to the end, one cut."""
    trials = [trial(0.1, 0.7), trial(0.2, 0.72), trial(9.0, None, cut=True), trial(0.3, 0.719)]
    return {"trials": trials, "recipe": trials[1]["recipe"], "search": {"trials": 4, "folds": 2}}


def test_every_trial_is_drawn_and_the_winner_named() -> None:
    """With the best so far as a line, what was cut as a cross, and the parameters in the numbers."""
    (section,) = search(found())
    assert section.lead == "4 recipes were tried, 1 of them cut. Trial 2 won: logistic, auc 0.7200."
    html = str(section.html())
    assert html.count('class="dot hollow"') == 2 * 2
    assert html.count('class="dot"') == 2
    assert html.count('class="mark reject"') == 2
    assert "c 9" in html
    assert "folds: 2" in html


@pytest.mark.parametrize("metric", ["log_loss", "macro_average_precision", "ndcg(5)", "pinball(0.8)", "concordance"])
def test_trials_of_every_kind_are_drawn(metric: str) -> None:
    """Whether greater is better comes from the metric."""
    results = found()
    for each in results["trials"]:
        each["metric"] = metric
    assert metric in search(results)[0].lead


def test_the_report_of_a_training_has_it_where_recipes_were_tried() -> None:
    """A stored recipe that is refitted was not tried among others."""
    told = {"system": "shop", "at": "2013-07-04T12:05:00Z", "model": "0a1b", "passed": True, "guardrails": []}
    assert 'id="search"' in render_training({**told, "reasons": [], **found()})
    assert 'id="search"' not in render_training({**told, "reasons": [], "trials": []})
    assert search({"trials": [trial(0.1, 0.7)]}) == []
