"""Integers of 128 bits as two of 64, and their exact way into a float64: what sums that never round are carried in.

A wide integer is (high, low): its upper 64 bits, signed, and its lower 64 bits, kept in an int64 as they are. Who adds
has checked that the result fits. Inside, whatever may wrap around is unsigned (numba tells LLVM that signed integers
never do), and the two are never mixed in one operation, since numba would make a float64 of them.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from setpoint.data.compiled import compiled

Int: TypeAlias = Any
"""An integer of 64 bits: of Python where a test calls, of the machine inside."""

Float: TypeAlias = Any
"""A float64, of either."""

Truth: TypeAlias = Any
"""A truth value, of either."""

ZERO, ONE, HALF, SIGN, WIDTH = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(63), np.uint64(64)
REST = np.uint64(2**32 - 1)

NARROW = 2.0**62
"""Whole numbers below it, and what is a little greater, fit in 64 bits."""


def halves(value: int) -> tuple[int, int]:
    """A Python integer as a wide one.

    >>> halves(-1), halves(2**64 + 5)
    ((-1, -1), (1, 5))
    """
    low = value & (2**64 - 1)
    return value >> 64, low - 2**64 if low >= 2**63 else low


def whole(high: int, low: int) -> int:
    """A wide integer as a Python one.

    >>> whole(*halves(-(2**100) + 7)) == -(2**100) + 7
    True
    """
    return (int(high) << 64) + (int(low) & (2**64 - 1))


@compiled
def below(left: Int, right: Int) -> Any:
    """Whether one 64-bit pattern is less than another, both as unsigned integers."""
    return np.uint64(left) < np.uint64(right)


@compiled
def add(high: Int, low: Int, value: Int) -> tuple[Int, Int]:
    """A wide integer plus one of 64 bits."""
    total = np.uint64(low) + np.uint64(value)
    return high + (value >> 63) + (total < np.uint64(low)), np.int64(total)


@compiled
def subtract(high: Int, low: Int, value: Int) -> tuple[Int, Int]:
    """A wide integer minus one of 64 bits."""
    rest = np.uint64(low) - np.uint64(value)
    return high - (value >> 63) - (np.uint64(low) < np.uint64(value)), np.int64(rest)


@compiled
def add_wide(high: Int, low: Int, other_high: Int, other_low: Int) -> tuple[Int, Int]:
    """The sum of two wide integers."""
    total = np.uint64(low) + np.uint64(other_low)
    return high + other_high + (total < np.uint64(low)), np.int64(total)


@compiled
def subtract_wide(high: Int, low: Int, other_high: Int, other_low: Int) -> tuple[Int, Int]:
    """The difference of two wide integers."""
    rest = np.uint64(low) - np.uint64(other_low)
    return high - other_high - (np.uint64(low) < np.uint64(other_low)), np.int64(rest)


@compiled
def square(value: Int) -> tuple[Int, Int]:
    """The square of an integer below 2**63 in size."""
    size = np.uint64(abs(value))
    high, low = multiplied(size, size)
    return np.int64(high), np.int64(low)


@compiled
def add_square(high: Int, low: Int, value: Int) -> tuple[Int, Int]:
    """A wide integer plus the square of an integer below 2**63 in size."""
    square_high, square_low = square(value)
    return add_wide(high, low, square_high, square_low)


@compiled
def to_float(high: Int, low: Int) -> float:
    """A wide integer above -2**127 as the nearest float64, ties to even."""
    if high == low >> 63:
        return float(low)
    if high >= 0:
        return rounded(np.uint64(high), np.uint64(low))
    high, low = subtract_wide(0, 0, high, low)
    return -rounded(np.uint64(high), np.uint64(low))


@compiled
def spread(n: Int, s_high: Int, s_low: Int, q_high: Int, q_low: Int) -> float:
    """`n * q - s**2` of a number of values, their sum and the sum of their squares: exact, then rounded once.

    Since s**2 is at most n * q, both are below 2**190 and their difference may be taken modulo 2**192.
    """
    if s_high == s_low >> 63 and q_high == 0 and q_low >= 0 and float(n) * float(q_low) < NARROW:
        return float(n * q_low - s_low * s_low)
    if s_high < 0:
        s_high, s_low = subtract_wide(0, 0, s_high, s_low)
    many, s_1, s_0 = np.uint64(n), np.uint64(s_high), np.uint64(s_low)
    word_1, word_0 = multiplied(many, np.uint64(q_low))
    square_1, square_0 = multiplied(s_0, s_0)
    word_2, square_2 = ZERO, ZERO
    if s_high != 0 or q_high != 0:
        part_1, part_0 = multiplied(many, np.uint64(q_high))
        word_1 += part_0
        word_2 = part_1 + np.uint64(word_1 < part_0)
        part_1, part_0 = multiplied(s_0, s_1)
        twice = part_0 << ONE
        square_1 += twice
        square_2 = (part_1 << ONE) + (part_0 >> SIGN) + np.uint64(square_1 < twice) + s_1 * s_1
    less = np.uint64(word_0 < square_0)
    word_0 -= square_0
    lost = np.uint64(word_1 < square_1)
    word_1 -= square_1
    lost += np.uint64(word_1 < less)
    word_1 -= less
    word_2 -= square_2 + lost
    if word_2 == ZERO:
        return rounded(word_1, word_0)
    return math.ldexp(rounded(word_2, word_1 | np.uint64(word_0 != ZERO)), 64)


@compiled
def multiplied(left: np.uint64, right: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The product of two unsigned integers of 64 bits, as unsigned 128 bits."""
    left_top, left_rest, right_top, right_rest = left >> HALF, left & REST, right >> HALF, right & REST
    lowest, one, other = left_rest * right_rest, left_rest * right_top, left_top * right_rest
    middle = (lowest >> HALF) + (one & REST) + (other & REST)
    high = left_top * right_top + (one >> HALF) + (other >> HALF) + (middle >> HALF)
    return high, (lowest & REST) | (middle << HALF)


@compiled
def rounded(high: np.uint64, low: np.uint64) -> float:
    """An unsigned integer of 128 bits as the nearest float64, ties to even.

    Its first 62 bits or more are kept, with a last bit that says whether any of the others is set: enough to round
    right, since a float64 has 53.
    """
    if high == ZERO and low >> SIGN == ZERO:
        return float(np.int64(low))
    shift, rest = 1, high
    while rest != ZERO:
        shift, rest = shift + 1, rest >> ONE
    if shift >= 64:
        top, lost = high >> ONE, (high & ONE) | low
        return math.ldexp(float(np.int64(top | np.uint64(lost != ZERO))), 65)
    by = np.uint64(shift)
    top = (high << (WIDTH - by)) | (low >> by)
    lost = low << (WIDTH - by)
    return math.ldexp(float(np.int64(top | np.uint64(lost != ZERO))), shift)
