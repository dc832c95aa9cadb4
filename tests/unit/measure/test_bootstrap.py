"""The bootstrap against a naive one, its coverage, its cost, and what it does when nothing varies."""

from __future__ import annotations

import time

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import bound, interval, intervals, paired_difference
from setpoint.measure.metrics import METRICS, MetricSpec
from setpoint.measure.resample import draw, resample
from setpoint.measure.rows import as_rows


def _rows(n: int, rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = rng or np.random.default_rng(21)
    p = rng.beta(1, 3, n)
    return (rng.random(n) < p).astype(float), p


@pytest.mark.parametrize("name", METRICS)
def test_draws_equal_those_of_weighted_rows(name: str) -> None:
    """A metric's draws are those of the metric itself on rows weighted by how often each cluster was taken."""
    y, p = _rows(900)
    cluster = np.random.default_rng(22).integers(0, 120, 900)
    weight = np.random.default_rng(22).integers(1, 3, 900)
    spec, rows = METRICS[name], as_rows(y, p, weight)
    drawn = resample(cluster, 120, draws=20, seed=3)
    naive = [spec.function(y, p, weight * counts[cluster], 0.4) for counts in drawn.counts]
    assert draw(spec, rows, 0.4, resample=drawn).draws == pytest.approx(naive, rel=1e-9)


@pytest.mark.parametrize("name", [name for name, spec in METRICS.items() if spec.table])
def test_bins_of_scores_cost_little(name: str) -> None:
    """With 20,000 distinct scores in 2,048 bins the draws stay within a fraction of their spread."""
    y, p = _rows(20_000)
    spec, rows = METRICS[name], as_rows(y, p, np.random.default_rng(22).random(20_000))
    drawn = resample(np.arange(20_000) % 1000, 1000, draws=20, seed=3)
    naive = np.array([spec.function(y, p, rows.weight * counts[drawn.unit], 0.4) for counts in drawn.counts])
    error = draw(spec, rows, 0.4, resample=drawn).draws - naive
    assert np.sqrt((error**2).mean()) < 0.2 * naive.std()


def test_draws_are_centred_on_the_exact_value_however_coarse_the_bins() -> None:
    """Eight bins of scores lose three hundredths of AUC, and the draws none of it."""
    y, p = _rows(5000)
    drawn = resample(np.arange(5000) % 500, 500, draws=300, seed=1)
    coarse = draw(METRICS["auc"], as_rows(y, p), 0.5, resample=drawn, bins=8)
    fine = draw(METRICS["auc"], as_rows(y, p), 0.5, resample=drawn)
    assert coarse.estimate == fine.estimate
    assert coarse.draws.mean() == pytest.approx(fine.draws.mean(), abs=0.1 * fine.draws.std())


def test_bounds_are_moved_against_the_bias_of_the_draws() -> None:
    """On twenty positives the draws of average precision are too high; its bounds are lower than their percentiles."""
    p = np.linspace(0.01, 0.99, 300)
    y = np.random.default_rng(6).random(300) < p**8
    drawn = draw(METRICS["average_precision"], as_rows(y, p), 0.5, resample=resample(np.arange(300), 300, seed=0))
    found = interval("average_precision", y, p)
    low, high = np.quantile(drawn.draws, [0.025, 0.975])
    assert drawn.draws.mean() > drawn.estimate
    assert found.low < low - 0.005
    assert found.high < high - 0.005


def test_many_clusters_are_spread_over_units_without_changing_the_error() -> None:
    """20,000 clusters in 1,024 units give the spread that 20,000 rows drawn one by one have."""
    y, p = _rows(20_000)
    found = interval("brier", y, p, draws=1000, level=0.9)
    wanted = 2 * 1.645 * ((p - y) ** 2).std() / np.sqrt(20_000)
    assert found.high - found.low == pytest.approx(wanted, rel=0.1)
    assert found.clusters == 20_000


@pytest.mark.parametrize("name", ["average_precision", "log_loss"])
def test_bounds_of_the_bootstrap_miss_about_as_often_as_stated(name: str) -> None:
    """Each bound of 90 % intervals on 400 rows misses the true value about 5 % of the time."""
    rng, missed = np.random.default_rng(7), []
    truth = METRICS[name].function(*_rows(500_000, rng), None, 0.6)
    for seed in range(200):
        y, p = _rows(400, rng)
        found = interval(name, y, p, threshold=0.6, draws=200, seed=seed, level=0.9)
        missed.append((found.low > truth, found.high < truth))
    below, above = np.mean(missed, axis=0)
    assert 0.015 < below < 0.105
    assert 0.015 < above < 0.105


def test_a_perfect_model_is_not_failed_for_the_noise_in_its_calibration_error() -> None:
    """On 1,000 right scores the ECE is about 0.04 and even its bounds respect that the true one is 0."""
    y, p = _rows(1000)
    found = interval("ece", y, p, level=0.9)
    assert found.estimate > 0.02
    assert found.low < 0.02
    assert found.method == "basic"


def test_few_clusters_widen_the_interval() -> None:
    """The interval of eight days is wider than twice the spread of their draws, and one day bounds nothing."""
    y, p = _rows(800)
    day = np.arange(800) // 100
    drawn = draw(METRICS["brier"], as_rows(y, p), 0.5, resample=resample(day, 8, draws=500, seed=0))
    found = interval("brier", y, p, cluster=day)
    assert found.high - found.low > 1.15 * np.diff(np.quantile(drawn.draws, [0.025, 0.975]))[0]
    one = interval("brier", y, p, cluster=np.zeros(800))
    assert np.isnan([one.low, one.high]).all()


@pytest.mark.parametrize("name", ["average_precision", "recall_at_precision", "recall", "precision"])
def test_a_perfect_result_on_few_rows_is_not_certain(name: str) -> None:
    """Four positives of four found do not show a recall above 0.6."""
    found = interval(name, [1] * 4 + [0] * 30, [0.9] * 4 + [0.1] * 30, level=0.9)
    assert found.estimate == 1.0
    assert found.low < 0.6
    assert found.high == 1.0


def test_models_that_agree_on_every_draw_are_not_shown_equal_by_few_rows() -> None:
    """Two models that both find four positives of four may still differ; a model equals itself exactly."""
    y, p = [1] * 4 + [0] * 30, np.array([0.9] * 4 + [0.1] * 30)
    found = paired_difference("recall", y, p, p * 0.99)
    assert (found.estimate, found.low < -0.3, found.high > 0.3) == (0.0, True, True)
    same = paired_difference("recall", y, p, p)
    assert (same.low, same.high) == (0.0, 0.0)


def test_the_paired_difference_is_that_of_the_metrics() -> None:
    """The estimate is exact, and pairing makes it far more certain than two separate intervals."""
    y, p_a = _rows(3000)
    p_b = np.clip(p_a + np.random.default_rng(22).normal(0, 0.03, 3000), 0, 1)
    for name in ("log_loss", "average_precision", "auc"):
        found = paired_difference(name, y, p_a, p_b)
        wanted = METRICS[name].function(y, p_b) - METRICS[name].function(y, p_a)
        alone = interval(name, y, p_a)
        assert found.estimate == pytest.approx(wanted)
        assert found.low < wanted < found.high
        assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_closed_forms_and_bootstrap_agree() -> None:
    """DeLong and Wilson give the bounds of the clustered bootstrap to a sixth of the width."""
    y, p = _rows(4000)
    cluster = np.arange(4000) // 8
    for name in ("auc", "accuracy", "recall", "precision", "base_rate"):
        closed = interval(name, y, p, cluster=cluster, threshold=0.3)
        drawn = interval(name, y, p, cluster=cluster, threshold=0.3, draws=1000, method="bootstrap")
        slack = (closed.high - closed.low) / 6
        assert (closed.low, closed.high) == pytest.approx((drawn.low, drawn.high), abs=slack)
        assert closed.draws == 0
        assert drawn.draws == 1000


def test_several_metrics_share_draws_and_equal_each_alone() -> None:
    """`intervals` is `interval` for each name."""
    y, p = _rows(500)
    cluster = np.random.default_rng(22).integers(0, 90, 500).astype(str)
    options = dict.fromkeys(METRICS, 0.3)
    together = intervals(options, y, p, cluster=cluster, draws=50, seed=4, level=0.9)
    for name in METRICS:
        alone = interval(name, y, p, cluster=cluster, threshold=0.3, draws=50, seed=4, level=0.9)
        assert together[name] == alone


def test_a_bound_is_one_side_of_the_interval() -> None:
    """The 95 % bound from below is the lower end of the 90 % interval."""
    y, p = _rows(500)
    found = interval("log_loss", y, p, level=0.9)
    assert bound("log_loss", y, p, side="lower") == found.low
    assert bound("log_loss", y, p, side="upper") == found.high


def test_a_metric_of_ones_own_is_resampled_row_by_row() -> None:
    """A function that the registry does not know gets the same draws, by weights."""
    y, p = _rows(300)
    own = MetricSpec("own brier", False, 0, 1, whole=lambda y, p, w, _: float((w * (p - y) ** 2).sum() / w.sum()))
    ours, known = interval(own, y, p, draws=60), interval("brier", y, p, draws=60)
    assert (ours.low, ours.high) == pytest.approx((known.low, known.high), rel=1e-9)


def test_rare_draws_without_a_class_are_left_out_and_many_bound_nothing() -> None:
    """Draws on which the metric is undefined do not count; without rows there is no interval."""
    y, p = np.arange(30) < 3, np.linspace(1, 0, 30)
    found = interval("average_precision", y, p, draws=400)
    assert 300 < found.draws < 400
    empty = interval("log_loss", [], [])
    assert np.isnan([empty.estimate, empty.low, empty.high]).all()


def test_questions_without_an_answer_are_refused() -> None:
    """Levels outside 0 to 1, no draws, a cluster too few."""
    y, p = _rows(10)
    with pytest.raises(DataError, match="level"):
        interval("brier", y, p, level=95)
    with pytest.raises(DataError, match="draws=0"):
        interval("brier", y, p, draws=0)
    with pytest.raises(DataError, match="9 cluster labels"):
        interval("brier", y, p, cluster=range(9))


def test_five_hundred_draws_of_three_hundred_thousand_rows_cost_less_than_a_second() -> None:
    """The clustered interval of the most expensive kind of metric, in CPU time."""
    y, p = _rows(300_000)
    cluster = np.random.default_rng(22).integers(0, 50_000, 300_000)
    began = time.process_time()
    found = interval("average_precision", y, p, cluster=cluster)
    assert time.process_time() - began < 1.0
    assert found.low < found.estimate < found.high
