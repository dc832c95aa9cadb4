"""How one recipe is fitted for two classes, and whether one model's scores are shown to be better than another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner, Model
from setpoint.core.rng import seed_for
from setpoint.declare.goal import Metric
from setpoint.declare.imbalance import Imbalance
from setpoint.learn.encode import Encoder
from setpoint.learn.imbalance import Balance, FitRows, rebalance, settle
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.measure.bootstrap import paired_difference
from setpoint.measure.metrics import METRICS, MetricSpec

ONE_ERROR, DRAWS = 0.6827, 100
"""The level of an interval of one standard error to each side, and the draws where it is resampled."""
OF_SCORES = ("auc", "average_precision", "log_loss", "brier")
"""Metrics that need no threshold and no calibration, by which trials can be compared; else log loss decides."""


def fit(
    learners: Mapping[str, Learner],
    matrices: Matrices,
    sides: Sides,
    *,
    recipe: Recipe,
    seed: int,
    imbalance: Imbalance | None = None,
) -> Fitted:
    """A model of one recipe fitted on the training rows; the validation rows settle how long it trains.

    What `imbalance` does is done to the training rows alone. The validation rows stay as they are; only the loss that
    stops a training counts their classes as the training does.
    """
    older, newer = sides.given, sides.validation
    balance = None if imbalance is None else settle(imbalance, older.y, older.weight)
    asked, rows = _balanced(balance, recipe, FitRows(matrices.given, older.y, older.weight), matrices.encoder, seed)
    model, settled = _learner(learners, recipe).fit(
        asked,
        rows.rows,
        rows.y,
        categories=matrices.encoder.categories,
        seed=seed_for(seed, "fit"),
        weight=rows.weight,
        validation=(matrices.validation, newer.y),
        validation_weight=newer.weight if balance is None else newer.weight * balance.of_classes(newer.y),
        names=matrices.encoder.names,
    )
    validated = model.predict(matrices.validation)
    return Fitted(recipe, Recipe(recipe.learner, settled), model, validated, balance=balance)


def refit(
    learners: Mapping[str, Learner],
    encoder: Encoder,
    rows: Examples,
    *,
    settled: Recipe,
    seed: int,
    balance: Balance | None = None,
) -> Model:
    """A model of a settled recipe on all these rows, which undergo what the training rows of the fit did."""
    asked, given = _balanced(
        balance, settled, FitRows(encoder.matrix(rows.features), rows.y, rows.weight), encoder, seed
    )
    model, _ = _learner(learners, settled).fit(
        asked,
        given.rows,
        given.y,
        categories=encoder.categories,
        seed=seed_for(seed, "fit"),
        weight=given.weight,
        names=encoder.names,
    )
    return model


def _balanced(
    balance: Balance | None, recipe: Recipe, rows: FitRows, encoder: Encoder, seed: int
) -> tuple[Mapping[str, Any], FitRows]:
    """The parameters and the rows that a learner is given."""
    if balance is None:
        return recipe.parameters, rows
    parameters = {**recipe.parameters, **balance.loss}
    return parameters, rebalance(balance, rows, categories=encoder.categories, seed=seed)


def spec_for(metric: Metric) -> MetricSpec:
    """The metric by which trials are compared: the goal's, or log loss where that needs a threshold."""
    return METRICS[metric.name if metric.name in OF_SCORES and metric.option is None else "log_loss"]


class Gained(NamedTuple):
    """What second scores gain over first ones on the same rows, with an interval of some level."""

    metric: str
    value: float
    low: float
    high: float
    level: float
    better: bool

    def __str__(self) -> str:
        return (
            f"{self.metric} {self.value:+.4g} ({100 * self.level:.0f} % interval {self.low:+.4g} to {self.high:+.4g})"
        )


def gained_by(
    spec: MetricSpec, rows: Examples, first: np.ndarray, second: np.ndarray, *, seed: int, level: float = ONE_ERROR
) -> Gained:
    """What the second scores gain, and whether they are better beyond the interval: by default a standard error."""
    gained = paired_difference(
        spec,
        rows.y,
        first,
        second,
        cluster=rows.days,
        weight=rows.weight,
        draws=DRAWS,
        seed=seed_for(seed, "search"),
        level=level,
    )
    better = gained.low > 0 if spec.greater_is_better else gained.high < 0
    return Gained(spec.name, gained.estimate, gained.low, gained.high, level, better)


def _learner(learners: Mapping[str, Learner], recipe: Recipe) -> Learner:
    if recipe.learner not in learners:
        raise NameUnknown("learner", recipe.learner, learners, where="This installation")
    return learners[recipe.learner]
