"""The sections of what a training was asked: which features are needed, and whether more data would help."""

from __future__ import annotations

from typing import Any

from setpoint.console.section_study import study
from setpoint.console.train_report import render_training


def interval(estimate: float) -> dict[str, Any]:
    """An interval around a value."""
    return {"estimate": estimate, "low": estimate - 0.01, "high": estimate + 0.01}


def found() -> dict[str, Any]:
    """What a training of a shop was asked for."""
    features = [
        {
            "feature": name,
            "share": share,
            "low": 0.1,
            "high": 1.0,
            "verdict": verdict,
            "because": "",
            "generalises": "yes",
        }
        for name, share, verdict in (("total", 1.0, "keep"), ("noise", 0.0, "could be left out"))
    ]
    group = {"by": "kind", "name": "text", "features": ["site"], "worse": interval(0.1), "verdict": "matters"}
    points = [
        {"which": which, "rows": rows, "loss": interval(0.6 - rows / 10_000), "seen": 0.4}
        for which in ("newest", "oldest")
        for rows in (250, 500, 1000)
    ]
    return {
        "selection": {"features": features, "spare": ["noise"], "days": 90, "stability": {"index": None}},
        "ablation": {
            "metric": "auc()", "before": 0.8, "margin": 0.004, "rows": 500, "days": 40, "blocks": 3, "groups": [group],
        },
        "learning_curve": {
            "loss": "log_loss", "points": points, "advice": "more data", "because": "twice as many rows would help",
            "others": [{"recipe": {"learner": "logistic"}, "loses": interval(0.02)}], "rows": 300, "days": 20,
        },
    }  # fmt: skip


def test_each_part_that_was_asked_for_has_its_section() -> None:
    """With what was found in a sentence, a picture and the numbers; nothing where nothing was asked."""
    needed, groups, learning = study(found())
    assert needed.lead == "1 of 2 features are chosen whatever half of the days is asked. noise could be left out."
    assert groups.lead == "1 of 1 groups are shown to matter: kind text."
    assert learning.lead == "Advice: more data. Twice as many rows would help."
    for section in (needed, groups, learning):
        html = str(section.html())
        assert "<svg" in html
        assert "The numbers" in html
    assert str(learning.html()).count('class="band"') == 2 * 2 + 1
    assert "logistic with other parameters loses 0.02" in str(learning.html())
    assert study({}) == []


def test_the_report_of_a_training_has_them() -> None:
    """Below what the gate found, and only where they were asked for."""
    shop = {"system": "shop", "at": "2013-07-04T12:05:00Z", "model": "0a1b", "passed": True, "guardrails": []}
    plain, asked = (render_training({**shop, "reasons": [], **more}) for more in ({}, found()))
    for name in ("needed", "groups", "learning"):
        assert f'id="{name}"' in asked
        assert f'id="{name}"' not in plain
