"""What a model loses without each input, against a second implementation and by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as of_sklearn
from sklearn.linear_model import LogisticRegression

from setpoint.core.errors import DataError
from setpoint.learn.explain import goes_by
from setpoint.learn.explain_permutation import clustered_interval, find_unread, permutation_importance
from setpoint.learn.sides import divide
from setpoint.learn.train import Candidate, train
from setpoint.measure.metrics import log_losses
from tests.unit.learn.world import learners, make_examples, make_world_plan


def make_rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three numbers of falling weight, the last of none, and outcomes."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3))
    return rows, (rng.random(n) < 1 / (1 + np.exp(-2 * rows[:, 0] - 0.7 * rows[:, 1]))).astype(np.float64)


def test_the_rise_of_the_loss_is_that_of_scikit_learn() -> None:
    """Its permutation importance of the log loss, of the same model on the same rows, within the noise of shuffles."""
    rows, y = make_rows(4000)
    model = LogisticRegression().fit(rows, y)
    found = permutation_importance(
        lambda some: model.predict_proba(some)[:, 1], rows, lambda p: log_losses(y, p), ["a", "b", "c"], repeats=30
    )
    theirs = of_sklearn(model, rows, y, scoring="neg_log_loss", n_repeats=30, random_state=1).importances_mean
    assert [each.feature for each in found] == ["a", "b", "c"]
    assert [each.rise.estimate for each in found] == pytest.approx(theirs.tolist(), rel=0.01, abs=0.005)
    assert [each.matters for each in found][:2] == [True, True]


def test_predictions_may_be_of_any_shape() -> None:
    """A column for each class, and a loss that reads them."""
    rows, _ = make_rows(300)

    def predict(some: np.ndarray) -> np.ndarray:
        return np.column_stack([some[:, 0], -some[:, 0]])

    found = permutation_importance(predict, rows, lambda p: np.abs(p - predict(rows)).sum(axis=1), ["a", "b", "c"])
    assert found[0].feature == "a"
    assert [each.rise.estimate for each in found[1:]] == [0.0, 0.0]


def test_the_interval_covers_the_rise_among_all_rows() -> None:
    """As often as it says where rows of a day share their error; without the days much less often."""
    truth, covered, naive = 2.0, 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        days = np.repeat(np.arange(25), 12)
        scale = np.repeat(np.sqrt(rng.gamma(2.0, 0.5, 25)), 12)
        rows = (scale * rng.choice([-1.0, 1.0], 300))[:, None]

        def losses(predicted: np.ndarray, rows: np.ndarray = rows) -> np.ndarray:
            return np.asarray((predicted - rows[:, 0]) ** 2)

        for cluster in (days, None):
            found = permutation_importance(
                lambda some: some[:, 0], rows, losses, ["x"], cluster=cluster, repeats=5, seed=seed
            )
            hit = found[0].rise.low <= truth <= found[0].rise.high
            covered, naive = covered + (hit and cluster is not None), naive + (hit and cluster is None)
    assert 0.90 <= covered / 200 <= 1.0
    assert naive / 200 < 0.8


def test_a_mean_has_the_interval_of_student() -> None:
    """Rows of their own and weights of one: the textbook's."""
    values = np.random.default_rng(0).normal(size=30)
    off = values - values.mean()
    found = clustered_interval(0.0, off, 30.0, np.arange(30), 30, level=0.95)
    assert found.high == pytest.approx(2.0452296 * values.std(ddof=1) / np.sqrt(30), rel=1e-6)
    assert np.isnan(clustered_interval(0.0, off, 30.0, np.zeros(30, dtype=np.intp), 1, level=0.95).low)


def test_inputs_that_change_no_prediction_are_found() -> None:
    """Alone among others, all at once, and none."""
    rows, _ = make_rows(200)
    assert find_unread(lambda some: some[:, 1], rows, [0, 1, 2]) == (0, 2)
    assert find_unread(lambda some: some[:, 1], rows, [0, 2]) == (0, 2)
    assert find_unread(lambda some: some[:, 1], rows, []) == ()


def test_shuffling_not_even_once_is_refused() -> None:
    """There is nothing to average."""
    with pytest.raises(DataError, match="repeats=0"):
        permutation_importance(lambda some: some[:, 0], np.zeros((2, 1)), np.abs, ["x"], repeats=0)


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    """A first training, with a search."""
    return train(make_world_plan(), make_examples(), learners=learners(), seed=0)


def test_a_training_says_what_it_loses_without_each_feature(candidate: Candidate) -> None:
    """On the held-out rows, with intervals clustered by day; what matters in this world comes first."""
    found = candidate.goes_by
    assert found is not None
    assert {each.feature for each in found.inputs} == set(candidate.scorer.inputs)
    assert {each.feature for each in found.inputs[:3]} == {"total", "country", "n_3d"}
    assert all(each.matters for each in found.inputs[:2])
    assert found.inputs[0].rise.clusters == found.days > 10
    curves = dict(found.effects)
    assert set(curves) <= {"total", "n_3d", "avg_30d", "hour"}
    total = curves["total"]
    assert total.effect[-1] - total.effect[0] > 0.1
    assert total.at[0] >= 0
    assert (total.low <= total.effect).all()
    body: dict[str, Any] = candidate.to_dict()["goes_by"]
    assert {each["feature"] for each in body["effects"]} == set(curves)
    assert (body["loss"], body["rows"]) == ("log_loss", candidate.held_out.size)
    assert body["inputs"][0]["rise"]["low"] > 0


def test_more_rows_than_it_takes_are_sampled(candidate: Candidate) -> None:
    """The same ones for the same seed."""
    rows = divide(make_world_plan(minimum_rows=200), make_examples(14000)).held_out
    assert rows.y.size > 2000
    found = goes_by(candidate.procedure, candidate.scorer, rows, seed=3)
    assert found.rows == 2000
    assert found.to_dict() == goes_by(candidate.procedure, candidate.scorer, rows, seed=3).to_dict()
