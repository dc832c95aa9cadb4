"""Programs that repeat each other, found without any truth."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.labels.label_model_dependence import Dependence, dependence_of
from setpoint.labels.vote_patterns import patterns_of
from tests.unit.labels.planted import plant

MIXED = (0.7, 0.68, 0.72, 0.69, 0.8, 0.75, 0.62, 0.66)


def found(votes: np.ndarray, classes: int = 2) -> Dependence:
    """The dependence of the programs behind votes."""
    return dependence_of(patterns_of(votes.astype(np.int8), classes))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_independent_programs_are_not_accused(classes: int, seed: int) -> None:
    """However many classes, and however unequal the programs."""
    assert found(plant(20_000, MIXED, classes=classes, seed=seed).votes, classes).pairs == []


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_copies_are_found_and_nobody_else(classes: int, seed: int) -> None:
    """Copies of nine votes in ten share about that much beyond the class; copies of one original, its square."""
    dependence = found(plant(20_000, MIXED, classes=classes, copies=2, seed=seed).votes, classes)
    strength = {pair[:2]: pair[2] for pair in dependence.pairs}
    assert set(strength) == {(0, 1), (0, 2), (1, 2)}
    assert strength[0, 1] == pytest.approx(0.9, abs=0.06)
    assert strength[1, 2] == pytest.approx(0.81, abs=0.08)


def test_copies_count_as_about_one() -> None:
    """Four that say the same count for as much as one, the others each for one."""
    votes = plant(20_000, MIXED, seed=3).votes
    votes[:, 1:4] = votes[:, :1]
    dependence = found(votes)
    assert dependence.influence[:4].sum() == pytest.approx(1, abs=0.05)
    assert dependence.influence[4:].tolist() == [1.0] * 4
    assert dependence.views == pytest.approx(5, abs=0.05)
    assert dependence.groups(np.ones(8, dtype=bool)) == 5


def test_copies_are_found_where_they_are_most_of_the_programs() -> None:
    """Five of eight: they agree so well that counted votes take them for the truth."""
    dependence = found(plant(30_000, MIXED, copies=4, seed=4).votes)
    assert {pair[:2] for pair in dependence.pairs if pair[2] > 0.5} == {
        (i, j) for i in range(5) for j in range(i + 1, 5)
    }


def test_a_program_that_never_votes_depends_on_nobody() -> None:
    """It has no votes to share."""
    votes = plant(2000, MIXED, seed=5).votes
    votes[:, 3] = -1
    assert all(3 not in pair[:2] for pair in found(votes).pairs)


def test_three_programs_are_told_only_when_they_are_equal() -> None:
    """The class alone explains any three covariances."""
    votes = plant(2000, (0.8, 0.7, 0.6), seed=6).votes
    assert found(votes).pairs == []
    votes[:, 2] = votes[:, 0]
    assert found(votes).pairs == [(0, 2, 1.0)]


def test_few_rows_accuse_nobody_by_chance() -> None:
    """What is noticed grows with the noise."""
    pairs = [found(plant(150, MIXED, seed=seed).votes).pairs for seed in range(20)]
    assert sum(bool(each) for each in pairs) <= 4
