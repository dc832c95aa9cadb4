"""Vote matrices in small."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.labels import vote_patterns
from setpoint.labels.vote_patterns import Stretches, checked_votes, patterns_of


def matrix(rows: int, programs: int, classes: int, seed: int = 0) -> np.ndarray:
    """Votes at random."""
    return np.random.default_rng(seed).integers(-1, classes, (rows, programs)).astype(np.int8)


@pytest.mark.parametrize(("programs", "classes"), [(1, 2), (7, 2), (30, 2), (10, 4), (3, 100), (40, 5)])
def test_sums_over_programs_are_look_ups(programs: int, classes: int) -> None:
    """What the votes of a row give together is what adding them up one by one gives."""
    votes = matrix(500, programs, classes)
    points = np.random.default_rng(1).normal(size=(programs, classes + 1, classes))
    stretches = Stretches(programs, classes)
    by_hand = sum(points[i][votes[:, i].astype(int) + 1] for i in range(programs))
    assert stretches.add_up(points, stretches.codes(votes)) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(("programs", "classes"), [(4, 2), (3, 4)])
def test_patterns_are_the_distinct_rows_with_their_number(programs: int, classes: int) -> None:
    """As numpy counts them."""
    votes = matrix(3000, programs, classes)
    found = patterns_of(votes, classes)
    rows, counts = np.unique(votes, axis=0, return_counts=True)
    have = {tuple(row): count for row, count in zip(found.votes.tolist(), found.count.tolist(), strict=True)}
    assert have == {tuple(row): float(count) for row, count in zip(rows.tolist(), counts, strict=True)}


def test_a_weight_of_two_is_the_row_twice() -> None:
    """Whole weights are repetitions."""
    votes, weight = matrix(400, 5, 2), np.random.default_rng(2).integers(1, 4, 400)
    weighted = patterns_of(votes, 2, weight=weight.astype(float))
    repeated = patterns_of(np.repeat(votes, weight, axis=0), 2)
    assert weighted.votes.tolist() == repeated.votes.tolist()
    assert weighted.count.tolist() == repeated.count.tolist()


def test_votes_are_counted_by_class() -> None:
    """How much of each row is of each class goes to the votes of its programs."""
    votes, share = matrix(300, 9, 3), np.random.default_rng(4).dirichlet([1, 1, 1], 300)
    found = vote_patterns.Patterns(votes, np.ones(300), Stretches(9, 3))
    by_hand = np.array([[share[votes[:, i] == v].sum(axis=0) for v in range(-1, 3)] for i in range(9)])
    assert found.counts(share) == pytest.approx(by_hand)


def test_of_too_many_patterns_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows for the same seed, which stand for all."""
    monkeypatch.setattr(vote_patterns, "MOST", 200)
    votes = matrix(5000, 12, 2)
    one, again, other = (patterns_of(votes, 2, seed=seed) for seed in (1, 1, 2))
    assert one.votes.shape == (200, 12)
    assert one.count.sum() == pytest.approx(5000)
    assert np.array_equal(one.votes, again.votes)
    assert not np.array_equal(one.votes, other.votes)


@pytest.mark.parametrize(
    ("votes", "classes"),
    [([[2]], 2), ([[-2]], 2), ([[0.5]], 2), ([0, 1], 2), (np.empty((3, 0), dtype=int), 2), ([[0]], 1)],
)
def test_what_is_no_vote_is_refused(votes: object, classes: int) -> None:
    """A vote is -1 or the number of a class."""
    with pytest.raises(DataError):
        checked_votes(votes, classes)  # type: ignore[arg-type]
