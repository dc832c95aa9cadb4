"""What many decisions saw is a list of what each did."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.features.online_seen import Seen, SeenMany

NUMBERS = SeenMany(["n", "m"], np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), 3, {"buys": 7}, 9)
MIXED = SeenMany(["n", "last"], [[1.0, 2.0], ["a", None]], 2, {"buys": 7}, 9)


def test_each_is_put_together_when_it_is_asked_for() -> None:
    """By its place, from either end, by a slice, or one after the other."""
    assert NUMBERS[0] == NUMBERS[-3] == Seen({"n": 1.0, "m": 4.0}, {"buys": 7}, 9)
    assert NUMBERS[1:] == [NUMBERS[1], NUMBERS[2]]
    assert [one.values for one in MIXED] == [{"n": 1.0, "last": "a"}, {"n": 2.0, "last": None}]
    assert (len(NUMBERS), len(MIXED)) == (3, 2)


@pytest.mark.parametrize("place", [3, -4])
def test_a_place_beyond_them_is_none(place: int) -> None:
    """As in a list."""
    with pytest.raises(IndexError):
        NUMBERS[place]


def test_it_equals_and_shows_the_list_of_them() -> None:
    """So it may stand where a list stood."""
    assert list(MIXED) == MIXED
    assert SeenMany(["n", "last"], [(1.0, 2.0), ("a", None)], 2, {"buys": 7}, 9) == MIXED
    assert MIXED != NUMBERS
    assert MIXED != "ab"
    assert str(MIXED) == str([*MIXED])


def test_the_values_of_a_feature_are_a_column() -> None:
    """Of plain values by name, or as they are kept."""
    assert NUMBERS.to_dict() == {"n": [1.0, 2.0, 3.0], "m": [4.0, 5.0, 6.0]}
    assert [type(value) for value in NUMBERS.to_dict()["n"]] == [float] * 3
    assert list(MIXED.columns) == [[1.0, 2.0], ["a", None]]


def test_decisions_without_features_are_as_many() -> None:
    """Each has none."""
    assert [one.values for one in SeenMany([], [], 2, {}, 0)] == [{}, {}]
