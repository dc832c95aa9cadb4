"""The learner that goes on: stochastic gradient descent, against the laws and against the solver it stands for."""

from __future__ import annotations

import numpy as np

from setpoint.backends.linear_sgd import SgdLearner
from setpoint.backends.sklearn import LogisticLearner
from setpoint.conformance.learner import CATEGORIES, LearnerLaws, log_loss, make_data, make_labels, make_target
from setpoint.conformance.learner_update import UpdateLaws
from setpoint.core.ports import Learner


class TestSgd(LearnerLaws, UpdateLaws):
    def make(self, *, threads: int = 1) -> Learner:
        return SgdLearner()


def test_it_comes_to_where_a_solver_comes_to() -> None:
    """On rows it has not seen its loss is that of scikit-learn's logistic regression, to half a percent."""
    data, newer = make_data(4000, 0), make_data(4000, 1)
    losses = []
    for learner in (SgdLearner(), LogisticLearner()):
        recipe = learner.recipes(rounds=60)[0]
        model, _ = learner.fit(recipe, data.rows, data.labels, categories=CATEGORIES, seed=1)
        losses.append(log_loss(newer.labels, model.predict(newer.rows)))
    assert losses[0] < 1.005 * losses[1]


def test_numbers_classes_and_counts_come_to_where_solvers_come_to() -> None:
    """Predictions are those of the solvers' models, but for a tenth of their spread."""
    data, newer = make_data(4000, 0), make_data(1000, 1)
    for kind in ("regression", "multiclass", "count"):
        labels, made = make_labels(kind, data, 0), []
        for learner in (SgdLearner(), LogisticLearner()):
            recipe, target = learner.recipes(rounds=60)[0], make_target(kind, 4000)
            model, _ = learner.fit(recipe, data.rows, labels, categories=CATEGORIES, seed=1, target=target)
            made.append(model.predict(newer.rows))
        assert np.sqrt(np.mean((made[0] - made[1]) ** 2)) < 0.1 * made[1].std()
