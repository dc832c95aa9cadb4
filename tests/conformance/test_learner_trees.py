"""Trees of scikit-learn against the laws of the Learner and Model ports, and against scikit-learn's own predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from setpoint.backends.sklearn_boosted import HistGradientBoostingLearner
from setpoint.backends.sklearn_forest import ExtraTreesLearner, RandomForestLearner
from setpoint.conformance.learner import CATEGORIES, LearnerLaws, make_data, make_labels, make_target
from setpoint.core.ports import Learner
from setpoint.core.target import TWO_CLASSES, Target

TOLERANCE = 1e-12
"""How far our scores may be from scikit-learn's: the same terms, added up in another order."""


class TestHistGradientBoosting(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return HistGradientBoostingLearner()


class TestRandomForest(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return RandomForestLearner(threads=threads)


class TestExtraTrees(LearnerLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return ExtraTreesLearner(threads=threads)


FITS: dict[str, tuple[Callable[[], Any], str]] = {
    "hist_gradient_boosting": (HistGradientBoostingLearner, "HistGradientBoosting"),
    "random_forest": (RandomForestLearner, "RandomForest"),
    "extra_trees": (ExtraTreesLearner, "ExtraTrees"),
}


def watch(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """What scikit-learn's classes of this name are fitted to, kept."""
    import sklearn.ensemble

    kept: list[Any] = []
    for end in ("Classifier", "Regressor"):
        theirs = getattr(sklearn.ensemble, name + end)

        def fit(self: Any, *given: Any, theirs: Any = theirs, **more: Any) -> Any:
            kept.append(self)
            return theirs.fit(self, *given, **more)

        monkeypatch.setattr(sklearn.ensemble, name + end, type(name + end, (theirs,), {"fit": fit}))
    return kept


def theirs_of(estimator: Any, rows: np.ndarray, kind: str) -> np.ndarray:
    """What scikit-learn's own model says of rows."""
    if kind in ("binary", "multiclass"):
        found = estimator.predict_proba(rows)
        return np.asarray(found[:, 1] if kind == "binary" else found)
    return np.asarray(estimator.predict(rows))


@pytest.mark.parametrize("name", FITS)
def test_trees_score_as_scikit_learns_own_model_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, NULLs and every target: to the twelfth decimal of what scikit-learn predicts from the same trees."""
    make, theirs = FITS[name]
    kept, learner = watch(monkeypatch, theirs), make()
    data, newer = make_data(1500, 0), make_data(1500, 1).rows[:, :3]
    exact = {} if name == "hist_gradient_boosting" else {"smooth": 0.0}
    for kind in learner.kinds:
        labels = data.labels if kind == "binary" else make_labels(kind, data, 0)
        target = make_target(kind, 1500) if kind != "binary" else TWO_CLASSES
        recipe = {**learner.recipes(rounds=15)[0], **exact}
        model, _ = learner.fit(recipe, data.rows[:, :3], labels, categories=(), seed=1, target=target)
        expected, found = theirs_of(kept[-1], newer, kind), model.predict(newer)
        assert np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE), kind


def test_categories_are_split_as_scikit_learn_splits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen, unseen and NULL codes go the way that scikit-learn's histogram boosting sends them."""
    kept = watch(monkeypatch, "HistGradientBoosting")
    data, newer = make_data(3000, 0), make_data(1000, 1).rows
    newer[:50, 3], newer[50:90, 4] = 77.0, np.nan
    model, _ = HistGradientBoostingLearner().fit(
        {"rounds": 25, "max_leaf_nodes": 15}, data.rows, data.labels, categories=CATEGORIES, seed=1
    )
    order = [*CATEGORIES, 0, 1, 2]
    expected = kept[-1].predict_proba(newer[:, order])[:, 1]
    assert np.abs(model.predict(newer) - expected).max() < TOLERANCE


def test_a_value_between_two_of_32_bits_goes_the_way_that_scikit_learn_sends_it() -> None:
    """Forests read 32-bit numbers: values at and around a threshold, to the last bit of 64, fall as they do there."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    rows = rng.choice(np.array([0.1, 0.1000001, 0.3, 16777216.0, 16777218.0], dtype=np.float32), (400, 2)).astype(
        np.float64
    )
    labels = rows[:, 0] * 3 + np.sqrt(rows[:, 1]) + rng.normal(size=400)
    recipe = {"trees": 5, "min_samples_leaf": 1, "max_features": 1.0, "smooth": 0.0}
    model, _ = RandomForestLearner().fit(recipe, rows, labels, categories=(), seed=3, target=Target("regression"))
    theirs = RandomForestRegressor(5, max_features=1.0, random_state=3, min_samples_leaf=1).fit(rows, labels)
    limits = np.unique(np.concatenate([each.tree_.threshold for each in theirs.estimators_]))
    near = np.concatenate([limits, np.nextafter(limits, np.inf), np.nextafter(limits, -np.inf), limits * (1 + 3e-8)])
    grid = np.array(np.meshgrid(near, near[::3])).reshape(2, -1).T
    assert np.allclose(model.predict(grid), theirs.predict(grid), rtol=TOLERANCE, atol=0)


@pytest.mark.parametrize("name", FITS)
def test_a_class_that_no_row_has_is_rare_and_not_impossible(name: str) -> None:
    """Of three classes of which two train: their probabilities add up to 1, the third one's is small and above 0."""
    learner, data = FITS[name][0](), make_data(800, 0)
    model, _ = learner.fit(
        learner.recipes(rounds=15)[0],
        data.rows,
        data.labels * 2,
        categories=CATEGORIES,
        seed=1,
        validation=(data.rows[:50], np.arange(50.0) % 3),
        target=Target("multiclass", classes=3),
    )
    found = model.predict(data.rows)
    assert np.allclose(found.sum(axis=1), 1.0)
    assert (found > 0).all()
    assert found[:, 1].max() < 0.01


def test_boosting_stops_on_the_validation_rows_it_is_given() -> None:
    """It keeps its best round on those, settles on a tenth more, and tells its curve."""
    data, newer = make_data(300, 0), make_data(2000, 1)
    model, settled = HistGradientBoostingLearner().fit(
        {"rounds": 150, "learning_rate": 0.3, "min_samples_leaf": 5, "l2_regularization": 0.0},
        data.rows,
        data.labels,
        categories=CATEGORIES,
        seed=1,
        validation=(newer.rows, newer.labels),
    )
    (losses,) = model.curve.values()
    best = int(np.argmin(losses)) + 1
    assert settled["rounds"] == int(np.ceil(1.1 * best)) < 60
    scores = model.predict(newer.rows)
    loss = -np.log(np.where(newer.labels > 0, scores, 1 - scores)).mean()
    assert loss == pytest.approx(min(losses))


def test_boosting_keeps_to_directions() -> None:
    """An input of direction 1 never lowers a score as it rises, and the codes beside it are split as before."""
    data = make_data(2000, 0)
    learner = HistGradientBoostingLearner().directed({"curved": 1})
    model, _ = learner.fit(
        learner.recipes(rounds=40)[0],
        data.rows,
        data.labels,
        categories=CATEGORIES,
        seed=1,
        names=("steep", "curved", "often_null", "colour", "noise_level"),
    )
    rows = np.repeat(make_data(30, 2).rows, 50, axis=0)
    rows[:, 1] = np.tile(np.linspace(-4, 4, 50), 30)
    found = model.predict(rows).reshape(30, 50)
    assert (np.diff(found, axis=1) >= 0).all()
    assert np.ptp(found, axis=1).max() > 0.05


def test_any_lightgbm_reads_the_saved_trees(tmp_path: Path) -> None:
    """The file is LightGBM's text, names of features included."""
    import lightgbm

    data, learner = make_data(500, 0), RandomForestLearner()
    model, _ = learner.fit({"trees": 5}, data.rows[:, :2], data.labels, categories=(), seed=1, names=("a", "b"))
    model.save(tmp_path)
    theirs = lightgbm.Booster(model_file=tmp_path / "model.txt")
    assert theirs.feature_name() == ["a", "b"]
    assert np.array_equal(theirs.predict(data.rows[:, :2]), model.predict(data.rows[:, :2]))
