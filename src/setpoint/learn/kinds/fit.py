"""How a recipe is fitted for any kind of goal but two classes, and how what it predicts is compared with another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Learner, Model
from setpoint.core.rng import seed_for
from setpoint.learn.fit import DRAWS, ONE_ERROR
from setpoint.learn.kinds.kind import Fed, Inputs, Kind
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.trial_pool import Measured
from setpoint.measure.draws import difference_of


@dataclass(frozen=True)
class KindFit:
    """How one kind of goal is fitted: by these learners, with this seed."""

    kind: Kind
    learners: Mapping[str, Learner] = field(repr=False)
    seed: int

    @property
    def able(self) -> dict[str, Learner]:
        """The learners that can be asked for it; raises NameUnknown where none can."""
        found = {name: each for name, each in self.learners.items() if self.kind.needs in each.kinds}
        if not found:
            known = sorted({kind for each in self.learners.values() for kind in each.kinds})
            raise NameUnknown("target", self.kind.needs, known, where=f"The learners {', '.join(self.learners)}")
        return found

    def measured(self, rows: Examples, predicted: np.ndarray) -> Measured:
        """The metric by which recipes are compared."""
        metric = self.kind.trial
        value = self.kind.statistic(metric, rows, predicted).value()
        return Measured(str(metric), value, float("nan"), metric.greater_is_better)

    def better(self, rows: Examples, first: np.ndarray, second: np.ndarray) -> bool:
        """Whether the second predictions are better by more than a standard error."""
        metric = self.kind.trial
        gained = difference_of(
            self.kind.statistic(metric, rows, first),
            self.kind.statistic(metric, rows, second),
            cluster=self.kind.cluster(rows),
            weight=rows.weight,
            draws=DRAWS,
            seed=seed_for(self.seed, "search"),
            level=ONE_ERROR,
        )
        return gained.low > 0 if metric.greater_is_better else gained.high < 0

    def fit(self, matrices: Matrices, sides: Sides, *, recipe: Recipe) -> Fitted:
        """A model of one recipe on the training rows; the validation rows settle how long it trains."""
        inputs = Inputs(matrices.encoder.categories, matrices.encoder.names)
        older, newer = Fed(matrices.given, sides.given), Fed(matrices.validation, sides.validation)
        model, settled = self._fit(recipe, older, newer, inputs)
        return Fitted(recipe, Recipe(recipe.learner, settled), model, model.predict(matrices.validation))

    def refit(self, settled: Recipe, given: Fed, inputs: Inputs) -> Model:
        """A model of a settled recipe on all these rows."""
        return self._fit(settled, given, None, inputs)[0]

    def _fit(self, recipe: Recipe, older: Fed, newer: Fed | None, inputs: Inputs) -> tuple[Model, dict[str, Any]]:
        able = self.able
        if recipe.learner not in able:
            raise NameUnknown("learner", recipe.learner, able, where=f"For goals of kind {self.kind.name!r}")
        seed = seed_for(self.seed, "fit")
        return self.kind.fit(able[recipe.learner], recipe.parameters, older, newer, inputs=inputs, seed=seed)
