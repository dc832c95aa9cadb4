"""What training asks of a family of goals: the steps of the story in `train.py` that are not the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added
from setpoint.learn.baselines import Baseline
from setpoint.learn.calibrate import Calibration
from setpoint.learn.encode import Encoder
from setpoint.learn.immature import Young
from setpoint.learn.kinds.kind import Calibrated
from setpoint.learn.kinds.row_losses import RowLoss
from setpoint.learn.mitigate import Mitigated
from setpoint.learn.preflight_task import Task
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Matrices, Sides
from setpoint.learn.threshold import Threshold
from setpoint.learn.trial_pool import Measured
from setpoint.learn.weak import Proposals


@dataclass(frozen=True)
class Side:
    """The training side as a learner is given it: the sides, their matrices, and what was added to its rows."""

    sides: Sides
    matrices: Matrices
    added: Added


@dataclass(frozen=True)
class Settled:
    """A model of the training side, its calibration and threshold, and all three as the scorer that the gate judges."""

    fitted: Fitted
    calibration: Calibration | Calibrated
    threshold: Threshold
    scorer: Scorer


class Trainer(Protocol):
    """How the models of one plan are trained and read: goals of two classes in one way, all other kinds in another.

    Laws: the same rows and seed give the same models, to the byte; nothing but `decide`, `baselines`, `decide_baseline`
    and `plainly` reads the held-out side.
    """

    @property
    def able(self) -> Mapping[str, Learner]:
        """The learners that can be asked for the goal; raises NameUnknown where none can."""
        ...

    @property
    def probed(self) -> Mapping[str, Learner]:
        """The learners that the pre-flight tries out on planted labels before a search."""
        ...

    @property
    def row_loss(self) -> RowLoss | None:
        """What each row loses; None where no row loses by itself."""
        ...

    def task(self, rows: Examples) -> Task:
        """What the pre-flight must know of the goal."""
        ...

    def add(self, examples: TrainingSet, rows: Examples, places: np.ndarray) -> Added:
        """The rows, which are at these places of the training set, with what the system adds."""
        ...

    def measured(self, rows: Examples, predicted: np.ndarray) -> Measured:
        """By what recipes are compared."""
        ...

    def better(self, rows: Examples, first: np.ndarray, second: np.ndarray) -> bool:
        """Whether the second predictions are better than the first by more than a standard error."""
        ...

    def fit(self, matrices: Matrices, sides: Sides, *, recipe: Recipe) -> Fitted:
        """A model of one recipe on the training side."""
        ...

    def refit(self, fitted: Fitted, rows: Examples, encoder: Encoder) -> Model:
        """A model of the recipe that training settled, on all these rows."""
        ...

    def with_learner(self, learner: Learner) -> Trainer:
        """The trainer with one more learner, or another one of its name."""
        ...

    def going_on(self, learner: Learner, parent: Model) -> Trainer:
        """The trainer with another learner of this name, which goes on from a parent."""
        ...

    def keep_if_better(self, side: Side, fitted: Fitted) -> tuple[Side, Fitted]:
        """A model of the rows with those added, or without where they are not shown to help on the validation rows."""
        ...

    def make_fair(self, side: Side, fitted: Fitted) -> Fitted:
        """The model with what the goal asks to be done against a gap while it is fitted; the same where nothing is."""
        ...

    def calibrate(self, fitted: Fitted, side: Side) -> Calibration | Calibrated:
        """The map of its scores that the validation rows ask for."""
        ...

    def threshold(self, sides: Sides, scores: np.ndarray) -> Threshold:
        """The score from which it acts; `scores` are the calibrated ones of the validation rows."""
        ...

    def let_in_young(self, examples: TrainingSet, side: Side, fitted: Fitted, scorer: Scorer) -> Fitted:
        """The model with rows let in whose label's time was not over, where the label says so; else the same."""
        ...

    def young(self, examples: TrainingSet, rows: Examples, scorer: Scorer) -> Young:
        """The rows with those let in whose label's time is not over, where the label says so."""
        ...

    def bench(self, rows: Examples, *, asked: bool = False) -> Bench:
        """Rows on which models are judged."""
        ...

    def decide(self, scorer: Scorer, rows: Examples, *, name: str) -> Scored:
        """What a scorer would have made of these rows."""
        ...

    def baselines(self, side: Side) -> tuple[Baseline, ...]:
        """What a model must beat to be worth anything."""
        ...

    def decide_baseline(self, baseline: Baseline, threshold: Threshold, rows: Examples) -> Scored:
        """What a baseline would have made of these rows."""
        ...

    def plainly(self, fitted: Fitted, side: Side) -> Scored | None:
        """What the same recipe makes of the held-out rows if it is given real rows as they are; None if it was."""
        ...

    def mitigated(self, settled: Settled, side: Side, bench: Bench, ours: Scored) -> Mitigated | None:
        """What was done against a gap between groups, and at which price; None where nothing was asked for."""
        ...

    def propose(self, scorer: Scorer, rows: Examples) -> Proposals:
        """Slices in which it may be weak, as these rows propose them."""
        ...

    def margin(self, bench: Bench, simplest: Scored) -> float:
        """By how much of the goal's metric a model may be worse than another and still count as no worse."""
        ...
