"""The advice of learning curves, on worlds where it is known what would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from setpoint.features.training_set import TrainingSet
from setpoint.learn.learning_curve import MORE_MODEL, NEITHER, learning_curve
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import divide
from setpoint.learn.train import trainer_of
from tests.unit.learn.world import learners, make_examples, make_world_plan


def bent(examples: TrainingSet, *, seed: int) -> TrainingSet:
    """The examples with a truth that no line through the features tells: whether total and average go together."""
    rng = np.random.default_rng(seed)
    total, average = rng.normal(size=(2, examples.at.size))
    table = examples.features
    for name, values in (("total", total), ("avg_30d", average)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    y = (rng.random(total.size) < np.where(total * average > 0, 0.8, 0.2)).astype(float)
    value = np.where(np.isnan(examples.labels.value), np.nan, y)
    return replace(examples, features=table, labels=replace(examples.labels, value=value))


def advice(examples: TrainingSet, *, seed: int) -> str:
    """What is advised of a logistic regression."""
    plan = make_world_plan()
    recipe = Recipe("logistic", learners()["logistic"].recipes(rounds=30)[0])
    found = learning_curve(
        plan, trainer_of(plan, learners(), seed=seed), divide(plan, examples), recipe=recipe, seed=seed
    )
    return found.advice


def test_a_line_that_cannot_tell_the_truth_needs_another_model() -> None:
    """In 5 of 5 worlds where features count only together, another recipe is advised."""
    found = [advice(bent(make_examples(4000, seed=seed), seed=seed), seed=seed) for seed in range(5)]
    assert found == [MORE_MODEL] * 5


def test_where_nothing_can_be_learned_another_model_is_not_advised() -> None:
    """Of 10 worlds of pure noise at most one is told to seek another model, and most are told to seek nothing."""
    found = [advice(make_examples(8000, seed=seed, skill=0.0), seed=seed) for seed in range(10)]
    assert found.count(MORE_MODEL) <= 1, found
    assert found.count(NEITHER) >= 6, found
