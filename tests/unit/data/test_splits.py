"""Splits: sides in time, kept apart by an embargo."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.errors import DataError
from setpoint.core.times import DAY, time
from setpoint.data.arrays import NULL_TIME
from setpoint.data.splits import split_at_random, split_by_time


def test_the_newest_are_held_out_and_the_newest_before_them_validate() -> None:
    """What falls between, within the embargo, is on no side."""
    at = np.arange(100) * DAY
    split = split_by_time(at, 5 * DAY, held_out_share=0.2, validation_share=0.25)
    assert split.held_out.tolist() == list(range(80, 100))
    assert split.validation.tolist() == list(range(57, 75))
    assert split.train.tolist() == list(range(52))
    assert (split.held_out_start, split.validation_start, split.embargoed) == (80 * DAY, 57 * DAY, 10)


def test_the_held_out_time_can_be_given() -> None:
    """As the comparison from January to August against October to December is."""
    at = time("2013-01-01") + np.arange(365) * DAY
    split = split_by_time(at, 2 * DAY, start=time("2013-10-01"), validation_share=0.0)
    assert split.held_out.size == 92
    assert split.train.size == 271
    assert split.validation.size == 0
    assert split.validation_start == split.held_out_start == time("2013-10-01")


def test_a_label_that_settles_as_the_held_out_time_begins_is_too_late() -> None:
    """The window of a label includes its end."""
    at = np.array([0, 1, 2, 10])
    assert split_by_time(at, 8, start=10, validation_share=0.0).train.tolist() == [0, 1]


def test_decisions_of_one_time_are_never_parted() -> None:
    """The share is then exceeded."""
    at = np.repeat([0, 10, 20], 10)
    split = split_by_time(at, 1, held_out_share=0.1, validation_share=0.0)
    assert split.held_out.tolist() == list(range(20, 30))


@given(
    at=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    embargo=st.integers(0, 20),
    shares=st.tuples(st.floats(0.05, 0.9), st.floats(0.0, 0.9)),
)
def test_no_outcome_of_one_side_falls_into_a_later_one(
    at: list[int], embargo: int, shares: tuple[float, float]
) -> None:
    """Sides are disjoint, in order of time, and further apart than a label takes; nothing is lost uncounted."""
    times = np.array(at)
    try:
        split = split_by_time(times, embargo, held_out_share=shares[0], validation_share=shares[1])
    except DataError:
        return
    sides = [split.train, split.validation, split.held_out]
    assert all(np.array_equal(side, np.unique(side)) for side in sides)
    everything = np.concatenate(sides)
    assert np.unique(everything).size == everything.size == times.size - split.embargoed
    filled = [times[side] for side in sides if side.size]
    for earlier, later in itertools.pairwise(filled):
        assert earlier.max() + embargo < later.min()
    assert set(split.held_out.tolist()) == set(np.flatnonzero(times >= split.held_out_start).tolist())
    assert split.held_out.size >= max(1, int(shares[0] * times.size))


def test_the_order_of_decisions_does_not_matter() -> None:
    """A split is by time, wherever a decision stands."""
    rng = np.random.default_rng(5)
    at = rng.integers(0, 1000, 300)
    order = rng.permutation(300)
    straight, turned = split_by_time(np.sort(at), 10), split_by_time(np.sort(at)[order], 10)
    for name in ("train", "validation", "held_out"):
        assert sorted(order[getattr(turned, name)].tolist()) == getattr(straight, name).tolist()


@pytest.mark.parametrize(
    ("at", "options", "words"),
    [
        ([], {}, "no decision to split"),
        ([1, 2, 3], {"start": 9}, "No decision is held out: none is at or after"),
        ([5, 5, 5], {}, "No decision is left to train on"),
        ([1, 2, 3], {"start": 3, "embargo": 5}, r"none is settled \(5us after the decision\) before"),
        ([1, 2, 9], {"start": 9, "embargo": 2}, "left to train on"),
        ([1, 2], {"held_out_share": 0.0}, "held_out_share is 0.0"),
        ([1, 2], {"held_out_share": 1.0}, "held_out_share is 1.0"),
        ([1, 2], {"validation_share": 1.0}, "validation_share is 1.0"),
    ],
)
def test_a_side_that_would_be_empty_is_refused(at: list[int], options: dict[str, float], words: str) -> None:
    """With what to change."""
    given_options = {"embargo": 0, **options}
    with pytest.raises(DataError, match=words):
        split_by_time(np.array(at, dtype=np.int64), **given_options)


def test_a_random_split_mixes_time() -> None:
    """The same seed gives the same sides, another seed others; nothing is embargoed."""
    split = split_at_random(1000, held_out_share=0.25, validation_share=0.2, seed=7)
    again = split_at_random(1000, held_out_share=0.25, validation_share=0.2, seed=7)
    assert (split.train.size, split.validation.size, split.held_out.size) == (600, 150, 250)
    assert sorted(np.concatenate([split.train, split.validation, split.held_out]).tolist()) == list(range(1000))
    assert np.array_equal(split.held_out, again.held_out)
    assert not np.array_equal(split.held_out, split_at_random(1000, seed=8).held_out)
    assert split.held_out.min() < 50
    assert split.held_out.max() > 950
    assert (split.held_out_start, split.embargoed) == (NULL_TIME, 0)


def test_too_few_decisions_for_a_random_split_are_refused() -> None:
    """No side may be empty."""
    with pytest.raises(DataError, match="held out"):
        split_at_random(1, seed=1)
