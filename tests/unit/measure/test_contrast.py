"""Means inside against outside: values, intervals that cover, and what cannot be told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from setpoint.core.errors import DataError
from setpoint.measure.contrast import contrast


def test_without_clusters_it_is_nearly_the_test_of_welch() -> None:
    """The p-value and the interval agree with scipy's to a few thousandths, on many rows."""
    rng = np.random.default_rng(0)
    inside = rng.random(3000) < 0.3
    values = rng.normal(1.0, 1.0, 3000) + inside * rng.normal(0.1, 1.0, 3000)
    found = contrast(values, inside)
    wanted = ttest_ind(values[inside], values[~inside], equal_var=False)
    bounds = wanted.confidence_interval(0.95)
    assert found.difference.low == pytest.approx(bounds.low, abs=2e-3)
    assert found.difference.high == pytest.approx(bounds.high, abs=2e-3)
    assert found.moments.above(1.0) == pytest.approx(wanted.pvalue / 2, rel=0.05)


def test_its_intervals_cover_with_few_clusters_of_unlike_sizes() -> None:
    """The ratio and the difference are in their 95 % intervals in about that share of worlds; rows of a day are alike.

    A hundred rows in each of twenty days whose means differ, a quarter of them inside; 600 worlds.
    """
    rng = np.random.default_rng(1)
    held = np.zeros(2)
    for _ in range(600):
        day = rng.integers(0, 20, 1500)
        inside = rng.random(1500) < 0.25
        mean = (1.0 + inside) * rng.gamma(40, 1 / 40, 20)[day]
        found = contrast(rng.exponential(mean), inside, cluster=day)
        held += [
            found.ratio.low <= 2.0 <= found.ratio.high,
            found.difference.low <= 1.0 <= found.difference.high,
        ]
    assert (held / 600 > 0.93).all()
    assert (held / 600 < 0.98).all()


def test_a_bound_of_the_ratio_is_where_its_test_turns() -> None:
    """A mean is shown above so many times the other exactly where the ratio's lower bound is above that."""
    rng = np.random.default_rng(2)
    inside = rng.random(800) < 0.2
    found = contrast(rng.exponential(1 + inside), inside, level=0.9)
    assert found.moments.above(found.ratio.low) == pytest.approx(0.05)
    assert 1 - found.moments.above(found.ratio.high) == pytest.approx(0.05)


def test_weights_count_as_rows() -> None:
    """The means are those of the rows repeated; the interval is not narrower for it."""
    values, inside = np.array([1.0, 2.0, 5.0, 1.0, 2.0, 2.0]), np.array([True, True, True, False, False, False])
    found = contrast(values, inside, weight=np.array([1, 1, 2, 1, 1, 1]))
    assert found.inside == pytest.approx(13 / 4)
    assert found.difference.high - found.difference.low > 2
    assert found.to_dict()["n"] == 3


@pytest.mark.parametrize("cluster", [[0, 0, 0, 0], [0, 0, 1, 1]])
def test_one_day_cannot_bound(cluster: list[int]) -> None:
    """Where the inner rows are of one cluster the estimate is there and its bounds are not."""
    found = contrast([1.0, 2.0, 3.0, 4.0], np.array([True, True, False, False]), cluster=cluster)
    assert found.difference.estimate == -2.0
    assert math.isnan(found.difference.low)
    assert math.isnan(found.moments.above(1.0))
    assert found.to_dict()["difference"]["low"] is None


def test_a_group_of_all_rows_has_nothing_to_compare_with() -> None:
    """Its own mean is there."""
    found = contrast([1.0, 3.0], np.array([True, True]))
    assert found.inside == 2.0
    assert math.isnan(found.difference.estimate)
    assert found.to_dict()["outside"] is None


def test_a_mask_that_does_not_fit_is_refused() -> None:
    """One truth value per row."""
    with pytest.raises(DataError, match="a mask of 2 int64"):
        contrast([1.0, 2.0], np.array([0, 1]))
