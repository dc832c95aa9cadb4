"""The formulas that turn exact integers into feature values."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.errors import DataError
from setpoint.data.arrays import NULL_TIME
from setpoint.features.finalise import (
    deviation,
    mean,
    mean_of,
    std_of,
    to_scaled,
    total,
    total_of,
    var_of,
    variance,
)
from setpoint.features.wide import halves


@pytest.mark.parametrize(
    ("value", "decimals", "scaled"),
    [
        (1.25, 1, 12),
        (1.35, 1, 14),
        (0.0000005, 6, 0),
        (0.0000015, 6, 2),
        (-7.5, 0, -8),
        (2.0**53 - 1, 0, 2**53 - 1),
        (-0.0, 6, 0),
    ],
)
def test_values_are_scaled_to_the_nearest_whole_number(value: float, decimals: int, scaled: int) -> None:
    """What is summed is the float64 product, rounded half to even, as an exact integer."""
    assert to_scaled(np.array([value]), decimals, column="price").tolist() == [scaled]


def test_null_stays_null() -> None:
    """A NaN has no scaled value."""
    assert to_scaled(np.array([math.nan]), 3, column="price").tolist() == [NULL_TIME]


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 9007199254.740992, 1e300, math.inf])
def test_a_value_too_large_for_its_decimals_names_its_column(value: float) -> None:
    """An overflow is an error with the column, never a wrapped number."""
    with pytest.raises(DataError, match=r"buys\.price") as raised:
        to_scaled(np.array([1.0, math.nan, value]), 6, column="buys.price")
    assert repr(value) in raised.value.problem
    assert "decimals=" in (raised.value.hint or "")


def test_sums_and_means_are_rounded_once_per_step() -> None:
    """Whole numbers beyond 2**53, and beyond 64 bits, become the nearest float64 before anything is divided."""
    sums = np.array([2**53 + 1, 2**70 + 1, 0], dtype=object)
    counts = np.array([3, 7, 0])
    assert total(sums, 2).tolist() == [float(2**53 + 1) / 100.0, float(2**70 + 1) / 100.0, 0.0]
    found = mean(sums, counts, 2).tolist()
    assert found[:2] == [float(2**53 + 1) / 3.0 / 100.0, float(2**70 + 1) / 7.0 / 100.0]
    assert math.isnan(found[2])


def test_a_deviation_does_not_cancel() -> None:
    """Values a billion times larger than their spread keep it to the last digits."""
    values = [10**15 + step for step in (1, 2, 4, 8)]
    sums, squares = sum(values), sum(value * value for value in values)
    mid = Fraction(sums, 4)
    exact = math.sqrt(sum((value - mid) ** 2 for value in values) / 3)
    found = deviation(np.array([sums], dtype=object), np.array([squares], dtype=object), np.array([4]), 0)
    assert found[0] == pytest.approx(exact, rel=1e-15)


def test_a_deviation_needs_two_values() -> None:
    """None and one have no deviation; equal ones have zero."""
    sums, squares, counts = np.array([0, 5, 10]), np.array([0, 25, 50]), np.array([0, 1, 2])
    assert np.array_equal(deviation(sums, squares, counts, 0), [np.nan, np.nan, 0.0], equal_nan=True)


@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), max_size=8), st.integers(1, 2**20), st.integers(0, 9))
def test_one_window_is_finished_as_many_are(values: list[int], times: int, decimals: int) -> None:
    """The compiled formulas of one window give the bits of those over arrays of Python integers."""
    n, s, q = times * len(values), times * sum(values), times * sum(value * value for value in values)
    counts, sums, squares = np.array([n]), np.array([s], dtype=object), np.array([q], dtype=object)
    wide_s, wide_q, scale = halves(s), halves(q), 10.0**decimals
    found = [
        total_of(*wide_s, scale),
        mean_of(n, *wide_s, scale),
        var_of(n, *wide_s, *wide_q, scale),
        std_of(n, *wide_s, *wide_q, scale),
    ]
    expected = [
        total(sums, decimals)[0],
        mean(sums, counts, decimals)[0],
        variance(sums, squares, counts, decimals)[0],
        deviation(sums, squares, counts, decimals)[0],
    ]
    assert np.array_equal(found, expected, equal_nan=True)
