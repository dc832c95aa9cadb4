"""Precision, recall and lift of the highest scores, and the cost curve."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from setpoint.core.errors import DataError
from setpoint.measure.bootstrap import interval
from setpoint.measure.cost_curve import COST_AREA, cost_area, cost_curve
from setpoint.measure.goal_metrics import goal_interval
from setpoint.measure.resample import resample
from setpoint.measure.rows import as_rows
from setpoint.measure.top_metrics import Top, lift_at, precision_at, recall_at


def rows(n: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and scores that know something of them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    return (rng.random(n) < p).astype(float), p


def test_the_top_is_that_of_sorted_rows() -> None:
    """Precision, recall and lift of 40 rows and of an eighth of all."""
    y, p = rows()
    top = y[np.argsort(-p)]
    assert precision_at(y, p, k=40) == pytest.approx(top[:40].mean())
    assert recall_at(y, p, k=40) == pytest.approx(top[:40].sum() / y.sum())
    assert lift_at(y, p, rate=0.125) == pytest.approx((top[:62].sum() + 0.5 * top[62]) / 62.5 / y.mean())


def test_precision_at_k_is_recall_and_precision_at_the_kth_score() -> None:
    """scikit-learn's precision and recall at the threshold of the 50th score are ours at 50."""
    y, p = rows(seed=1)
    given = p >= np.sort(p)[-50]
    assert precision_at(y, p, k=50) == pytest.approx(sk.precision_score(y, given))
    assert recall_at(y, p, k=50) == pytest.approx(sk.recall_score(y, given))


def test_equal_scores_are_taken_in_part() -> None:
    """Two of four equal scores with one positive hold half a positive, in any order of rows."""
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        assert precision_at(np.array([1, 0, 0, 0])[order], [0.5] * 4, k=2) == 0.25


def test_more_than_there_are_is_all() -> None:
    """A k beyond the rows takes them all."""
    y, p = rows()
    assert precision_at(y, p, k=10_000) == pytest.approx(y.mean())
    assert recall_at(y, p, rate=1.0) == pytest.approx(1.0)
    assert np.isnan(recall_at([0, 0], [0.1, 0.2], k=1))


@pytest.mark.parametrize("of", ["precision", "recall", "lift"])
@pytest.mark.parametrize("limit", [{"k": 7.0}, {"rate": 0.3}])
@pytest.mark.parametrize("digits", [1, 9])
def test_draws_are_those_of_repeated_rows(of: str, limit: dict[str, float], digits: int) -> None:
    """Exact for the smallest k, with ties and without, whichever stretches the rows are gone through in."""
    y, p = rows(300)
    p, cluster = np.round(p, digits), np.random.default_rng(2).integers(0, 40, 300)
    drawn = resample(cluster, 40, draws=12, seed=1)
    wanted = []
    for counts in drawn.counts.astype(int):
        again = np.repeat(np.arange(300), counts[cluster])
        wanted.append(Top(of, as_rows(y[again], p[again]), **limit).value())  # type: ignore[arg-type]
    statistic = Top(of, as_rows(y, p), **limit)  # type: ignore[arg-type]
    assert statistic.drawn(drawn) == pytest.approx(np.array(wanted))


def test_many_rows_are_gone_through_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for few cells the draws are the same."""
    y, p = rows(400)
    drawn = resample(np.arange(400), 400, draws=5, seed=1)
    statistic = Top("precision", as_rows(y, np.round(p, 2)), rate=0.5)
    whole = statistic.drawn(drawn)
    monkeypatch.setattr("setpoint.measure.top_metrics.CELLS", 100)
    assert statistic.drawn(drawn) == pytest.approx(whole)


@pytest.mark.parametrize("limit", [{}, {"k": 1.0, "rate": 0.1}, {"k": 0.0}, {"rate": 1.5}])
def test_a_limit_that_means_nothing_is_refused(limit: dict[str, float]) -> None:
    """One of the two, above zero."""
    with pytest.raises(DataError):
        precision_at([1, 0], [0.2, 0.1], **limit)


def test_the_cost_of_the_curve_is_that_of_the_best_threshold() -> None:
    """Against every threshold tried in a loop."""
    y, p = rows(seed=3)
    curve = cost_curve(y, p)
    tried = {at: np.mean(np.where(p >= at, 3.0 * (1 - y), 8.0 * y)) for at in [*np.unique(p), np.inf]}
    cost, threshold = curve.at(false_positive=3.0, false_negative=8.0, base_rate=float(y.mean()))
    assert cost == pytest.approx(min(tried.values()), abs=0.01)
    assert tried[threshold] == pytest.approx(min(tried.values()), abs=0.01)
    assert (curve.cost <= curve.alone + 1e-12).all()


def test_the_area_under_the_curve_is_that_of_the_lower_hull() -> None:
    """A perfect model pays nothing and a constant score a quarter; weights are repetitions."""
    y, p = rows(seed=4)
    assert cost_area(y, y) == 0.0
    assert cost_area(y, np.full_like(y, 0.3)) == pytest.approx(0.25)
    weight = np.random.default_rng(5).integers(1, 4, y.size)
    assert cost_area(y, p, weight=weight) == pytest.approx(cost_area(np.repeat(y, weight), np.repeat(p, weight)))
    vain, found, _ = sk.roc_curve(y, p)
    shares = np.linspace(0, 1, 101)
    least = (shares[:, None] * (1 - found) + (1 - shares[:, None]) * vain).min(axis=1)
    assert cost_area(y, p) == pytest.approx(np.trapezoid(least, shares))


def test_the_area_has_an_interval_from_both_sides() -> None:
    """As a metric of goals and as a metric of scores."""
    y, p = rows(seed=6)
    found = goal_interval("cost_area", y, p)
    assert found.low < found.estimate < found.high < 0.25
    assert found.estimate == pytest.approx(cost_area(y, p))
    assert interval(COST_AREA, y, p).estimate == pytest.approx(found.estimate)
    assert cost_curve(y, p).to_dict()["threshold"][0] is None


def test_one_class_has_no_cost_curve() -> None:
    """There is nothing to choose between."""
    with pytest.raises(DataError, match="one class"):
        cost_curve([1, 1], [0.2, 0.1])
    with pytest.raises(DataError, match="cost"):
        cost_curve([1, 0], [0.2, 0.1]).at(false_positive=0, false_negative=0, base_rate=0.5)
