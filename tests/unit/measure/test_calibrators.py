"""Calibration maps: what they fit, and that applying them is the same bits in any batch."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from setpoint.core.errors import DataError
from setpoint.measure.calibration import ece
from setpoint.measure.calibrators import FITTERS, IDENTITY, CalibrationMap, fit_isotonic, fit_platt, fit_temperature
from setpoint.measure.isotonic import pool_adjacent_violators
from setpoint.measure.metrics import log_loss

RNG = np.random.default_rng(3)
SCORE = RNG.beta(2, 3, 4000)
OUTCOME = (RNG.random(4000) < expit(0.5 * logit(SCORE) - 0.7)).astype(float)


def test_temperature_is_the_minimum_of_the_log_loss() -> None:
    """No other temperature does better, by an optimiser that knows nothing of ours."""
    found = fit_temperature(OUTCOME, SCORE).parameters[0]
    wanted = minimize(lambda t: log_loss(OUTCOME, expit(logit(SCORE) / np.exp(t[0]))), [0.0], tol=1e-12).x[0]
    assert found == pytest.approx(np.exp(wanted), rel=1e-4)


def test_platt_is_the_minimum_of_its_smoothed_log_loss() -> None:
    """Slope and shift equal those of a general optimiser on Platt's smoothed targets."""
    ones, zeros = OUTCOME.sum(), (1 - OUTCOME).sum()
    target = np.where(OUTCOME > 0, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    z = logit(SCORE)

    def loss(ab: np.ndarray) -> float:
        line = ab[0] * z + ab[1]
        return float((np.logaddexp(0, line) - target * line).mean())

    assert fit_platt(OUTCOME, SCORE).parameters == pytest.approx(minimize(loss, [1.0, 0.0], tol=1e-12).x, rel=1e-4)


@pytest.mark.parametrize("kind", FITTERS)
def test_every_map_improves_the_scores_it_was_fitted_on(kind: str) -> None:
    """Scores that are bent and shifted come out with less log loss."""
    fitted = FITTERS[kind](OUTCOME, SCORE)
    assert log_loss(OUTCOME, fitted.apply(SCORE)) < log_loss(OUTCOME, SCORE)


@pytest.mark.parametrize("kind", ["platt", "beta", "isotonic"])
def test_maps_with_a_shift_calibrate_bent_and_shifted_scores(kind: str) -> None:
    """The calibration error falls from 0.13 to what noise alone gives."""
    assert ece(OUTCOME, SCORE) > 0.1
    assert ece(OUTCOME, FITTERS[kind](OUTCOME, SCORE).apply(SCORE)) < 0.025


@pytest.mark.parametrize("kind", FITTERS)
def test_every_map_keeps_the_order_of_scores(kind: str) -> None:
    """Even scores that point the wrong way are not turned around: the map only goes flat."""
    for outcome in (OUTCOME, 1 - OUTCOME):
        mapped = FITTERS[kind](outcome, SCORE).apply(np.linspace(0, 1, 501))
        assert (np.diff(mapped) >= 0).all()


@pytest.mark.parametrize("kind", FITTERS)
def test_a_weight_of_two_is_a_row_given_twice(kind: str) -> None:
    """Fits on weighted rows equal fits on repeated rows."""
    weight = np.random.default_rng(1).integers(0, 3, SCORE.size)
    weighted = FITTERS[kind](OUTCOME, SCORE, weight=weight)
    repeated = FITTERS[kind](np.repeat(OUTCOME, weight), np.repeat(SCORE, weight))
    assert weighted.parameters == pytest.approx(repeated.parameters, rel=1e-6)
    assert weighted.knots == repeated.knots


@pytest.mark.parametrize("kind", FITTERS)
def test_separable_and_one_sided_outcomes_still_give_a_map(kind: str) -> None:
    """Perfect separation, one class, one row: a finite map, never an error."""
    for y, p in (([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), ([1, 1], [0.3, 0.6]), ([0], [0.5])):
        mapped = FITTERS[kind](y, p).apply([0.0, 0.1, 0.5, 1.0])
        assert ((mapped >= 0) & (mapped <= 1)).all()


def test_pooling_equals_the_isotonic_regression_of_scipy() -> None:
    """Values and blocks agree, with weights, on falling, rising, tied and random input."""
    rng = np.random.default_rng(0)
    cases = [rng.random(500), np.arange(9.0), -np.arange(9.0), np.array([1.0, 1.0]), rng.integers(0, 2, 5000) * 1.0]
    for mean in cases:
        weight = rng.random(mean.size) + 0.1
        value, length = pool_adjacent_violators(mean, weight)
        assert np.repeat(value, length) == pytest.approx(isotonic_regression(mean, weights=weight).x, abs=1e-12)


def test_pooling_a_long_staircase_into_its_last_step_is_exact() -> None:
    """The order of merging that takes the most rounds ends in one block with the mean of all."""
    mean = np.append(np.arange(3000.0), -1e9)
    value, length = pool_adjacent_violators(mean, np.ones(mean.size))
    assert length.tolist() == [3001]
    assert value[0] == pytest.approx(mean.mean())


def test_isotonic_never_promises_certainty() -> None:
    """Pure first and last blocks are kept off 0 and 1, as if half a row of the other kind had been seen."""
    fitted = fit_isotonic([0] * 9 + [1] * 4, np.linspace(0.1, 0.9, 13))
    assert fitted.apply([0.0])[0] == pytest.approx(0.05)
    assert fitted.apply([1.0])[0] == pytest.approx(0.9)


@pytest.mark.parametrize("kind", FITTERS)
def test_a_map_survives_json_bit_for_bit(kind: str) -> None:
    """What is written and read again is the same map with the same results."""
    fitted = FITTERS[kind](OUTCOME, SCORE)
    read = CalibrationMap.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert read == fitted
    assert (read.apply(SCORE) == fitted.apply(SCORE)).all()


@pytest.mark.parametrize("kind", FITTERS)
def test_strided_and_reversed_batches_give_the_same_bits(kind: str) -> None:
    """Memory layout does not change a bit, although vectorised logarithms depend on it."""
    fitted = FITTERS[kind](OUTCOME, SCORE)
    whole = fitted.apply(SCORE)
    assert (fitted.apply(SCORE[::2]) == whole[::2]).all()
    assert (fitted.apply(SCORE[::-1]) == whole[::-1]).all()


def test_identity_changes_nothing() -> None:
    """The map of a model that needs none gives back its scores."""
    assert (IDENTITY.apply(SCORE) == SCORE).all()
    assert IDENTITY.apply_one(0.3) == 0.3


def test_maps_that_mean_nothing_are_refused() -> None:
    """Unknown kinds, wrong numbers of parameters, scores that are no probabilities, no rows."""
    with pytest.raises(DataError, match="one of identity"):
        CalibrationMap("spline")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="2 parameters"):
        CalibrationMap("platt", (1.0,))
    with pytest.raises(DataError, match=r"1\.5"):
        IDENTITY.apply([1.5])
    with pytest.raises(DataError, match="a probability"):
        IDENTITY.apply_one(float("nan"))
    with pytest.raises(DataError, match="no rows"):
        fit_temperature([], [])
