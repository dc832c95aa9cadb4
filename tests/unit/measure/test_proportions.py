"""Shares and counts: published values, scipy as a second implementation, and honest rates of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from setpoint.measure.proportions import clustered_share, out_of_range, rate_change, unanimous, wilson


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_intervals_of_newcombe(events: int, n: int, low: float, high: float) -> None:
    """The four examples of Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3."""
    found = wilson(events / n, n)
    assert (float(found[0]), float(found[1])) == pytest.approx((low, high), abs=5e-5)


def test_nothing_observed_bounds_nothing() -> None:
    """A share of no rows lies anywhere."""
    low, high = wilson([0.0], [0])
    assert low[0] == pytest.approx(0, abs=1e-6)
    assert high[0] == pytest.approx(1, abs=1e-6)


def test_independent_rows_have_about_wilsons_interval() -> None:
    """With every row its own cluster the effective sample size is the sample size."""
    hits = (np.arange(300) < 60) * 1.0
    found = clustered_share(hits, np.ones(300), codes=np.arange(300), clusters=300)
    low, high = wilson(0.2, 300)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=1e-3)


def test_copied_rows_do_not_add_evidence() -> None:
    """Every row ten times in a cluster gives the interval of the rows once."""
    hits = (np.arange(60) < 12) * 1.0
    once = clustered_share(hits, np.ones(60), codes=np.arange(60), clusters=60)
    codes = np.repeat(np.arange(60), 10)
    copied = clustered_share(np.repeat(hits, 10), np.ones(600), codes=codes, clusters=60)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), rel=1e-9)
    assert (copied.n, copied.clusters) == (600, 60)


def test_a_unanimous_share_is_not_certain() -> None:
    """Five positives of five leave room, and a hundred rows of five customers leave as much."""
    rows = clustered_share(np.ones(5), np.ones(5), codes=np.arange(5), clusters=5)
    customers = clustered_share(np.ones(100), np.ones(100), codes=np.arange(100) % 5, clusters=5)
    assert rows.low == pytest.approx(float(wilson(1.0, 5)[0]))
    assert customers.low == pytest.approx(rows.low)


def test_one_cluster_bounds_nothing() -> None:
    """Many rows of one customer say nothing about customers."""
    found = clustered_share(np.arange(10) % 2 * 1.0, np.ones(10), codes=np.zeros(10, dtype=int), clusters=1)
    assert found.estimate == 0.5
    assert np.isnan([found.low, found.high]).all()


def test_bounds_of_clustered_shares_miss_as_often_as_stated() -> None:
    """With customers of unlike rates, 90 % intervals hold the true rate about 90 % of the time."""
    rng = np.random.default_rng(4)
    codes, held = np.repeat(np.arange(40), 20), []
    for _ in range(600):
        rate = rng.beta(2, 6, 40)
        hits = (rng.random(800) < rate[codes]) * 1.0
        found = clustered_share(hits, np.ones(800), codes=codes, clusters=40, level=0.9)
        held.append(found.low <= 0.25 <= found.high)
    assert 0.87 < np.mean(held) < 0.93


@pytest.mark.parametrize("table", [(3, 1, 1, 3), (1, 9, 8, 2), (0, 50, 4, 46), (700, 300, 650, 350), (9, 0, 7, 2)])
@pytest.mark.parametrize(("side", "alternative"), [("two", "two-sided"), ("greater", "greater"), ("less", "less")])
def test_rate_change_is_fishers_exact_test(table, side, alternative) -> None:
    """The lady tasting tea and other tables, against scipy."""
    events, others, events_now, others_now = table
    wanted = stats.fisher_exact([[events_now, others_now], [events, others]], alternative=alternative).pvalue
    found = rate_change(events, events + others, events_now, events_now + others_now, side=side)
    assert found.p_value == pytest.approx(wanted, rel=1e-9)


def test_large_counts_go_over_into_the_normal_test() -> None:
    """Just above and below the switch the p-values agree."""
    below = rate_change(24_000, 480_000, 25_900, 508_000)
    above = rate_change(48_000, 960_000, 51_800, 1_016_000)
    z = stats.norm.isf(below.p_value / 2) * np.sqrt(2)
    assert stats.norm.isf(above.p_value / 2) == pytest.approx(z, abs=0.02)
    one_sided = rate_change(48_000, 960_000, 51_800, 1_016_000, side="greater").p_value
    assert one_sided == pytest.approx(above.p_value / 2)
    assert rate_change(48_000, 960_000, 51_800, 1_016_000, side="less").p_value == pytest.approx(1 - one_sided)


def test_an_empty_side_shows_nothing() -> None:
    """Without rows on one side there is no change to see."""
    assert rate_change(3, 10, 0, 0).p_value == 1.0


@pytest.mark.parametrize(("n", "m", "outside"), [(100, 50, 3), (1000, 1000, 9), (20, 500, 60), (5, 5, 5), (50, 10, 1)])
def test_values_out_of_range_are_beta_binomial(n: int, m: int, outside: int) -> None:
    """The closed form equals the tail sum of scipy's distribution, beyond one end and beyond both."""
    assert out_of_range(n, m, outside) == pytest.approx(stats.betabinom(m, 2, n - 1).sf(outside - 1), rel=1e-8)
    assert out_of_range(n, m, outside, sides=1) == pytest.approx(stats.betabinom(m, 1, n).sf(outside - 1), rel=1e-8)


def test_impossible_and_trivial_counts_out_of_range() -> None:
    """None outside is always seen, more than there are never."""
    assert out_of_range(10, 5, 0) == 1.0
    assert out_of_range(10, 5, 6) == 0.0


def test_out_of_range_alarms_are_as_rare_as_stated_for_any_distribution() -> None:
    """Heavy tails or not: 3,000 pairs of samples raise at most 1 % alarms at 1 %."""
    rng = np.random.default_rng(8)
    reference, current = rng.standard_cauchy((3000, 80)), rng.standard_cauchy((3000, 60))
    below = current < reference.min(axis=1, keepdims=True)
    above = current > reference.max(axis=1, keepdims=True)
    counts = (below | above).sum(axis=1)
    limit = next(k for k in range(60) if out_of_range(80, 60, k) < 0.01)
    assert 0.5 * out_of_range(80, 60, limit) < (counts >= limit).mean() < 0.0135


def test_unanimous_bounds_point_inwards() -> None:
    """A value at either end of its range is bounded from the other side only."""
    low, high = unanimous(0.9, 3, estimate=1.0, lower=0.0, upper=1.0)
    assert (low, high) == pytest.approx((0.3684, 1.0), abs=1e-4)
    assert unanimous(0.9, 3, estimate=0.0, lower=0.0, upper=1.0) == pytest.approx((0.0, 1 - low))
    assert unanimous(0.9, 3, estimate=0.4, lower=0.0, upper=1.0) == (0.4, 0.4)
