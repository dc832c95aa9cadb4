"""Values as 64-bit words: what is told apart, counted and kept when a fold needs more of a value than its size.

A number is the bits of its float64 (of 0.0 where it is -0.0), a time its microseconds, a text 64 bits of hash. A word
has a hash of its own, for estimates from the smallest hashes, and a number a bucket, for histograms: its sign,
exponent and first 7 bits, so that a bucket is at most 1/128 wide for its size (log-linear, as in HdrHistogram).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.data.identity import mix, text_hashes
from setpoint.declare.kinds import TEXT, TIME
from setpoint.features.wide import Int

BUCKET_SHIFT = 45
"""How many of the last bits of a float64 a bucket leaves out."""

STEP, FACTOR_1, FACTOR_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
BACK_1, BACK_2 = (np.uint64(pow(int(factor), -1, 2**64)) for factor in (FACTOR_1, FACTOR_2))


def value_words(values: Array, kind: str) -> Array:
    """The word of each value of a kind, as int64; of NULL, any.

    >>> value_words(np.array([0.0, -0.0, 1.0]), "number").tolist() == [0, 0, 1023 << 52]
    True
    >>> value_words(np.array(["a", "b"], dtype=object), "text") < 0
    array([ True, False])
    """
    if kind == TEXT:
        return text_hashes(pa.array(values, pa.string())).view(np.int64)
    if kind == TIME:
        return np.asarray(values, dtype=np.int64)
    return (values + 0.0).view(np.int64)


def hash_words(words: Array) -> Array:
    """The hash of each word, as uint64.

    >>> hash_words(np.array([0]))
    array([16294208416658607535], dtype=uint64)
    """
    return mix(words.view(np.uint64))


def words_hashed(hashes: Array) -> Array:
    """The word of each hash: what `hash_words` does, undone, which can be done as no two words share a hash.

    >>> words_hashed(hash_words(np.array([0, 5, -7])))
    array([ 0,  5, -7])
    """
    mixed = (hashes ^ (hashes >> SHIFT_3) ^ (hashes >> (SHIFT_3 + SHIFT_3))) * BACK_2
    mixed = (mixed ^ (mixed >> SHIFT_2) ^ (mixed >> (SHIFT_2 + SHIFT_2))) * BACK_1
    mixed = (mixed ^ (mixed >> SHIFT_1) ^ (mixed >> (SHIFT_1 + SHIFT_1))) - STEP
    return np.asarray(mixed.view(np.int64))


@compiled
def hash_word(word: Int) -> Int:
    """The bits of `hash_words` of one word, as int64 (`wide.below` compares them)."""
    mixed = np.uint64(word) + STEP
    mixed = (mixed ^ (mixed >> SHIFT_1)) * FACTOR_1
    mixed = (mixed ^ (mixed >> SHIFT_2)) * FACTOR_2
    return np.int64(mixed ^ (mixed >> SHIFT_3))


def estimate(hashed: Array, cap: int) -> Array:
    """How many different values there are, from the `cap`-th smallest of their hashes, each as a number.

    The unbiased estimate of k minimum values: Beyer and others, "On synopses for distinct-value estimation under
    multiset operations" (2007).

    >>> estimate(np.array([2.0**63]), 101)
    array([200.])
    """
    return np.asarray(np.rint(float(cap - 1) / ((hashed + 1.0) / 2.0**64)))


def bucket_of(values: Array) -> Array:
    """The bucket of each number, as int64: buckets are in the order of their numbers.

    >>> bucket_of(np.array([1.0, -1.0, 0.0])).tolist()
    [130944, -130944, 0]
    """
    sizes = np.abs(values).view(np.int64) >> BUCKET_SHIFT
    return np.where(values < 0.0, -sizes, sizes)


def bucket_value(buckets: Array) -> Array:
    """The number that stands for each bucket: its edge next to zero, a number of 8 significant bits.

    >>> bucket_value(bucket_of(np.array([100.7, -0.3])))
    array([100.5       ,  -0.29882812])
    """
    sizes = (np.abs(buckets) << BUCKET_SHIFT).view(np.float64)
    return np.where(buckets < 0, -sizes, sizes)
