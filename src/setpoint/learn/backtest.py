"""The backtest: a recipe trained before a time and tested after it, beside the same rows split at random.

A random split lets a model learn from the very days it is tested on, so it flatters (Huyen, Designing Machine Learning
Systems, chapter 5, "Splitting time-correlated data randomly instead of by time").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from setpoint.core.ports import Learner
from setpoint.core.rng import seed_for
from setpoint.core.times import iso
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.encode import encoder_of
from setpoint.learn.fit import refit
from setpoint.learn.recipe import Recipe
from setpoint.learn.sides import Examples, judging_rows, mature_rows
from setpoint.measure.bootstrap import intervals
from setpoint.measure.metrics import auc

METRICS = ("auc", "average_precision", "log_loss", "brier", "ece")


def backtest(
    plan: Plan,
    examples: TrainingSet,
    *,
    learners: Mapping[str, Learner],
    settled: Recipe,
    train_until: int,
    test_from: int,
    seed: int,
) -> dict[str, Any]:
    """The metrics, with intervals by day, of `settled` trained on labels mature by a time and tested from another.

    `random_split_auc` is what as many rows of the same period, split at random, would have shown, and `flattery` the
    difference. Scores are the model's own, not calibrated. Labels that a strategy picked train and test nothing.
    """
    rows, places = mature_rows(examples)
    judging, judges = judging_rows(plan, examples)
    train = np.flatnonzero(rows.at + plan.system.label.matures_after <= train_until)
    test = np.flatnonzero(judging.at >= test_from)
    tested = judging.take(test)
    scores = _trained(plan, learners, settled, rows.take(train), tested, seed=seed)
    y, day, weight, options = tested.y, tested.days, tested.weight, dict.fromkeys(METRICS, 0.5)
    found = intervals(options, y, scores, cluster=day, weight=weight, draws=plan.draws, seed=seed)
    told: dict[str, Any] = {}
    for name in METRICS:
        shown = found[name].to_dict()
        told |= {name: shown["estimate"], f"{name}_low": shown["low"], f"{name}_high": shown["high"]}
    may = np.flatnonzero(np.isin(judges, places[train]) | (judging.at >= test_from))
    mixed = np.random.default_rng(seed_for(seed, "random split")).permutation(may)
    flattering = np.sort(mixed[may.size - test.size :])
    random_train = np.setdiff1d(np.concatenate([places[train], judges[test]]), judges[flattering])
    random_train = np.flatnonzero(np.isin(places, random_train))
    random_test = judging.take(flattering)
    flattered = _trained(plan, learners, settled, rows.take(random_train), random_test, seed=seed)
    random_auc = auc(random_test.y, flattered, weight=random_test.weight)
    return {
        **told,
        "trained": f"{iso(int(rows.at[train[0]]))[:10]} to {iso(train_until)[:10]}",
        "tested": f"{iso(test_from)[:10]} to {iso(int(tested.at[-1]))[:10]}",
        "rows_trained": int(train.size),
        "rows_tested": int(test.size),
        "random_split_auc": random_auc,
        "flattery": random_auc - told["auc"],
    }


def _trained(
    plan: Plan, learners: Mapping[str, Learner], settled: Recipe, train: Examples, test: Examples, *, seed: int
) -> np.ndarray:
    encoder = encoder_of(plan, train.features)
    return refit(learners, encoder, train, settled=settled, seed=seed).predict(encoder.matrix(test.features))
