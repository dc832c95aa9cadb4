"""Labels that are likely wrong, by models of earlier decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from setpoint.core.errors import NothingYet
from setpoint.core.times import DAY
from setpoint.features.training_set import TrainingSet
from setpoint.learn.label_errors import OutOfFold, Review, out_of_fold, review_labels
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import mature_rows
from tests.unit.learn.world import START, logistic, make_examples, make_world_plan

RECIPE = Recipe("logistic", {"c": 1.0, "steps": 60})


def flipped(share: float, *, skill: float = 4.0) -> tuple[TrainingSet, np.ndarray]:
    """The shop with some known labels flipped, and which."""
    examples = make_examples(4000, skill=skill)
    known = examples.usable
    flips = known & (np.random.default_rng(1).random(known.size) < share)
    value = np.where(flips, 1 - examples.labels.value, examples.labels.value)
    return replace(examples, labels=replace(examples.labels, value=value)), flips


def reviewed(examples: TrainingSet, **options: Any) -> Review:
    """The labels of the shop that are likely wrong."""
    return review_labels(make_world_plan(), examples, learners=logistic(), recipe=RECIPE, seed=0, **options)


def judged(examples: TrainingSet, **options: Any) -> OutOfFold:
    """The probabilities of models of earlier decisions."""
    return out_of_fold(make_world_plan(), examples, learners=logistic(), recipe=RECIPE, seed=0, **options)


def test_flipped_labels_come_first() -> None:
    """Of 5 % flips most of the first ones in the list are flips, each with what is suggested and why."""
    examples, flips = flipped(0.05)
    review = reviewed(examples)
    place = {str(key): i for i, key in enumerate(examples.keys.to_pylist())}
    hit = np.array([flips[place[each.key]] for each in review.errors])
    assert hit[:50].mean() > 0.8
    scored = judged(examples).places
    assert hit.sum() / flips[scored].sum() > 0.6
    first = review.errors[0]
    assert first.suggested is not first.given
    assert f"{first.confidence:.2f}" in first.reason
    assert [each.confidence for each in review.errors] == sorted((e.confidence for e in review.errors), reverse=True)
    assert review.to_dict()["errors"][0]["key"] == first.key


def test_the_share_of_wrong_labels_is_estimated() -> None:
    """Where a tenth of both classes was flipped, the joint says about a tenth."""
    noise = reviewed(flipped(0.1, skill=8.0)[0]).noise
    assert 0.04 < noise[0] < 0.2
    assert 0.04 < noise[1] < 0.2


def test_no_label_is_judged_by_a_model_that_knew_it_or_what_came_later() -> None:
    """What later labels say changes no earlier probability, and the oldest stretch has none."""
    examples = make_examples(1500)
    before = judged(examples, origins=4)
    middle = START + 30 * DAY
    value = np.where(examples.at >= middle, 1 - examples.labels.value, examples.labels.value)
    after = judged(replace(examples, labels=replace(examples.labels, value=value)), origins=4)
    early = examples.at[before.places] < middle
    assert np.array_equal(before.p[early], after.p[early])
    assert not np.array_equal(before.p, after.p)
    assert before.unscored == pytest.approx(mature_rows(examples)[0].y.size / 5, abs=2)


def test_a_label_enters_a_model_only_once_it_was_mature() -> None:
    """Labels of the two days before a stretch, which mature in it, do not change its probabilities."""
    examples = make_examples(1500)
    before = judged(examples, origins=1)
    start = examples.at[before.places].min()
    young = (examples.at > start - 2 * DAY) & (examples.at < start)
    value = np.where(young, 1 - examples.labels.value, examples.labels.value)
    after = judged(replace(examples, labels=replace(examples.labels, value=value)), origins=1)
    assert young.any()
    assert np.array_equal(before.p, after.p)


def test_too_few_labels_are_said_so() -> None:
    """Without both classes before any row nothing can be judged."""
    examples = make_examples(300)
    one_class = replace(examples.labels, value=np.zeros(300))
    with pytest.raises(NothingYet, match="can judge"):
        reviewed(replace(examples, labels=one_class))
