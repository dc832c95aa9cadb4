"""Words, hashes and buckets of values."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.features.values import bucket_of, bucket_value, estimate, hash_word, hash_words, value_words

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(numbers, min_size=2, max_size=20))
def test_numbers_are_told_apart_by_their_words(values: list[float]) -> None:
    """Two words are equal when the numbers are; 0.0 and -0.0 are one number."""
    words = value_words(np.array(values), "number")
    assert words.dtype == np.int64
    for value, word in zip(values, words.tolist(), strict=True):
        assert [one == word for one in words.tolist()] == [one == value for one in values]
        assert struct.unpack("<d", struct.pack("<q", word))[0] == value


def test_texts_are_told_apart_by_their_hashes() -> None:
    """Length, order, zero bytes and case all count, and an empty text has a word too."""
    texts = ["", "a", "b", "ab", "ba", "a\x00", "\x00a", "A", "é", "e", "x" * 300, "x" * 299]
    words = value_words(np.array(texts, dtype=object), "text")
    assert len(set(words.tolist())) == len(texts)
    many = value_words(np.array([f"text {number}" for number in range(70_000)], dtype=object), "text")
    assert np.unique(many).size == 70_000
    assert np.array_equal(
        many[65_530:65_540], value_words(np.array([f"text {n}" for n in range(65_530, 65_540)]), "text")
    )


def test_a_time_is_its_own_word() -> None:
    """Microseconds are 64 bits already."""
    assert value_words(np.array([5, -(2**62)]), "time").tolist() == [5, -(2**62)]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_one_word_has_the_hash_it_has_among_many(words: list[int]) -> None:
    """The compiled hash gives the bits of the vectorised one."""
    found = [hash_word(word) & (2**64 - 1) for word in words]
    assert found == hash_words(np.array(words)).tolist()


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_bucket_is_narrow_and_in_order(values: list[float]) -> None:
    """A number is rounded towards zero by less than 1/128 of its size; order is kept."""
    numbers = np.sort(np.array(values))
    buckets = bucket_of(numbers)
    assert (np.diff(buckets) >= 0).all()
    found = bucket_value(buckets)
    assert np.array_equal(bucket_of(found), buckets)
    assert (np.abs(found) <= np.abs(numbers)).all()
    normal = np.abs(numbers) >= 2.0**-1022
    assert (np.abs(numbers - found)[normal] <= np.abs(numbers)[normal] / 128).all()


@pytest.mark.parametrize(
    ("value", "bucket"), [(1.0, 1.0), (1.0078125, 1.0078125), (1.01, 1.0078125), (-3.99, -3.984375)]
)
def test_eight_bits_are_kept(value: float, bucket: float) -> None:
    """The first bit and seven more."""
    assert bucket_value(bucket_of(np.array([value]))).tolist() == [bucket]


def test_zero_has_no_sign() -> None:
    """Neither as a word nor as a bucket."""
    assert value_words(np.array([-0.0]), "number").tolist() == [0]
    assert math.copysign(1.0, bucket_value(bucket_of(np.array([-0.0])))[0]) == 1.0


def test_estimates_are_near() -> None:
    """The k minimum values of 50,000 different words tell their number to a few parts in a hundred."""
    hashes = np.sort(hash_words(np.arange(50_000)))
    assert estimate(float(hashes[4095]), 4096) == pytest.approx(50_000, rel=0.05)
