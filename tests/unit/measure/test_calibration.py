"""The calibration error and the reliability table."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.calibration import ece, reliability

RNG = np.random.default_rng(11)
SCORE = RNG.random(3000)
OUTCOME = (RNG.random(3000) < SCORE**2).astype(float)


def test_ece_is_the_mean_distance_over_bins_of_equal_size() -> None:
    """On distinct scores it equals the textbook loop over sorted fifteenths."""
    order = np.argsort(SCORE)
    parts = np.array_split(order, 15)
    wanted = sum(len(part) * abs(SCORE[part].mean() - OUTCOME[part].mean()) for part in parts) / SCORE.size
    assert ece(OUTCOME, SCORE) == pytest.approx(wanted, rel=1e-12)


def test_the_order_of_rows_does_not_matter() -> None:
    """Rows with equal scores share a bin, so ties cannot be split by their order."""
    tied = np.round(SCORE, 1)
    shuffled = np.random.default_rng(1).permutation(tied.size)
    assert ece(OUTCOME[shuffled], tied[shuffled]) == pytest.approx(ece(OUTCOME, tied), rel=1e-12)


def test_a_constant_score_has_the_distance_to_the_base_rate() -> None:
    """One score is one bin."""
    assert ece([1, 0, 0, 0], [0.5] * 4) == 0.25


def test_the_reliability_table_is_made_of_the_bins_of_ece() -> None:
    """The weighted distances of the table's rows add up to the ECE, and rows cover every decision once."""
    table = reliability(OUTCOME, SCORE)
    assert sum(row.n for row in table) == SCORE.size
    added = sum(row.n * abs(row.mean_p - row.rate) for row in table) / SCORE.size
    assert added == pytest.approx(ece(OUTCOME, SCORE), rel=1e-12)


def test_true_rates_lie_in_the_reliability_intervals_as_often_as_stated() -> None:
    """With scores that are right, about 90 % of the 90 % intervals hold the mean score."""
    rng = np.random.default_rng(2)
    held = []
    for _ in range(60):
        p = rng.random(1500)
        table = reliability(rng.random(1500) < p, p, level=0.9)
        held += [row.low <= row.mean_p <= row.high for row in table]
    assert 0.86 < np.mean(held) < 0.95


def test_weights_count_rows_as_often_as_they_say() -> None:
    """A table of weighted rows has the rates of the repeated rows."""
    weight = np.random.default_rng(1).integers(1, 4, SCORE.size)
    repeated = reliability(np.repeat(OUTCOME, weight), np.repeat(SCORE, weight))
    weighted = reliability(OUTCOME, SCORE, weight=weight)
    assert [row.rate for row in weighted] == pytest.approx([row.rate for row in repeated])
    assert [row.mean_p for row in weighted] == pytest.approx([row.mean_p for row in repeated])


def test_scores_outside_the_unit_interval_are_refused() -> None:
    """Calibration speaks of probabilities."""
    with pytest.raises(DataError, match="probabilities"):
        reliability([0, 1], [0.5, 1.5])
    with pytest.raises(DataError, match="probabilities"):
        ece([0, 1], [-0.5, 0.5])
