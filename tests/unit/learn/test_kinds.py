"""Kinds of goals as strategies: what each makes of outcomes, checked against second implementations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

import setpoint as sp
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.lightgbm_targets import objective_of
from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import DataError, ModelCorrupt, NameUnknown
from setpoint.core.target import Target
from setpoint.core.times import DAY
from setpoint.declare.error_cost import ClassCost, NumberCost
from setpoint.declare.goal import Metric
from setpoint.declare.plan import Profile, make_plan
from setpoint.learn.kinds.composed import FILE, load_model
from setpoint.learn.kinds.count import Count
from setpoint.learn.kinds.fit import KindFit
from setpoint.learn.kinds.kind import Fed, Inputs, Kind
from setpoint.learn.kinds.maps import AsItIs, ClassMap, LabelMaps, map_from_dict
from setpoint.learn.kinds.multiclass import Multiclass
from setpoint.learn.kinds.multilabel import Multilabel
from setpoint.learn.kinds.quantile import Quantile
from setpoint.learn.kinds.ranking import Ranking
from setpoint.learn.kinds.regression import Regression
from setpoint.learn.kinds.row_losses import row_loss
from setpoint.learn.kinds.slices import slices_of_kind
from setpoint.learn.kinds.survival import Survival, spread
from setpoint.learn.scored import Scored
from setpoint.learn.sides import Examples
from setpoint.learn.train import trainer_of
from setpoint.learn.two_view import TwoView, two_view
from setpoint.measure.calibrators import CalibrationMap
from setpoint.measure.survival import Lifetimes, survival_curve
from tests.unit.declare.test_goal_kind import COLUMNS, declare

INPUTS = Inputs((), ("x", "noise"))
LOGISTIC = LogisticLearner()


def make_rows(y: np.ndarray, *, days: int = 60, **fields: Any) -> Examples:
    """Rows with these outcomes, evenly over the days."""
    at = np.linspace(0, days * DAY - 1, y.size).astype(np.int64)
    return Examples(pa.table({"x": y}), pa.table(fields or {"x": y}), y.astype(np.float64), at)


def make_matrix(n: int, seed: int = 0) -> np.ndarray:
    """An input that matters, and noise."""
    return np.random.default_rng(seed).normal(size=(n, 2))


def fit(kind: Kind, matrix: np.ndarray, y: np.ndarray, learner: Any = LOGISTIC, **fields: Any) -> Any:
    """A model of a kind on these rows."""
    recipe = learner.recipes(rounds=40)[0]
    return kind.fit(learner, recipe, Fed(matrix, make_rows(y, **fields)), None, inputs=INPUTS, seed=1)[0]


def test_ridge_is_that_of_scikit_learn() -> None:
    """On standardised inputs, with the penalty that the recipe says."""
    x = make_matrix(500)
    y = 30 + 4 * x[:, 0] + np.random.default_rng(1).normal(size=500)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = Ridge(alpha=10.0).fit(standard, y).predict(standard)
    assert np.allclose(fit(Regression(Metric("rmse")), x, y).predict(x), theirs, atol=1e-6)


def test_poisson_regression_is_that_of_scikit_learn() -> None:
    """To the tolerance of its solver."""
    x = make_matrix(800)
    y = np.random.default_rng(1).poisson(np.exp(0.5 * x[:, 0])).astype(np.float64)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = PoissonRegressor(alpha=10 / 800, tol=1e-9, max_iter=500).fit(standard, y).predict(standard)
    assert np.allclose(fit(Count(Metric("poisson_deviance")), x, y).predict(x), theirs, rtol=1e-3)


def test_softmax_is_that_of_scikit_learn() -> None:
    """To the tolerance of its solver; a class that no row has keeps a small chance."""
    x = make_matrix(800)
    y = (np.stack([x[:, 0], -x[:, 0], x[:, 1]], 1) + np.random.default_rng(1).gumbel(size=(800, 3))).argmax(1)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(standard, y).predict_proba(standard)
    kind = Multiclass(Metric("log_loss"), ("a", "b", "c"))
    assert np.allclose(fit(kind, x, y.astype(float)).predict(x), theirs, atol=2e-3)
    rare = fit(kind, x, (y > 0).astype(float)).predict(x)
    assert np.allclose(rare.sum(axis=1), 1.0)
    assert 0 < rare[:, 2].max() < 0.05


def test_a_quantile_covers_its_share() -> None:
    """Of newer rows, within two points; an interval's ends do not cross."""
    x, newer = make_matrix(4000), make_matrix(4000, 1)
    y, later = (5 * rows[:, 0] + np.random.default_rng(2).normal(0, 3, 4000) for rows in (x, newer))
    learner = LightGBMLearner()
    high = fit(Quantile(Metric("pinball", 0.9)), x, y, learner).predict(newer)
    assert (later <= high).mean() == pytest.approx(0.9, abs=0.03)
    kind = Quantile(Metric("interval_score", 0.8))
    both = fit(kind, x, y, learner).predict(newer)
    assert both.shape == (4000, 2)
    assert (both[:, 0] <= both[:, 1]).all()
    inside = kind.statistic(Metric("coverage"), make_rows(later), both).value()
    assert inside == pytest.approx(0.8, abs=0.05)


def test_times_without_inputs_are_kaplan_and_meiers() -> None:
    """What stays after the label's time equals the curve where nothing is cut off within a stretch."""
    rng = np.random.default_rng(0)
    time = rng.exponential(8.0, 5000)
    y = np.where(time <= 10, time, -10.0)
    kind = Survival(Metric("concordance"), 10.0)
    predicted = fit(kind, np.zeros((5000, 2)), y).predict(np.zeros((1, 2)))[0]
    curve = survival_curve(Lifetimes(np.abs(y), y > 0))
    assert predicted == pytest.approx(1 - curve.at([10.0])[0], abs=2e-3)


def test_times_that_are_cut_off_early_are_told_as_if_they_had_not_been() -> None:
    """The chance of an event, of rows of which half were followed for a random part only."""
    rng = np.random.default_rng(0)
    x = make_matrix(6000)
    time, cut = rng.exponential(10 * np.exp(-x[:, 0])), np.where(rng.random(6000) < 0.5, rng.uniform(0, 10, 6000), 10.0)
    y = np.where(time <= cut, time, -cut)
    predicted = fit(Survival(Metric("concordance"), 10.0), x, y).predict(x)
    true = 1 - np.exp(-np.exp(x[:, 0]))
    naive = (y > 0).mean()
    assert predicted.mean() == pytest.approx(true.mean(), abs=0.02)
    assert naive < true.mean() - 0.08
    assert np.corrcoef(predicted, true)[0, 1] > 0.97


def test_a_row_counts_for_each_stretch_that_it_was_followed_through() -> None:
    """An event ends it; one cut off counts for its last stretch from the middle of that on."""
    y = np.array([3.0, -4.0, -4.9, -5.1, 6.0, -6.0, 2.0])
    rows, event, weight = spread(np.arange(7.0)[:, None], y, np.arange(7.0), (2.0, 4.0, 6.0))
    found = [(int(a), int(b), int(e)) for (a, b), e in zip(rows.tolist(), event.tolist(), strict=True)]
    assert found == [
        *[(0, 0, 0), (0, 1, 1)],
        *[(1, 0, 0), (1, 1, 0)],
        *[(2, 0, 0), (2, 1, 0)],
        *[(3, 0, 0), (3, 1, 0), (3, 2, 0)],
        *[(4, 0, 0), (4, 1, 0), (4, 2, 1)],
        *[(5, 0, 0), (5, 1, 0), (5, 2, 0)],
        (6, 0, 1),
    ]
    assert np.array_equal(weight, rows[:, 0])


def test_a_ranking_puts_the_relevant_first_and_keeps_queries_whole() -> None:
    """Items of one query are of one cluster, even over midnight; relevance is whole."""
    x = make_matrix(2400)
    y = np.digitize(x[:, 0] + np.random.default_rng(1).normal(0, 0.5, 2400), [0.5, 1.5]).astype(np.float64)
    query = [f"q{number // 6}" for number in range(2400)]
    kind, rows = Ranking(Metric("ndcg", 5.0), "query"), make_rows(y, days=7, query=query)
    scores = fit(kind, x, y, LightGBMLearner(), days=7, query=query).predict(x)
    assert kind.statistic(Metric("ndcg", 5.0), rows, scores).value() > 0.85
    assert kind.statistic(Metric("ndcg", 5.0), rows, -scores).value() < 0.5
    clusters = kind.cluster(rows)
    assert all(np.unique(clusters[kind.codes(rows) == code]).size == 1 for code in range(400))
    alone = make_rows(np.zeros(3), query=pa.array(["a", None, None]))
    assert kind.codes(alone).tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="whole numbers"):
        objective_of(Target("ranking"), np.array([0.5]))


def test_each_label_of_a_set_is_learned_by_itself(tmp_path: Path) -> None:
    """Its column is what a model of two classes alone gives, and the files say how they belong together."""
    x = make_matrix(600)
    bits = (x + np.random.default_rng(1).normal(size=(600, 2)) > 0).astype(np.int64)
    kind = Multilabel(Metric("hamming"), ("a", "b"))
    model = fit(kind, x, (bits[:, 0] + 2 * bits[:, 1]).astype(np.float64))
    alone, _ = LOGISTIC.fit(LOGISTIC.recipes(rounds=40)[0], x, bits[:, 1].astype(float), categories=(), seed=1)
    assert np.array_equal(model.predict(x)[:, 1], alone.predict(x))
    model.save(tmp_path)
    assert np.array_equal(load_model(tmp_path, LOGISTIC).predict(x), model.predict(x))
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ModelCorrupt):
        load_model(tmp_path, LOGISTIC)


def test_what_errors_cost_is_less_than_nothing() -> None:
    """For 1000 decisions: each unit over and under, and the class that was missed where it costs more to miss."""
    rows = make_rows(np.array([1.0, 0.0]))
    number = Regression(Metric("mae"), NumberCost(1.0, 4.0))
    assert number.statistic(Metric("business"), rows, np.array([0.0, 1.0])).value() == -2500.0
    classes = Multiclass(Metric("log_loss"), ("a", "b"), ClassCost((("a", 1.0), ("b", 9.0))))
    unsure = np.array([[0.8, 0.2], [0.8, 0.2]])
    assert classes.value(rows, unsure) is not None
    assert np.asarray(classes.value(rows, unsure)).tolist() == [0.0, -1000.0]
    assert Count(Metric("poisson_deviance")).value(rows, np.ones(2)) is None


@pytest.mark.parametrize(
    "made", [AsItIs(), ClassMap(0.5, (0.25, -0.25)), LabelMaps((CalibrationMap("platt", (1.0, 0.5)),))]
)
def test_maps_come_back_from_what_they_wrote(made: Any) -> None:
    """Every number of them."""
    assert map_from_dict(made.to_dict()) == made


def test_classes_are_calibrated_where_that_is_shown_to_help() -> None:
    """Scores that are too sure of themselves become less so; good ones stay, and few days decide nothing."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1).astype(np.float64)
    sure = true**3 / (true**3).sum(axis=1, keepdims=True)
    kind = Multiclass(Metric("log_loss"), ("a", "b", "c"))
    found = kind.calibrate(make_rows(y), sure).map
    assert isinstance(found, ClassMap)
    assert found.sharpness == pytest.approx(1 / 3, abs=0.05)
    assert isinstance(kind.calibrate(make_rows(y), true).map, AsItIs)
    assert isinstance(kind.calibrate(make_rows(y, days=20), sure).map, AsItIs)


def test_outcomes_are_seen_as_two_classes_of_any_kind() -> None:
    """As even ones as there are."""
    assert two_view("regression", np.array([1.0, 2.0, 9.0])).of(np.array([1.5, 3.0])).tolist() == [0.0, 1.0]
    assert two_view("count", np.array([0.0, 0.0, 4.0])).of(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert two_view("count", np.array([3.0, 3.0])).of(np.array([3.0])).tolist() == [1.0]
    sets = two_view("multilabel", np.array([1.0, 3.0, 1.0, 3.0]))
    assert (sets.at, sets.of(np.array([1.0, 2.0])).tolist()) == (1.0, [0.0, 1.0])
    assert TwoView("multiclass", 1.0).score(np.array([[0.2, 0.8]])).tolist() == pytest.approx([0.2])
    assert two_view("survival", np.array([-1.0, 2.0])).of(np.array([-1.0, 2.0])).tolist() == [0.0, 1.0]


def test_learners_that_cannot_are_not_asked() -> None:
    """And an error says so where none can."""
    able = KindFit(Ranking(Metric("ndcg"), "q"), {"logistic": LOGISTIC, "lightgbm": LightGBMLearner()}, 0).able
    assert list(able) == ["lightgbm"]
    with pytest.raises(NameUnknown, match="ranking"):
        _ = KindFit(Ranking(Metric("ndcg"), "q"), {"logistic": LOGISTIC}, 0).able


def test_a_slice_with_twice_the_error_is_worse_than_the_rest() -> None:
    """With its interval, adjusted over the slices."""
    rng = np.random.default_rng(0)
    site = np.array(["north", "south", "west", "east"], dtype=object)[rng.integers(0, 4, 4000)]
    y = rng.normal(0, np.where(site == "west", 2.0, 1.0))
    rows, kind = make_rows(y, site=site), Regression(Metric("mae"))
    found = {
        each.group: each
        for each in slices_of_kind(kind, Metric("mae"), rows, np.zeros(4000), "site", draws=100, seed=0)
    }
    assert found["west"].p_value < 0.001
    assert found["west"].shortfall == pytest.approx(0.8, abs=0.1)
    assert min(found[name].p_value for name in ("north", "south", "east")) > 0.5
    assert found["west"].interval.low > found["north"].interval.high


@pytest.mark.parametrize(
    ("kind", "metric", "y", "predicted"),
    [
        (Regression(Metric("mae")), Metric("mae"), [1.0, 5.0], [2.0, 2.0]),
        (Quantile(Metric("pinball", 0.9)), Metric("pinball", 0.9), [1.0, 5.0], [2.0, 2.0]),
        (Count(Metric("poisson_deviance")), Metric("poisson_deviance"), [0.0, 5.0], [2.0, 2.0]),
        (Multiclass(Metric("log_loss"), ("a", "b")), Metric("log_loss"), [0.0, 1.0], [[0.7, 0.3], [0.6, 0.4]]),
    ],
)
def test_the_losses_of_rows_are_those_of_the_metric(kind: Kind, metric: Metric, y: Any, predicted: Any) -> None:
    """Their mean is its value."""
    rows, loss = make_rows(np.array(y)), row_loss(kind)
    assert loss is not None
    found = loss.of(rows.y, np.array(predicted)).mean()
    assert found == pytest.approx(kind.statistic(metric, rows, np.array(predicted)).value())


def test_no_item_of_a_ranking_is_wrong_by_itself() -> None:
    """And a time that was cut off early says nothing of the end."""
    assert row_loss(Ranking(Metric("ndcg"), "query")) is None
    survival = row_loss(Survival(Metric("concordance"), 10.0))
    assert survival is not None
    assert survival.of(np.array([4.0, -10.0, -3.0]), np.array([0.5, 0.5, 0.5])).tolist() == [0.25, 0.25, 0.0]


def test_a_margin_is_a_share_where_a_metric_has_a_unit() -> None:
    """Of minutes, half a percent of what the constant loses; of a metric from 0 to 1 it is the amount itself."""
    rows = make_rows(np.array([0.0, 200.0]))
    constant = Scored("constant", np.array([100.0, 100.0]), np.zeros(2, dtype=bool), np.zeros(2))
    for declared, expected in ((sp.mae(), 0.5), (sp.concordance(), 0.005)):
        system = declare(declared, truth="bad" if declared.name == "concordance" else "n")
        plan = make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0))
        trainer = trainer_of(plan, {}, seed=0)
        assert trainer.margin(trainer.bench(rows), constant) == pytest.approx(expected)
