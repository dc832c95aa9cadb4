"""The label clock: delay curves against published values and scipy, corrected rates against simulated truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import KNOWN, UNKNOWN, VOID, Labels
from setpoint.labels.clock import LEAST_POSITIVES, LabelClock, cohort_rates, delay_curve, label_clock, loop_length

WINDOW = 30 * DAY
RATE = 0.134


def test_the_curve_and_greenwoods_errors_are_the_published_ones() -> None:
    """Remission times under 6-MP (Freireich et al. 1963), survival and standard errors as in Kleinbaum and Klein."""
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    relapsed = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = delay_curve(np.array(weeks), np.array(relapsed, dtype=bool), horizon=35)
    survival = 1 - curve.share
    assert curve.age.tolist() == [6, 7, 10, 13, 16, 22, 23]
    np.testing.assert_allclose(survival, [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], atol=5e-5)
    errors = survival * np.sqrt(curve.greenwood)
    np.testing.assert_allclose(errors, [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], atol=5e-5)


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
@pytest.mark.parametrize("seed", range(5))
def test_the_curve_and_its_interval_are_scipys(seed: int) -> None:
    """scipy.stats.ecdf of right-censored data, with ties, is a second implementation of both."""
    rng = np.random.default_rng(seed)
    delay, watched = rng.integers(0, 40, 300), rng.integers(5, 50, 300)
    waited, came = np.minimum(delay, watched), delay <= watched
    curve = delay_curve(waited, came, horizon=50)
    theirs = ecdf(CensoredData.right_censored(waited, ~came))
    np.testing.assert_allclose(curve.share, theirs.cdf.evaluate(curve.age), rtol=1e-12)
    bounds = theirs.cdf.confidence_interval(0.95, method="log-log")
    inside = curve.share < 1
    np.testing.assert_allclose(curve.low[inside], bounds.low.evaluate(curve.age)[inside], rtol=1e-9)
    np.testing.assert_allclose(curve.high[inside], bounds.high.evaluate(curve.age)[inside], rtol=1e-9)


class World(NamedTuple):
    """Decisions with what will become of them."""

    at: np.ndarray
    delay: np.ndarray
    channel: np.ndarray


def simulate(seed: int, sizes: dict[float, int], *, slow_share: float = 0.5, now: int = 100 * DAY) -> World:
    """Decisions by age in days; positives come exponentially late, 2 days on average for the web, 8 in the shop."""
    rng = np.random.default_rng(seed)
    n = sum(sizes.values())
    age = np.repeat([int(days * DAY) for days in sizes], list(sizes.values()))
    slow = rng.random(n) < slow_share
    delay = rng.exponential(np.where(slow, 8, 2) * DAY)
    while (late := delay > WINDOW).any():
        delay[late] = rng.exponential(np.where(slow[late], 8, 2) * DAY)
    delay[rng.random(n) >= RATE] = np.inf
    return World(now - age, delay, np.where(slow, "shop", "web").astype(object))


def labels_of(world: World, as_of: int) -> Labels:
    """What is known of them by a time."""
    known = world.at + world.delay <= as_of
    over = world.at + WINDOW <= as_of
    state = np.where(known | over, KNOWN, UNKNOWN).astype(np.int8)
    value = np.where(known, 1.0, np.where(over, 0.0, np.nan))
    came_at = np.where(known, world.at + world.delay, world.at + WINDOW)
    settled_at = np.where(state == KNOWN, came_at, NULL_TIME).astype(np.int64)
    return Labels(state, value, settled_at, over, {})


def clock_of(world: World, as_of: int, *, segments: bool) -> tuple[LabelClock, Labels]:
    """The clock, and the labels it was read from."""
    labels = labels_of(world, as_of)
    ends = world.at + WINDOW
    found = label_clock(labels, world.at, ends, as_of=as_of, segments=world.channel if segments else None)
    return found, labels


def test_corrected_rates_are_within_three_percent_from_age_one_day() -> None:
    """Of a window of 30 days; the naive rate of such cohorts is a fraction of the truth."""
    ages = {40.0 + n: 20_000 for n in range(20)} | dict.fromkeys((1.0, 2.0, 4.0, 7.0, 14.0), 150_000)
    world = simulate(1, ages)
    clock, labels = clock_of(world, 100 * DAY, segments=True)
    cohorts = cohort_rates(labels, world.at, clock, as_of=100 * DAY, segments=world.channel).to_pylist()
    young = {each["age"] // DAY: each for each in cohorts if each["age"] <= 14 * DAY}
    truth = {days: float(np.isfinite(world.delay[world.at == 100 * DAY - days * DAY]).mean()) for days in young}
    assert set(young) == {1, 2, 4, 7, 14}
    for days, each in young.items():
        assert abs(each["rate"] / truth[days] - 1) < 0.03
        assert each["low"] < truth[days] < each["high"]
    assert young[1]["naive"] < 0.3 * RATE
    assert young[14]["naive"] < 0.96 * RATE


def test_a_shifted_mix_of_segments_needs_the_curve_of_each() -> None:
    """When most young decisions are of the slow segment, the curve of all corrects too little."""
    now = 100 * DAY
    old, young = simulate(2, {40.0: 60_000}, slow_share=0.2), simulate(3, {2.0: 60_000}, slow_share=0.9)
    world = World(*(np.concatenate(pair) for pair in zip(old, young, strict=True)))
    rows = world.at == now - 2 * DAY
    estimates = {}
    for segments in (False, True):
        clock, labels = clock_of(world, now, segments=segments)
        positive = (labels.value == 1.0)[rows]
        names = world.channel[rows] if segments else None
        estimates[segments] = clock.corrected_rate(positive, now - world.at[rows], names).estimate
    assert estimates[False] < 0.7 * RATE
    assert abs(estimates[True] / RATE - 1) < 0.05


def test_the_interval_of_a_corrected_rate_covers_the_truth_as_often_as_it_says() -> None:
    """In 300 simulated systems, at three ages: 95 %, or a little more where a cohort is much of what the clock saw."""
    now, covered = 100 * DAY, []
    for seed in range(300):
        world = simulate(seed, {45.0: 1500, 10.0: 500, 3.0: 800, 1.0: 800})
        clock, labels = clock_of(world, now, segments=False)
        for days in (1, 3, 10):
            rows = world.at == now - days * DAY
            rate = clock.corrected_rate((labels.value == 1.0)[rows], now - world.at[rows])
            covered.append(rate.low <= RATE <= rate.high)
    assert 0.93 <= float(np.mean(covered)) <= 0.985


def test_young_decisions_sharpen_the_curve_without_bending_it() -> None:
    """Right-censored rows count while they are watched, so the curve is unbiased and its interval narrower."""
    with_young, without = simulate(4, {45.0: 2000} | {float(n): 1000 for n in range(1, 29)}), simulate(4, {45.0: 2000})
    curve, short = (clock_of(world, 100 * DAY, segments=False)[0].pooled for world in (with_young, without))
    days = np.array([1, 3, 10]) * DAY

    def at(found: np.ndarray, of: np.ndarray) -> np.ndarray:
        return found[np.searchsorted(of, days, side="right") - 1]

    width, before = (at(each.high - each.low, each.age) for each in (curve, short))
    assert (width < 0.6 * before).all()
    shares = 1 - np.exp(-np.array([1, 3, 10]) / 2), 1 - np.exp(-np.array([1, 3, 10]) / 8)
    true = RATE * (shares[0] / 2 + shares[1] / (1 - np.exp(-30 / 8)) / 2)
    assert ((at(curve.low, curve.age) < true) & (true < at(curve.high, curve.age))).all()


def test_the_feedback_loop_is_as_long_as_it_was_made() -> None:
    """Half of the positives of the web, which come 2 days late on average, are known after 1.4 days."""
    clock, _ = clock_of(simulate(5, {45.0: 40_000}), 100 * DAY, segments=True)
    told = clock.to_dict()
    half = {name: each["known_by"][0] for name, each in told["segments"].items()}
    assert half["web"]["share"] == 0.5
    assert half["web"]["low"] < 2 * np.log(2) * DAY < half["web"]["high"]
    assert half["web"]["age"] / DAY == pytest.approx(2 * np.log(2), rel=0.05)
    assert half["web"]["age"] < told["all"]["known_by"][0]["age"] < half["shop"]["age"]


def test_nothing_is_corrected_before_a_decision_was_watched_to_the_end() -> None:
    """Nobody knows then how many positives are still to come."""
    world = simulate(6, {10.0: 1000, 2.0: 500})
    clock, labels = clock_of(world, 100 * DAY, segments=True)
    rows = cohort_rates(labels, world.at, clock, as_of=100 * DAY).to_pylist()
    assert not clock.pooled.complete
    assert np.isnan([each["rate"] for each in rows]).all()
    assert [each["naive"] > 0 for each in rows] == [True, True]
    assert loop_length(clock.pooled)["known_by"] == []
    assert clock.pooled.age_of(0.5) is None


def test_void_and_torn_labels_are_left_out() -> None:
    """A decision that can have no truth, and one whose events contradict each other, say nothing of lateness."""
    state = np.array([KNOWN, KNOWN, VOID, UNKNOWN, UNKNOWN], dtype=np.int8)
    value = np.array([1.0, 0.0, np.nan, np.nan, np.nan])
    settled = np.array([3, 10, 4, NULL_TIME, NULL_TIME])
    at = np.array([0, 0, 0, 0, 15])
    labels = Labels(state, value, settled, at < 15, {})
    clock = label_clock(labels, at, at + 10, as_of=20)
    assert (clock.pooled.n, clock.pooled.positives) == (3, 1)
    assert clock.pooled.rate == pytest.approx(1 / 3)


def test_a_segment_with_few_positives_shares_the_curve_of_all() -> None:
    """And so does a decision without a segment."""
    world = simulate(7, {45.0: 3000})
    names = np.where(np.arange(3000) < 20, "rare", world.channel).astype(object)
    labels = labels_of(world, 100 * DAY)
    clock = label_clock(labels, world.at, world.at + WINDOW, as_of=100 * DAY, segments=names)
    assert LEAST_POSITIVES > 20
    assert sorted(clock.segments) == ["shop", "web"]
    assert clock.of("rare") is clock.of(None) is clock.pooled


def test_a_cohort_without_a_positive_yet_has_an_upper_bound() -> None:
    """Zero of a hundred, when a third should be known, may still be eight percent or so."""
    world = simulate(8, {45.0: 20_000})
    clock, _ = clock_of(world, 100 * DAY, segments=False)
    rate = clock.corrected_rate(np.zeros(100, dtype=bool), np.full(100, 2 * DAY))
    assert (rate.estimate, rate.low) == (0.0, 0.0)
    assert 0.05 < rate.high < 0.12


def test_a_label_from_before_its_decision_is_refused() -> None:
    """A negative age means that times belong to other rows."""
    with pytest.raises(DataError, match="the least -1"):
        delay_curve(np.array([-1, 3]), np.array([True, True]), horizon=9)
