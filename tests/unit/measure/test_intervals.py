"""What an interval says against a limit or a margin."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from setpoint.measure.intervals import (
    Interval,
    against_limit,
    against_margin,
    all_agreed_bound,
    bootstrap_tails,
    more_rows_to_settle,
    t_quantile,
)

NAN = float("nan")


def _interval(estimate: float, low: float, high: float, n: int = 100) -> Interval:
    return Interval(estimate, low, high, 0.9, n, n, 0, "test")


@pytest.mark.parametrize(
    ("low", "high", "at_least", "at_most"),
    [
        (0.62, 0.70, "holds", "fails"),
        (0.50, 0.58, "fails", "holds"),
        (0.55, 0.65, "not enough evidence", "not enough evidence"),
        (0.60, 0.70, "holds", "not enough evidence"),
        (0.50, 0.60, "not enough evidence", "holds"),
        (0.60, 0.60, "holds", "holds"),
        (NAN, NAN, "not enough evidence", "not enough evidence"),
        (-math.inf, math.inf, "not enough evidence", "not enough evidence"),
    ],
)
def test_a_limit_of_sixty_percent_is_kept_broken_or_open(low, high, at_least, at_most) -> None:
    """A value on the limit keeps it, from either side; bounds that are not numbers show nothing."""
    found = _interval((low + high) / 2, low, high)
    assert against_limit(found, 0.6, at_least=True) == at_least
    assert against_limit(found, 0.6, at_least=False) == at_most


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.010, "superior"),
        (-0.004, 0.010, "non-inferior"),
        (-0.004, -0.001, "non-inferior"),
        (-0.030, -0.006, "inferior"),
        (-0.010, 0.020, "not enough evidence"),
        (NAN, NAN, "not enough evidence"),
    ],
)
def test_a_difference_is_judged_with_a_margin(low: float, high: float, verdict: str) -> None:
    """Superior, non-inferior within half a point, inferior, or open; mirrored for metrics to be kept small."""
    found = _interval((low + high) / 2, low, high)
    mirrored = _interval(-found.estimate, -high, -low)
    assert against_margin(found, margin=0.005, greater_is_better=True) == verdict
    assert against_margin(mirrored, margin=0.005, greater_is_better=False) == verdict


def test_four_times_the_rows_halve_the_doubt() -> None:
    """An interval twice as wide as its distance from the limit needs four times the rows."""
    assert more_rows_to_settle(_interval(0.65, 0.55, 0.75), 0.6) == pytest.approx(300)
    assert more_rows_to_settle(_interval(0.55, 0.45, 0.65), 0.6) == pytest.approx(300)
    assert more_rows_to_settle(_interval(0.8, 0.75, 0.85), 0.6) == 0
    assert more_rows_to_settle(_interval(0.6, 0.5, 0.7), 0.6) == math.inf


def test_many_clusters_leave_the_tails_as_they_are() -> None:
    """The widening for few clusters fades out."""
    assert bootstrap_tails(0.95, 10**6) == pytest.approx((0.025, 0.975), abs=1e-4)
    assert bootstrap_tails(0.95, 3)[0] < 1e-6


def test_biased_draws_move_both_tails_the_other_way() -> None:
    """With 30 % of draws below the value, Efron's z0 is -0.524: the 95 % tails become Phi(2 z0 -+ 1.96)."""
    assert bootstrap_tails(0.95, 10**9, below=0.3) == pytest.approx((0.0013116, 0.8188952), abs=1e-6)


def test_student_and_agreement_bounds_have_their_published_values() -> None:
    """Student's t of 0.975 with 2 degrees of freedom is 4.303; 0 of 20 bounds a rate at 0.1391 (95 %, one side)."""
    assert t_quantile(0.95, 2) == pytest.approx(4.3027, abs=1e-4)
    assert np.isnan(t_quantile(0.95, 0))
    assert 1 - all_agreed_bound(0.9, 20) == pytest.approx(0.1391, abs=1e-4)
    assert all_agreed_bound(0.9, 0) == 0


def test_an_interval_is_plain_data() -> None:
    """Bounds that are not numbers become null in JSON."""
    data = json.loads(json.dumps(_interval(0.5, NAN, math.inf).to_dict()))
    assert (data["estimate"], data["low"], data["high"]) == (0.5, None, None)
