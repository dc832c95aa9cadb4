"""Training: from a training set to a candidate that the gate has judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Learner
from setpoint.declare.label import WEIGHTED
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added, with_added
from setpoint.learn.asked import judged_by
from setpoint.learn.audit import Procedure, Recompute, audit, check_skill
from setpoint.learn.baselines import Baseline, baselines
from setpoint.learn.behave import direct, judge_behaviours
from setpoint.learn.bias_sources import BiasAudit, audit_training_set
from setpoint.learn.calibrate import Calibration, calibrate, recalibrate
from setpoint.learn.drawn import check_selection, draw_decisions
from setpoint.learn.encode import Encoder, encoder_of
from setpoint.learn.explain import GoesBy, goes_by, importances
from setpoint.learn.few_labels import with_unlabelled
from setpoint.learn.findings import Finding
from setpoint.learn.gate import GateReport, judge
from setpoint.learn.imbalance import Balance, able
from setpoint.learn.immature import fit_with_young, with_young
from setpoint.learn.judged import judged_rows
from setpoint.learn.kinds.kind import Calibrated
from setpoint.learn.picked import MUCH, recalibrate_picked
from setpoint.learn.preflight import Preflight, check_fitted, check_released, preflight
from setpoint.learn.raked import rake_sides
from setpoint.learn.scored import ONE_SIDED, Bench, Scored, act_on
from setpoint.learn.scorer import Scorer
from setpoint.learn.search import Fitted, Recipe, Trial, fit, gained_by, refit, search, spec_for
from setpoint.learn.sides import Examples, Matrices, Sides, count_rows, divide, encode
from setpoint.learn.threshold import Threshold, choose_threshold, costs_of
from setpoint.learn.weak import propose_weak
from setpoint.registry.cost import Cost

Measure = Callable[[Scorer], Mapping[str, float]]
"""Gives the measured guardrails of a scorer by metric, such as {"latency(99)": 9000.0}, in microseconds."""


PROBE_ROUNDS = 20
"""Rounds of the small training that the leak audit runs on changed data."""


@dataclass(frozen=True)
class Candidate:
    """A model that may be released if its gate report says so, and all that is known of it.

    `scorer` is what would be released: the recipe refitted on all mature rows. `procedure` is what was judged: the
    same recipe fitted on the training side only. `scores` are the procedure's for the held-out rows, whose places in
    the training set are `held_out`; `judged` has both, with labels. `balance` is what the rows that fitted it
    underwent for a rare class, `added` what
    label programs and made-up rows added to those of the procedure, `sample` how its decisions were drawn, `bias` what
    its training set says of the groups of the attributes that the goal protects, `acquired` how many labels of each
    side are natural, were asked for at random, or were picked by a strategy, `goes_by` what the procedure loses
    on held-out rows without each feature.
    `preflight` is what was found wrong with the rows, the learners tried and the model.
    """

    recipe: Recipe
    settled: Recipe
    scorer: Scorer
    procedure: Scorer
    report: GateReport
    calibration: Calibration | Calibrated
    importances: tuple[tuple[str, float], ...]
    trials: tuple[Trial, ...]
    baselines: tuple[Baseline, ...]
    counts: Mapping[str, int]
    training_set: str
    snapshot: str
    seed: int
    held_out: np.ndarray = field(repr=False)
    scores: np.ndarray = field(repr=False)
    judged: pa.Table | None = field(default=None, repr=False)
    balance: Balance | None = None
    added: Added | None = field(default=None, repr=False)
    sample: Mapping[str, Any] | None = None
    bias: BiasAudit | None = None
    preflight: Preflight | None = None
    acquired: Mapping[str, Mapping[str, int]] | None = None
    goes_by: GoesBy | None = None

    @property
    def digest(self) -> str:
        """The identity of the model that would be released."""
        return self.scorer.digest

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the leak audit found."""
        return self.report.findings

    @property
    def passed(self) -> bool:
        """Whether the gate lets it be released."""
        return self.report.passed

    def to_dict(self) -> dict[str, Any]:
        """The candidate as JSON-like data: everything but the models and the rows."""
        return {
            "model": self.digest,
            "procedure": self.procedure.digest,
            "recipe": self.recipe.to_dict(),
            "settled": self.settled.to_dict(),
            "report": self.report.to_dict(),
            "calibration": self.calibration.to_dict(),
            "threshold": self.scorer.threshold.to_dict(),
            "importances": [list(pair) for pair in self.importances],
            "trials": [trial.to_dict() for trial in self.trials],
            "baselines": [{"name": each.name, "how": each.how} for each in self.baselines],
            "rows": dict(self.counts),
            "trained": list(self.scorer.trained),
            "procedure_trained": list(self.procedure.trained),
            "training_set": self.training_set,
            "snapshot": self.snapshot,
            "seed": self.seed,
            **({} if self.balance is None else {"imbalance": self.balance.to_dict()}),
            **({} if self.added is None or self.added.nothing else {"added": self.added.to_dict()}),
            **({} if self.sample is None else {"sample": dict(self.sample)}),
            **({} if self.bias is None else {"bias": self.bias.to_dict()}),
            **({} if self.goes_by is None else {"goes_by": self.goes_by.to_dict()}),
            **({} if self.preflight is None else {"preflight": self.preflight.to_dict()}),
            **({} if self.acquired is None else {"labels": {name: dict(of) for name, of in self.acquired.items()}}),
        }


def train(
    plan: Plan,
    examples: TrainingSet,
    *,
    learners: Mapping[str, Learner],
    seed: int,
    recipe: Recipe | None = None,
    champion: Scorer | None = None,
    held_out_from: int | None = None,
    rows: Mapping[str, pa.Table] | None = None,
    recompute: Recompute | None = None,
    measure: Measure | None = None,
    judge_measured: bool = True,
    contested: np.ndarray | None = None,
    cost: Cost | None = None,
) -> Candidate:
    """Train one candidate and say whether it may go live.

    With `recipe` nothing is searched, and the procedure, audited when it was found, is not audited again.
    `held_out_from` is the time from which rows are held out, instead of the plan's share. For the leak audit, `rows`
    are the sources' rows and `recompute` gives features anew from what was known at a time. `contested` is whether
    annotators disagreed on each decision, as `bias_sources.Judged` has it. `cost` is told where each step ends. Raises
    NothingYet when there are too few mature rows to train on and to judge with. Of two classes; see
    `train_kind` for the other kinds of goals.
    """
    goal, cost = plan.system.goal, cost or Cost()
    learners = direct(plan, learners)
    drawn = draw_decisions(plan.system, examples, seed=seed)
    examples = drawn.examples
    raked = rake_sides(plan.system, divide(plan, examples, held_out_from=held_out_from))
    sides = raked.sides
    older = with_added(plan.system, examples, sides.train, sides.index[sides.split.train], seed=seed)
    older = with_unlabelled(plan, examples, older, sides.train, learners=learners, seed=seed)
    sides = replace(sides, fitting=older.rows if older.any else None)
    matrices = encode(plan, sides)
    cost("split and encode")
    probe = probe_of(plan, learners, recipe, seed=seed) if recipe is None else None
    findings = audit(plan, examples, sides, matrices, procedure=probe, rows=rows, recompute=recompute, seed=seed)
    cost("leak audit")
    checked = preflight(matrices, sides, able(learners, goal.imbalance) if recipe is None else {}, seed=seed)
    cost("pre-flight")
    fitted = search_or_fit(plan, sides, matrices, learners=learners, recipe=recipe, seed=seed)
    cost("search" if recipe is None else "fit")
    if older.any:
        older, sides, matrices, fitted = keep_if_better(plan, older, sides, matrices, fitted, learners, seed=seed)
    calibration = calibrate_fitted(fitted, sides, matrices, learners, seed=seed)
    threshold = choose_threshold(goal, sides.representative)
    procedure = procedure_of(fitted, matrices, sides, calibration, threshold)
    if plan.system.label.immature == WEIGHTED:
        fitted = fit_with_young(plan, examples, sides, matrices, fitted, scorer=procedure, learners=learners, seed=seed)
        calibration = calibrate_fitted(fitted, sides, matrices, learners, seed=seed)
        procedure = procedure_of(fitted, matrices, sides, calibration, threshold)
    cost("calibrate")
    whole = Added(sides.every)
    if not older.dropped:
        whole = with_added(plan.system, examples, sides.every, sides.places, seed=seed)
        whole = with_unlabelled(plan, examples, whole, sides.every, learners=learners, seed=seed)
    young = with_young(plan, examples, whole.rows, procedure)
    encoder = encoder_of(plan, sides.every.features)
    released = release(fitted, young.rows, encoder, calibration, threshold, learners=learners, seed=seed)
    cost("refit")
    checked = checked.of_learner(fitted.recipe.learner).and_of(
        (*check_fitted(fitted, matrices, sides), *check_released(released.model, matrices))
    )
    scored = decide(plan, procedure, sides.held_out, name="candidate")
    trivial = baselines(plan, matrices, sides)
    report = judge(
        goal,
        Bench(sides.held_out, plan.draws, seed, asked=sides.asked),
        scored,
        baselines=[decide_alike(plan, each, threshold, sides.held_out) for each in trivial],
        champion=None if champion is None else decide(plan, champion, sides.held_out, name="champion"),
        champion_saw=seen_by(champion, sides.held_out),
        plain=decide_plainly(plan, fitted, sides, older, learners=learners, seed=seed),
        harm_blocks=sides.fitting is not None,
        margin=plan.system.release.margin,
        asked=judged_by(plan, sides),
        findings=(
            *findings,
            *checked.faults,
            *check_skill(sides.validation.y, fitted.validated),
            *check_selection(goal, sides.standing[0]),
        ),
        proposals=propose_weak(goal, sides.validation, decide(plan, procedure, sides.validation, name="candidate")),
        behaviours=judge_behaviours(
            plan,
            Bench(sides.held_out, plan.draws, seed),
            sides.train,
            judged=lambda rows: decide(plan, procedure, rows, name="candidate"),
            released=lambda rows: decide(plan, released, rows, name="released"),
            seed=seed,
        ),
        measured={"size": released.size_mb, **(measure(released) if measure is not None else {})},
        judge_measured=judge_measured,
    )
    cost("judge")
    return Candidate(
        recipe=fitted.recipe,
        settled=fitted.settled,
        scorer=released,
        procedure=procedure,
        report=report,
        calibration=calibration.judged_on(sides.held_out, scored.p),
        importances=importances(released),
        trials=fitted.trials,
        baselines=trivial,
        counts={**count_rows(examples, sides), **({"young": young.count} if young.count else {})},
        training_set=examples.digest,
        snapshot=examples.snapshot_digest,
        seed=seed,
        held_out=sides.index[sides.split.held_out],
        scores=scored.p,
        judged=judged_rows(examples.keys.take(pa.array(sides.index[sides.split.held_out])), sides.held_out, scored),
        balance=fitted.balance,
        added=older,
        sample=drawn.lineage if raked.lineage is None else raked.lineage,
        bias=audit_training_set(goal, weighed(examples, sides), contested=contested, seed=seed),
        acquired=sides.acquired,
        preflight=checked,
        goes_by=goes_by(procedure, released, sides.held_out, seed=seed),
    )


def weighed(examples: TrainingSet, sides: Sides) -> TrainingSet:
    """The training set as it stands for decisions, by weights of its rows; what a strategy picked does not."""
    if sides.acquired is not None:
        examples = replace(examples, labels=examples.labels.judging)
    rows, places = sides.standing
    if not rows.weighted:
        return examples
    weight = np.zeros(examples.at.size)
    weight[places] = rows.weight
    return examples.weigh(weight)


def search_or_fit(
    plan: Plan,
    sides: Sides,
    matrices: Matrices,
    *,
    learners: Mapping[str, Learner],
    recipe: Recipe | None,
    seed: int,
) -> Fitted:
    """A model fitted on the training side: of the recipe given, or of the best of the plan's trials.

    A recipe of a learner that cannot do what the goal now asks for a rare class is searched for anew.
    """
    goal = plan.system.goal
    if recipe is not None and recipe.learner in able(learners, goal.imbalance):
        return fit(learners, matrices, sides, recipe=recipe, seed=seed, imbalance=goal.imbalance)
    return search(
        learners,
        matrices,
        sides,
        metric=goal.metric,
        trials=plan.trials,
        rounds=plan.rounds,
        seed=seed,
        imbalance=goal.imbalance,
    )


def calibrate_fitted(
    fitted: Fitted, sides: Sides, matrices: Matrices, learners: Mapping[str, Learner], *, seed: int
) -> Calibration:
    """The calibration that the validation rows ask for, once what was done about a rare class is undone.

    A model that learned from much that a strategy picked gets one on rows that stand for decisions.
    """
    if sides.picked >= MUCH:
        return recalibrate_picked(fitted, sides, matrices.encoder, learners, seed=seed)
    if fitted.balance is None:
        return calibrate(sides.validation, fitted.validated)
    return recalibrate(sides.validation, fitted.validated, fitted.balance.correction)


def keep_if_better(
    plan: Plan,
    added: Added,
    sides: Sides,
    matrices: Matrices,
    fitted: Fitted,
    learners: Mapping[str, Learner],
    *,
    seed: int,
) -> tuple[Added, Sides, Matrices, Fitted]:
    """A model of the rows with those added, or without where they are not shown to help on the validation rows.

    Labels of programs can be worse than few of people, and made-up rows worse than none: one chance in twenty that they
    do not help is all that is taken, and what they did to the held-out rows is judged by the gate.
    """
    goal, bare, newer = plan.system.goal, replace(sides, fitting=None), sides.validation
    lean = encode(plan, bare)
    without = fit(learners, lean, bare, recipe=fitted.recipe, seed=seed, imbalance=goal.imbalance)
    before, after = without.probabilities, fitted.probabilities
    gained = gained_by(spec_for(goal.metric), newer, before, after, seed=seed, level=ONE_SIDED)
    if gained.better:
        return added, sides, matrices, fitted
    why = f"not used, since not shown to help on the validation rows: {gained}"
    return replace(added, dropped=why), bare, lean, replace(without, trials=fitted.trials)


def decide_plainly(
    plan: Plan, fitted: Fitted, sides: Sides, added: Added, *, learners: Mapping[str, Learner], seed: int
) -> Scored | None:
    """What the same recipe makes of the held-out rows if it is given real rows as they are; None if so already."""
    done = [] if fitted.balance is None else [str(fitted.balance.imbalance)]
    done += [str(added)] if sides.fitting is not None else []
    if not done:
        return None
    bare = replace(sides, fitting=None)
    matrices = encode(plan, bare)
    plainly = fit(learners, matrices, bare, recipe=fitted.recipe, seed=seed)
    threshold = choose_threshold(plan.system.goal, bare.representative)
    calibration = calibrate_fitted(plainly, bare, matrices, learners, seed=seed)
    scorer = procedure_of(plainly, matrices, bare, calibration, threshold)
    return decide(plan, scorer, bare.held_out, name=f"without {' and '.join(done)}")


def probe_of(plan: Plan, learners: Mapping[str, Learner], recipe: Recipe | None, *, seed: int) -> Procedure:
    """This very training on any sides, with a small recipe: what the audit runs on changed data."""
    name = next(iter(learners)) if recipe is None else recipe.learner
    small = Recipe(name, learners[name].recipes(rounds=PROBE_ROUNDS)[0])

    def procedure(sides: Sides) -> Scorer:
        matrices = encode(plan, sides)
        fitted = fit(learners, matrices, sides, recipe=small, seed=seed)
        calibration = calibrate(sides.validation, fitted.validated)
        threshold = choose_threshold(plan.system.goal, sides.representative)
        return procedure_of(fitted, matrices, sides, calibration, threshold)

    return procedure


def procedure_of(
    fitted: Fitted, matrices: Matrices, sides: Sides, calibration: Calibration, threshold: Threshold
) -> Scorer:
    """What the gate judges: a model that has seen the training side only, calibrated by newer rows."""
    name, span = fitted.recipe.learner, sides.train.span
    return Scorer(matrices.encoder, fitted.model, calibration.map, threshold, name, span)


def release(
    fitted: Fitted,
    rows: Examples,
    encoder: Encoder,
    calibration: Calibration,
    threshold: Threshold,
    *,
    learners: Mapping[str, Learner],
    seed: int,
) -> Scorer:
    """What would be released: the settled recipe on all these rows, the newest included, with the same calibration."""
    model = refit(learners, encoder, rows, settled=fitted.settled, seed=seed, balance=fitted.balance)
    return Scorer(encoder, model, calibration.map, threshold, fitted.recipe.learner, rows.span)


def decide(plan: Plan, scorer: Scorer, rows: Examples, *, name: str) -> Scored:
    """What a scorer would have made of these rows, acting at its own threshold."""
    threshold = scorer.threshold.of(rows.fields, rows.y.size)
    costs = costs_of(plan.system.goal, rows, scorer.threshold)
    return act_on(name, scorer.score(rows.features), threshold, y=rows.y, costs=costs)


def decide_alike(plan: Plan, baseline: Baseline, threshold: Threshold, rows: Examples) -> Scored:
    """What a baseline would have made of these rows, acting at its own threshold or the model's."""
    costs = costs_of(plan.system.goal, rows, threshold)
    limit = threshold.of(rows.fields, rows.y.size)
    if baseline.acts_at is not None:
        limit = np.full_like(limit, baseline.acts_at)
    return act_on(baseline.name, baseline.scores, limit, y=rows.y, costs=costs)


def seen_by(champion: Scorer | None, held_out: Examples) -> int | None:
    """The time up to which a champion was trained, if that reaches into the held-out rows."""
    if champion is None or champion.trained[1] < held_out.span[0]:
        return None
    return champion.trained[1]
