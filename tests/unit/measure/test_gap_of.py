"""The gap between groups of any statistic: the same as that of a metric of two classes, and honest about noise."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.measure.draws import gap_of
from setpoint.measure.slices import gap
from setpoint.measure.statistic import Sums, mean_of


def of_groups(values: np.ndarray, groups: np.ndarray) -> list[Sums]:
    """The mean of each group."""
    return [mean_of(values, (groups == each).astype(float)) for each in np.unique(groups)]


def test_it_is_the_gap_of_a_metric_that_is_a_mean() -> None:
    """The log loss by group, on the same draws."""
    rng = np.random.default_rng(0)
    p, groups, day = rng.uniform(0.05, 0.95, 3000), rng.choice(["a", "b", "c"], 3000), rng.integers(0, 60, 3000)
    y = (rng.random(3000) < np.where(groups == "c", 1 - p, p)).astype(float)
    losses = -np.log(np.where(y > 0, p, 1 - p))
    ours = gap_of(of_groups(losses, groups), cluster=day, seed=1, level=0.9)
    theirs = gap("log_loss", y, p, groups, cluster=day, seed=1, level=0.9)
    assert ours.estimate == pytest.approx(theirs.estimate)
    assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    assert ours.low > 0.2


def test_equal_groups_are_rarely_called_unequal() -> None:
    """A lower bound above 0 comes in about one of twenty."""
    called = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups, day = rng.integers(0, 4, 1200), rng.integers(0, 60, 1200)
        errors = rng.exponential(size=1200) + rng.exponential(size=60)[day]
        called += gap_of(of_groups(errors, groups), cluster=day, draws=200, seed=seed, level=0.9).low > 0
    assert called <= 18  # of 200, of which 10 are expected; 18 is beyond the 99th percentile


def test_one_group_has_no_gap() -> None:
    """There is nothing to compare it with."""
    assert np.isnan(gap_of(of_groups(np.ones(100), np.zeros(100))).estimate)


def test_groups_without_an_error_are_not_certain() -> None:
    """Of shares that are 1 on all rows, the upper bound says how large a gap may still be."""
    found = gap_of(of_groups(np.ones(400), np.repeat([0, 1], 200)), lower=0.0, upper=1.0)
    assert found.estimate == found.low == 0.0
    assert 0.005 < found.high < 0.1
