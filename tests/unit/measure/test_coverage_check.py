"""Coverage on later data: how often the check errs, what it finds, and what it cannot know."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.conformal import Cut, Cuts, fit_cuts
from setpoint.measure.coverage_check import check_coverage, check_groups


@pytest.mark.parametrize(("calibrated", "later"), [(100, 100), (100, 5000), (2000, 300)])
def test_rows_that_are_alike_are_seldom_called_changed(calibrated: int, later: int) -> None:
    """At 5 %, of 400 calibrations with later rows about 5 % are refuted, however many later rows there are."""
    rng, refuted = np.random.default_rng(calibrated), 0
    for _ in range(400):
        scores = rng.random(calibrated + later)
        cuts = fit_cuts(scores[:calibrated], level=0.9)
        check = check_coverage(scores[calibrated:] <= cuts.others.threshold, level=0.9, calibrated=calibrated)
        refuted += check.verdict in {"too low", "too high"}
    assert refuted / 400 <= 0.085


def test_the_level_alone_would_be_an_unfair_limit() -> None:
    """A hundred calibration rows leave coverage anywhere from 83 % to 95 %: the interval alone cries wolf."""
    rng, cried = np.random.default_rng(1), 0
    for _ in range(200):
        scores = rng.random(5100)
        covered = scores[100:] <= fit_cuts(scores[:100], level=0.9).others.threshold
        interval = check_coverage(covered, level=0.9, calibrated=100).interval
        cried += not interval.low <= 0.9 <= interval.high
    assert cried / 200 > 0.5


def test_clusters_are_not_taken_for_rows() -> None:
    """Days alike within: with their days the check errs as it says, without them it cries wolf."""
    rng, with_days, without = np.random.default_rng(2), 0, 0
    day = np.repeat(np.arange(60), 25)
    for _ in range(200):
        scores = rng.normal(size=120)[:, None] + 0.5 * rng.normal(size=(120, 25))
        first, later = scores[:60].ravel(), scores[60:].ravel()
        cuts = fit_cuts(first, level=0.9, cluster=day)
        covered = later <= cuts.others.threshold
        check = check_coverage(covered, level=0.9, calibrated=cuts.others.rows, cluster=day)
        with_days += check.verdict in {"too low", "too high"}
        without += check_coverage(covered, level=0.9, calibrated=1500).verdict in {"too low", "too high"}
    assert with_days / 200 <= 0.1
    assert without / 200 > 0.25


def test_a_shift_is_found_and_said() -> None:
    """Scores that grew by a fifth are covered too seldom."""
    rng = np.random.default_rng(3)
    cuts = fit_cuts(rng.random(1000), level=0.9)
    check = check_coverage(1.2 * rng.random(1000) <= cuts.others.threshold, level=0.9, calibrated=1000)
    assert check.verdict == "too low"
    assert "not like those calibrated on" in str(check)
    assert check.interval.high < check.low
    assert json.loads(json.dumps(check.to_dict()))["verdict"] == "too low"


def test_sets_that_are_too_wide_are_found_too() -> None:
    """Scores that shrank are covered too often, which nobody is harmed by."""
    check = check_coverage([True] * 990 + [False] * 10, level=0.9, calibrated=1000)
    assert check.verdict == "too high"
    assert "wider than need be" in str(check)


def test_few_later_rows_are_not_enough_evidence() -> None:
    """Nine of ten say nothing; nine of ten thousand times as many do."""
    few = check_coverage([True] * 9 + [False], level=0.9, calibrated=1000)
    many = check_coverage([True] * 900 + [False] * 100, level=0.9, calibrated=1000)
    assert (few.verdict, many.verdict) == ("not enough evidence", "holds")
    assert "not enough evidence" in str(few)
    assert "it holds" in str(many)
    assert check_coverage([], level=0.9, calibrated=10).verdict == "not enough evidence"


def test_weights_that_differ_are_fewer_rows() -> None:
    """The same shares with a tenth of the effective rows do not refute."""
    covered = np.array([True] * 840 + [False] * 160)
    weight = np.where(np.random.default_rng(4).permutation(1000) < 30, 60.0, 1.0)
    plain = check_coverage(covered, level=0.9, calibrated=1000)
    weighted = check_coverage(covered, level=0.9, calibrated=1000, weight=weight)
    assert plain.verdict == "too low"
    assert weighted.p_value > plain.p_value


def test_groups_are_judged_by_their_own_rows_and_together_err_no_more() -> None:
    """Ten groups that are alike are all left in peace as often as one is; one that moved is found."""
    rng, refuted = np.random.default_rng(5), 0
    group = np.repeat(np.arange(10), 200)
    for _ in range(60):
        cuts = fit_cuts(rng.random(2000), level=0.9, group=group)
        covered = rng.random(2000) <= cuts.of(group, 2000)
        checks = check_groups(covered, cuts, group)
        refuted += any(check.verdict in {"too low", "too high"} for check in checks.values())
    assert refuted / 60 <= 0.12
    moved = np.where(group == 3, 1.5, 1.0) * rng.random(2000) <= cuts.of(group, 2000)
    found = check_groups(moved, cuts, group)
    assert [name for name, check in found.items() if check.verdict == "too low"] == ["3"]


def test_what_means_nothing_is_refused() -> None:
    """Shares instead of yes or no, levels, lengths that differ."""
    for call in (
        lambda: check_coverage([0.5], level=0.9, calibrated=10),
        lambda: check_coverage([1], level=1.0, calibrated=10),
        lambda: check_groups([1, 0], Cuts(0.9, Cut(1.0, 10)), ["a"]),
    ):
        with pytest.raises(DataError):
            call()
