"""Rows from decisions whose label nobody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.semi_supervised import LabelSpreading

from setpoint.core.errors import SetpointError
from setpoint.core.times import DAY
from setpoint.declare.unlabelled import Unlabelled, consistency, label_spreading, self_training
from setpoint.features.training_set import TrainingSet
from setpoint.labels.join import KNOWN, UNKNOWN
from setpoint.learn.few_labels import _graph, self_labelled, spread_labels
from setpoint.learn.sides import Examples, mature_rows
from tests.unit.learn.world import START, logistic, make_examples, make_world_plan

METHODS = (self_training(), label_spreading(), consistency())


def with_few(share: float, *, skill: float = 6.0) -> tuple[TrainingSet, np.ndarray]:
    """The shop, of whose labels a share is known; and the true values."""
    examples = make_examples(3000, skill=skill)
    hidden = np.random.default_rng(0).random(3000) > share
    labels = examples.labels
    known = labels.state == KNOWN
    few = replace(
        labels,
        state=np.where(hidden & known, UNKNOWN, labels.state).astype(np.int8),
        value=np.where(hidden, np.nan, labels.value),
    )
    return replace(examples, labels=few), labels.value


def labelled(examples: TrainingSet, how: Unlabelled) -> Examples:
    """What a method adds."""
    rows = mature_rows(examples)[0]
    return self_labelled(make_world_plan(), examples, rows, how, learners=logistic(), seed=1)


@pytest.mark.parametrize("how", METHODS, ids=lambda how: how.method)
def test_what_a_method_is_confident_of_is_mostly_right(how: Unlabelled) -> None:
    """Labels are far better than the rate alone, and a row weighs what the method is sure of."""
    examples, truth = with_few(0.2)
    found = labelled(examples, how)
    place = {int(at): i for i, at in enumerate(examples.at)}
    true = truth[[place[int(at)] for at in found.at]]
    there = ~np.isnan(true)
    assert there.sum() > 200
    assert (found.y[there] == true[there]).mean() > 0.85
    assert (found.weight >= how.confidence).all()
    assert (found.weight <= 1).all()


@pytest.mark.parametrize("how", METHODS, ids=lambda how: how.method)
def test_only_decisions_without_a_label_and_no_newer_ones_are_added(how: Unlabelled) -> None:
    """Rows after the newest labelled one belong to those who judge."""
    examples, _ = with_few(0.2)
    late = examples.at > START + 30 * DAY
    state = np.where(late & (examples.labels.state == KNOWN), UNKNOWN, examples.labels.state).astype(np.int8)
    early = replace(examples, labels=replace(examples.labels, state=state))
    found = labelled(early, how)
    known = set(examples.at[examples.labels.state == KNOWN].tolist())
    assert found.at.max() <= START + 30 * DAY
    assert not known & set(found.at.tolist())


def test_consistency_adds_fewer() -> None:
    """What changes its label under noise is left out, all else is the same."""
    examples, _ = with_few(0.2)
    alone = labelled(examples, self_training(confidence=0.5))
    steady = labelled(examples, consistency(confidence=0.5, noise=1.0))
    assert steady.y.size < alone.y.size
    assert set(steady.at.tolist()) <= set(alone.at.tolist())


def test_spreading_is_that_of_scikit_learn() -> None:
    """On the same graph the probabilities are those of its LabelSpreading."""
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.normal(-1, 1, (60, 2)), rng.normal(1, 1, (60, 2))])
    order = rng.permutation(120)
    points, truth = points[order], (order >= 60).astype(float)
    graph = _graph(points, 5).toarray()
    theirs = LabelSpreading(kernel=lambda _x, _y: graph, alpha=0.2, max_iter=1000, tol=1e-9)
    theirs.fit(points, np.where(np.arange(120) < 20, truth, -1).astype(int))
    ours = spread_labels(points, truth[:20], neighbours=5, keep=0.2)
    assert np.allclose(ours, theirs.label_distributions_[20:, 1], atol=1e-4)


def test_what_no_label_reaches_has_the_rate() -> None:
    """An island without a label is not decided either way."""
    points = np.array([[0.0], [0.1], [0.2], [50.0], [50.1], [50.2]])
    assert spread_labels(points, np.array([0.0, 1.0, 0.0]), neighbours=2).tolist() == pytest.approx([1 / 3] * 3)


def test_the_same_seed_adds_the_same_rows() -> None:
    """Also with noise."""
    examples, _ = with_few(0.2)
    first, again = (labelled(examples, consistency(noise=0.5)) for _ in range(2))
    assert first.at.tolist() == again.at.tolist()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: self_training(confidence=0.4),
        lambda: self_training(confidence=True),
        lambda: label_spreading(neighbours=0),
        lambda: label_spreading(keep=1.0),
        lambda: consistency(copies=0),
        lambda: consistency(noise=0.0),
    ],
)
def test_what_means_nothing_is_refused(declare: object) -> None:
    """A confidence below a half, no neighbours, no noise."""
    assert callable(declare)
    with pytest.raises(SetpointError):
        declare()
