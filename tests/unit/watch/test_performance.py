"""Live quality, and the alarm that it has fallen."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.measure.metrics import log_losses
from setpoint.watch.finding import LABEL, PAGE
from setpoint.watch.performance import (
    QualityWindow,
    check_quality,
    e_detector,
    entropy,
    live_quality,
    quality_window,
)

ALPHA = 0.2 / 30
"""The labels' share of one alarm a month, a day."""

A_DAY = 400


def life(seed: int, *, days: int = 100, worse_from: int | None = None, days_differ: float = 0.3) -> QualityWindow:
    """The quality of a calibrated model whose days differ and follow each other; later its signal turns around."""
    rng = np.random.default_rng(seed)
    effect = np.zeros(days)
    for day in range(1, days):
        effect[day] = 0.3 * effect[day - 1] + rng.normal(0, days_differ)
    signal = rng.normal(size=(days, A_DAY))
    p = 1 / (1 + np.exp(1.2 - signal))
    turned = np.arange(days) >= (days if worse_from is None else worse_from)
    truth = np.where(turned[:, None], -0.3 * signal, signal) - 1.2 + effect[:, None]
    y = rng.uniform(size=truth.shape) < 1 / (1 + np.exp(-truth))
    return quality_window(y.ravel() * 1.0, p.ravel(), np.repeat(np.arange(days) * DAY, A_DAY), model="m1")


def first_alarm(quality: QualityWindow, *, first: int, last: int) -> int | None:
    """The day whose end brings the first alarm."""
    for day in range(first, last):
        if check_quality(quality.until((day + 1) * DAY), alpha=ALPHA):
            return day
    return None


def test_bad_days_do_not_alarm() -> None:
    """In 20 lives of 80 watched days at most the budget of .2 a month, and a little luck, goes off."""
    alarms = [first_alarm(life(seed), first=20, last=100) for seed in range(20)]
    assert sum(alarm is not None for alarm in alarms) <= 8


def test_a_lasting_loss_is_found() -> None:
    """A signal that turned around is found within a fortnight, and the finding says since when."""
    began = []
    for seed in range(8):
        quality = life(100 + seed, worse_from=60)
        day = first_alarm(quality, first=20, last=100)
        assert day is not None
        assert 60 <= day < 74
        finding = check_quality(quality.until((day + 1) * DAY), alpha=ALPHA)[0]
        assert (finding.level, finding.severity) == (LABEL, PAGE)
        began.append(finding.at // DAY)
        assert finding.evidence["loss"] > finding.evidence["promised"]
    assert abs(np.median(began) - 60) <= 2


def test_a_new_model_is_not_blamed_for_the_old_one() -> None:
    """The evidence against a model ends with it."""
    quality = life(100, worse_from=60).until(75 * DAY)
    assert check_quality(quality, alpha=ALPHA)
    replaced = QualityWindow(
        model=tuple("m1" if day < 74 * DAY else "m2" for day in quality.day),
        **{name: getattr(quality, name) for name in ("day", "n", "positives", "residual", "loss", "promised")},
    )
    assert check_quality(replaced, alpha=ALPHA) == []


def test_rates_in_either_direction_are_watched() -> None:
    """Scores that promise too much and too little are told apart."""
    rng = np.random.default_rng(5)
    at = np.repeat(np.arange(60) * DAY, A_DAY)
    p = rng.uniform(0.1, 0.5, at.size)
    for sign, monitor in ((1, "rate above the scores"), (-1, "rate below the scores")):
        true = np.clip(p + sign * 0.1 * (at >= 35 * DAY), 0, 1)
        quality = quality_window((rng.uniform(size=at.size) < true) * 1.0, p, at)
        assert monitor in {finding.monitor for finding in check_quality(quality, alpha=ALPHA)}


def test_within_tolerance_nothing_is_found_however_long() -> None:
    """A residual of a hundredth, every day, is certain and no alarm."""
    at = np.repeat(np.arange(120) * DAY, 100)
    quality = quality_window(np.tile(np.arange(100) < 31, 120) * 1.0, np.full(at.size, 0.3), at)
    assert check_quality(quality, alpha=ALPHA) == []


def test_no_label_says_nothing() -> None:
    """Neither an empty window nor days of a few labels."""
    assert check_quality(quality_window([], [], []), alpha=ALPHA) == []
    assert check_quality(quality_window([1.0, 0.0], [0.9, 0.8], [0, DAY]), alpha=ALPHA) == []


def test_the_mean_wealth_of_an_honest_game_grows_no_faster_than_the_days() -> None:
    """What makes the expected time to a false alarm at least 1 / alpha (Shin, Ramdas and Rinaldo 2022)."""
    rng = np.random.default_rng(7)
    everyone = np.ones(60, dtype=bool)
    wealth = [e_detector(rng.normal(0, 1, 60), everyone)[0] for _ in range(600)]
    assert np.mean(np.minimum(wealth, 1e4)) < 60 - 21 + 20


def test_the_promised_loss_is_the_expected_one() -> None:
    """The entropy of a score is its log loss on average, if it is right."""
    p = np.array([0.05, 0.3, 0.9])
    expected = p * log_losses(np.ones(3), p) + (1 - p) * log_losses(np.zeros(3), p)
    assert entropy(p) == pytest.approx(expected)


def test_a_window_adds_up() -> None:
    """Days that mature one by one make the window of all of them."""
    rng = np.random.default_rng(8)
    y, p = (rng.uniform(size=900) < 0.3) * 1.0, rng.uniform(0.1, 0.6, 900)
    at = np.repeat(np.arange(9) * DAY, 100)
    whole = quality_window(y, p, at, model="m1")
    parts = quality_window([], [], [])
    for day in range(9):
        mine = at == day * DAY
        parts = parts.with_days(quality_window(y[mine], p[mine], at[mine], model="m1"))
    assert parts.to_dict() == whole.to_dict()
    assert QualityWindow.from_dict(json.loads(json.dumps(whole.to_dict()))).to_dict() == whole.to_dict()
    assert whole.until(4 * DAY).n.size == 4


def test_a_day_belongs_to_the_model_that_took_most_of_it() -> None:
    """Rows without a score are nobody's."""
    window = quality_window(
        [1.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.5, math.nan], [0, 1, 2, DAY], model=["a", "b", "b", "rule"]
    )
    assert (window.model, window.n.tolist()) == (("b",), [3.0])
    with pytest.raises(DataError, match="one of each"):
        quality_window([1.0], [0.5, 0.5], [0])


def test_quality_by_period_counts_what_it_rests_on() -> None:
    """Decisions, mature ones, known ones and coverage, beside the metrics and their intervals."""
    rng = np.random.default_rng(9)
    at = np.sort(rng.integers(0, 60 * DAY, 6000))
    p = rng.uniform(0, 1, 6000)
    y = (rng.uniform(size=6000) < p) * 1.0
    y[::10] = np.nan
    first, second, none = live_quality(
        y, p, at, mature=at < 45 * DAY, periods=[0, 30 * DAY, 60 * DAY, 90 * DAY], value=np.ones(6000)
    )
    assert first.decisions == first.mature == int((at < 30 * DAY).sum())
    assert second.mature < second.decisions
    assert first.coverage == pytest.approx(0.9, abs=0.01)
    assert first.auc.low < 5 / 6 < first.auc.high
    assert first.ece.low < 0.02
    assert first.business is not None
    assert first.business.estimate == pytest.approx(1000.0)
    assert (none.decisions, none.business, none.auc.n) == (0, None, 0)
    assert json.loads(json.dumps([first.to_dict(), second.to_dict()], allow_nan=False))


def test_a_period_without_decisions_is_still_json() -> None:
    """Coverage of nothing is unknown, not a number that is none."""
    (none,) = live_quality([], [], [], mature=[], periods=[0, DAY])
    assert json.loads(json.dumps(none.to_dict(), allow_nan=False))["coverage"] is None
