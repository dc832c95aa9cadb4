"""Conformal thresholds, sets and intervals: formulas, MAPIE, and coverage by simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.conformal import Cuts, conformal_quantile, fit_cuts, least_rows
from setpoint.measure.conformal_intervals import ConformalIntervals, fit_intervals
from setpoint.measure.conformal_sets import ConformalSets, Score, fit_sets
from setpoint.measure.quantile_metrics import Bounds, coverage, interval_width


def classes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four classes drawn by the probabilities that are given for them."""
    p = rng.dirichlet(np.ones(4) * 0.7, n)
    return (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 3), p


def waves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wave whose noise grows with x: outcomes, the wave, and how large the noise is."""
    x = rng.random(n)
    spread = 0.1 + 0.5 * x
    return np.sin(6 * x) + rng.normal(0, spread, n), np.sin(6 * x), spread


def held(sets: ConformalSets, y: np.ndarray, p: np.ndarray, **group: np.ndarray) -> np.ndarray:
    """Whether each row's class is in its set."""
    return sets.apply(p, **group)[np.arange(y.size), y]


@pytest.mark.parametrize("n", [9, 10, 19, 57, 100])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_threshold_is_the_rank_of_the_formula(n: int, level: float) -> None:
    """The ceil((n + 1) level)-th smallest score; a weight is that many rows."""
    rng = np.random.default_rng(n)
    scores = rng.random(n)
    rank = math.ceil(round((n + 1) * level, 9))
    wanted = np.sort(scores)[rank - 1] if rank <= n else math.inf
    assert conformal_quantile(scores, level) == wanted
    weight = rng.integers(0, 3, n)
    assert conformal_quantile(scores, level, weight=weight) == conformal_quantile(np.repeat(scores, weight), level)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_too_few_rows_promise_nothing(level: float) -> None:
    """One fewer than the least gives an infinite threshold."""
    least = least_rows(level)
    assert math.isfinite(conformal_quantile(np.arange(least), level))
    assert math.isinf(conformal_quantile(np.arange(least - 1), level))


@pytest.mark.parametrize("n", [10, 50, 200])
def test_coverage_is_within_one_row_of_the_level(n: int) -> None:
    """Between level and level + 1 / (n + 1) on average over calibrations (Lei and others 2018, theorem 2)."""
    scores = np.random.default_rng(n).random((20_000, n + 1))
    rank = math.ceil((n + 1) * 0.9 - 1e-9)
    covered = (scores[:, n] <= np.sort(scores[:, :n], axis=1)[:, rank - 1]).mean()
    assert conformal_quantile(scores[0, :n], 0.9) == np.sort(scores[0, :n])[rank - 1]
    noise = 3 * math.sqrt(0.09 / 20_000)
    assert 0.9 - noise <= covered <= 0.9 + 1 / (n + 1) + noise


def test_sets_by_probability_are_those_of_mapie() -> None:
    """LAC of MAPIE 1.6.0 at 90 %, calibrated on 300 rows: threshold, sizes and coverage of 300 others."""
    y, p = classes(600, np.random.default_rng(3))
    sets = fit_sets(y[:300], p[:300], level=0.9)
    found = sets.apply(p[300:])
    assert sets.cuts.others.threshold == pytest.approx(0.84979089, abs=1e-8)
    assert found.sum(axis=1)[:20].tolist() == [4, 2, 3, 2, 2, 2, 2, 3, 1, 2, 1, 3, 3, 3, 4, 3, 3, 2, 1, 3]
    assert found.sum() == 657
    assert held(sets, y[300:], p[300:]).mean() == pytest.approx(0.8866666666666667)


def test_cumulated_sets_are_those_of_the_published_code() -> None:
    """Angelopoulos and Bates (2023), "A Gentle Introduction to Conformal Prediction", figure 4, line by line.

    But for the threshold: theirs is a rank too high where `np.quantile` rounds up.
    """
    y, p = classes(600, np.random.default_rng(3))
    cal, smx, n = y[:300], p[:300], 300
    order = smx.argsort(axis=1)[:, ::-1]
    srt = np.take_along_axis(smx, order, axis=1).cumsum(axis=1)
    scores = np.take_along_axis(srt, order.argsort(axis=1), axis=1)[range(n), cal]
    qhat = np.sort(scores)[int(np.ceil((n + 1) * 0.9)) - 1]
    order = p[300:].argsort(axis=1)[:, ::-1]
    srt = np.take_along_axis(p[300:], order, axis=1).cumsum(axis=1)
    wanted = np.take_along_axis(srt <= qhat, order.argsort(axis=1), axis=1)
    wanted[np.arange(300), p[300:].argmax(axis=1)] = True  # ours never leaves a set empty
    assert (fit_sets(cal, smx, level=0.9, score="aps").apply(p[300:]) == wanted).all()


def test_intervals_are_those_of_mapie() -> None:
    """Absolute residuals and quantiles (symmetric) of MAPIE 1.6.0 at 90 %, calibrated on 250 rows."""
    y, wave, _ = waves(600, np.random.default_rng(4))
    plain = fit_intervals(y[:250], wave[:250], level=0.9).apply(wave[250:])
    assert (plain.low[0], plain.high[0]) == pytest.approx((-1.34308023, 0.03202237), abs=1e-7)  # type: ignore[index]
    assert interval_width(plain) == pytest.approx(1.3751026014610506)
    assert coverage(y[250:], plain) == pytest.approx(0.9228571428571428)
    quantiles = Bounds(wave - 0.6, wave + 0.5)
    first, later = (Bounds(quantiles.low[part], quantiles.high[part]) for part in (slice(250), slice(250, None)))
    moved = fit_intervals(y[:250], first, level=0.9).apply(later)
    assert interval_width(moved) == pytest.approx(1.3926861077451866)
    assert coverage(y[250:], moved) == pytest.approx(0.9171428571428571)


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_sets_hold_as_often_as_they_say(score: Score) -> None:
    """Over 200 calibrations on 200 rows, with scores that boast; the likeliest class adds to cumulated sets."""
    rng, covered = np.random.default_rng(5), []
    for _ in range(200):
        y, p = classes(600, rng)
        boasting = p**3 / (p**3).sum(axis=1, keepdims=True)
        covered.append(held(fit_sets(y[:200], boasting[:200], level=0.8, score=score), y[200:], boasting[200:]).mean())
    assert 0.8 - 0.006 < np.mean(covered) < 0.8 + 1 / 201 + (0.006 if score == "lac" else 0.035)


@pytest.mark.parametrize("form", ["absolute", "normalised", "quantiles"])
def test_intervals_hold_as_often_as_they_say(form: str) -> None:
    """Over 200 calibrations on 200 rows, with predictions that are off and quantiles that are too close."""
    rng, covered, widths = np.random.default_rng(6), [], []
    for _ in range(200):
        y, wave, spread = waves(600, rng)
        p = Bounds(wave - 0.5 * spread, wave + 0.5 * spread) if form == "quantiles" else wave + 0.2
        parts = [_part(p, slice(200)), _part(p, slice(200, None))]
        hard = [spread[:200], spread[200:]] if form == "normalised" else [None, None]
        bounds = fit_intervals(y[:200], parts[0], level=0.8, spread=hard[0]).apply(parts[1], spread=hard[1])
        covered.append(coverage(y[200:], bounds))
        widths.append(interval_width(bounds))
    assert 0.8 - 0.006 < np.mean(covered) < 0.8 + 1 / 201 + 0.006


def _part(p: np.ndarray | Bounds, rows: slice) -> np.ndarray | Bounds:
    return Bounds(np.asarray(p.low)[rows], np.asarray(p.high)[rows]) if isinstance(p, Bounds) else p[rows]


def test_each_group_is_covered_and_not_only_all_together() -> None:
    """A hard group in eight rows of ten is missed by one threshold for all, and held by its own."""
    rng = np.random.default_rng(7)
    hard = rng.random(20_000) < 0.2
    y = rng.normal(0, np.where(hard, 4.0, 1.0))
    group, p = np.where(hard, "hard", "easy"), np.zeros(20_000)
    first, later = slice(10_000), slice(10_000, None)
    alike = fit_intervals(y[first], p[first], level=0.9)
    apart = fit_intervals(y[first], p[first], level=0.9, group=group[first])
    mine = hard[later]
    in_alike, in_apart = (
        (y[later] >= low) & (y[later] <= high)
        for low, high in (alike.apply(p[later]), apart.apply(p[later], group=group[later]))
    )
    assert in_alike.mean() == pytest.approx(0.9, abs=0.012)
    assert in_alike[mine].mean() < 0.65
    assert in_apart[mine].mean() == pytest.approx(0.9, abs=0.025)
    assert in_apart[~mine].mean() == pytest.approx(0.9, abs=0.015)


def test_each_class_is_covered_the_rare_ones_too() -> None:
    """One threshold forgets a class of three in a hundred; one for each class does not, nor drops the likeliest one."""
    rng = np.random.default_rng(8)
    truth = (rng.random(20_000) < 0.03).astype(int)
    chance = 1 / (1 + np.exp(-(rng.normal(0, 1, 20_000) + 2 * truth - 4)))
    first, later = slice(10_000), slice(10_000, None)
    alike = fit_sets(truth[first], chance[first], level=0.9)
    apart = fit_sets(truth[first], chance[first], level=0.9, by_class=True)
    rare = truth[later] == 1
    assert held(alike, truth[later], chance[later])[rare].mean() < 0.6
    found = held(apart, truth[later], chance[later])
    assert found[rare].mean() == pytest.approx(0.9, abs=0.05)
    assert found[~rare].mean() >= 0.9


def test_each_class_is_covered_by_cumulated_sets_too() -> None:
    """Of four classes of which one is seldom the likeliest."""
    rng = np.random.default_rng(12)
    p = rng.dirichlet([2, 2, 2, 0.4], 20_000)
    y = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    sets = fit_sets(y[:10_000], p[:10_000], level=0.9, score="aps", by_class=True)
    found = held(sets, y[10_000:], p[10_000:])
    for each in range(4):
        assert 0.88 <= found[y[10_000:] == each].mean() < 0.95


def test_small_groups_share_a_threshold_and_unseen_ones_are_promised_nothing_else() -> None:
    """Groups below the least are the others; with no others an unseen group has an infinite interval."""
    scores = np.concatenate([np.arange(20.0), np.arange(100, 105.0), np.arange(200, 205.0)])
    cuts = fit_cuts(scores, level=0.9, group=["a"] * 20 + ["b"] * 5 + ["c"] * 5)
    assert cuts.of(["a", "b", "c", "new"], 4).tolist() == [18.0, 204.0, 204.0, 204.0]
    alone = fit_cuts(scores[:20], level=0.9, group=["a"] * 20)
    assert alone.of(["a", "new"], 2).tolist() == [18.0, math.inf]
    with pytest.raises(DataError, match="group of each row"):
        alone.of(None, 2)


def test_the_likeliest_class_is_in_every_set() -> None:
    """Also where the threshold would leave none."""
    y, p = classes(500, np.random.default_rng(9))
    for score in ("lac", "aps"):
        sets = fit_sets(p.argmax(axis=1), p, level=0.5, score=score).apply(p)  # type: ignore[arg-type]
        assert sets.any(axis=1).all()
        assert sets[np.arange(500), p.argmax(axis=1)].all()
    assert y.size == 500


def test_quantiles_that_move_past_each_other_meet() -> None:
    """Where predicted quantiles are far too wide, no interval ends before it begins."""
    y = np.zeros(50)
    bounds = Bounds(np.full(50, -10.0), np.full(50, 10.0))
    low, high = fit_intervals(y, bounds, level=0.9).apply(Bounds([-3.0], [3.0]))
    assert (low.tolist(), high.tolist()) == ([0.0], [0.0])  # type: ignore[union-attr]


def test_rows_alike_are_fewer_rows_and_the_threshold_is_the_same() -> None:
    """Ten copies of each row count about as much as the rows, not as ten times as many."""
    scores = np.random.default_rng(10).random(200)
    copied = fit_cuts(np.repeat(scores, 10), level=0.9, cluster=np.repeat(np.arange(200), 10))
    assert 150 < copied.others.rows < 270
    assert fit_cuts(np.repeat(scores, 10), level=0.9).others.rows == 2000


def test_what_was_calibrated_is_written_and_read() -> None:
    """As JSON, with the same sets and intervals, infinite thresholds too."""
    y, p = classes(100, np.random.default_rng(11))
    sets = fit_sets(y, p, by_class=True, least=30)
    assert ConformalSets.from_dict(json.loads(json.dumps(sets.to_dict()))) == sets
    intervals = fit_intervals(np.arange(8.0), np.zeros(8), level=0.9)
    again = ConformalIntervals.from_dict(json.loads(json.dumps(intervals.to_dict())))
    assert again == intervals
    assert np.isinf(again.apply([0.0]).high).all()
    assert Cuts.from_dict(sets.cuts.to_dict()) == sets.cuts


@pytest.mark.parametrize(
    "call",
    [
        lambda: conformal_quantile([1.0], 1.0),
        lambda: conformal_quantile([np.inf], 0.5),
        lambda: fit_cuts([1.0, 2.0], level=0.5, group=["a"]),
        lambda: fit_sets([0, 4], [[0.5, 0.5]] * 2),
        lambda: fit_sets([0.5, 1.0], [[0.5, 0.5]] * 2),
        lambda: fit_sets([0, 1], [[0.5, 0.6]] * 2),
        lambda: fit_sets([0, 1], [[0.5, 0.5]] * 2, score="raps"),  # type: ignore[arg-type]
        lambda: fit_sets([0, 1], [[0.5, 0.5]] * 2, by_class=True, group=["a", "b"]),
        lambda: fit_sets([0, 1], [[0.5, 0.5]] * 2).apply([[0.2, 0.3, 0.5]]),
        lambda: fit_intervals([1.0], [1.0, 2.0]),
        lambda: fit_intervals([1.0], [1.0], spread=[0.0]),
        lambda: fit_intervals([1.0], Bounds([0.0], [1.0]), spread=[1.0]),
        lambda: fit_intervals([1.0], [1.0]).apply([1.0], spread=[1.0]),
    ],
)
def test_what_means_nothing_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    """Levels, classes, probabilities, spreads and forms that are none."""
    with pytest.raises(DataError):
        call()
