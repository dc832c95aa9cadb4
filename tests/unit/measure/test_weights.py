"""Weights of rows: repetition, scikit-learn, and a sample that stands for its population by one over its chances."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import interval, paired_difference
from setpoint.measure.calibration import ece, reliability
from setpoint.measure.calibration_choice import choose_calibration
from setpoint.measure.calibrators import FITTERS, fit_isotonic
from setpoint.measure.fairness import fairness_gaps, group_rates
from setpoint.measure.metrics import METRICS
from setpoint.measure.rows import effective
from setpoint.measure.slices import by_group, gap

RNG = np.random.default_rng(11)
N = 400
SCORE = np.round(RNG.beta(1, 2, N), 2)
OUTCOME = (RNG.random(N) < SCORE).astype(float)
TIMES = RNG.integers(0, 4, N)
WEIGHT = TIMES.astype(float)
GROUP = RNG.choice(["a", "b", "c"], N)
DAY = RNG.integers(0, 40, N)


def twice(values: np.ndarray) -> np.ndarray:
    """Each value as often as its weight says."""
    return np.repeat(values, TIMES)


@pytest.mark.parametrize("metric", METRICS)
def test_an_estimate_with_weights_is_that_of_repeated_rows(metric: str) -> None:
    """For whole weights, of a metric and of a difference of two models."""
    found = interval(metric, OUTCOME, SCORE, weight=WEIGHT, cluster=DAY, draws=20)
    again = interval(metric, twice(OUTCOME), twice(SCORE), cluster=twice(DAY), draws=20)
    assert found.estimate == pytest.approx(again.estimate, rel=1e-12)
    other = np.roll(SCORE, 1)
    gained = paired_difference(metric, OUTCOME, SCORE, other, weight=WEIGHT, cluster=DAY, draws=20)
    repeated = paired_difference(metric, twice(OUTCOME), twice(SCORE), twice(other), cluster=twice(DAY), draws=20)
    assert gained.estimate == pytest.approx(repeated.estimate, rel=1e-9)


@pytest.mark.parametrize("metric", ["auc", "average_precision", "log_loss", "brier", "ece", "recall", "accuracy"])
def test_bounds_with_weights_are_those_of_repeated_rows_of_a_cluster(metric: str) -> None:
    """A row and its copies are one cluster, so that copies add no evidence: the same draws, the same bounds."""
    found = interval(metric, OUTCOME, SCORE, weight=WEIGHT, cluster=DAY, draws=60, seed=3)
    again = interval(metric, twice(OUTCOME), twice(SCORE), cluster=twice(DAY), draws=60, seed=3)
    assert (found.low, found.high) == pytest.approx((again.low, again.high), rel=1e-9)
    assert found.clusters == again.clusters


@pytest.mark.parametrize("metric", METRICS)
def test_rows_without_weight_change_no_bound(metric: str) -> None:
    """They are no evidence: an interval counts neither them nor clusters that hold nothing else."""
    kept = WEIGHT > 0
    found = interval(metric, OUTCOME, SCORE, weight=WEIGHT, draws=40)
    alone = interval(metric, OUTCOME[kept], SCORE[kept], weight=WEIGHT[kept], draws=40)
    assert found == alone


def test_slices_gaps_and_rates_of_groups_carry_weights() -> None:
    """Their values are those of repeated rows."""
    slices = by_group("log_loss", OUTCOME, SCORE, GROUP, weight=WEIGHT, draws=20)
    again = by_group("log_loss", twice(OUTCOME), twice(SCORE), twice(GROUP), draws=20)
    values = [(part.group, part.interval.estimate, part.shortfall) for part in slices]
    assert [name for name, *_ in values] == ["a", "b", "c"]
    wanted = [(part.group, part.interval.estimate, part.shortfall) for part in again]
    for one, other in zip(values, wanted, strict=True):
        assert one[1:] == pytest.approx(other[1:], rel=1e-9)
    widest = gap("recall", OUTCOME, SCORE, GROUP, weight=WEIGHT, draws=20, threshold=0.3)
    repeated = gap("recall", twice(OUTCOME), twice(SCORE), twice(GROUP), draws=20, threshold=0.3)
    assert widest.estimate == pytest.approx(repeated.estimate, rel=1e-9)
    rates = group_rates(OUTCOME, SCORE, GROUP, weight=WEIGHT)
    plain = group_rates(twice(OUTCOME), twice(SCORE), twice(GROUP))
    for part, whole in zip(rates, plain, strict=True):
        assert part.rates["recall"].estimate == pytest.approx(whole.rates["recall"].estimate)
        assert part.rates["base_rate"].estimate == pytest.approx(whole.rates["base_rate"].estimate)
    gaps = fairness_gaps(OUTCOME, SCORE, GROUP, weight=WEIGHT, draws=20, threshold=0.3)
    assert gaps["equal_opportunity"].estimate == pytest.approx(widest.estimate)


@pytest.mark.parametrize("kind", FITTERS)
def test_a_calibrator_with_weights_is_that_of_repeated_rows(kind: str) -> None:
    """Every map, at every score."""
    grid = np.linspace(0, 1, 51)
    weighted = FITTERS[kind](OUTCOME, SCORE, weight=WEIGHT).apply(grid)
    assert weighted == pytest.approx(FITTERS[kind](twice(OUTCOME), twice(SCORE)).apply(grid), abs=1e-6)


def test_the_choice_of_a_calibration_carries_weights() -> None:
    """Gains on the newest rows are means by weight; copies are alike, so they are clusters and no more evidence."""
    at = np.sort(np.random.default_rng(2).integers(0, 10_000, N))
    boasting = SCORE**2 / (SCORE**2 + (1 - SCORE) ** 2)
    found = choose_calibration(OUTCOME, boasting, at, cluster=at // 250, weight=WEIGHT + 1, newest=0.5)
    times = TIMES + 1
    y, p, t = (np.repeat(values, times) for values in (OUTCOME, boasting, at))
    older, newer = at < np.partition(at, N // 2)[N // 2], t < np.partition(at, N // 2)[N // 2]
    assert found.fitted == older.sum()
    share = 1 - newer.mean()
    again = choose_calibration(y, p, t, cluster=t // 250, newest=share)
    assert found.map.kind == again.map.kind
    assert [trial.gain for trial in found.trials] == pytest.approx([trial.gain for trial in again.trials], abs=2e-3)


def test_the_reliability_table_is_scikit_learns_calibration_curve_of_repeated_rows() -> None:
    """Same bins, same mean scores, same rates: the bins carry equal weight."""
    score = np.linspace(0.001, 0.999, N)[np.random.default_rng(2).permutation(N)]
    times = np.repeat([1, 3], N // 2)[np.argsort(np.argsort(score)) % N]
    table = reliability(OUTCOME, score, weight=times, bins=8)
    repeated = reliability(np.repeat(OUTCOME, times), np.repeat(score, times), bins=8)
    assert [row.mean_p for row in table] == pytest.approx([row.mean_p for row in repeated])
    assert [row.rate for row in table] == pytest.approx([row.rate for row in repeated])
    rate, mean = calibration_curve(np.repeat(OUTCOME, times), np.repeat(score, times), n_bins=8, strategy="quantile")
    assert [row.mean_p for row in table] == pytest.approx(mean, abs=0.01)
    assert [row.rate for row in table] == pytest.approx(rate, abs=0.06)


def test_isotonic_regression_with_weights_is_scikit_learns() -> None:
    """The values at the knots, but for the two ends that are kept off 0 and 1."""
    positive = WEIGHT > 0
    theirs = IsotonicRegression().fit(SCORE[positive], OUTCOME[positive], sample_weight=WEIGHT[positive])
    ours = fit_isotonic(OUTCOME, SCORE, weight=WEIGHT)
    inner = np.array(ours.knots)[(np.array(ours.parameters) > 0.02) & (np.array(ours.parameters) < 0.98)]
    assert inner.size > 10
    assert ours.apply(inner) == pytest.approx(theirs.predict(inner), abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        ("auc", reference.roc_auc_score),
        ("average_precision", reference.average_precision_score),
        ("log_loss", reference.log_loss),
        ("brier", reference.brier_score_loss),
    ],
)
def test_fractions_as_weights_are_taken_as_scikit_learn_takes_them(metric: str, theirs) -> None:
    """Weights need not be whole numbers."""
    weight = np.random.default_rng(2).gamma(0.5, 2, N)
    found = METRICS[metric].function(OUTCOME, SCORE, weight)
    assert found == pytest.approx(theirs(OUTCOME, SCORE, sample_weight=weight), rel=1e-9)


def test_equal_weights_are_no_weights_and_unequal_ones_are_fewer_rows() -> None:
    """Kish's effective number: all rows where weights are equal, about half where they are exponential."""
    assert effective(np.full(50, 7.0)) == pytest.approx(50)
    weight = np.random.default_rng(0).exponential(size=100_000)
    assert effective(weight) == pytest.approx(50_000, rel=0.02)


def test_a_share_of_unequal_weights_has_the_interval_of_the_effective_number() -> None:
    """The design effect that Kish (1965) gives a share, for weights that have nothing to do with the outcome."""
    rng = np.random.default_rng(4)
    y, weight = (rng.random(6000) < 0.3).astype(float), rng.exponential(size=6000)
    found = interval("base_rate", y, np.zeros(6000), weight=weight)
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * np.sqrt(0.3 * 0.7 / effective(weight)), rel=0.05)


def test_unanimous_rows_of_unequal_weight_bound_less() -> None:
    """All right, one row ten times the others: the bound is lower than with equal weights, and than for all rows."""
    y, p = np.array([1.0, 0.0] * 15), np.array([0.9, 0.1] * 15)
    weight = np.where(np.arange(30) == 0, 40.0, 1.0)
    for metric in ("auc", "accuracy", "average_precision"):
        assert interval(metric, y, p, weight=weight, draws=30).low < interval(metric, y, p, draws=30).low


def population(n: int = 60_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes and scores, good for one half of the rows and boasting for the other, and each row's chance."""
    rng = np.random.default_rng(21)
    hard = rng.random(n) < 0.5
    odds = rng.normal(-1.5, 1.2, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    score = 1 / (1 + np.exp(-np.where(hard, 0.3 * odds + rng.normal(0, 1, n), odds)))
    chance = np.where(hard, 0.16, 0.02) * np.where(y > 0, 1.5, 1.0)
    return y, score, chance


@pytest.mark.parametrize(
    "metric", ["auc", "average_precision", "log_loss", "brier", "ece", "recall", "precision", "base_rate"]
)
def test_a_sample_weighted_by_its_chances_gives_the_metric_of_the_population(metric: str) -> None:
    """Over 60 samples of unequal chances the weighted mean is within its error; unweighted it is far outside."""
    y, score, chance = population()
    truth = METRICS[metric].function(y, score)
    rng, found, naive = np.random.default_rng(5), [], []
    for _ in range(60):
        taken = rng.random(y.size) < chance
        found.append(METRICS[metric].function(y[taken], score[taken], 1 / chance[taken]))
        naive.append(METRICS[metric].function(y[taken], score[taken]))
    error = np.std(found) / np.sqrt(60)
    # noise adds to the ece of any sample: about 15 bins' worth, which is not what weights are there to undo
    slack = 0.005 if metric == "ece" else 0.0
    assert abs(np.mean(found) - truth) < 3.5 * error + slack
    assert abs(np.mean(naive) - truth) > 8 * error


@pytest.mark.parametrize("metric", ["auc", "recall", "log_loss", "brier"])
def test_the_interval_of_a_weighted_sample_covers_the_population(metric: str) -> None:
    """Of 100 samples about 95 % of the 95 % intervals hold the population's value; of unweighted ones few do."""
    y, score, chance = population(20_000)
    truth = METRICS[metric].function(y, score)
    rng, held, naive = np.random.default_rng(6), 0, 0
    for k in range(100):
        taken = rng.random(y.size) < chance
        one = interval(metric, y[taken], score[taken], weight=1 / chance[taken], draws=60, seed=k)
        other = interval(metric, y[taken], score[taken], draws=60, seed=k)
        held += one.low <= truth <= one.high
        naive += other.low <= truth <= other.high
    assert held / 100 >= 0.9
    assert naive / 100 < 0.5


def test_the_calibration_error_of_a_weighted_sample_is_bins_of_equal_weight() -> None:
    """A sample that took nine in ten of the high scores has the population's bins, not its own."""
    rng = np.random.default_rng(8)
    score = rng.random(40_000)
    y = (rng.random(40_000) < np.where(score > 0.5, score - 0.2, score)).astype(float)
    taken = rng.random(40_000) < np.where(score > 0.5, 0.9, 0.1)
    weight = np.where(score[taken] > 0.5, 1 / 0.9, 10.0)
    assert ece(y, score) == pytest.approx(0.1, abs=0.01)
    assert ece(y[taken], score[taken], weight=weight) == pytest.approx(0.1, abs=0.015)
    assert ece(y[taken], score[taken]) > 0.15


def test_labels_of_groups_and_clusters_must_match_the_rows_that_were_given() -> None:
    """Also where some rows have no weight and are left out."""
    weight = [1.0, 0.0, 1.0]
    with pytest.raises(DataError, match="3 rows and 2"):
        interval("auc", [1, 0, 1], [0.1, 0.2, 0.3], weight=weight, cluster=[1, 2])
    with pytest.raises(DataError, match="3 rows and 2"):
        by_group("auc", [1, 0, 1], [0.1, 0.2, 0.3], ["a", "b"], weight=weight)
