"""Distances equal scipy's, and tests on samples of one distribution alarm as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from setpoint.core.errors import DataError
from setpoint.measure.distance import (
    align,
    chi2_homogeneity,
    dispersion_of,
    hellinger,
    js,
    ks,
    ks_binned,
    pool_rare,
    psi,
    wasserstein,
    wasserstein_binned,
)

A = np.round(np.random.default_rng(1).normal(size=700), 2)
B = np.round(np.random.default_rng(2).normal(0.1, 1.1, size=400), 2)
EDGES = np.linspace(-4, 4, 41)
HIST_A, HIST_B = np.histogram(A, EDGES)[0], np.histogram(B, EDGES)[0]


def test_ks_is_that_of_scipy() -> None:
    """The statistic is exact with ties, the p-value within 1.5 % of the exact one from 25 rows on."""
    for size in (25, 100, 400):
        found, wanted = ks(A[:size], B[:size]), stats.ks_2samp(A[:size], B[:size], method="exact")
        assert found.statistic == pytest.approx(wanted.statistic)
        assert found.p_value == pytest.approx(wanted.pvalue, rel=0.015)


def test_ks_on_bins_sees_the_difference_at_the_edges() -> None:
    """It is at most that of the values, and equals it where every value has its bin."""
    assert ks_binned(HIST_A, HIST_B).statistic <= ks(A, B).statistic
    values = np.unique(np.concatenate([A, B]))
    counts = [np.bincount(np.searchsorted(values, part), minlength=values.size) for part in (A, B)]
    assert ks_binned(*counts) == pytest.approx(ks(A, B))


def test_chi2_is_that_of_scipy_where_nothing_is_pooled() -> None:
    """Statistic and p-value of the test of homogeneity, on samples of unlike size."""
    table = np.array([[120, 80, 40, 60], [40, 50, 22, 19]])
    wanted = stats.chi2_contingency(table, correction=False)
    assert chi2_homogeneity(*table) == pytest.approx((wanted.statistic, wanted.pvalue))


def test_wasserstein_is_that_of_scipy_per_deviation() -> None:
    """On values, and on histograms with positions."""
    assert wasserstein(A, B) == pytest.approx(stats.wasserstein_distance(A, B) / A.std())
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    spread = np.sqrt(np.cov(middles, fweights=HIST_A, ddof=0))
    wanted = stats.wasserstein_distance(middles, middles, HIST_A, HIST_B) / spread
    assert wasserstein_binned(HIST_A, HIST_B, middles) == pytest.approx(wanted)


def test_js_is_that_of_scipy_and_hellinger_that_of_its_definition() -> None:
    """Jensen-Shannon in bits, so that both lie between 0 and 1."""
    assert js(HIST_A, HIST_B) == pytest.approx(jensenshannon(HIST_A, HIST_B, base=2))
    a, b = HIST_A / HIST_A.sum(), HIST_B / HIST_B.sum()
    assert hellinger(HIST_A, HIST_B) == pytest.approx(np.sqrt(1 - np.sqrt(a * b).sum()))


def test_psi_is_that_of_its_definition_on_full_bins() -> None:
    """With large counts the half row added does not show; empty bins stay finite."""
    a, b = np.array([0.2, 0.5, 0.3]), np.array([0.3, 0.4, 0.3])
    assert psi(a * 1e7, b * 1e7) == pytest.approx(((a - b) * np.log(a / b)).sum(), rel=1e-5)
    assert np.isfinite(psi([10, 0], [0, 10]))


def test_chance_alone_gives_the_psi_that_its_text_states() -> None:
    """About 2 (k - 1) / n on average over 300 pairs of 20 bins and 2,000 rows."""
    rng = np.random.default_rng(3)
    pairs = rng.multinomial(2000, np.full(20, 0.05), size=(300, 2))
    assert np.mean([psi(*pair) for pair in pairs]) == pytest.approx(2 * 19 / 2000, rel=0.1)


@pytest.mark.parametrize("distance", [psi, js, hellinger])
def test_a_sample_has_no_distance_from_itself(distance) -> None:
    """Equal histograms, and equal shapes of any size for the bounded ones."""
    assert distance(HIST_A, HIST_A) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("levels", [3, 50, 1000])
@pytest.mark.parametrize("size", [1000, 10_000])
def test_chi2_alarms_as_often_as_stated_however_many_categories(levels: int, size: int) -> None:
    """About 5 % of 400 pairs of samples from one skewed distribution, where a one-sample test gives up to 100 %."""
    rng = np.random.default_rng(levels + size)
    shares = rng.dirichlet(np.full(levels, 0.5))
    reference = rng.multinomial(10_000, shares, size=400)
    current = rng.multinomial(size, shares, size=400)
    alarms = [chi2_homogeneity(a, b).p_value < 0.05 for a, b in zip(reference, current, strict=True)]
    assert 0.02 < np.mean(alarms) < 0.085


def test_ks_alarms_as_often_as_stated() -> None:
    """About 5 % of 600 pairs of samples; a little less on 100 bins."""
    rng = np.random.default_rng(5)
    values, binned = [], []
    edges = np.linspace(0, 1, 101)
    for _ in range(600):
        a, b = rng.random(300), rng.random(200)
        values.append(ks(a, b).p_value < 0.05)
        binned.append(ks_binned(np.histogram(a, edges)[0], np.histogram(b, edges)[0]).p_value < 0.05)
    assert 0.03 < np.mean(values) < 0.07
    assert 0.02 < np.mean(binned) <= np.mean(values)


def test_rare_levels_are_pooled_by_the_sum_of_both_rows() -> None:
    """No row is lost, the pool comes last, and it takes in the rarest other level if it is still too rare."""
    assert [part.tolist() for part in pool_rare([50, 2, 1, 40, 30], [50, 0, 1, 35, 20])] == [[50, 40, 33], [50, 35, 21]]
    a, b = np.random.default_rng(6).multinomial(500, np.random.default_rng(7).dirichlet(np.full(60, 0.3)), size=2)
    pooled = pool_rare(a, b)
    assert [part.sum() for part in pooled] == [500, 500]
    expected = (pooled[0] + pooled[1]) / 2
    assert expected.min() >= 5


def test_nothing_to_compare_is_no_alarm() -> None:
    """One level, an empty side, no values: the p-value is 1."""
    assert chi2_homogeneity([10], [20]).p_value == 1.0
    assert chi2_homogeneity([10, 20], [0, 0]).p_value == 1.0
    assert ks([], [1.0]).p_value == 1.0
    assert ks_binned([0, 0], [1, 1]).p_value == 1.0
    assert np.isnan(wasserstein([], [1.0]))


def test_categories_are_aligned_by_name() -> None:
    """Levels that only one side has count as zero on the other."""
    levels, a, b = align({"x": 5, "y": 2}, {"z": 1, "x": 4})
    assert (levels, a.tolist(), b.tolist()) == (["x", "y", "z"], [5, 2, 0], [4, 0, 1])


def test_dispersion_measures_what_a_stationary_past_varies_beyond_chance() -> None:
    """Windows of one distribution have about 1; windows whose shares wander have more, and then alarms stay rare."""
    rng = np.random.default_rng(8)
    still = rng.multinomial(2000, np.full(10, 0.1), size=40)
    wandering = [rng.multinomial(2000, rng.dirichlet(np.full(10, 200.0))) for _ in range(240)]
    assert dispersion_of(still) < 1.15
    past, new = wandering[:40], wandering[40:]
    phi = dispersion_of(past)
    assert 1.7 < phi < 2.4
    total = np.sum(past, axis=0)
    plain = [chi2_homogeneity(total, window).p_value < 0.05 for window in new]
    corrected = [chi2_homogeneity(total, window, dispersion=phi).p_value < 0.05 for window in new]
    assert np.mean(plain) > 0.3
    assert np.mean(corrected) < 0.09
    assert ks_binned(total, new[0], dispersion=phi).p_value > ks_binned(total, new[0]).p_value


def test_a_constant_reference_has_no_deviation_to_measure_in() -> None:
    """No move is 0, any move is infinite."""
    assert wasserstein([1.0, 1.0], [1.0]) == 0.0
    assert wasserstein([1.0, 1.0], [2.0]) == np.inf


def test_counts_that_do_not_fit_are_refused() -> None:
    """Other bins, negative counts, empty histograms, too few windows."""
    with pytest.raises(DataError, match="same bins"):
        ks_binned([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="A count is -1"):
        psi([1, -1], [1, 1])
    with pytest.raises(DataError, match="empty"):
        js([0, 0], [1, 1])
    with pytest.raises(DataError, match="one per bin"):
        wasserstein_binned([1, 2], [1, 2], [0.0])
    with pytest.raises(DataError, match="at least 3 windows"):
        dispersion_of([[1, 2]])
