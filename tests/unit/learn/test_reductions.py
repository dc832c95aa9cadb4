"""Reductions: what multipliers make of rows, and which of the models tried is taken."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.learn.multipliers import Multipliers, multiplied
from setpoint.learn.sides import Examples

Y = np.array([1.0, 0, 1, 0, 1, 0, 0, 1, 1, 0])
ROWS = Examples(pa.table({}), pa.table({"sex": list("ffffmmmmmm")}), Y, np.arange(10))
SHARES = {
    "selection_rate": {"f": 0.4, "m": 0.6},
    "recall": {"f": 0.2, "m": 0.3},
    "false_positive_rate": {"f": 0.2, "m": 0.3},
}
"""Of all rows, those of each group that the rate counts."""
FAIRLEARN = {
    "selection_rate": [0.45] * 4 + [-0.3] * 6,
    "recall": [0.9, 0, 0.9, 0, -0.6, 0, 0, -0.6, -0.6, 0],
    "false_positive_rate": [0, 0.9, 0, 0.9, 0, -0.6, -0.6, 0, 0, -0.6],
}
"""What `signed_weights` of fairlearn 0.15.0 gives for the multipliers 0.1 of ("-", f) and 0.3 of ("+", m)."""


@pytest.mark.parametrize("rate", FAIRLEARN)
def test_what_acting_is_worth_beside_the_outcome_is_what_fairlearn_has(rate: str) -> None:
    """DemographicParity, TruePositiveRateParity and FalsePositiveRateParity, with the paper's multipliers."""
    each = tuple((group, mu / SHARES[rate][group]) for group, mu in (("f", 0.1), ("m", -0.3)))
    assert Multipliers("sex", rate, each).of(ROWS) == pytest.approx(FAIRLEARN[rate])


def test_no_multipliers_leave_the_rows_as_they_are() -> None:
    """Weights and labels are the same, and weights go on counting."""
    weighted = Examples(ROWS.features, ROWS.fields, Y, ROWS.at, {}, np.arange(1.0, 11.0))
    made = multiplied(weighted, Multipliers("sex", "recall", ()))
    assert np.array_equal(made.y, Y)
    assert np.array_equal(made.weight, weighted.weight)


def test_a_large_multiplier_turns_labels_round_and_keeps_the_weight_of_all() -> None:
    """To act on no positive man is then what a model is to learn."""
    made = multiplied(ROWS, Multipliers("sex", "recall", (("f", 2.0), ("m", -2.0))))
    assert made.y[:4].tolist() == [1, 0, 1, 0]
    assert made.y[4:].sum() == 0
    assert made.weight.sum() == pytest.approx(10)
