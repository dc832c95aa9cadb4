"""Should it be ML at all: the verdict on the model against what needs no training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from setpoint.learn.gate import Comparison, GateReport
from setpoint.learn.use_rule import MODEL, NOT_YET, RULE, use_of
from setpoint.measure.intervals import Interval


def gained(estimate: float, low: float, high: float) -> Interval:
    """A gain with its bounds, of a thousand rows."""
    return Interval(estimate, low, high, 0.95, 1000, 40, 0, "percentile")


def report(*gains: tuple[float, float, float], blocks: bool = False, value: bool = True) -> GateReport:
    """A gate's report on a model that gains this over each baseline, in value or in its metric alone."""
    nothing = gained(*(np.nan,) * 3)
    compared = [
        Comparison(
            f"b{place}", "auc()", 0.7, 0.6, gained(*gain), gained(*gain) if value else nothing, "", blocks, "why"
        )
        for place, gain in enumerate(gains)
    ]
    return GateReport((), tuple(compared), None, (), {}, "eur")


@pytest.mark.parametrize(
    ("gains", "verdict", "words"),
    [
        ([(30.0, 10.0, 50.0), (20.0, 5.0, 35.0)], MODEL, "at least 5"),
        ([(30.0, 10.0, 50.0), (-2.0, -9.0, 5.0)], RULE, "'b1' it gains -2"),
        ([(30.0, 10.0, 50.0), (5.0, -5.0, 15.0)], NOT_YET, "about 3,000 more labels"),
        ([(5.0, np.nan, np.nan)], NOT_YET, "by no bound at all"),
    ],
)
def test_the_verdict_follows_from_what_is_shown(gains: Any, verdict: str, words: str) -> None:
    """Better than all beyond the bounds; as good as one by estimate; or ahead, and not shown."""
    found = use_of(report(*gains), greater_is_better=True)
    assert found.verdict == verdict
    assert words in found.reason


def test_a_model_that_the_gate_holds_back_is_not_used_yet() -> None:
    """Whatever it gains."""
    assert use_of(report((30.0, 10.0, 50.0), blocks=True), greater_is_better=True).verdict == NOT_YET
    assert use_of(replace(report(), baselines=()), greater_is_better=True).verdict == NOT_YET


def test_without_a_value_the_metric_decides_in_its_direction() -> None:
    """An error that falls is a gain."""
    assert use_of(report((-0.5, -0.9, -0.1), value=False), greater_is_better=False).verdict == MODEL
    assert use_of(report((0.5, 0.1, 0.9), value=False), greater_is_better=False).verdict == RULE
