"""Training for goals of two classes: probabilities, and an action from a threshold on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from setpoint.core.ports import Learner, Model
from setpoint.declare.label import WEIGHTED
from setpoint.declare.mitigate import GroupThresholds, Reductions, Reweighing
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added, with_added
from setpoint.learn.baselines import Baseline, baselines
from setpoint.learn.calibrate import Calibration, calibrate, recalibrate
from setpoint.learn.encode import Encoder
from setpoint.learn.few_labels import with_unlabelled
from setpoint.learn.fit import fit, gained_by, refit, spec_for
from setpoint.learn.imbalance import able
from setpoint.learn.immature import Young, fit_with_young, with_young
from setpoint.learn.kinds.row_losses import RowLoss
from setpoint.learn.mitigate import (
    Mitigated,
    curves_of,
    judge_mitigation,
    points_of,
    reweighed,
    trade_off,
    with_group_thresholds,
)
from setpoint.learn.multipliers import multiplied
from setpoint.learn.picked import MUCH, recalibrate_picked
from setpoint.learn.preflight_task import BINARY, Task
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.reductions import reduce_gap
from setpoint.learn.scored import ONE_SIDED, Bench, Scored, act_on
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Matrices, Sides, encode
from setpoint.learn.threshold import Threshold, choose_threshold, costs_of
from setpoint.learn.trainer import Settled, Side
from setpoint.learn.trial_pool import Measured
from setpoint.learn.weak import Proposals, propose_weak
from setpoint.measure.metrics import METRICS, log_losses


@dataclass(frozen=True)
class TwoClasses:
    """The trainer of a plan whose outcomes are 1 and 0."""

    plan: Plan
    learners: Mapping[str, Learner] = field(repr=False)
    seed: int

    @property
    def able(self) -> Mapping[str, Learner]:
        """The learners that can do what the goal asks for a rare class."""
        return able(self.learners, self.plan.system.goal.imbalance)

    @property
    def probed(self) -> Mapping[str, Learner]:
        """All that are searched among."""
        return self.able

    @property
    def row_loss(self) -> RowLoss:
        """The log loss."""
        return RowLoss("log_loss", log_losses)

    def task(self, rows: Examples) -> Task:
        """Probabilities of the positive class."""
        del rows
        return BINARY

    def add(self, examples: TrainingSet, rows: Examples, places: np.ndarray) -> Added:
        """What label programs label, what is made up of rows, and what is labelled by the model itself."""
        found = with_added(self.plan.system, examples, rows, places, seed=self.seed)
        return with_unlabelled(self.plan, examples, found, rows, learners=self.learners, seed=self.seed)

    def measured(self, rows: Examples, predicted: np.ndarray) -> Measured:
        """The goal's metric, or log loss where that needs a threshold."""
        spec = spec_for(self.plan.system.goal.metric)
        value = spec.function(rows.y, predicted, rows.weight)
        loss = METRICS["log_loss"].function(rows.y, predicted, rows.weight)
        return Measured(spec.name, value, loss, spec.greater_is_better)

    def better(self, rows: Examples, first: np.ndarray, second: np.ndarray) -> bool:
        """Whether the second probabilities are better by more than a standard error."""
        return gained_by(spec_for(self.plan.system.goal.metric), rows, first, second, seed=self.seed).better

    def fit(self, matrices: Matrices, sides: Sides, *, recipe: Recipe) -> Fitted:
        """A model of one recipe, the training rows balanced as the goal says."""
        imbalance = self.plan.system.goal.imbalance
        return fit(self.learners, matrices, self._fair(sides), recipe=recipe, seed=self.seed, imbalance=imbalance)

    def refit(self, fitted: Fitted, rows: Examples, encoder: Encoder) -> Model:
        """The settled recipe on these rows, balanced as those of the fit."""
        asked = self.plan.system.goal.mitigate
        rows = reweighed(rows, asked.by) if isinstance(asked, Reweighing) else rows
        rows = rows if fitted.reduced is None else multiplied(rows, fitted.reduced.multipliers)
        return refit(self.learners, encoder, rows, settled=fitted.settled, seed=self.seed, balance=fitted.balance)

    def with_learner(self, learner: Learner) -> TwoClasses:
        """The trainer with one more learner, or another one of its name."""
        return replace(self, learners={**self.learners, learner.name: learner})

    def going_on(self, learner: Learner, parent: Model) -> TwoClasses:
        """The trainer with another learner of this name."""
        del parent
        return self.with_learner(learner)

    def keep_if_better(self, side: Side, fitted: Fitted) -> tuple[Side, Fitted]:
        """A model of the rows with those added, or without where they are not shown to help on the validation rows.

        Labels of programs can be worse than few of people, and made-up rows worse than none: one chance in twenty that
        they do not help is all that is taken, and what they did to the held-out rows is judged by the gate.
        """
        bare, metric = replace(side.sides, fitting=None), self.plan.system.goal.metric
        lean = encode(self.plan, bare)
        without = self.fit(lean, bare, recipe=fitted.recipe)
        before, after, newer = without.probabilities, fitted.probabilities, side.sides.validation
        gained = gained_by(spec_for(metric), newer, before, after, seed=self.seed, level=ONE_SIDED)
        if gained.better:
            return side, fitted
        why = f"not used, since not shown to help on the validation rows: {gained}"
        return Side(bare, lean, replace(side.added, dropped=why)), replace(without, trials=fitted.trials)

    def make_fair(self, side: Side, fitted: Fitted) -> Fitted:
        """The model fitted by the multipliers that keep a gap small, where the goal asks for a reduction."""
        goal = self.plan.system.goal
        if not isinstance(goal.mitigate, Reductions):
            return fitted
        return reduce_gap(
            goal,
            goal.mitigate,
            side.sides,
            fitted,
            fit=lambda sides: self.fit(side.matrices, sides, recipe=fitted.recipe),
            calibrate=lambda found: self.calibrate(found, side),
            older=lambda found: found.model.predict(side.matrices.train),
        )

    def calibrate(self, fitted: Fitted, side: Side) -> Calibration:
        """The map that the validation rows ask for, once what was done about a rare class is undone.

        A model that learned from much that a strategy picked gets one on rows that stand for decisions.
        """
        newer = side.sides.validation
        if side.sides.picked >= MUCH:
            return recalibrate_picked(fitted, side.sides, side.matrices.encoder, self.learners, seed=self.seed)
        if fitted.balance is None:
            return calibrate(newer, fitted.validated)
        return recalibrate(newer, fitted.validated, fitted.balance.correction)

    def threshold(self, sides: Sides, scores: np.ndarray) -> Threshold:
        """The probability from which acting costs less than not acting, with what a goal adds to it for groups."""
        goal, newer = self.plan.system.goal, sides.validation
        found = choose_threshold(goal, sides.representative)
        if not isinstance(goal.mitigate, GroupThresholds):
            return found
        return with_group_thresholds(found, goal.mitigate, newer, scores, costs_of(goal, newer, found))

    def let_in_young(self, examples: TrainingSet, side: Side, fitted: Fitted, scorer: Scorer) -> Fitted:
        """The model with the rows let in that were young when the training side's time ended."""
        if self.plan.system.label.immature != WEIGHTED:
            return fitted
        return fit_with_young(
            self.plan,
            examples,
            side.sides,
            side.matrices,
            fitted,
            scorer=scorer,
            learners=self.learners,
            seed=self.seed,
        )

    def young(self, examples: TrainingSet, rows: Examples, scorer: Scorer) -> Young:
        """The rows and those whose label's time is not over, weighted."""
        return with_young(self.plan, examples, rows, scorer)

    def bench(self, rows: Examples, *, asked: bool = False) -> Bench:
        """Rows on which models are judged, with the plan's draws."""
        return Bench(rows, self.plan.draws, self.seed, asked=asked)

    def decide(self, scorer: Scorer, rows: Examples, *, name: str) -> Scored:
        """What a scorer would have made of these rows, acting at its own threshold."""
        threshold = scorer.threshold.of(rows.fields, rows.y.size)
        costs = costs_of(self.plan.system.goal, rows, scorer.threshold)
        return act_on(name, scorer.score(rows.features), threshold, y=rows.y, costs=costs)

    def baselines(self, side: Side) -> tuple[Baseline, ...]:
        """The rate of positives, the commoner class, the best single feature, the fallback rule."""
        return baselines(self.plan, side.matrices, side.sides)

    def decide_baseline(self, baseline: Baseline, threshold: Threshold, rows: Examples) -> Scored:
        """What a baseline would have made of these rows, acting at its own threshold or the model's."""
        costs = costs_of(self.plan.system.goal, rows, threshold)
        limit = threshold.alike.of(rows.fields, rows.y.size)
        if baseline.acts_at is not None:
            limit = np.full_like(limit, baseline.acts_at)
        return act_on(baseline.name, baseline.scores, limit, y=rows.y, costs=costs)

    def plainly(self, fitted: Fitted, side: Side) -> Scored | None:
        """What the same recipe makes of the held-out rows if it is given real rows as they are; None if it was."""
        done = [] if fitted.balance is None else [str(fitted.balance.imbalance)]
        done += [str(side.added)] if side.sides.fitting is not None else []
        if not done:
            return None
        sides = replace(side.sides, fitting=None)
        bare = Side(sides, encode(self.plan, sides), Added(sides.given))
        plainly = fit(self.learners, bare.matrices, sides, recipe=fitted.recipe, seed=self.seed)
        scorer = Scorer(
            bare.matrices.encoder,
            plainly.model,
            self.calibrate(plainly, bare).map,
            choose_threshold(self.plan.system.goal, sides.representative),
            plainly.recipe.learner,
            sides.train.span,
        )
        return self.decide(scorer, sides.held_out, name=f"without {' and '.join(done)}")

    def mitigated(self, settled: Settled, side: Side, bench: Bench, ours: Scored) -> Mitigated | None:
        """What thresholds by group, or weights, did on the held-out rows; None where the goal asks for neither."""
        goal, scorer = self.plan.system.goal, settled.scorer
        if isinstance(goal.mitigate, GroupThresholds):
            threshold, newer = settled.threshold, side.sides.validation
            plain = self.decide(replace(scorer, threshold=threshold.alike), bench.rows, name="one threshold for all")
            scores, costs = scorer.calibration.apply(settled.fitted.validated), costs_of(goal, newer, threshold)
            curves = curves_of(threshold, goal.mitigate, newer, scores, costs)
            held = costs_of(goal, bench.rows, threshold)
            points = trade_off(goal.mitigate, bench, threshold, plain, held, curves)
            return judge_mitigation(goal, bench, ours, plain, shifts=threshold.groups, points=points)
        if isinstance(goal.mitigate, Reweighing):
            unweighed = fit(
                self.learners,
                side.matrices,
                side.sides,
                recipe=settled.fitted.recipe,
                seed=self.seed,
                imbalance=goal.imbalance,
            )
            mapped = self.calibrate(unweighed, side).map
            plain = self.decide(
                replace(scorer, model=unweighed.model, calibration=mapped), bench.rows, name="unweighed"
            )
            return judge_mitigation(goal, bench, ours, plain)
        if settled.fitted.reduced is not None:
            tried = settled.fitted.reduced.tried
            made = [
                self.decide(replace(scorer, model=one.model, calibration=one.calibration.map), bench.rows, name="tried")
                for one in tried
            ]
            points = points_of(bench, settled.fitted.reduced, made)
            return judge_mitigation(goal, bench, ours, made[0], points=points)
        return None

    def _fair(self, sides: Sides) -> Sides:
        """The sides with the weights that the goal asks for in the rows that fit a model."""
        asked = self.plan.system.goal.mitigate
        return replace(sides, fitting=reweighed(sides.given, asked.by)) if isinstance(asked, Reweighing) else sides

    def propose(self, scorer: Scorer, rows: Examples) -> Proposals:
        """Slices in which it may be weak, as these rows propose them."""
        return propose_weak(self.plan.system.goal, rows, self.decide(scorer, rows, name="candidate"))

    def margin(self, bench: Bench, simplest: Scored) -> float:
        """The declared margin."""
        del bench, simplest
        return self.plan.system.release.margin
