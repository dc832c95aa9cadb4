"""Training on young decisions: their weights, and that the default never lets one train."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import setpoint as sp
from setpoint.core.errors import DataError, DeclarationError
from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.labels.clock import label_clock
from setpoint.labels.delayed import LEAST_KNOWN, expected_targets, importance_weights, training_rows

RETURNS = sp.events("returns", "returns.parquet", at="ts", delay="0s")
EXCLUDED = sp.label(RETURNS.size > 0, on="order", within="30d")
WEIGHTED = sp.label(RETURNS.size > 0, on="order", within="30d", immature="weighted")
NOW, WINDOW = 60 * DAY, 30 * DAY
TRUE = (-2.0, 1.0)
"""The intercept and the slope that decisions are made with."""


class World(NamedTuple):
    """Decisions with what is known of them by now."""

    x: np.ndarray
    at: np.ndarray
    labels: Labels
    probability: np.ndarray
    final: np.ndarray


def simulate(seed: int, n: int = 60_000) -> World:
    """Decisions over 60 days; positives come 8 days late on average, cut at 30."""
    rng = np.random.default_rng(seed)
    x, at = rng.normal(size=n), np.sort(rng.integers(0, NOW, n))
    probability = 1 / (1 + np.exp(-(TRUE[0] + TRUE[1] * x)))
    final = rng.random(n) < probability
    delay = -8 * DAY * np.log(1 - rng.random(n) * (1 - np.exp(-30 / 8)))
    came, over = final & (at + delay <= NOW), at + WINDOW <= NOW
    state = np.where(came | over, KNOWN, UNKNOWN).astype(np.int8)
    value = np.where(came, 1.0, np.where(over, 0.0, np.nan))
    settled = np.where(state == KNOWN, np.where(came, at + delay, at + WINDOW), NULL_TIME).astype(np.int64)
    return World(x, at, Labels(state, value, settled, over, {}), probability, final)


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Intercept and slope of a logistic regression."""
    model = LogisticRegression(C=np.inf, tol=1e-8).fit(x[:, None], y, sample_weight=weight)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def test_no_decision_younger_than_its_time_ever_trains_by_default() -> None:
    """Neither as a negative nor as a positive known early."""
    world = simulate(1)
    rows = training_rows(EXCLUDED, world.labels, world.at, as_of=NOW)
    assert (world.at[rows.index] + WINDOW <= NOW).all()
    assert (rows.weight == 1.0).all()
    assert ((world.labels.value == 1.0) & (world.at + WINDOW > NOW)).sum() > 100
    np.testing.assert_array_equal(rows.index, np.flatnonzero(world.labels.usable))


def test_a_weighted_model_is_that_of_the_final_labels() -> None:
    """With scores of a model of the mature decisions; taking unknown for negative bends the intercept."""
    world = simulate(2)
    clock = label_clock(world.labels, world.at, world.at + WINDOW, as_of=NOW)
    first = training_rows(EXCLUDED, world.labels, world.at, as_of=NOW)
    intercept, slope = fit(world.x[first.index], first.y)
    scores = 1 / (1 + np.exp(-(intercept + slope * world.x)))
    rows = training_rows(WEIGHTED, world.labels, world.at, as_of=NOW, clock=clock, probability=scores)
    assert rows.index.size > 1.9 * first.index.size
    assert (np.diff(rows.index) > 0).all()
    np.testing.assert_allclose(fit(world.x[rows.index], rows.y, rows.weight), TRUE, atol=0.05)
    naive = fit(world.x, (world.labels.value == 1.0).astype(float))
    assert naive[0] < TRUE[0] - 0.15


def test_the_weighted_loss_is_unbiased() -> None:
    """Over 40 simulations the mean difference from the loss of the final labels is within its standard error."""
    differences, naive = [], []
    for seed in range(40):
        world = simulate(100 + seed, 10_000)
        clock = label_clock(world.labels, world.at, world.at + WINDOW, as_of=NOW)
        rows = training_rows(
            WEIGHTED, world.labels, world.at, as_of=NOW, clock=clock, probability=world.probability, least=0.2
        )
        young = ~world.labels.mature[rows.index]
        index, y, weight = rows.index[young], rows.y[young], rows.weight[young]
        if_positive, if_negative = -np.log(world.probability[index]), -np.log(1 - world.probability[index])
        shown = np.where(y == 1.0, if_positive, if_negative)
        truth = np.where(world.final[index], if_positive, if_negative).mean()
        differences.append(float((weight * shown).mean() - truth))
        naive.append(float(shown.mean() - truth))
    error = np.std(differences) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < 2.5 * error
    assert abs(np.mean(naive)) > 10 * error


def test_expected_targets_are_how_often_a_row_becomes_positive() -> None:
    """Counted in a simulation, for rows of one probability and one age."""
    rng = np.random.default_rng(5)
    final, late = rng.random(400_000) < 0.3, rng.random(400_000) >= 0.6
    seen = final & ~late
    target = expected_targets(np.array([False]), np.array([0.6]), np.array([0.3]))[0]
    assert target == pytest.approx(final[~seen].mean(), abs=0.003)
    assert expected_targets(np.array([True]), np.array([0.6]), np.array([0.3])).tolist() == [1.0]


def test_weights_and_targets_keep_the_rates() -> None:
    """The expected weight of positives is p and of negatives 1 - p; the expected target is p."""
    p, g = np.repeat(np.linspace(0.01, 0.99, 15), 15), np.tile(np.linspace(0.05, 1, 15), 15)
    yes, no = np.ones(p.size, dtype=bool), np.zeros(p.size, dtype=bool)
    np.testing.assert_allclose(p * g * importance_weights(yes, g, p), p)
    np.testing.assert_allclose((1 - p * g) * importance_weights(no, g, p), 1 - p)
    np.testing.assert_allclose(p * g + (1 - p * g) * expected_targets(no, g, p), p)


def test_the_ends_are_defined() -> None:
    """All known, none known, certain positives."""
    one = np.array([1.0])
    assert importance_weights(np.array([False]), one, np.array([0.3])).tolist() == [1.0]
    assert importance_weights(np.array([False]), one, one).tolist() == [0.0]
    assert expected_targets(np.array([False]), np.array([0.0]), np.array([0.3])).tolist() == [0.3]
    assert expected_targets(np.array([False]), one, one).tolist() == [0.0]
    with pytest.raises(DataError, match=r"1\.5"):
        importance_weights(np.array([False]), one, np.array([1.5]))


def test_the_youngest_are_left_out() -> None:
    """Their few positives would weigh too much."""
    world = simulate(6, 20_000)
    clock = label_clock(world.labels, world.at, world.at + WINDOW, as_of=NOW)
    rows = training_rows(WEIGHTED, world.labels, world.at, as_of=NOW, clock=clock, probability=world.probability)
    assert rows.weight.max() <= 1 / LEAST_KNOWN
    youngest = int((NOW - world.at[rows.index]).min())
    assert float(clock.pooled.come_by(youngest)) >= LEAST_KNOWN
    assert youngest > 0.3 * DAY


def test_weights_without_a_clock_are_refused() -> None:
    """And so are they for labels whose absence is no outcome."""
    world = simulate(7, 1000)
    with pytest.raises(DataError, match="no label clock"):
        training_rows(WEIGHTED, world.labels, world.at, as_of=NOW)
    with pytest.raises(DeclarationError, match="absent='void'"):
        sp.label(RETURNS.size > 0, on="order", within="30d", absent="void", immature="weighted")
