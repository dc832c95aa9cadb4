"""Consensus of votes, against the paper's own data and a second implementation."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.labels.consensus import NO_CLASS, dawid_skene, majority

ANAESTHETISTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 "
    "2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 "
    "2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 "
    "1111111 1111111 1212111 2322222 1211111 2222222"
)
"""Forty-five patients (Dawid and Skene 1979, table 1): three looks of the first anaesthetist, one of the others."""


def anaesthetists() -> np.ndarray:
    """How often each of the five gave each patient each of four classes."""
    counts = np.zeros((45, 5, 4))
    for patient, given in enumerate(ANAESTHETISTS.split()):
        for look, value in enumerate(given):
            counts[patient, max(0, look - 2), int(value) - 1] += 1
    return counts


def test_dawid_skene_gives_the_estimates_of_the_paper() -> None:
    """Without smoothing, prevalence and the first anaesthetist's errors are those of the paper's table 2."""
    found = dawid_skene(anaesthetists(), classes=4, smoothing=0.0, rounds=500, tolerance=1e-12)
    assert found.converged
    assert found.prevalence.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.confusion[0].round(2).tolist() == [
        [0.89, 0.11, 0.0, 0.0],
        [0.07, 0.88, 0.05, 0.0],
        [0.0, 0.34, 0.66, 0.0],
        [0.0, 0.0, 0.56, 0.44],
    ]


def test_dawid_skene_agrees_with_a_second_implementation() -> None:
    """crowd-kit 1.4.2 (DawidSkene, 100 rounds, no tolerance) gives these numbers for the same votes."""
    found = dawid_skene(anaesthetists(), classes=4, smoothing=0.0, rounds=500, tolerance=1e-12)
    assert found.prevalence == pytest.approx([0.39955475288, 0.42198339191, 0.11179518854, 0.06666666667], abs=1e-9)
    assert found.probability[2] == pytest.approx([0.0, 1.0, 0.0, 0.0], abs=1e-8)
    assert found.probability[6] == pytest.approx([0.981020295, 0.018979705, 0.0, 0.0], abs=1e-8)


def test_the_likelihood_grows_with_every_round() -> None:
    """EM never makes the votes less likely."""
    told = [dawid_skene(anaesthetists(), classes=4, smoothing=0.0, rounds=n).log_likelihood for n in range(1, 12)]
    assert np.all(np.diff(told) >= -1e-9)


def test_a_bad_annotator_is_outvoted_by_two_good_ones_and_known_as_bad() -> None:
    """Dawid-Skene finds the truth where a majority of careless annotators is wrong."""
    rng = np.random.default_rng(5)
    true = rng.integers(0, 2, 600)
    right = rng.random((600, 5)) < np.array([0.95, 0.95, 0.55, 0.55, 0.55])
    votes = np.where(right, true[:, None], 1 - true[:, None]).astype(np.int8)
    found = dawid_skene(votes, classes=2)
    by_count = majority(votes, classes=2)
    assert (found.value == true).mean() > 0.93 > (by_count.value == true).mean()
    assert found.confusion[0, 0, 0] > 0.9
    assert found.confusion[4, 0, 0] < 0.65


def test_smoothing_keeps_an_annotator_of_one_vote_from_being_infallible() -> None:
    """With few votes an annotator counts as an average one."""
    votes = np.full((40, 3), -1, dtype=np.int8)
    votes[:, 0] = np.arange(40) % 2
    votes[:, 1] = votes[:, 0]
    votes[::7, 1] = 1 - votes[::7, 1]
    votes[0, 2] = 0
    rough, smooth = (dawid_skene(votes, classes=2, smoothing=amount).confusion[2] for amount in (0.0, 1.0))
    assert rough.max() == 1.0
    assert smooth.max() < 0.99


def test_an_item_without_a_vote_has_the_prevalence() -> None:
    """Nothing is known of it but how common the classes are."""
    votes = [[0, 0], [0, 0], [0, 0], [1, 1], [-1, -1]]
    found = dawid_skene(votes, classes=2)
    assert found.probability[4] == pytest.approx(found.prevalence, abs=1e-6)


def test_ties_are_told() -> None:
    """An item with as many votes for one class as for another has no class."""
    found = majority([[0, 1], [0, 0], [1, -1]], classes=3)
    assert found.value.tolist() == [NO_CLASS, 0, 1]
    assert found.tied.tolist() == [True, False, False]
    assert found.confidence.tolist() == [0.5, 1.0, 1.0]


def test_dawid_skene_of_perfect_symmetry_has_no_class() -> None:
    """Two annotators who contradict each other on their only item leave it open."""
    assert dawid_skene([[0, 1]], classes=2).value.tolist() == [NO_CLASS]


def test_many_items_and_annotators_fit_in_little_memory() -> None:
    """Votes are counted one by one, not as a table of items by annotators by classes."""
    rng = np.random.default_rng(1)
    votes = np.full((20_000, 200), -1, dtype=np.int8)
    who = rng.integers(0, 200, (20_000, 3))
    np.put_along_axis(votes, who, rng.integers(0, 2, (20_000, 3)).astype(np.int8), axis=1)
    assert dawid_skene(votes, classes=2, rounds=3).rounds == 3


@pytest.mark.parametrize("votes", [[[0, 5]], [[-2, 0]], [[0.5, 1.0]]])
def test_what_is_no_vote_is_refused(votes: list[list[float]]) -> None:
    """A class that does not exist, or half of one, is an error."""
    with pytest.raises(DataError):
        majority(votes, classes=2)
