"""Survival curves and metrics against scikit-survival, lifelines, published values and sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.goal_metrics import goal_interval
from setpoint.measure.pairs import weight_beyond
from setpoint.measure.survival import Lifetimes, censoring_curve, survival_curve
from setpoint.measure.survival_metrics import (
    PredictedSurvival,
    brier_at,
    concordance,
    integrated_brier,
    uno_concordance,
)


def lives(n: int = 300, *, ties: bool = False) -> tuple[Lifetimes, np.ndarray]:
    """Exponential lifetimes whose rate rises with x, a third of them cut off, and noisy risks."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=n)
    hidden, cut = rng.exponential(np.exp(-x)), rng.exponential(2.0, n)
    time, event, risk = np.minimum(hidden, cut), hidden <= cut, x + rng.normal(size=n)
    if ties:
        return Lifetimes(np.ceil(time * 4) / 4, event), np.round(risk, 1)
    return Lifetimes(time, event), risk


def test_concordance_is_that_of_lifelines_and_scikit_survival() -> None:
    """On the rows above: lifelines 0.30.3 and scikit-survival 0.28.0 agree, without ties and with."""
    assert concordance(*lives()) == pytest.approx(0.6218822319362304, abs=1e-12)
    assert concordance(*lives(ties=True)) == pytest.approx(0.6376533877149186, abs=1e-12)


def test_unos_concordance_is_that_of_scikit_survival() -> None:
    """`concordance_index_ipcw` of scikit-survival 0.28.0, of all events and of those before 1.5."""
    truth, risk = lives()
    assert uno_concordance(truth, risk) == pytest.approx(0.6266041414599754, abs=1e-12)
    assert uno_concordance(truth, risk, until=1.5) == pytest.approx(0.6172933885498784, abs=1e-12)


def test_brier_scores_are_those_of_scikit_survival() -> None:
    """`brier_score` and `integrated_brier_score` of scikit-survival 0.28.0."""
    truth, risk = lives()
    times = np.linspace(0.1, 1.5, 8)
    left = np.exp(-times[None, :] * np.exp(0.5 * risk)[:, None])
    found = [brier_at(truth, left[:, i], time=float(at)) for i, at in enumerate(times)]
    first, last = 0.1383371015878974, 0.17546068001268159
    assert (found[0], found[-1]) == (pytest.approx(first, abs=1e-12), pytest.approx(last, abs=1e-12))
    assert integrated_brier(truth, PredictedSurvival(times, left)) == pytest.approx(0.2004353364445413, abs=1e-12)


def test_the_curve_is_that_of_freireich() -> None:
    """6-MP in leukemia (Freireich et al. 1963): the Kaplan-Meier values that textbooks print."""
    time = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = survival_curve(Lifetimes(time, event))
    wanted = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert curve.at([6, 7, 10, 13, 16, 22, 23]).round(3).tolist() == wanted
    assert curve.before([6, 7]).round(3).tolist() == [1.0, 0.857]


def test_events_come_before_what_is_cut_off_at_the_same_time() -> None:
    """The row whose event it was is no longer at risk of being cut off."""
    assert censoring_curve(Lifetimes([1.0, 1.0, 1.0, 2.0], [1, 0, 1, 1])).left.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("ties", [False, True])
def test_weights_are_repetitions(ties: bool) -> None:
    """A row of weight 3 is three rows, in pairs, curves and errors."""
    truth, risk = lives(80, ties=ties)
    weight = np.random.default_rng(1).integers(1, 4, 80)
    times = np.array([0.25, 0.5, 1.0])
    left = np.exp(-times[None, :] * np.exp(0.5 * risk)[:, None])
    again = Lifetimes(np.repeat(truth.time, weight), np.repeat(truth.event, weight))
    risks, lefts = np.repeat(risk, weight), np.repeat(left, weight, axis=0)
    assert concordance(truth, risk, weight=weight) == pytest.approx(concordance(again, risks))
    assert uno_concordance(truth, risk, until=1.0, weight=weight) == pytest.approx(
        uno_concordance(again, risks, until=1.0)
    )
    weighted = integrated_brier(truth, PredictedSurvival(times, left), weight=weight)
    assert weighted == pytest.approx(integrated_brier(again, PredictedSurvival(times, lefts)))


@pytest.mark.parametrize("levels", [1, 3, 500])
def test_sums_over_pairs_are_those_of_all_pairs(levels: int) -> None:
    """Greater x and lesser y, equal y half: against the square of all pairs."""
    rng = np.random.default_rng(levels)
    x, y, weight = rng.integers(0, levels, 200), rng.integers(0, levels, 200), rng.random(200)
    beyond = x[None, :] > x[:, None]
    under = (y[None, :] < y[:, None]) + 0.5 * (y[None, :] == y[:, None])
    assert weight_beyond(x, y, weight) == pytest.approx((beyond * under * weight).sum(axis=1))


def test_the_interval_of_concordance_is_as_wide_as_that_of_resampled_rows() -> None:
    """Draws that follow the pairs to the first order spread as 150 resamplings in a loop do, within a sixth."""
    truth, risk = lives()
    time, event = np.asarray(truth.time), np.asarray(truth.event)
    rng = np.random.default_rng(3)
    picks = [rng.integers(0, time.size, time.size) for _ in range(150)]
    naive = np.std([concordance(Lifetimes(time[i], event[i]), risk[i]) for i in picks])
    found = goal_interval("concordance", truth, risk)
    assert (found.high - found.low) / 3.92 == pytest.approx(naive, rel=1 / 6)


def test_unos_concordance_does_not_move_with_how_much_is_cut_off_and_harrells_does() -> None:
    """On two groups whose hazards cross, with and without two thirds of the rows cut off."""
    rng = np.random.default_rng(7)
    n = 6000
    group = rng.random(n) < 0.5
    hidden = np.where(group, rng.weibull(0.5, n), rng.weibull(2.5, n))
    cut = rng.exponential(0.7, n)
    whole = Lifetimes(hidden, np.ones(n))
    part = Lifetimes(np.minimum(hidden, cut), hidden <= cut)
    drift = {
        "harrell": concordance(part, group) - concordance(whole, group),
        "uno": uno_concordance(part, group, until=1.5) - uno_concordance(whole, group, until=1.5),
    }
    assert abs(drift["uno"]) < 0.02
    assert abs(drift["harrell"]) > 0.04


@pytest.mark.parametrize(
    "call",
    [
        lambda: concordance(Lifetimes([1.0], [2]), [0.1]),
        lambda: concordance(Lifetimes([-1.0], [1]), [0.1]),
        lambda: concordance(Lifetimes([1.0, 2.0], [1, 1]), [0.1]),
        lambda: concordance(Lifetimes([1.0, 2.0], [1]), [0.1, 0.2]),
        lambda: integrated_brier(Lifetimes([1.0], [1]), PredictedSurvival([1.0], [[0.5]])),
        lambda: integrated_brier(Lifetimes([1.0], [1]), PredictedSurvival([1.0, 0.5], [[0.5, 0.5]])),
        lambda: integrated_brier(Lifetimes([1.0], [1]), PredictedSurvival([0.5, 1.0], [[0.5, 1.5]])),
        lambda: brier_at(Lifetimes([1.0, 2.0], [0, 1]), [0.5], time=1.0),
    ],
)
def test_what_means_nothing_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    """Events that are none, times below zero, lengths that differ, one time, times that fall, shares above 1."""
    with pytest.raises(DataError):
        call()


def test_nothing_that_was_followed_is_left_to_stand_for_what_was_cut_off() -> None:
    """A curve that was given and is at 0 before the last event is refused."""
    curve = censoring_curve(Lifetimes([1.0, 1.5], [0, 0]))
    with pytest.raises(DataError, match="cut off"):
        uno_concordance(Lifetimes([1.0, 3.0], [1, 1]), [0.1, 0.2], censoring=curve)
