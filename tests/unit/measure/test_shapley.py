"""Sampled Shapley values against their definition, by enumeration."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.rows import Array
from setpoint.measure.shapley import shapley_values


def crooked(rows: Array) -> Array:
    """A function in which columns act together; the last does nothing."""
    return np.asarray(np.tanh(rows[:, 0] * rows[:, 1]) + np.maximum(rows[:, 1], rows[:, 2]) ** 2 + 0 * rows[:, 3])


def exact(row: Array, background: Array) -> Array:
    """Each column's gain over all sets of others, which come from the row, the rest from each background row."""
    columns = row.size
    found = np.zeros(columns)

    def worth(known: set[int]) -> float:
        mixed = background.copy()
        mixed[:, sorted(known)] = row[sorted(known)]
        return float(crooked(mixed).mean())

    for j in range(columns):
        others = [i for i in range(columns) if i != j]
        for size in range(columns):
            share = factorial(size) * factorial(columns - size - 1) / factorial(columns)
            found[j] += share * sum(
                worth({*some, j}) - worth(set(some)) for some in itertools.combinations(others, size)
            )
    return found


def test_bounds_hold_the_values_of_the_definition() -> None:
    """In at least 19 of 20 values over a hundred rows, with parts that add up each time."""
    rng = np.random.default_rng(0)
    background = rng.normal(size=(40, 4))
    inside = []
    for seed, row in enumerate(rng.normal(size=(100, 4)) * 1.5):
        found = shapley_values(crooked, row, background, seed=seed)
        assert found.base + found.values.sum() == pytest.approx(float(crooked(row[None, :])[0]))
        assert found.base == pytest.approx(float(crooked(background).mean()))
        assert found.values[3] == found.low[3] == found.high[3] == 0.0
        truth = exact(row, background)[:3]
        inside += ((found.low[:3] <= truth) & (truth <= found.high[:3])).tolist()
    assert np.mean(inside) >= 0.95


def test_more_rounds_come_nearer() -> None:
    """Thirty rounds are within a few hundredths of the definition."""
    rng = np.random.default_rng(1)
    background, row = rng.normal(size=(40, 4)), rng.normal(size=4)
    found = shapley_values(crooked, row, background, rounds=30)
    assert found.values == pytest.approx(exact(row, background), abs=0.02)
    assert (found.high - found.low).max() < 0.3


def test_of_a_linear_function_they_are_exact() -> None:
    """A weight times the distance from the background's mean, whatever the orders."""
    rng = np.random.default_rng(2)
    background, row, weight = rng.normal(size=(10, 3)), rng.normal(size=3), np.array([2.0, -1.0, 0.5])
    found = shapley_values(lambda rows: rows @ weight, row, background)
    assert found.values == pytest.approx(weight * (row - background.mean(axis=0)))


def test_the_same_seed_gives_the_same_values() -> None:
    """And another seed others."""
    rng = np.random.default_rng(3)
    background, row = rng.normal(size=(10, 4)), rng.normal(size=4)
    first, again, other = (shapley_values(crooked, row, background, seed=seed).values for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_background_that_says_nothing_is_refused() -> None:
    """One row, other columns, or no round."""
    for row, background, rounds in ((np.zeros(2), np.zeros((1, 2)), 1), (np.zeros(3), np.zeros((4, 2)), 1)):
        with pytest.raises(DataError, match="background of shape"):
            shapley_values(crooked, row, background, rounds=rounds)
    with pytest.raises(DataError, match="rounds=0"):
        shapley_values(crooked, np.zeros(2), np.zeros((4, 2)), rounds=0)
