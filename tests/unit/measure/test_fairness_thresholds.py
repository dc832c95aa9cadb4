"""Thresholds by group: exact against every combination of cuts, and against fairlearn's optimiser."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.fairness_thresholds import COUNTED, best_cuts, cuts_at, group_curves, pareto, uncut


def world(n: int, seed: int, *, ties: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Groups, margins, outcomes and gains of a few rows, some of which have one margin."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    p = rng.beta(1.5, 2.5, n)
    y = (rng.random(n) < p).astype(float)
    score = np.where(groups == "b", p * 0.6, p)
    margin = (np.round(score, 1) if ties else score) - 0.3
    return groups, margin, y, np.where(y > 0, 7.0, -3.0)


@pytest.mark.parametrize("rate", list(COUNTED))
@pytest.mark.parametrize("within", [0.0, 0.1, 0.5])
def test_the_cuts_are_the_best_of_all_combinations(rate: str, within: float) -> None:
    """Every combination of cuts of three groups is tried by hand; none that keeps the limit is worth more."""
    for seed in range(5):
        groups, margin, y, gain = world(40, seed)
        weight = np.random.default_rng(seed).choice([0.5, 1.0, 2.0], 40)
        curves = group_curves(groups, margin, y, gain, rate=rate, weight=weight)
        every = [cuts_at(curves, places) for places in product(*[range(each.cuts.size) for each in curves.values()])]
        allowed = max(each.value for each in every if each.gap <= within + 1e-9)
        found = best_cuts(curves, within=within)
        assert found.value == pytest.approx(allowed)
        assert found.gap <= within + 1e-9


def test_cuts_mean_what_they_say() -> None:
    """Acting wherever the margin reaches the cut of its group gives the rates and the value that were told."""
    groups, margin, y, gain = world(3000, 0, ties=False)
    found = best_cuts(group_curves(groups, margin, y, gain, rate="recall"), within=0.02)
    acted = margin >= np.array(found.cuts)[np.searchsorted(found.groups, groups)]
    rates = [acted[(groups == name) & (y > 0)].mean() for name in found.groups]
    assert np.allclose(rates, found.rates)
    assert gain[acted].sum() == pytest.approx(found.value)
    assert found.gap <= 0.02


def test_nothing_done_acts_from_the_threshold_on() -> None:
    """With its gap and its value; mitigation starts from there."""
    groups, margin, y, gain = world(3000, 1)
    found = uncut(group_curves(groups, margin, y, gain, rate="selection_rate"))
    assert found.cuts == (0.0, 0.0, 0.0)
    assert found.value == pytest.approx(gain[margin >= 0].sum())
    assert found.rates == tuple((margin >= 0)[groups == name].mean() for name in found.groups)


def test_a_group_without_positives_has_no_recall() -> None:
    """It is left out rather than counted as equal or as zero."""
    curves = group_curves(["a", "a", "b"], [0.1, -0.1, 0.3], [1, 0, 0], [1.0, -1.0, -1.0], rate="recall")
    assert list(curves) == ["a"]


def test_what_cannot_be_asked_is_refused() -> None:
    """A rate that thresholds do not make alike, a limit that is no share, and nobody at all."""
    with pytest.raises(DataError, match="precision"):
        group_curves(["a"], [0.1], [1], [1.0], rate="precision")
    with pytest.raises(DataError, match="within"):
        best_cuts(group_curves(["a"], [0.1], [1], [1.0], rate="recall"), within=2)
    with pytest.raises(DataError, match="No group"):
        best_cuts({}, within=0.1)


def test_the_price_of_a_smaller_gap_never_falls() -> None:
    """The frontier is a frontier: allowing more inequality is never worth less."""
    groups, margin, y, gain = world(2000, 2, ties=False)
    curves = group_curves(groups, margin, y, gain, rate="selection_rate")
    values = [best_cuts(curves, within=within).value for within in np.linspace(0, 1, 21)]
    assert np.all(np.diff(values) >= 0)
    assert pareto([0.0, 0.5, 0.5], [1.0, 1.0, 2.0]).tolist() == [True, False, True]


FAIRLEARN = {
    "selection_rate": (0.719618084313067, 0.2995),
    "recall": (0.7196335058590771, 0.52925),
    "false_positive_rate": (0.7195963844768171, 0.15925),
}
"""Accuracy and common rate of fairlearn 0.15.0 on the rows below: ThresholdOptimizer, accuracy_score, grid of 4000."""


@pytest.mark.parametrize("rate", list(FAIRLEARN))
def test_fairlearn_finds_the_same_rates_and_draws_lots_for_a_little_more(rate: str) -> None:
    """Groups act as often as its optimiser lets them; lots between two thresholds buy it less than half a percent."""
    rng = np.random.default_rng(7)
    n = 4000
    groups = rng.choice(["a", "b"], n, p=[0.6, 0.4])
    p = rng.beta(1.5, 2.5, n)
    y = (rng.random(n) < p).astype(int)
    score = np.where(groups == "b", p * 0.6, p)
    found = best_cuts(group_curves(groups, score - 0.5, y, np.where(y > 0, 1.0, -1.0), rate=rate), within=0.005)
    accuracy, shared = (found.value + (y == 0).sum()) / n, FAIRLEARN[rate]
    assert shared[0] - 0.005 < accuracy <= shared[0]
    assert found.rates == pytest.approx((shared[1],) * 2, abs=0.01)
