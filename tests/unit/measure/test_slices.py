"""Groups: which is shown to be worse than the rest, and how large the gap between them is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import interval
from setpoint.measure.metrics import METRICS, MetricSpec
from setpoint.measure.slices import by_group, gap, worst


def _world(n: int, *, seed: int, harm: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores right four times in five, and six groups; in group 0 they are right less often by `harm`."""
    rng = np.random.default_rng(seed)
    y, group = (rng.random(n) < 0.3).astype(float), rng.integers(0, 6, n)
    right = rng.random(n) < np.where(group == 0, 0.8 - harm, 0.8)
    return y, np.where(right, y, 1 - y) * 0.8 + 0.1, group


def test_a_slice_is_the_metric_of_its_rows() -> None:
    """Value, rows and interval are those of the group alone."""
    y, p, group = _world(3000, seed=0)
    for name in ("auc", "accuracy", "brier"):
        for part in by_group(name, y, p, group):
            keep = group == part.group
            assert part.interval.estimate == pytest.approx(METRICS[name].function(y[keep], p[keep]))
            assert part.n == keep.sum()
    found = by_group("auc", y, p, group)[2].interval
    assert found == interval("auc", y[group == 2], p[group == 2])


def test_a_group_that_is_served_worse_is_found_and_named_worst() -> None:
    """The harmed group alone has a small adjusted p-value, for metrics to raise and metrics to lower."""
    y, p, group = _world(6000, seed=1, harm=0.12)
    for name in ("accuracy", "brier"):
        found = by_group(name, y, p, group)
        assert [part.group for part in found if part.p_value < 0.01] == [0]
        assert found[0].shortfall > 0
        lowest = worst(found, greater_is_better=METRICS[name].greater_is_better)
        assert lowest is not None
        assert lowest.group == 0


def test_equal_groups_raise_as_few_alarms_as_stated() -> None:
    """In 200 worlds without a worse group, about 5 % call any of the six groups worse at 5 %."""
    alarms = [
        min(part.p_value for part in by_group("accuracy", *_world(900, seed=seed), seed=seed, draws=120)) < 0.05
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(alarms) <= 0.10


def test_a_tiny_unlucky_group_is_shown_but_not_judged() -> None:
    """Five rows all wrong are no evidence, and do not become the worst slice by noise."""
    y, p, group = _world(3000, seed=2, harm=0.2)
    unlucky = np.arange(5)
    group[unlucky], p[unlucky] = 9, 1 - y[unlucky]
    found = by_group("accuracy", y, p, group)
    assert found[-1].group == 9
    assert np.isnan(found[-1].p_value)
    lowest = worst(found, greater_is_better=True)
    assert lowest is not None
    assert lowest.group == 0
    assert json.loads(json.dumps(found[-1].to_dict()))["p_value"] is None


def test_a_group_without_positives_has_no_recall_and_does_no_harm() -> None:
    """Its value is NaN, the others are judged as if it were not there."""
    y, p, group = _world(3000, seed=3)
    y[group == 4] = 0
    found = by_group("recall", y, p, group)
    assert np.isnan(found[4].interval.estimate)
    assert np.isnan(found[4].p_value)
    assert all(np.isfinite(part.p_value) for part in found if part.group != 4)


def test_a_metric_of_ones_own_can_be_sliced() -> None:
    """Groups and gaps need nothing but the function."""
    y, p, group = _world(400, seed=4)
    own = MetricSpec("mine", False, 0, 1, whole=lambda y, p, w, _: float((w * (p - y) ** 2).sum() / max(w.sum(), 1)))
    found = by_group(own, y, p, group, draws=30)
    assert found[1].interval.estimate == pytest.approx(by_group("brier", y, p, group)[1].interval.estimate)
    assert gap(own, y, p, group, draws=30).estimate == pytest.approx(gap("brier", y, p, group).estimate)


@pytest.mark.parametrize("harm", [0.0, 0.2])
def test_bounds_of_a_gap_hold_the_true_gap(harm: float) -> None:
    """Each bound misses at most as often as stated, whether the groups are equal or not."""
    low, high = [], []
    for seed in range(120):
        found = gap("accuracy", *_world(900, seed=seed, harm=harm), level=0.9, draws=120, seed=seed)
        low.append(found.low > harm)
        high.append(found.high < harm)
    assert np.mean(low) < 0.12
    assert np.mean(high) < 0.08


def test_a_large_gap_is_shown_and_bounded() -> None:
    """With 20,000 rows a gap of 0.2 is told from 0.15 and from 0.26."""
    found = gap("accuracy", *_world(20_000, seed=5, harm=0.2), level=0.9)
    assert 0.15 < found.low < found.estimate < found.high < 0.26


def test_unanimous_groups_are_not_certainly_equal() -> None:
    """Two groups of sixty rows, all right, may still differ by several points."""
    found = gap("accuracy", [1, 0] * 60, [0.9, 0.1] * 60, ["a"] * 60 + ["b"] * 60)
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert 0.02 < found.high < 0.15


def test_fewer_than_two_groups_have_no_gap() -> None:
    """A single group, or groups too small to judge, give NaN."""
    y, p, _ = _world(300, seed=6)
    assert np.isnan(gap("accuracy", y, p, np.zeros(300)).estimate)
    assert np.isnan(gap("accuracy", y, p, np.arange(300)).high)
    assert worst(by_group("accuracy", [], [], []), greater_is_better=True) is None


def test_every_row_needs_a_group() -> None:
    """Labels of another length are refused."""
    with pytest.raises(DataError, match="2 group labels"):
        by_group("auc", [0, 1, 1], [0.1, 0.2, 0.3], ["a", "b"])
