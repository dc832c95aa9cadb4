"""Rows are looked at before they train: what is no number stops, what tells nothing is named."""

from __future__ import annotations

import numpy as np

from setpoint.learn.preflight_rows import check_finite, check_inputs, firsts

NAMES = ("a", "b", "c")


def test_sound_rows_are_not_blamed() -> None:
    """NULL is a value that an input may have."""
    rows = np.random.default_rng(0).normal(size=(50, 3))
    rows[::7, 1] = np.nan
    y = (rows[:, 0] > 0).astype(float)
    assert check_finite(rows, y, np.ones(50), names=NAMES) == check_inputs(rows, names=NAMES) == ()


def test_what_is_no_number_is_found() -> None:
    """Each of inputs, labels and weights, with how many."""
    rows = np.random.default_rng(0).normal(size=(10, 3))
    rows[3, 1] = -np.inf
    y, weight = np.arange(10.0), np.ones(10)
    y[2], weight[4], weight[5] = np.nan, np.nan, -1.0
    found = check_finite(rows, y, weight, names=NAMES)
    assert [(each.kind, each.feature, each.blocks) for each in found] == [
        ("not-finite", "b", True),
        ("not-finite", "", True),
        ("not-finite", "", True),
    ]
    assert "1 of 10 labels" in found[1].evidence
    assert "2 of 10 weights" in found[2].evidence


def test_labels_may_have_several_columns() -> None:
    """One label that is no number spoils its row."""
    y = np.random.default_rng(0).normal(size=(10, 2))
    y[3, 1] = np.nan
    assert "1 of 10 labels" in check_finite(np.ones((10, 1)), y, np.ones(10), names=["a"])[0].evidence


def test_one_label_is_nothing_to_learn_from() -> None:
    """It is a fault of the rows."""
    assert [each.kind for each in check_finite(np.ones((4, 1)), np.ones(4), np.ones(4), names=["a"])] == ["one-label"]


def test_constants_and_copies_are_named_once() -> None:
    """A constant is not also a copy of another; NULL everywhere is a constant; 0 and -0 are equal."""
    rows = np.array([[1.0, np.nan, 0.0, -0.0, 5.0, 5.0], [2.0, np.nan, 1.0, 1.0, 5.0, 5.0]])
    found = check_inputs(rows, names=list("uvwxyz"))
    assert [(each.kind, each.feature) for each in found] == [
        ("constant-input", "v"),
        ("constant-input", "y"),
        ("constant-input", "z"),
        ("duplicated-input", "x"),
    ]
    assert not any(each.blocks for each in found)


def test_columns_that_begin_alike_are_compared_whole() -> None:
    """A difference in the last row counts."""
    rows = np.zeros((2000, 3))
    rows[-1, 1] = 1.0
    assert firsts(rows).tolist() == [0, 1, 0]
