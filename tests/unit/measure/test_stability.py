"""The stability of choices of features, against what Nogueira's own program gives, the jackknife and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.stability import selection_stability


def pairwise(chosen: np.ndarray) -> float:
    """The index by its definition over pairs of choices: the mean of their corrected agreements."""
    choices, features = chosen.shape
    size = chosen.sum() / choices
    shared = [chosen[i] @ chosen[j] for i in range(choices) for j in range(choices) if i != j]
    return float((np.mean(shared) - size**2 / features) / (size - size**2 / features))


def by_its_authors(chosen: np.ndarray) -> float:
    """The variance as the authors of the index compute it."""
    choices, features = chosen.shape
    share, size = chosen.mean(axis=0), chosen.sum(axis=1)
    mean = share.sum()
    spread = mean / features * (1 - mean / features)
    index = 1 - choices / (choices - 1) * np.mean(share * (1 - share)) / spread
    half = index / 2 * (2 * size * mean / features**2 - size / features - mean / features + 1)
    phi = ((chosen * share).mean(axis=1) - size * mean / features**2 + half) / spread
    return float(4 / choices**2 * np.sum((phi - phi.mean()) ** 2))


def choices(seed: int, rows: int = 60, features: int = 20) -> np.ndarray:
    """Choices in which features are taken with chances of their own."""
    rng = np.random.default_rng(seed)
    chances = rng.beta(0.6, 0.6, features)
    return (rng.random((rows, features)) < chances).astype(float)


def test_equal_choices_are_stable_and_random_ones_are_not() -> None:
    """1 where all agree, about 0 where each takes as many at random, nothing to say where all take everything."""
    same = np.tile([1.0, 1.0, 0.0, 0.0, 0.0], (10, 1))
    assert selection_stability(same).index == 1.0
    rng = np.random.default_rng(0)
    luck = np.stack([rng.permutation(np.repeat([1.0, 0.0], [5, 15])) for _ in range(400)])
    found = selection_stability(luck)
    assert abs(found.index) < 0.01
    assert found.low < 0 < found.high
    assert np.isnan(selection_stability(np.ones((4, 3))).index)


def test_the_index_is_the_agreement_of_pairs_corrected_for_chance() -> None:
    """The index of proportions is that of pairs of choices, which is its other definition."""
    for seed in range(5):
        table = choices(seed)
        assert selection_stability(table).index == pytest.approx(pairwise(table), abs=1e-12)


def test_the_interval_is_near_that_of_the_authors_program_and_covers() -> None:
    """The delta method gives their standard error; of 300 samples of a known procedure 95 % cover its stability."""
    for seed in range(5):
        table = choices(seed, rows=400)
        found = selection_stability(table)
        error = (found.high - found.low) / 2 / 1.959964
        assert error == pytest.approx(by_its_authors(table) ** 0.5, rel=0.03)
    chances = np.random.default_rng(9).beta(0.6, 0.6, 20)
    mean = chances.mean()
    truth = 1 - (chances * (1 - chances)).mean() / (mean * (1 - mean))
    rng = np.random.default_rng(10)
    hits = 0
    for _ in range(300):
        found = selection_stability((rng.random((40, 20)) < chances).astype(float))
        hits += found.low <= truth <= found.high
    assert 0.90 < hits / 300 < 0.99


def test_the_bound_on_luck_is_that_of_meinshausen_and_buehlmann() -> None:
    """Ten of a hundred features in each choice and a threshold of 0.9: at most 1.25 are there by luck."""
    table = np.zeros((20, 100))
    table[:, :10] = 1.0
    assert selection_stability(table, threshold=0.9).by_luck == pytest.approx(10**2 / (0.8 * 100))


@pytest.mark.parametrize("table", [[[1, 0]], [[0.5, 1], [1, 0]], [[], []]])
def test_what_is_no_table_of_choices_is_refused(table: list[list[float]]) -> None:
    """One choice has no stability, and a choice takes a feature or does not."""
    with pytest.raises(DataError, match="table of shape"):
        selection_stability(table)
