"""Recipes, the trials of them, and what fitting one gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.ports import Model
from setpoint.learn.imbalance import Balance
from setpoint.learn.multipliers import Reduced


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
    """A recipe that was tried, and its metric and log loss on the validation rows; NaN where there is no such loss.

    One that was `cut` was worse on few rows than most before it, and was not fitted on all: it has no value.
    """

    recipe: Recipe
    metric: str
    value: float
    log_loss: float
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON-like data."""
        return {
            "recipe": self.recipe.to_dict(),
            "metric": self.metric,
            "value": self.value if np.isfinite(self.value) else None,
            "log_loss": self.log_loss if np.isfinite(self.log_loss) else None,
            **({"cut": True} if self.cut else {}),
        }


@dataclass(frozen=True)
class Fitted:
    """A model with the recipe it was asked for and the one that training settled, which a refit takes.

    `validated` are its scores of the validation rows; `balance` is what the training rows underwent for a rare class;
    `searched` says how far a search went, where one was declared, `reduced` what was done against a gap of groups.
    """

    recipe: Recipe
    settled: Recipe
    model: Model
    validated: np.ndarray = field(repr=False)
    trials: tuple[Trial, ...] = ()
    balance: Balance | None = None
    searched: Mapping[str, Any] | None = None
    reduced: Reduced | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Its scores of the validation rows, without what a method against a rare class did to them."""
        if self.balance is None:
            return self.validated
        return self.balance.correction.apply(self.validated)
