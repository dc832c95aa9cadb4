"""Training: from a training set to a candidate that the gate has judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Learner
from setpoint.declare.goal_kind import BINARY
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import Added
from setpoint.learn.asked import judged_by
from setpoint.learn.assemble import Assembled, Pace, assembling, beside_single, try_ensemble
from setpoint.learn.audit import Procedure, Recompute, audit, check_skill
from setpoint.learn.baselines import Baseline
from setpoint.learn.behave import direct, judge_behaviours
from setpoint.learn.bias_sources import BiasAudit, audit_training_set
from setpoint.learn.calibrate import Calibration
from setpoint.learn.drawn import check_selection, draw_decisions
from setpoint.learn.encode import Encoder, encoder_of
from setpoint.learn.explain import GoesBy, goes_by, importances
from setpoint.learn.findings import Finding
from setpoint.learn.gate import GateReport, judge
from setpoint.learn.imbalance import Balance
from setpoint.learn.immature import Young
from setpoint.learn.judged import judged_rows
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.kind import Calibrated
from setpoint.learn.people import Votes, votes_to_judge
from setpoint.learn.preflight import Preflight, check_fitted, check_released, preflight
from setpoint.learn.promise import judge_promise, promising, with_coverage
from setpoint.learn.raked import rake_sides
from setpoint.learn.rated_baselines import Rated, rate_baselines
from setpoint.learn.recipe import Fitted, Recipe, Trial
from setpoint.learn.scorer import Scorer
from setpoint.learn.search import ALONE, Hands, search_plan
from setpoint.learn.sides import Examples, Sides, count_rows, divide, encode
from setpoint.learn.spaces import spaces_of
from setpoint.learn.trainer import Settled, Side, Trainer
from setpoint.learn.trainer_of_kind import OfKind
from setpoint.learn.trainer_two_classes import TwoClasses
from setpoint.learn.update import Update, check_updatable, try_update
from setpoint.learn.upkeep import upkeep_of
from setpoint.learn.use_rule import NOT_YET, Use, use_of
from setpoint.registry.cost import Cost

Measure = Callable[[Scorer], Mapping[str, float]]
"""Gives the measured guardrails of a scorer by metric, such as {"latency(99)": 9000.0}, in microseconds."""


PROBE_ROUNDS = 20
"""Rounds of the small training that the leak audit runs on changed data."""


@dataclass(frozen=True)
class Candidate:
    """A model that may be released if its gate report says so, and all that is known of it.

    `rated` has every baseline beside the model, those too that the gate does not judge by.

    `scorer` is what would be released: the recipe refitted on all mature rows. `procedure` is what was judged: the
    same recipe fitted on the training side only. `scores` are the procedure's for the held-out rows, whose places in
    the training set are `held_out`; `judged` has both, with labels. `balance` is what the rows that fitted it
    underwent for a rare class, `added` what
    label programs and made-up rows added to those of the procedure, `sample` how its decisions were drawn, `bias` what
    its training set says of the groups of the attributes that the goal protects, `acquired` how many labels of each
    side are natural, were asked for at random, or were picked by a strategy, `goes_by` what the procedure loses
    on held-out rows without each feature.
    `preflight` is what was found wrong with the rows, the learners tried and the model. `update` is what became of
    going on from the champion, `ensemble` what became of several models as one, where that was asked for.
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
    update: Update | None = None
    ensemble: Assembled | None = None
    use: Use = field(default=Use(NOT_YET, "nothing was compared"))
    rated: tuple[Rated, ...] = ()
    searched: Mapping[str, Any] | None = None

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
            "use": self.use.to_dict(),
            "calibration": self.calibration.to_dict(),
            "threshold": self.scorer.threshold.to_dict(),
            "importances": [list(pair) for pair in self.importances],
            "trials": [trial.to_dict() for trial in self.trials],
            "baselines": [each.to_dict() for each in self.rated],
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
            **({} if self.searched is None else {"search": dict(self.searched)}),
            **({} if self.goes_by is None else {"goes_by": self.goes_by.to_dict()}),
            **({} if self.update is None else {"update": self.update.to_dict()}),
            **({} if self.ensemble is None else {"ensemble": self.ensemble.to_dict()}),
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
    votes: Votes | None = None,
    cost: Cost | None = None,
    update: str | None = None,
    pace: Pace | None = None,
    hands: Hands = ALONE,
) -> Candidate:
    """Train one candidate and say whether it may go live; `votes` are what people said of the decisions.

    With `recipe` nothing is searched, and the procedure, audited when it was found, is not audited again.
    `held_out_from` is the time from which rows are held out, instead of the plan's share. For the leak audit, `rows`
    are the sources' rows and `recompute` gives features anew from what was known at a time. `contested` is whether
    annotators disagreed on each decision, as `bias_sources.Judged` has it. `cost` is told where each step ends. With
    `update` the champion is also updated, in that way, and the better of the two is the candidate. `pace` says how long
    a scorer takes for a row, which is told of ensembles. Raises NothingYet when there are too few mature rows to train
    on and to judge with.
    """
    goal, cost = plan.system.goal, cost or Cost()
    trainer = trainer_of(plan, direct(plan, learners), seed=seed)
    check_updatable(trainer, update)
    spaces_of(goal.search, trainer.able)  # what the goal says of them is wrong now, or not at all
    drawn = draw_decisions(plan.system, examples, seed=seed)
    examples = drawn.examples
    raked = rake_sides(plan.system, divide(plan, examples, held_out_from=held_out_from))
    side = side_of(plan, trainer, examples, raked.sides)
    cost("split and encode")
    probe = probe_of(plan, trainer) if recipe is None else None
    findings = audit(
        plan, examples, side.sides, side.matrices, procedure=probe, rows=rows, recompute=recompute, seed=seed
    )
    cost("leak audit")
    task = trainer.task(side.sides.train)
    checked = preflight(side.matrices, side.sides, trainer.probed if recipe is None else {}, seed=seed, task=task)
    cost("pre-flight")
    fitted = search_or_fit(plan, trainer, side, recipe, training_set=examples.digest, seed=seed, hands=hands)
    cost("search" if recipe is None else "fit")
    made, trainer = None, assembling(plan, trainer)
    if plan.system.ensemble is not None:
        made = try_ensemble(plan, trainer, side, fitted, plan.system.ensemble)
        fitted = made.fitted
        cost("ensemble")
    if side.added.any:
        side, fitted = trainer.keep_if_better(side, fitted)
    fitted = trainer.make_fair(side, fitted)
    settled = settle(trainer, side, fitted)
    settled = settle(trainer, side, trainer.let_in_young(examples, side, fitted, settled.scorer), before=settled)
    gone = None
    if update is not None and champion is not None:
        gone = try_update(plan, trainer, side, settled.fitted, champion, way=update)
        side, settled = gone.side, settle(trainer, gone.side, gone.fitted, before=settled)
        cost("update")
    settled = replace(settled, scorer=promising(plan, side.sides, settled.scorer))
    cost("calibrate")
    young = all_rows(trainer, examples, side, settled.scorer)
    if gone is not None and gone.told.taken:
        released = gone.release(trainer, settled, young.rows)
    else:
        released = release(trainer, settled, young.rows, encoder_of(plan, side.sides.every.features))
    cost("refit")
    checked = checked.of_learner((fitted if made is None else made.single).recipe.learner).and_of(
        (
            *check_fitted(settled.fitted, side.matrices, side.sides, task=task),
            *check_released(released.model, side.matrices, task=task),
        )
    )
    sides, held_out, procedure = side.sides, side.sides.held_out, settled.scorer
    bench = trainer.bench(held_out, asked=sides.asked)
    scored = with_coverage(trainer.decide(procedure, held_out, name="candidate"), procedure, held_out)
    trivial = trainer.baselines(side)
    against = [trainer.decide_baseline(each, settled.threshold, held_out) for each in trivial]
    two, newer = sides.two, sides.validation
    report = judge(
        goal,
        bench,
        scored,
        baselines=against,
        champion=None if champion is None else trainer.decide(champion, held_out, name="champion"),
        champion_saw=seen_by(champion, held_out),
        plain=trainer.plainly(settled.fitted, side),
        mitigated=trainer.mitigated(settled, side, bench, scored),
        harm_blocks=sides.fitting is not None,
        margin=trainer.margin(bench, against[0]),
        asked=judged_by(plan, sides),
        findings=(
            *findings,
            *checked.faults,
            *check_skill(two.of(newer.y), two.score(settled.fitted.validated)),
            *check_selection(goal, sides.standing[0]),
        ),
        proposals=trainer.propose(procedure, newer),
        behaviours=judge_behaviours(
            plan,
            trainer.bench(held_out),
            sides.train,
            judged=lambda rows: trainer.decide(procedure, rows, name="candidate"),
            released=lambda rows: trainer.decide(released, rows, name="released"),
            seed=seed,
        ),
        kept=judge_promise(goal, bench, scored, procedure),
        measured={
            "size": released.size_mb,
            **(measure(released) if measure is not None else {}),
            **({"training_cost": cost.cpu_seconds} if judge_measured else {}),
        },
        judge_measured=judge_measured,
    )
    assembled = None if made is None else made.told
    if made is not None and made.told.taken:
        alone = settle(trainer, side, made.single).scorer
        assembled = beside_single(
            made.told,
            bench,
            goal.metric,
            ours=scored,
            theirs=trainer.decide(alone, held_out, name="the best single model"),
            scorers=(procedure, alone),
            pace=pace,
        )
    rated = rate_baselines(
        trainer,
        goal,
        side,
        bench,
        scored,
        report,
        trivial=trivial,
        threshold=settled.threshold,
        procedure=procedure,
        people=votes_to_judge(votes, held_out, sides.index[sides.split.held_out]),
    )
    cost("judge")
    loss = trainer.row_loss
    return Candidate(
        recipe=fitted.recipe,
        settled=settled.fitted.settled,
        scorer=released,
        procedure=procedure,
        report=report,
        calibration=settled.calibration.judged_on(held_out, scored.p),
        importances=importances(released),
        trials=fitted.trials,
        searched=fitted.searched,
        baselines=trivial,
        counts={**count_rows(examples, sides), **({"young": young.count} if young.count else {})},
        training_set=examples.digest,
        snapshot=examples.snapshot_digest,
        seed=seed,
        held_out=sides.index[sides.split.held_out],
        scores=scored.p,
        judged=judged_rows(examples.keys.take(pa.array(sides.index[sides.split.held_out])), held_out, scored),
        balance=settled.fitted.balance,
        added=side.added,
        sample=drawn.lineage if raked.lineage is None else raked.lineage,
        bias=audit_training_set(goal, weighed(examples, sides), contested=contested, seed=seed),
        acquired=sides.acquired,
        preflight=checked,
        update=None if gone is None else gone.told,
        ensemble=assembled,
        use=use_of(
            report,
            greater_is_better=goal.metric.greater_is_better,
            upkeep=upkeep_of(plan, held_out.at, cpu_seconds=cost.cpu_seconds if judge_measured else 0.0),
        ),
        rated=rated,
        goes_by=None
        if loss is None
        else goes_by(
            procedure, released, held_out, seed=seed, loss=loss.name, losses=loss.of, names=plan.system.label.classes
        ),
    )


def trainer_of(plan: Plan, learners: Mapping[str, Learner], *, seed: int) -> Trainer:
    """Who trains the models of a plan."""
    if plan.system.kind == BINARY:
        return TwoClasses(plan, learners, seed)
    return OfKind(plan, learners, seed, kind_of_plan(plan))


def side_of(plan: Plan, trainer: Trainer, examples: TrainingSet, sides: Sides) -> Side:
    """The training side with what the system adds to its rows, as matrices."""
    added = trainer.add(examples, sides.train, sides.index[sides.split.train])
    sides = replace(sides, fitting=added.rows if added.any else None)
    return Side(sides, encode(plan, sides), added)


def search_or_fit(
    plan: Plan, trainer: Trainer, side: Side, recipe: Recipe | None, *, training_set: str, seed: int, hands: Hands
) -> Fitted:
    """A model fitted on the training side: of the recipe given, or of the best of the plan's trials.

    A recipe of a learner that cannot do what the goal now asks for is searched for anew.
    """
    able = assembling(plan, trainer)
    if recipe is not None and recipe.learner in able.able:
        return able.fit(side.matrices, side.sides, recipe=recipe)
    return search_plan(plan, trainer, side.matrices, side.sides, training_set=training_set, seed=seed, hands=hands)


def settle(trainer: Trainer, side: Side, fitted: Fitted, *, before: Settled | None = None) -> Settled:
    """What the gate judges: a model that has seen the training side only, calibrated by newer rows.

    `before` is what was settled of a model, which stands if the model is still the same.
    """
    if before is not None and before.fitted is fitted:
        return before
    calibration = trainer.calibrate(fitted, side)
    threshold = trainer.threshold(side.sides, calibration.map.apply(fitted.validated))
    scorer = Scorer(
        side.matrices.encoder,
        fitted.model,
        calibration.map,
        threshold,
        fitted.recipe.learner,
        side.sides.train.span,
        side.sides.kind,
    )
    return Settled(fitted, calibration, threshold, scorer)


def all_rows(trainer: Trainer, examples: TrainingSet, side: Side, scorer: Scorer) -> Young:
    """All rows that train what is released, with what the system adds and those that are young; newest included."""
    whole = Added(side.sides.every)
    if not side.added.dropped:
        whole = trainer.add(examples, side.sides.every, side.sides.places)
    return trainer.young(examples, whole.rows, scorer)


def release(trainer: Trainer, settled: Settled, rows: Examples, encoder: Encoder) -> Scorer:
    """What would be released: the settled recipe on all these rows, with the same calibration and threshold."""
    model = trainer.refit(settled.fitted, rows, encoder)
    return replace(settled.scorer, encoder=encoder, model=model, trained=rows.span)


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


def probe_of(plan: Plan, trainer: Trainer) -> Procedure:
    """This very training on any sides, with a small recipe: what the audit runs on changed data."""
    name, learner = next(iter(trainer.able.items()))
    small = Recipe(name, learner.recipes(rounds=PROBE_ROUNDS)[0])

    def procedure(sides: Sides) -> Scorer:
        side = Side(sides, encode(plan, sides), Added(sides.given))
        return settle(trainer, side, trainer.fit(side.matrices, sides, recipe=small)).scorer

    return procedure


def seen_by(champion: Scorer | None, held_out: Examples) -> int | None:
    """The time up to which a champion was trained, if that reaches into the held-out rows."""
    if champion is None or champion.trained[1] < held_out.span[0]:
        return None
    return champion.trained[1]
