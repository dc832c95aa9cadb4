"""The search: a few fixed recipes of each learner, fitted on older rows and compared on newer ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner, Model
from setpoint.core.rng import seed_for
from setpoint.declare.goal import Metric
from setpoint.declare.imbalance import Imbalance
from setpoint.learn.encode import Encoder
from setpoint.learn.imbalance import Balance, FitRows, able, rebalance, settle
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.measure.bootstrap import paired_difference
from setpoint.measure.metrics import METRICS, MetricSpec

ONE_ERROR, DRAWS = 0.6827, 100
"""The level of an interval of one standard error to each side, and the draws where it is resampled."""
OF_SCORES = ("auc", "average_precision", "log_loss", "brier")
"""Metrics that need no threshold and no calibration, by which trials can be compared; else log loss decides."""


@dataclass(frozen=True)
class Recipe:
    """How to train: the learner's name and its parameters."""

    learner: str
    parameters: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The identity of the recipe."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-like data."""
        return {"learner": self.learner, "parameters": dict(self.parameters)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` wrote.

        >>> Recipe.from_dict(Recipe("logistic", {"c": 1.0}).to_dict()).learner
        'logistic'
        """
        return Recipe(data["learner"], dict(data["parameters"]))


@dataclass(frozen=True)
class Trial:
    """A recipe that was tried, and its metric and log loss on the validation rows; NaN where there is no such loss."""

    recipe: Recipe
    metric: str
    value: float
    log_loss: float

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON-like data."""
        return {
            "recipe": self.recipe.to_dict(),
            "metric": self.metric,
            "value": self.value if np.isfinite(self.value) else None,
            "log_loss": self.log_loss if np.isfinite(self.log_loss) else None,
        }


@dataclass(frozen=True)
class Fitted:
    """A model with the recipe it was asked for and the one that training settled, which a refit takes.

    `validated` are its scores of the validation rows; `balance` is what the training rows underwent for a rare class.
    """

    recipe: Recipe
    settled: Recipe
    model: Model
    validated: np.ndarray = field(repr=False)
    trials: tuple[Trial, ...] = ()
    balance: Balance | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Its scores of the validation rows, without what a method against a rare class did to them."""
        if self.balance is None:
            return self.validated
        return self.balance.correction.apply(self.validated)


def search(
    learners: Mapping[str, Learner],
    matrices: Matrices,
    sides: Sides,
    *,
    metric: Metric,
    trials: int,
    rounds: int,
    seed: int,
    imbalance: Imbalance | None = None,
) -> Fitted:
    """A model of the best of the first `trials` recipes of all learners, by the metric on the validation rows.

    Recipes come best guess first, and one replaces another only when it is better by more than a standard error,
    clustered by day: the luck of a few days must not choose a recipe that is kept for a year (the rule of one standard
    error of Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3). The budget is in trials and
    rounds, never in time, so the same rows and seed give the same answer everywhere. For metrics that need a
    threshold, log loss decides instead.
    """
    spec = spec_for(metric)
    best: Fitted | None = None
    tried, newer, least = [], sides.validation, np.zeros(0)
    for recipe in islice(portfolio(able(learners, imbalance), rounds), trials):
        found = fit(learners, matrices, sides, recipe=recipe, seed=seed, imbalance=imbalance)
        scores = found.probabilities
        value = spec.function(newer.y, scores, newer.weight)
        loss = METRICS["log_loss"].function(newer.y, scores, newer.weight)
        tried.append(Trial(recipe, spec.name, value, loss))
        if best is None or gained_by(spec, newer, least, scores, seed=seed).better:
            best, least = found, scores
    assert best is not None
    return replace(best, trials=tuple(tried))


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


def portfolio(learners: Mapping[str, Learner], rounds: int) -> Iterator[Recipe]:
    """The recipes of all learners by turns, so that a small budget still tries each learner."""
    waiting = {name: iter(learner.recipes(rounds=rounds)) for name, learner in learners.items()}
    while waiting:
        for name in list(waiting):
            parameters = next(waiting[name], None)
            if parameters is None:
                del waiting[name]
            else:
                yield Recipe(name, parameters)


def _learner(learners: Mapping[str, Learner], recipe: Recipe) -> Learner:
    if recipe.learner not in learners:
        raise NameUnknown("learner", recipe.learner, learners, where="This installation")
    return learners[recipe.learner]
