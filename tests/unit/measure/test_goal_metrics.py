"""Every metric of every kind of goal: weights, draws, differences, coverage, and clusters both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from setpoint.core.errors import DataError, NameUnknown
from setpoint.declare.metric_table import METRIC_TABLE
from setpoint.measure.bootstrap import paired_difference
from setpoint.measure.draws import difference_of, interval_of
from setpoint.measure.goal_metrics import GOAL_METRICS, goal_difference, goal_interval, goal_metric
from setpoint.measure.metrics import METRICS
from setpoint.measure.quantile_metrics import Bounds
from setpoint.measure.ranking_metrics import Judged
from setpoint.measure.resample import resample
from setpoint.measure.statistic import mean_of
from setpoint.measure.survival import Lifetimes
from setpoint.measure.survival_metrics import PredictedSurvival

OPTIONS = {
    "precision_at_k": 30.0,
    "precision_at_rate": 0.2,
    "recall_at_k": 30.0,
    "recall_at_rate": 0.2,
    "lift_at_k": 30.0,
    "lift_at_rate": 0.2,
    "mape": 0.5,
    "pinball": 0.8,
    "interval_score": 0.9,
    "ndcg": 3.0,
    "uno_concordance": 1.0,
    "micro_f1": 0.4,
}
LINEARISED = {"concordance", "uno_concordance"}
FROM_THE_DRAW = {"integrated_brier", "uno_concordance"}  # weights of what was cut off, which draws keep


def sample(name: str, n: int = 200, seed: int = 0) -> tuple[Any, Any, Any]:
    """The truth, a good prediction and a worse one for a metric, on `n` rows."""
    rng = np.random.default_rng(seed)
    kind = METRIC_TABLE[name].kind
    x, noise, more = rng.normal(size=n), rng.normal(size=n), 2 * rng.normal(size=n)
    if kind == "top":
        return (rng.random(n) < 1 / (1 + np.exp(1 - x))).astype(float), x, x + more
    if kind == "count":
        return rng.poisson(np.exp(x)), np.exp(x), np.exp(x + 0.5 * noise)
    if kind == "ranking":
        query = np.arange(n) // 4
        relevance = np.clip(np.round(x + noise), 0, 3)
        return Judged(relevance, query), x, x + more
    if kind == "survival":
        hidden, cut = rng.exponential(np.exp(-x)), rng.exponential(2.0, n)
        truth = Lifetimes(np.minimum(hidden, cut), hidden <= cut)
        if name != "integrated_brier":
            return truth, x, x + more
        times = np.array([0.2, 0.5, 1.0])
        good, worse = (np.exp(-times * np.exp(each)[:, None]) for each in (x, x + noise))
        return truth, PredictedSurvival(times, good), PredictedSurvival(times, worse)
    if kind == "labels":
        chances = 1 / (1 + np.exp(1 - x[:, None] - rng.normal(size=(n, 3))))
        truth = (rng.random((n, 3)) < chances).astype(int)
        return truth, chances, np.clip(chances + 0.4 * rng.normal(size=(n, 3)), 0, 1)
    y = x + 0.5 * noise
    if name in {"coverage", "interval_score"}:
        return y, Bounds(x - 1, x + 1), Bounds(x - 1 + more, x + 1 + more)
    return y, x, x + 0.5 + more


def pick(part: Any, rows: np.ndarray) -> Any:
    """Some rows of a truth or a prediction, with repetitions; repeated queries become new ones."""
    if isinstance(part, Judged):
        relevance, query = np.asarray(part.relevance), np.asarray(part.query)
        turn = np.zeros(rows.size, dtype=int)
        for row in np.unique(rows):
            turn[rows == row] = np.arange((rows == row).sum())
        return Judged(relevance[rows], query[rows] * 1000 + turn)
    if isinstance(part, PredictedSurvival):
        return PredictedSurvival(part.times, np.asarray(part.left)[rows])
    if isinstance(part, tuple):
        return type(part)(*(np.asarray(each)[rows] for each in part))
    return np.asarray(part)[rows]


def test_the_declared_metrics_are_the_measured_ones() -> None:
    """One table for the declaration, one for the measurement, and the same names."""
    assert list(GOAL_METRICS) == list(METRIC_TABLE)


@pytest.mark.parametrize("name", GOAL_METRICS)
def test_a_value_is_in_its_range_and_a_worse_prediction_is_worse(name: str) -> None:
    """The direction that the table says."""
    truth, good, worse = sample(name, 2000)
    row, option = METRIC_TABLE[name], OPTIONS.get(name)
    first, second = (GOAL_METRICS[name](truth, each, option=option) for each in (good, worse))
    assert row.lower <= min(first, second) <= max(first, second) <= row.upper
    assert (first > second) is row.greater_is_better


@pytest.mark.parametrize("name", GOAL_METRICS)
def test_a_weight_is_that_many_rows(name: str) -> None:
    """Whole weights are repetitions, and a weight of zero is no row."""
    truth, good, _ = sample(name)
    weight = np.random.default_rng(1).integers(0, 3, 50)
    weight = np.repeat(weight, 4) if METRIC_TABLE[name].kind == "ranking" else np.tile(weight, 4)
    rows = np.repeat(np.arange(200), weight)
    option = OPTIONS.get(name)
    repeated = GOAL_METRICS[name](pick(truth, rows), pick(good, rows), option=option)
    assert GOAL_METRICS[name](truth, good, option=option, weight=weight) == pytest.approx(repeated)


@pytest.mark.parametrize("name", sorted(set(GOAL_METRICS) - LINEARISED - FROM_THE_DRAW))
def test_draws_are_those_of_repeated_rows(name: str) -> None:
    """A draw of clusters is the metric of their rows, as often as they were taken."""
    truth, good, _ = sample(name)
    cluster, option = np.arange(200) // 8, OPTIONS.get(name)
    drawn = resample(cluster, 25, draws=8, seed=2)
    wanted = []
    for counts in drawn.counts.astype(int):
        rows = np.repeat(np.arange(200), counts[cluster])
        wanted.append(GOAL_METRICS[name](pick(truth, rows), pick(good, rows), option=option))
    statistic = GOAL_METRICS[name].statistic(truth, good, option=option)
    assert statistic.drawn(drawn) == pytest.approx(np.array(wanted))


@pytest.mark.parametrize("name", GOAL_METRICS)
def test_once_each_gives_the_value(name: str) -> None:
    """A draw that takes every row once is the value itself."""
    truth, good, _ = sample(name)
    statistic = GOAL_METRICS[name].statistic(truth, good, option=OPTIONS.get(name))
    once = resample(np.arange(200) // 4, 50, draws=1)
    once.counts[:] = 1.0
    assert statistic.drawn(once)[0] == pytest.approx(statistic.value())


@pytest.mark.parametrize("name", GOAL_METRICS)
def test_a_difference_is_that_of_the_values_and_paired(name: str) -> None:
    """Of a model and itself it is nothing; of a good and a worse one its interval holds the difference."""
    truth, good, worse = sample(name, 600)
    option = OPTIONS.get(name)
    first, second = (GOAL_METRICS[name](truth, each, option=option) for each in (worse, good))
    found = goal_difference(name, truth, worse, good, option=option, draws=200)
    assert found.estimate == pytest.approx(second - first)
    assert found.low < found.estimate < found.high
    same = goal_difference(name, truth, good, good, option=option, draws=20)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize("name", ["rmse", "r2", "ndcg", "macro_f1", "precision_at_rate", "concordance"])
def test_bounds_of_a_difference_miss_about_as_often_as_stated(name: str) -> None:
    """Each bound of 90 % intervals on 300 rows misses the true difference about 5 % of the time."""
    option, missed = OPTIONS.get(name), []
    truth, good, worse = sample(name, 12_000 if name == "concordance" else 100_000, seed=1)
    metric = GOAL_METRICS[name]
    true = metric(truth, good, option=option) - metric(truth, worse, option=option)
    for seed in range(100):
        truth, good, worse = sample(name, 300, seed=seed + 10)
        found = goal_difference(name, truth, worse, good, option=option, draws=100, level=0.9, seed=seed)
        missed.append((found.low > true, found.high < true))
    below, above = np.mean(missed, axis=0)
    assert below <= 0.12
    assert above <= 0.12
    assert below + above >= 0.025


def two_ways(rng: np.random.Generator, entities: int, days: int, *, entity: float, day: float) -> np.ndarray:
    """A value for each entity on each day: an effect of both, and noise."""
    effects = entity * rng.normal(size=(entities, 1)) + day * rng.normal(size=(1, days))
    return (effects + rng.normal(size=(entities, days))).ravel()


@pytest.mark.parametrize(("entity", "day"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_rows_alike_by_entity_and_by_time_are_covered(entity: float, day: float) -> None:
    """95 % intervals by entity and block hold the true mean about as often as they say, whichever effect there is."""
    rng, held = np.random.default_rng(5), 0
    entities, days = 30, 25
    who, when = np.repeat(np.arange(entities), days), np.tile(np.arange(days), entities)
    for seed in range(100):
        values = two_ways(rng, entities, days, entity=entity, day=day)
        statistic = mean_of(values, np.ones(values.size))
        found = interval_of(statistic, cluster=who, block=when, draws=100, seed=seed)
        held += found.low <= 0 <= found.high
    assert held >= 100 * 0.88


def test_one_clustering_alone_is_too_narrow_where_there_are_two_effects() -> None:
    """The interval by both is wider than the wider of the two, and its variance is that of the two effects."""
    rng = np.random.default_rng(6)
    who, when = np.repeat(np.arange(40), 40), np.tile(np.arange(40), 40)
    statistic = mean_of(two_ways(rng, 40, 40, entity=1.0, day=1.0), np.ones(1600))
    widths = [
        found.high - found.low
        for found in (
            interval_of(statistic, cluster=who, draws=2000),
            interval_of(statistic, cluster=when, draws=2000),
            interval_of(statistic, cluster=who, block=when, draws=2000),
        )
    ]
    assert widths[2] == pytest.approx(np.hypot(widths[0], widths[1]), rel=0.1)


def test_without_any_effect_both_clusterings_cost_nothing() -> None:
    """Where rows have nothing in common, the interval by both is as wide as that of the rows, within noise."""
    who, when = np.repeat(np.arange(40), 40), np.tile(np.arange(40), 40)
    ratios = []
    for seed in range(10):
        statistic = mean_of(np.random.default_rng(seed).normal(size=1600), np.ones(1600))
        plain = interval_of(statistic, draws=1000, seed=seed)
        both = interval_of(statistic, cluster=who, block=when, draws=1000, seed=seed)
        ratios.append((both.high - both.low) / (plain.high - plain.low))
    assert 0.9 < np.mean(ratios) < 1.2


def test_clusters_within_blocks_are_the_blocks() -> None:
    """Where every entity lives on one day, both ways are as the days alone, within the noise of draws."""
    rng = np.random.default_rng(7)
    when = np.arange(1200) // 60
    who = np.arange(1200) // 6
    values = rng.normal(size=20)[when] + rng.normal(size=1200)
    statistic = mean_of(values, np.ones(1200))
    by_day = interval_of(statistic, cluster=when, draws=2000)
    both = interval_of(statistic, cluster=who, block=when, draws=2000)
    assert both.high - both.low == pytest.approx(by_day.high - by_day.low, rel=0.12)
    assert both.clusters == 20


def test_items_of_a_query_are_drawn_together() -> None:
    """Without clusters a query is one; clusters that cut through queries are refused."""
    truth, good, _ = sample("ndcg")
    assert goal_interval("ndcg", truth, good).clusters == 50
    assert goal_interval("ndcg", truth, good, cluster=np.arange(200) // 8).clusters == 25
    with pytest.raises(DataError, match="several clusters"):
        goal_interval("ndcg", truth, good, cluster=np.arange(200))


def test_rows_without_weight_are_no_evidence() -> None:
    """They are no clusters, so few with weight give a wide interval."""
    y, p, _ = sample("mae")
    weight = (np.arange(200) < 10).astype(float)
    assert goal_interval("mae", y, p, weight=weight).clusters == 10
    found = goal_interval("mae", y, p, weight=weight)
    alone = goal_interval("mae", y[:10], p[:10])
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.estimate, alone.low, alone.high))


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_of_decisions_can_be_bounded_by_entity_and_time_too(name: str) -> None:
    """The same value and, with one clustering, the same difference as their own bootstrap, before its corrections."""
    y, good, worse = sample("lift_at_k", 400)
    good, worse = (1 / (1 + np.exp(-each)) for each in (good, worse))
    who, option = np.arange(400) % 40, 0.3
    alone = paired_difference(name, y, worse, good, threshold=option, cluster=who, method="bootstrap", draws=300)
    found = goal_difference(name, y, worse, good, option=option, cluster=who, draws=300)
    assert found.estimate == pytest.approx(alone.estimate)
    if alone.method == "percentile" and name != "base_rate":
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    both = goal_difference(name, y, worse, good, option=option, cluster=who, block=np.arange(400) // 20, draws=300)
    assert both.method == "two-way"
    assert both.high - both.low >= 0.8 * (found.high - found.low)


def test_a_perfect_value_is_bounded_by_the_rule_of_three() -> None:
    """Fifty intervals that all hold do not show that all would."""
    y = np.zeros(50)
    found = goal_interval("coverage", y, Bounds(y - 1, y + 1))
    assert found.high == 1.0
    assert 0.9 < found.low < 0.95


def test_two_that_differ_and_agree_on_every_draw_are_bounded_by_the_rule_of_three() -> None:
    """Fifty rows that both hold do not show that both would always; a prediction and itself agree for ever."""
    y = np.zeros(50)
    found = goal_difference("coverage", y, Bounds(y - 1, y + 1), Bounds(y - 2, y + 2))
    assert found.estimate == 0
    assert -0.1 < found.low < -0.05
    assert 0.05 < found.high < 0.1
    assert goal_difference("coverage", y, Bounds(y - 1, y + 1), Bounds(y - 1, y + 1)).high == 0


def test_a_value_without_clusters_has_no_bounds() -> None:
    """One day bounds nothing, and neither do rows on which the metric is undefined."""
    y, p, _ = sample("mae")
    assert np.isnan(goal_interval("mae", y, p, cluster=np.zeros(200)).low)
    assert np.isnan(goal_interval("r2", np.ones(20), np.ones(20)).high)


def test_a_draw_without_variance_explains_nothing_of_it() -> None:
    """R2 of a draw that took one cluster of equal outcomes is undefined, whatever rounding leaves of the variance."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(3), 7)
    y = np.round(rng.random(3), 2)[cluster]
    drawn = resample(cluster, 3, draws=100, seed=1)
    values = GOAL_METRICS["r2"].statistic(y, y + 0.1, weight=rng.random(21)).drawn(drawn)
    alone = (drawn.counts > 0).sum(axis=1) == 1
    assert alone.any()
    assert (np.isnan(values) == alone).all()


def test_a_name_or_an_option_that_there_is_not_is_refused() -> None:
    """With the names that there are; an option that is needed, and one that means nothing."""
    with pytest.raises(NameUnknown, match="rmse"):
        goal_metric("rsme")
    with pytest.raises(DataError, match="without k"):
        goal_interval("precision_at_k", [0, 1], [0.1, 0.2])
    with pytest.raises(DataError, match="at 3"):
        goal_interval("mae", [0, 1], [0.1, 0.2], option=3)
    with pytest.raises(DataError, match="same rows"):
        difference_of(mean_of(np.ones(3), np.ones(3)), mean_of(np.ones(2), np.ones(2)))
