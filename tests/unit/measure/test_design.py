"""Design-based estimates: textbook values, and intervals that hold as often as they say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.data.samples.chosen import convenience, judgement, quota, snowball
from setpoint.data.samples.frame import FIXED, Frame
from setpoint.data.samples.groups import by_group
from setpoint.data.samples.sample import Sample, everything, sample_of, simple
from setpoint.data.samples.strata import by_time, newest, stratified
from setpoint.data.samples.target import importance, rejection
from setpoint.data.samples.weighted import chances_of, poisson, pps, weighted
from setpoint.measure.design import mean_alone, mean_of, ratio_of, share_of, total_of, variance_of
from setpoint.measure.intervals import Interval
from setpoint.measure.metrics import METRICS


def with_moments(n: int, mean: float, variance: float) -> np.ndarray:
    """Some n numbers of exactly this mean and sample variance."""
    raw = np.random.default_rng(n).normal(size=n)
    return mean + (raw - raw.mean()) / raw.std(ddof=1) * np.sqrt(variance)


def standard_error(found: Interval, sample: Sample, values: np.ndarray) -> float:
    """The standard error behind a total."""
    assert found.estimate == pytest.approx((sample.weight * values).sum())
    return float(np.sqrt(variance_of(sample, values)))


# Published values.


def test_a_simple_random_sample_of_farms() -> None:
    """Lohr (2010), "Sampling: Design and Analysis", example 2.5: 300 of 3,078 counties, SE 18,898.43 acres."""
    sample = simple(3078, 300, seed=1)
    found = mean_of(sample, with_moments(300, 297_897.0, 344_551.9**2), level=0.95)
    assert found.estimate == pytest.approx(297_897.0)
    quantile = 1.967929669
    assert (found.high - found.estimate) / quantile == pytest.approx(18_898.43, rel=1e-6)


def test_a_stratified_sample_of_farms() -> None:
    """Lohr (2010), example 3.2: four regions, total 909,736,034, SE 50,417,248."""
    regions = {
        "NC": (1054, 103, 300_504.16, 29_618_183_543),
        "NE": (220, 21, 97_629.81, 7_647_472_708),
        "S": (1382, 135, 211_315.04, 53_587_487_856),
        "W": (422, 41, 662_295.51, 396_185_950_266),
    }
    values = np.concatenate([with_moments(n, mean, variance) for _, n, mean, variance in regions.values()])
    stratum = np.repeat(np.arange(4), [region[1] for region in regions.values()])
    chances = np.repeat([n / size for size, n, _, _ in regions.values()], [region[1] for region in regions.values()])
    sample = sample_of(np.arange(300), chances, Frame("stratified", FIXED, 3078, 300), stratum=stratum)
    found = total_of(sample, values)
    assert found.estimate == pytest.approx(909_736_034, rel=1e-6)
    assert standard_error(found, sample, values) == pytest.approx(50_417_248, rel=1e-6)


def test_a_cluster_sample_of_suites() -> None:
    """Lohr (2010), example 5.2: grades in 5 of 100 suites of four, mean 2.826, SE 0.164."""
    suites = [
        [3.08, 2.60, 3.44, 3.04],
        [2.36, 3.04, 3.28, 2.68],
        [2.00, 2.56, 2.52, 1.88],
        [3.00, 2.88, 3.44, 3.64],
        [2.68, 1.92, 3.28, 3.20],
    ]
    sample = by_group(np.repeat(np.arange(100), 4), 5, seed=1)
    found = mean_of(sample, np.array(suites).ravel())
    assert found.estimate == pytest.approx(2.826)
    assert (found.high - found.estimate) / 2.776445 == pytest.approx(0.164, abs=5e-4)
    assert (found.n, found.clusters) == (20, 5)


# A second implementation: every sample that could have been drawn.


def test_the_variance_is_that_over_all_possible_samples() -> None:
    """Over all simple samples of 4 of 8 rows, the mean of the estimated variances is the variance of the totals."""
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    samples = [
        sample_of(np.array(rows), np.full(4, 0.5), Frame("simple", FIXED, 8, 4)) for rows in combinations(range(8), 4)
    ]
    totals = [total_of(sample, values[sample.index]).estimate for sample in samples]
    assert np.mean(totals) == pytest.approx(values.sum())
    estimated = [variance_of(sample, values[sample.index]) for sample in samples]
    assert np.mean(estimated) == pytest.approx(np.var(totals))


def test_independent_draws_have_the_variance_of_all_outcomes() -> None:
    """Over all 32 outcomes of five draws with their own chances, the estimated variance is unbiased."""
    values, chances = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([0.2, 0.9, 0.5, 1.0, 0.4])
    mean = squares = estimated = 0.0
    for outcome in range(32):
        taken = np.array([bool(outcome >> place & 1) for place in range(5)])
        likely = float(np.where(taken, chances, 1 - chances).prod())
        if likely == 0:
            continue
        rows = np.flatnonzero(taken)
        sample = sample_of(rows, chances[rows], Frame("poisson", "independent", 5, rows.size))
        total = float((sample.weight * values[rows]).sum())
        mean, squares = mean + likely * total, squares + likely * total**2
        estimated += likely * variance_of(sample, values[rows])
    assert mean == pytest.approx(values.sum())
    assert estimated == pytest.approx(squares - mean**2)


# Intervals by simulation.

RNG = np.random.default_rng(11)
N = 4000
GROUP = RNG.integers(0, 100, N)
SIZE = RNG.gamma(2, 1, N) + 0.2
AT = RNG.integers(0, 20 * DAY, N)
VALUES = 5 + 2 * SIZE + RNG.normal(size=100)[GROUP] + (AT / DAY) * 0.2 + RNG.exponential(1, N)
STRATUM = np.digitize(SIZE, [1, 2, 4])
DESIGNS: dict[str, Callable[[int], Sample]] = {
    "simple": lambda seed: simple(N, 150, seed=seed),
    "stratified": lambda seed: stratified(STRATUM, 150, seed=seed),
    "neyman": lambda seed: stratified(STRATUM, 150, allocation="neyman", spread=VALUES, seed=seed),
    "weighted": lambda seed: weighted(SIZE, 150, seed=seed),
    "pps": lambda seed: pps(SIZE, 150, seed=seed),
    "poisson": lambda seed: poisson(chances_of(SIZE, 150), seed=seed),
    "time": lambda seed: by_time(AT, 160, seed=seed),
    "newest": lambda seed: newest(AT, 150, half_life="10d", seed=seed),
    "group": lambda seed: by_group(GROUP, 25, seed=seed),
    "group of few rows": lambda seed: by_group(GROUP, 25, rows_each=8, seed=seed),
}


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_95_percent_interval_holds_19_times_of_20(kind: str) -> None:
    """Over 400 samples of a skewed population the interval of the mean covers it in 92 to 98 % of cases."""
    found = [mean_of(sample, VALUES[sample.index]) for seed in range(400) if (sample := DESIGNS[kind](seed))]
    covered = np.mean([interval.low <= VALUES.mean() <= interval.high for interval in found])
    assert 0.92 <= covered <= 0.98
    error = np.std([interval.estimate for interval in found])
    assert np.mean([interval.estimate for interval in found]) == pytest.approx(VALUES.mean(), abs=error / 4)


@pytest.mark.parametrize("kind", ["simple", "neyman", "weighted", "pps", "poisson", "group"])
def test_totals_are_covered_too(kind: str) -> None:
    """The interval of a total holds as often as it says."""
    found = [total_of(sample, VALUES[sample.index]) for seed in range(300) if (sample := DESIGNS[kind](seed))]
    assert 0.91 <= np.mean([interval.low <= VALUES.sum() <= interval.high for interval in found]) <= 0.985


@pytest.mark.parametrize(
    "draw",
    [lambda seed: rejection(SIZE, seed=seed), lambda seed: importance(SIZE, 200, seed=seed)],
    ids=["rejection", "importance"],
)
def test_the_mean_under_a_target_is_covered(draw: Callable[[int], Sample]) -> None:
    """A sample that stands for a target has an interval for the mean under that target."""
    truth = np.average(VALUES, weights=SIZE)
    found = [mean_of(sample, VALUES[sample.index]) for seed in range(400) if (sample := draw(seed))]
    assert 0.915 <= np.mean([interval.low <= truth <= interval.high for interval in found]) <= 0.985


def test_a_part_of_the_rows_has_its_own_interval() -> None:
    """A domain's mean is a ratio: rows outside it count as zeros, so its random size is accounted for."""
    truth = VALUES[STRATUM == 1].mean()
    found = [
        mean_of(sample, VALUES[sample.index], where=STRATUM[sample.index] == 1)
        for seed in range(400)
        if (sample := simple(N, 300, seed=seed))
    ]
    assert 0.915 <= np.mean([interval.low <= truth <= interval.high for interval in found]) <= 0.985


@pytest.mark.parametrize("kind", ["simple", "stratified", "weighted", "poisson", "time", "group"])
def test_the_interval_of_a_rare_share_holds(kind: str) -> None:
    """A share of 2 % is covered in at least 93 % of 400 samples, where the interval of a mean fails."""
    hits = (np.random.default_rng(6).random(N) < 0.02).astype(float)
    samples = [DESIGNS[kind](seed) for seed in range(400)]
    found = [share_of(sample, hits[sample.index]) for sample in samples]
    assert np.mean([interval.low <= hits.mean() <= interval.high for interval in found]) >= 0.93
    assert all(0 <= interval.low <= interval.estimate <= interval.high <= 1 for interval in found)


def test_a_share_of_a_simple_sample_is_wilsons() -> None:
    """Where hardly any of the population is taken, the interval is that of Wilson, wider by Student's for 299."""
    hits = (np.arange(300) < 30).astype(float)
    found = share_of(simple(10**9, 300, seed=1), hits)
    expected = stats.binomtest(30, 300).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=3e-4)


def test_a_unanimous_sample_is_not_certain() -> None:
    """Nobody among 50 rows, or of 50 rows in 5 groups, leaves room; nobody in the whole population leaves none."""
    rows = share_of(simple(10_000, 50, seed=1), np.zeros(50))
    groups = share_of(by_group(np.arange(10_000) // 10, 5, seed=1), np.zeros(50))
    assert 0.05 < rows.high < groups.high < 0.7
    everybody = share_of(everything(50), np.ones(50))
    assert (everybody.low, everybody.high) == (1, 1)
    with pytest.raises(DataError, match=r"A hit is 0\.5"):
        share_of(simple(10, 2, seed=1), [0.5, 1])


def test_strata_narrow_the_interval_and_groups_widen_it() -> None:
    """With as many rows, Neyman strata know more of a mean than a simple sample; whole groups know less."""
    widths = {}
    for kind in ("simple", "neyman", "group"):
        found = [mean_of(sample, VALUES[sample.index]) for seed in range(40) if (sample := DESIGNS[kind](seed))]
        widths[kind] = np.mean([(interval.high - interval.low) * np.sqrt(interval.n) for interval in found])
    assert widths["neyman"] < widths["simple"] < widths["group"]


def test_sizes_that_follow_the_values_narrow_the_interval_of_a_total() -> None:
    """A total of what is about in proportion to size is known almost exactly by a pps sample."""
    amounts = SIZE * np.random.default_rng(2).uniform(0.9, 1.1, N)
    wide, narrow = (total_of(DESIGNS[kind](1), amounts[DESIGNS[kind](1).index]) for kind in ("simple", "pps"))
    assert narrow.high - narrow.low < (wide.high - wide.low) / 5


def test_a_weighted_metric_of_a_sample_is_that_of_all_decisions() -> None:
    """Weights make AUC, recall and log loss of a biased sample unbiased; without them they are not."""
    rng = np.random.default_rng(5)
    scores = rng.random(N)
    outcomes = (rng.random(N) < scores**2).astype(float)
    chances = chances_of(np.where(scores > 0.5, 6.0, 1.0) * np.where(outcomes > 0, 1.0, 2.0), 400)
    samples = [poisson(chances, seed=seed) for seed in range(150)]
    for name in ("auc", "recall", "log_loss"):
        metric = METRICS[name].function
        weighted_values = [metric(outcomes[s.index], scores[s.index], s.weight) for s in samples]
        plain_values = [metric(outcomes[s.index], scores[s.index]) for s in samples]
        truth, error = metric(outcomes, scores), np.std(weighted_values) / np.sqrt(150)
        assert np.mean(weighted_values) == pytest.approx(truth, abs=4 * error)
        assert abs(np.mean(plain_values) - truth) > 8 * error


# Edges.


def test_all_rows_leave_nothing_open() -> None:
    """A census has an interval of no width, and certain rows add none."""
    found = mean_of(everything(5), [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.low, found.estimate, found.high) == pytest.approx((3, 3, 3))


def test_one_unit_bounds_nothing() -> None:
    """A single row or group, or a stratum with one of several rows, gives NaN bounds rather than false ones."""
    one = mean_of(simple(10, 1, seed=1), [4.0])
    assert one.estimate == 4
    assert np.isnan([one.low, one.high]).all()
    group = mean_of(by_group(np.arange(40) // 10, 1, seed=1), np.arange(10.0))
    assert np.isnan([group.low, group.high]).all()
    strata = stratified(["a"] * 50 + ["b"] * 50, 2, least=1, seed=1)
    assert np.isnan(mean_of(strata, [1.0, 2.0]).high)


def test_a_sample_that_came_out_empty_bounds_nothing() -> None:
    """Independent draws may take no row at all, which says nothing of a total."""
    empty = sample_of(np.zeros(0, int), np.zeros(0), Frame("poisson", "independent", 100, 0))
    found = total_of(empty, np.zeros(0))
    assert found.estimate == 0
    assert np.isnan([found.low, found.high]).all()


def test_a_ratio_of_nothing_is_nan() -> None:
    """A domain without a sampled row has no mean."""
    sample = simple(10, 3, seed=1)
    found = mean_of(sample, [1.0, 2.0, 3.0], where=[False, False, False])
    assert np.isnan([found.estimate, found.low, found.high]).all()


def test_precision_is_a_ratio_of_two_totals() -> None:
    """Hits over alarms, each of which the sample knows only in part."""
    alarms, hits = (SIZE > 3).astype(float), ((SIZE > 3) & (VALUES > 14)).astype(float)
    found = [
        ratio_of(s, hits[s.index], alarms[s.index])
        for seed in range(300)
        if (s := DESIGNS["neyman"](seed)).frame.probability
    ]
    truth = hits.sum() / alarms.sum()
    assert 0.9 <= np.mean([interval.low <= truth <= interval.high for interval in found]) <= 0.99


CHOSEN = {
    "convenience": convenience(range(10), 100, judged_by="who answered"),
    "judgement": judgement(range(10), 100, judged_by="an expert", reason="typical"),
    "quota": quota(["a", "b"] * 50, {"a": 5, "b": 5}, judged_by="the callers"),
    "snowball": snowball((range(9), range(1, 10)), [0], 100, waves=9),
    "newest": newest(np.arange(100), 10),
}


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_chosen_sample_has_no_interval_and_says_what_to_do(kind: str) -> None:
    """Asking for one is an error that names who chose and what can be had instead."""
    sample, values = CHOSEN[kind], np.arange(10.0)
    for ask in (mean_of, total_of):
        with pytest.raises(DataError, match="no row has a known chance") as refused:
            ask(sample, values)
        assert sample.frame.judged_by in str(refused.value)
        assert "rake()" in str(refused.value)
    assert mean_alone(sample, values) == 4.5


def test_values_are_of_the_sampled_rows() -> None:
    """The whole population's column is not what is asked for."""
    with pytest.raises(DataError, match=r"values\[sample\.index\]"):
        mean_of(simple(100, 10, seed=1), np.zeros(100))
    with pytest.raises(DataError, match="level=95"):
        mean_of(simple(100, 10, seed=1), np.zeros(10), level=95)
