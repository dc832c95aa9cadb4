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
from setpoint.core.times import DAY, iso
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.encode import encoder_of
from setpoint.learn.search import Recipe, refit
from setpoint.learn.sides import Examples, mature_rows
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
    difference. Scores are the model's own, not calibrated.
    """
    rows, _ = mature_rows(examples)
    train = np.flatnonzero(rows.at + plan.system.label.matures_after <= train_until)
    test = np.flatnonzero(rows.at >= test_from)
    scores = _trained(plan, learners, settled, rows.take(train), rows.take(test), seed=seed)
    y, day = rows.y[test], rows.at[test] // DAY
    weight, options = rows.weight[test], dict.fromkeys(METRICS, 0.5)
    found = intervals(options, y, scores, cluster=day, weight=weight, draws=plan.draws, seed=seed)
    told: dict[str, Any] = {}
    for name in METRICS:
        shown = found[name].to_dict()
        told |= {name: shown["estimate"], f"{name}_low": shown["low"], f"{name}_high": shown["high"]}
    both = np.concatenate([train, test])
    mixed = np.random.default_rng(seed_for(seed, "random split")).permutation(both)
    random_train, random_test = np.sort(mixed[: train.size]), np.sort(mixed[train.size :])
    flattered = _trained(plan, learners, settled, rows.take(random_train), rows.take(random_test), seed=seed)
    random_auc = auc(rows.y[random_test], flattered, weight=rows.weight[random_test])
    return {
        **told,
        "trained": f"{iso(int(rows.at[train[0]]))[:10]} to {iso(train_until)[:10]}",
        "tested": f"{iso(test_from)[:10]} to {iso(int(rows.at[test[-1]]))[:10]}",
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
