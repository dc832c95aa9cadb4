"""Samples that somebody chose: they say who, and that nothing bounds their error."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.data.samples.chosen import convenience, judgement, quota, snowball

CHAIN = (np.arange(9), np.arange(1, 10))
STAR = (np.zeros(50, dtype=int), np.arange(1, 51))


def test_whoever_chose_is_part_of_the_frame() -> None:
    """Kind, judge and reason are in the lineage, and no chance is."""
    told = judgement([4, 2], 100, judged_by="fraud desk", reason="typical").lineage()
    assert told["judged_by"] == "fraud desk"
    assert told["details"] == {"reason": "typical"}
    assert (told["probability"], told["inclusion"], told["seed"]) == (False, None, None)


def test_chosen_rows_weigh_one_each() -> None:
    """Until it is raked, a chosen sample is a plain list of rows."""
    sample = convenience([7, 3], 10, judged_by="the web form", note="first week")
    assert (sample.index.tolist(), sample.weight.tolist()) == ([3, 7], [1, 1])
    assert np.isnan(sample.inclusion).all()


def test_nobody_is_no_judge() -> None:
    """A chosen sample without a judge is refused."""
    with pytest.raises(DataError, match="judged_by="):
        convenience([1], 10, judged_by=" ")


@pytest.mark.parametrize("index", [[10], [-1], [0.5], [1, 1], []])
def test_rows_that_are_none_of_the_population_are_refused(index: list[int]) -> None:
    """A row is a number of the population, chosen once."""
    with pytest.raises(DataError):
        convenience(index, 10, judged_by="somebody")


def test_a_quota_is_filled_in_the_order_of_arrival() -> None:
    """The first rows of a group are taken until it is full; a quota that is not filled says so."""
    sample = quota(["f", "m", "m", "m", "f", "x"], {"f": 3, "m": 2}, judged_by="the callers")
    assert sample.index.tolist() == [0, 1, 2, 4]
    assert sample.frame.details == {"quotas": {"f": [3, 2], "m": [2, 2]}}
    with pytest.raises(DataError, match="'z'"):
        quota(["f"], {"z": 1}, judged_by="the callers")


def test_a_snowball_goes_as_many_waves_as_it_is_told() -> None:
    """Each wave is named by the one before."""
    sample = snowball(CHAIN, [4], 10, waves=2)
    assert (sample.index.tolist(), sample.frame.details["waves"]) == ([2, 3, 4, 5, 6], [1, 2, 2])
    assert snowball(CHAIN, [4], 10, waves=2, directed=True).index.tolist() == [4, 5, 6]


def test_a_snowball_ends_when_nobody_new_is_named() -> None:
    """Waves beyond the component change nothing."""
    assert len(snowball(CHAIN, [4], 20, waves=99)) == 10


def test_a_snowball_asks_each_for_at_most_so_many() -> None:
    """The names are drawn at random, the same for the same seed."""
    first, again, other = (snowball(STAR, [0], 51, waves=1, most=5, seed=seed) for seed in (1, 1, 2))
    assert len(first) == 6
    assert first.digest == again.digest != other.digest
    assert not first.frame.probability
