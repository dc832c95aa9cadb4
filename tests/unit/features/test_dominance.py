"""Folds over "known by now, happened since then" against looking at every row."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.features.dominance import Dominance


@pytest.mark.parametrize("keys", [1, 3, 40])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 200])
def test_folds_equal_looking_at_every_row(size: int, keys: int) -> None:
    """Sums and greatest merits of any prefix of a key from any rank on, for one hot key and for many."""
    rng = np.random.default_rng(size * 100 + keys)
    key = np.sort(rng.integers(0, keys, size))
    starts = np.searchsorted(key, key)
    ranks = np.empty(size, dtype=np.int64)
    for one in np.unique(key):
        own = np.flatnonzero(key == one)
        ranks[own] = rng.permutation(own)
    weights, merits = rng.integers(-9, 9, size), rng.integers(0, 5, size)
    tree = Dominance(starts, ranks)
    asked = rng.integers(0, keys, 300)
    begin = np.searchsorted(key, asked)
    end = begin + rng.integers(0, np.searchsorted(key, asked, side="right") - begin + 1)
    lowest = rng.integers(begin, np.searchsorted(key, asked, side="right") + 1)
    rows = [
        [place for place in range(b, e) if ranks[place] >= low] for b, e, low in zip(begin, end, lowest, strict=True)
    ]
    pieces = tree.pieces(begin, end, lowest)
    sums = tree.sums(tree.prefixes(weights), pieces, size=300)
    assert sums.tolist() == [sum(weights[place] for place in own) for own in rows]
    greatest = tree.greatest(tree.suffixes(merits, starts), pieces, size=300)
    assert greatest.tolist() == [max((merits[place] for place in own), default=0) for own in rows]


def test_no_rows_answer_every_question_with_nothing() -> None:
    """A key without late rows sums to zero."""
    tree, none = Dominance(np.zeros(0, np.int64), np.zeros(0, np.int64)), np.zeros(2, np.int64)
    assert tree.sums(tree.prefixes(none[:0]), tree.pieces(none, none, none), size=2).tolist() == [0, 0]


def test_sums_keep_integers_of_any_width() -> None:
    """Python integers stay exact where 64 bits would not."""
    tree = Dominance(np.zeros(3, np.int64), np.array([2, 0, 1]))
    weights = np.array([2**80, 1, 5], dtype=object)
    sums = tree.sums(tree.prefixes(weights), tree.pieces(np.array([0]), np.array([3]), np.array([1])), size=1)
    assert sums.tolist() == [2**80 + 5]
