"""Training for goals of every kind but two classes: the answer is the prediction, and nothing is done above a score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.declare.goal import RANGES
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added
from setpoint.learn.baselines import Baseline
from setpoint.learn.encode import Encoder
from setpoint.learn.immature import Young
from setpoint.learn.kinds.baselines import baselines_of_kind
from setpoint.learn.kinds.composed import Composed
from setpoint.learn.kinds.fit import KindFit
from setpoint.learn.kinds.kind import Calibrated, Fed, Inputs, Kind
from setpoint.learn.kinds.row_losses import RowLoss, row_loss
from setpoint.learn.kinds.survival import Survival
from setpoint.learn.kinds.task import task_of
from setpoint.learn.preflight_task import Task
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.threshold import NEVER, Price, Threshold
from setpoint.learn.trainer import Settled, Side
from setpoint.learn.trial_pool import Measured
from setpoint.learn.weak import Proposals, propose_weak

NO_THRESHOLD = Threshold(Price(0.0), Price(0.0), NEVER)
"""Nothing is done above any score."""


@dataclass(frozen=True)
class OfKind:
    """The trainer of a plan whose goal is of a kind; nothing that it declares adds rows or lets young ones in."""

    plan: Plan
    learners: Mapping[str, Learner] = field(repr=False)
    seed: int
    kind: Kind

    @property
    def _fitter(self) -> KindFit:
        return KindFit(self.kind, self.learners, self.seed)

    @property
    def able(self) -> Mapping[str, Learner]:
        """The learners that can be asked for the kind."""
        return self._fitter.able

    @property
    def probed(self) -> Mapping[str, Learner]:
        """None: the labels that are planted are of two classes."""
        return {}

    @property
    def row_loss(self) -> RowLoss | None:
        """The loss of the kind; None for rankings, in which no item is wrong by itself."""
        return row_loss(self.kind)

    def task(self, rows: Examples) -> Task:
        """The loss of the kind, and its best answer for all rows."""
        return task_of(self.kind, rows)

    def add(self, examples: TrainingSet, rows: Examples, places: np.ndarray) -> Added:
        """The rows as they are."""
        del examples, places
        return Added(rows)

    def measured(self, rows: Examples, predicted: np.ndarray) -> Measured:
        """The metric of the kind by which recipes are compared."""
        return self._fitter.measured(rows, predicted)

    def better(self, rows: Examples, first: np.ndarray, second: np.ndarray) -> bool:
        """Whether the second predictions are better by more than a standard error."""
        return self._fitter.better(rows, first, second)

    def fit(self, matrices: Matrices, sides: Sides, *, recipe: Recipe) -> Fitted:
        """A model of one recipe."""
        return self._fitter.fit(matrices, sides, recipe=recipe)

    def refit(self, fitted: Fitted, rows: Examples, encoder: Encoder) -> Model:
        """The settled recipe on these rows."""
        given = Fed(encoder.matrix(rows.features), rows)
        return self._fitter.refit(fitted.settled, given, Inputs(encoder.categories, encoder.names))

    def with_learner(self, learner: Learner) -> OfKind:
        """The trainer with one more learner, or another one of its name."""
        return replace(self, learners={**self.learners, learner.name: learner})

    def going_on(self, learner: Learner, parent: Model) -> OfKind:
        """The trainer with another learner of this name; stretches of time end where those of the parent do."""
        kind = self.kind
        if isinstance(kind, Survival) and isinstance(parent, Composed):
            kind = replace(kind, ends=parent.edges)
        return replace(self.with_learner(learner), kind=kind)

    def keep_if_better(self, side: Side, fitted: Fitted) -> tuple[Side, Fitted]:
        """The model as it is: there are no rows added."""
        return side, fitted

    def make_fair(self, side: Side, fitted: Fitted) -> Fitted:
        """The model as it is: there are no actions to make alike."""
        del side
        return fitted

    def calibrate(self, fitted: Fitted, side: Side) -> Calibrated:
        """The map of predictions that the validation rows ask for."""
        return self.kind.calibrate(side.sides.validation, fitted.validated)

    def threshold(self, sides: Sides, scores: np.ndarray) -> Threshold:
        """None is ever reached."""
        del sides, scores
        return NO_THRESHOLD

    def let_in_young(self, examples: TrainingSet, side: Side, fitted: Fitted, scorer: Scorer) -> Fitted:
        """The model as it is."""
        del examples, side, scorer
        return fitted

    def young(self, examples: TrainingSet, rows: Examples, scorer: Scorer) -> Young:
        """The rows as they are."""
        del examples, scorer
        return Young(rows, 0)

    def bench(self, rows: Examples, *, asked: bool = False) -> Bench:
        """Rows on which models are judged, with the metrics of the kind."""
        return Bench(rows, self.plan.draws, self.seed, asked=asked, kind=self.kind)

    def decide(self, scorer: Scorer, rows: Examples, *, name: str) -> Scored:
        """The predictions, with the worth of their errors where these cost; there is no action."""
        return self._scored(name, scorer.score(rows.features), rows)

    def baselines(self, side: Side) -> tuple[Baseline, ...]:
        """One answer for all, the best single feature, the fallback rule if one is stated."""
        return baselines_of_kind(self.plan, self.kind, side.matrices, side.sides)

    def decide_baseline(self, baseline: Baseline, threshold: Threshold, rows: Examples) -> Scored:
        """The baseline's predictions."""
        del threshold
        return self._scored(baseline.name, baseline.scores, rows)

    def plainly(self, fitted: Fitted, side: Side) -> None:
        """Nothing was done to the rows."""
        del fitted, side

    def mitigated(self, settled: Settled, side: Side, bench: Bench, ours: Scored) -> None:
        """Nothing is done against gaps: there are no actions to make alike."""
        del settled, side, bench, ours

    def propose(self, scorer: Scorer, rows: Examples) -> Proposals:
        """Slices in which it may lose more than elsewhere, as these rows propose them."""
        made = self.decide(scorer, rows, name="candidate")
        return propose_weak(self.plan.system.goal, rows, made, kind=self.kind)

    def margin(self, bench: Bench, simplest: Scored) -> float:
        """The declared margin; of a metric in the outcome's unit, it is a share of what the simplest answer has.

        Half a percent is little of an AUC and may be all of an error in kilometres.
        """
        metric, declared = self.plan.system.goal.metric, self.plan.system.release.margin
        low, high, _ = RANGES[metric.name]
        if math.isfinite(high - low):
            return declared
        size = abs(bench.value(metric, simplest))
        return declared * size if math.isfinite(size) else 0.0

    def _scored(self, name: str, predicted: np.ndarray, rows: Examples) -> Scored:
        value = self.kind.value(rows, predicted)
        nothing = np.zeros(rows.y.size, dtype=bool)
        return Scored(name, predicted, nothing, np.full(rows.y.size, np.nan) if value is None else value)
