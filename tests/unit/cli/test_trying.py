"""What is said while recipes are tried."""

from __future__ import annotations

import pytest

from setpoint.cli import trying
from setpoint.learn.recipe import Recipe, Trial

BEST = Trial(Recipe("logistic", {}), "auc", 0.75, 0.5)


def test_a_long_search_is_told_trial_by_trial(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far it is, what the last recipe gave or that it was cut, and which one stands."""
    monkeypatch.setattr(trying, "EVERY_SECONDS", 0.0)
    tell = trying.Trying()
    tell(3, 40, BEST, BEST)
    tell(4, 40, Trial(Recipe("lightgbm", {}), "auc", float("nan"), float("nan"), cut=True), BEST)
    said = capsys.readouterr().err
    assert "trial 3 of 40: logistic auc 0.75; the best so far: logistic auc 0.75" in said
    assert "trial 4 of 40: lightgbm cut; the best so far: logistic auc 0.75" in said


def test_a_short_search_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Where every recipe is tried within a second."""
    tell = trying.Trying()
    for done in range(1, 7):
        tell(done, 6, BEST, BEST)
    assert capsys.readouterr().err == ""
