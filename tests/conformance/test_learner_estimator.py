"""Estimators of scikit-learn against the laws of the Learner and Model ports, and what is kept of them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from setpoint.backends.sklearn_estimator import EstimatorLearner
from setpoint.backends.skops_file import from_bytes
from setpoint.conformance.learner import CATEGORIES, make_data
from setpoint.core.errors import ModelCorrupt, WrongType
from setpoint.declare.learners import learner
from setpoint.learn.preflight_model import check_kept


class Strange(LogisticRegression):
    """An estimator that is not scikit-learn's."""


def fit(which: object, seed: int = 1, **parameters: Any) -> Any:
    """A model of an estimator."""
    data = make_data(800, 0)
    recipe = learner(which, **parameters).recipe
    return EstimatorLearner().fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=seed)[0]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("sklearn.neighbors:KNeighborsClassifier", {"n_neighbors": 30}),
        ("sklearn.linear_model:LogisticRegression", {"C": 0.5}),
        ("sklearn.ensemble:RandomForestClassifier", {"n_estimators": 5}),
    ],
)
def test_an_estimator_comes_back_bit_for_bit(path: str, parameters: dict[str, Any], tmp_path: Path) -> None:
    """The same training gives the same bytes, and what is saved scores the same; a changed byte is refused."""
    model, again = fit(path, **parameters), fit(path, **parameters)
    assert model.data == again.data
    model.save(tmp_path)
    rows = make_data(300, 1).rows
    assert np.array_equal(EstimatorLearner().load(tmp_path).predict(rows), model.predict(rows))
    file = tmp_path / "estimator.skops"
    whole = file.read_bytes()
    file.write_bytes(whole[:50] + bytes([whole[50] ^ 4]) + whole[51:])
    with pytest.raises(ModelCorrupt):
        EstimatorLearner().load(tmp_path)


def test_an_instance_is_told_by_path_and_parameters() -> None:
    """Equal estimators are equal learners, however they are given."""
    assert learner(LogisticRegression(C=0.5)) == learner("sklearn.linear_model._logistic:LogisticRegression", C=0.5)


def test_what_is_not_scikit_learns_is_judged_and_never_kept(tmp_path: Path) -> None:
    """It scores rows, has a finding that holds it back, and cannot be loaded."""
    model = fit(Strange())
    assert model.predict(make_data(20, 1).rows).shape == (20,)
    (finding,) = check_kept(model)
    assert finding.blocks
    assert "Strange" in finding.evidence
    model.save(tmp_path)
    assert not (tmp_path / "estimator.skops").exists()
    with pytest.raises(ModelCorrupt, match="never kept"):
        EstimatorLearner().load(tmp_path)


def test_a_file_with_a_strange_type_is_refused_before_it_is_built(tmp_path: Path) -> None:
    """Whoever wrote it: types of elsewhere are never made."""
    import io

    import skops.io

    data = skops.io.dumps(Strange())
    assert zipfile.is_zipfile(io.BytesIO(data))
    with pytest.raises(ModelCorrupt, match="Strange"):
        from_bytes(data)


def test_a_regressor_is_not_asked_for_classes() -> None:
    """The message says what the goal asks for."""
    with pytest.raises(WrongType, match="no classes"):
        fit("sklearn.linear_model:Ridge")
