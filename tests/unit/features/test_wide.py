"""Wide integers against Python's own."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from setpoint.features import wide
from setpoint.features.wide import halves, whole

small = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5), st.sampled_from([-(2**63), 2**63 - 1, 2**53]))
scaled = st.one_of(st.integers(-(2**53), 2**53), st.integers(-(2**62) + 1, 2**62 - 1))
big = st.one_of(st.integers(-(2**126), 2**126), st.integers(-(2**70), 2**70), small)


@given(big, small, big)
def test_sums_and_differences_are_those_of_integers(value: int, step: int, other: int) -> None:
    """Carries and borrows go from the lower half to the upper one, of either sign."""
    assert whole(*wide.add(*halves(value), step)) == value + step
    assert whole(*wide.subtract(*halves(value), step)) == value - step
    assert whole(*wide.add_wide(*halves(value), *halves(other))) == value + other
    assert whole(*wide.subtract_wide(*halves(value), *halves(other))) == value - other


@given(big, scaled)
def test_squares_are_those_of_integers(value: int, step: int) -> None:
    """A square is exact, and so is a sum with it."""
    assert whole(*wide.add_square(*halves(value), step)) == value + step * step


@given(big)
@example(2**53 + 1)
@example(2**64 - 2**10)
@example(2**100 + 2**47)
@example(2**100 + 2**47 + 1)
@example(-(2**64))
@example(2**127 - 1)
def test_a_float_is_the_nearest_ties_to_even(value: int) -> None:
    """As Python rounds an integer, at every width."""
    assert wide.to_float(*halves(value)) == float(value)


@given(st.lists(scaled, min_size=1, max_size=20), st.sampled_from([1, 3, 10**6, 2**31]))
@example([2**62 - 1, -(2**62) + 1], 1)
@example([2**53 - 1, -(2**53) + 1], 2**21)
@example([2**53 - 1, 2**53 - 2], 2**21)
def test_the_spread_is_exact_until_it_is_rounded(values: list[int], times: int) -> None:
    """`n * q - s**2` never cancels, however many values there are."""
    n, s, q = times * len(values), times * sum(values), times * sum(value * value for value in values)
    if q < 2**127:
        assert wide.spread(n, *halves(s), *halves(q)) == float(Fraction(n * q - s * s))


@pytest.mark.parametrize("value", [0, -1, 2**63, -(2**63) - 1, 2**127 - 1, -(2**127)])
def test_halves_make_the_whole(value: int) -> None:
    """Both halves are int64, whatever the sign."""
    high, low = halves(value)
    assert -(2**63) <= high < 2**63
    assert -(2**63) <= low < 2**63
    assert whole(high, low) == value
