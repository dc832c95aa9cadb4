"""Rates by group and the gaps of the fairness criteria."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.measure.fairness import fairness_gaps, group_rates
from setpoint.measure.proportions import wilson

Y = np.array([1, 1, 0, 0] * 50 + [1, 0, 0, 0] * 50)
P = np.array([0.9, 0.4, 0.8, 0.1] * 50 + [0.9, 0.7, 0.2, 0.1] * 50)
GROUP = np.array(["a"] * 200 + ["b"] * 200)


def test_rates_are_those_of_the_confusion_matrix() -> None:
    """By hand: of a's 100 positives 50 are acted on, of its 100 negatives 50; b's are 50 of 50 and 50 of 150."""
    a, b = group_rates(Y, P, GROUP)
    assert (a.group, a.n, b.group, b.n) == ("a", 200, "b", 200)
    names = ("base_rate", "selection_rate", "recall", "false_positive_rate")
    assert [getattr(a, name).estimate for name in names] == [0.5, 0.5, 0.5, 0.5]
    assert [getattr(b, name).estimate for name in names] == pytest.approx([0.25, 0.5, 1.0, 1 / 3])


def test_rates_carry_wilson_intervals() -> None:
    """A recall of 50 of 100 has Wilson's interval, to Student's correction."""
    found = group_rates(Y, P, GROUP)[0].recall
    low, high = wilson(0.5, 100)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=0.004)
    assert found.n == 100


def test_clusters_widen_the_rates() -> None:
    """Four rows of one person are fewer than four people."""
    person = np.arange(400) // 4
    free, bound = group_rates(Y, P, GROUP)[0], group_rates(Y, P * 0.5 + (person % 2) * 0.5, GROUP, cluster=person)[0]
    assert bound.selection_rate.clusters == 50
    assert bound.selection_rate.high - bound.selection_rate.low > free.selection_rate.high - free.selection_rate.low


def test_gaps_are_the_differences_of_the_rates() -> None:
    """Demographic parity holds here, equal opportunity is far from it."""
    found = fairness_gaps(Y, P, GROUP)
    estimates = {name: gap.estimate for name, gap in found.items()}
    assert estimates == pytest.approx(
        {"demographic_parity": 0.0, "equal_opportunity": 0.5, "predictive_equality": 1 / 6}
    )
    assert found["equal_opportunity"].low > 0.3
    assert found["demographic_parity"].low == 0.0
