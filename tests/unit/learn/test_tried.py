"""The learners that a system names, as they are tried."""

from __future__ import annotations

import pytest

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.learners import check_learners, learner
from setpoint.learn.tried import tried_learners
from setpoint.system.backends import open_learners


def test_where_nothing_is_said_boosted_trees_and_a_linear_model_are_tried() -> None:
    """In this order, as they are."""
    assert list(tried_learners((), open_learners(1))) == ["lightgbm", "logistic"]


def test_named_learners_are_tried_in_their_order_and_pinned_ones_alone() -> None:
    """A pinned learner has one recipe for each time it is named, which says what is pinned."""
    declared = check_learners("s", ["random_forest", learner("lightgbm", num_leaves=7), learner("lightgbm", rounds=3)])
    found = tried_learners(declared, open_learners(1))
    assert list(found) == ["random_forest", "lightgbm"]
    first, second = found["lightgbm"].recipes(rounds=50)
    assert (first["num_leaves"], first["rounds"], second["rounds"]) == (7, 50, 3)


def test_estimators_are_recipes_of_one_learner() -> None:
    """So that one learner loads whatever a system once tried."""
    declared = check_learners("s", [learner("sklearn.naive_bayes:GaussianNB")])
    found = tried_learners(declared, open_learners(1))
    assert found["estimator"].recipes(rounds=50) == [{"import": "sklearn.naive_bayes:GaussianNB", "parameters": {}}]


def test_a_learner_that_is_not_there_is_refused() -> None:
    """By its name, and what is no learner by what it is."""
    with pytest.raises(NameUnknown, match="random_forst"):
        tried_learners(check_learners("s", ["random_forst"]), open_learners(1))
    with pytest.raises(WrongType):
        check_learners("s", "lightgbm")
    with pytest.raises(WrongType):
        learner(7)


def test_an_ensemble_is_no_learner_that_can_be_named() -> None:
    """It is declared beside them."""
    with pytest.raises(DeclarationError, match="names an ensemble"):
        tried_learners(check_learners("s", ["ensemble"]), open_learners(1))
