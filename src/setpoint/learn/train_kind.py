"""Training for goals that are not of two classes: from a training set to a candidate that the gate has judged.

The same story as `train`, without what exists for two classes alone: rare classes, added rows, labels asked for, labels
that are not mature, thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Learner
from setpoint.declare.goal import RANGES
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.audit import Procedure, Recompute, audit, check_skill
from setpoint.learn.drawn import draw_decisions
from setpoint.learn.encode import encoder_of
from setpoint.learn.explain import GoesBy, goes_by, importances
from setpoint.learn.gate import judge
from setpoint.learn.kinds.baselines import baselines_of_kind
from setpoint.learn.kinds.choose import kind_of_plan
from setpoint.learn.kinds.kind import Calibrated, Fed, Inputs, Kind
from setpoint.learn.kinds.row_losses import row_loss
from setpoint.learn.kinds.search import KindSearch
from setpoint.learn.kinds.task import task_of
from setpoint.learn.preflight import check_fitted, check_released, preflight
from setpoint.learn.raked import rake_sides
from setpoint.learn.scored import Bench, Scored
from setpoint.learn.scorer import Scorer
from setpoint.learn.search import Fitted, Recipe
from setpoint.learn.sides import Examples, Matrices, Sides, count_rows, divide, encode
from setpoint.learn.threshold import NEVER, Price, Threshold
from setpoint.learn.train import PROBE_ROUNDS, Candidate, Measure, seen_by
from setpoint.registry.cost import Cost

NO_THRESHOLD = Threshold(Price(0.0), Price(0.0), NEVER)
"""Nothing is done above any score: the answer is the prediction."""


def train_kind(
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
    """Train one candidate and say whether it may go live; parameters as those of `train`.

    Nothing is made of `contested`: it is of the labels of people, which these goals do not have.
    """
    del contested
    goal, kind, cost = plan.system.goal, kind_of_plan(plan), cost or Cost()
    fitter = KindSearch(kind, learners, seed)
    drawn = draw_decisions(plan.system, examples, seed=seed)
    raked = rake_sides(plan.system, divide(plan, drawn.examples, held_out_from=held_out_from))
    sides = raked.sides
    matrices = encode(plan, sides)
    cost("split and encode")
    probe = probe_of_kind(plan, fitter) if recipe is None else None
    findings = audit(plan, drawn.examples, sides, matrices, procedure=probe, rows=rows, recompute=recompute, seed=seed)
    cost("leak audit")
    task = task_of(kind, sides.train)
    checked = preflight(matrices, sides, {}, seed=seed, task=task)
    cost("pre-flight")
    fitted = search_or_fit(plan, fitter, matrices, sides, recipe)
    cost("search" if recipe is None else "fit")
    calibrated = kind.calibrate(sides.validation, fitted.validated)
    procedure = scorer_of(kind, fitted, matrices, sides, calibrated)
    cost("calibrate")
    released = release(plan, fitter, fitted, sides.every, calibrated)
    cost("refit")
    checked = checked.and_of(
        (*check_fitted(fitted, matrices, sides, task=task), *check_released(released.model, matrices, task=task))
    )
    trivial = baselines_of_kind(plan, kind, matrices, sides)
    bench = Bench(sides.held_out, plan.draws, seed, kind=kind)
    scored = decide_kind(kind, "candidate", procedure.score(sides.held_out.features), sides.held_out)
    skill = check_skill(sides.two.of(sides.validation.y), sides.two.score(fitted.validated))
    against = [decide_kind(kind, each.name, each.scores, sides.held_out) for each in trivial]
    report = judge(
        goal,
        bench,
        scored,
        baselines=against,
        champion=None
        if champion is None
        else decide_kind(kind, "champion", champion.score(sides.held_out.features), sides.held_out),
        champion_saw=seen_by(champion, sides.held_out),
        margin=margin_of(plan, bench, against[0]),
        findings=(*findings, *checked.faults, *skill),
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
        calibration=calibrated,
        importances=importances(released),
        trials=fitted.trials,
        baselines=trivial,
        counts=count_rows(drawn.examples, sides),
        training_set=drawn.examples.digest,
        snapshot=drawn.examples.snapshot_digest,
        seed=seed,
        held_out=sides.index[sides.split.held_out],
        scores=scored.p,
        sample=drawn.lineage if raked.lineage is None else raked.lineage,
        preflight=checked,
        goes_by=told_by(kind, procedure, released, sides.held_out, seed=seed),
    )


def margin_of(plan: Plan, bench: Bench, constant: Scored) -> float:
    """The declared margin; of a metric in the outcome's unit, it is a share of what the constant has.

    Half a percent is little of an AUC and may be all of an error in kilometres.
    """
    low, high, _ = RANGES[plan.system.goal.metric.name]
    if math.isfinite(high - low):
        return plan.system.release.margin
    size = abs(bench.value(plan.system.goal.metric, constant))
    return plan.system.release.margin * size if math.isfinite(size) else 0.0


def told_by(kind: Kind, procedure: Scorer, released: Scorer, held_out: Examples, *, seed: int) -> GoesBy | None:
    """What the procedure goes by, by the loss of single rows; None where no row loses by itself."""
    loss = row_loss(kind)
    return None if loss is None else goes_by(procedure, released, held_out, seed=seed, loss=loss.name, losses=loss.of)


def search_or_fit(plan: Plan, fitter: KindSearch, matrices: Matrices, sides: Sides, recipe: Recipe | None) -> Fitted:
    """A model of the recipe given, or of the best of the plan's trials."""
    if recipe is not None and recipe.learner in fitter.able:
        return fitter.fit(matrices, sides, recipe=recipe)
    return fitter.search(matrices, sides, trials=plan.trials, rounds=plan.rounds)


def probe_of_kind(plan: Plan, fitter: KindSearch) -> Procedure:
    """This very training on any sides, with a small recipe: what the audit runs on changed data."""
    name, learner = next(iter(fitter.able.items()))
    small = Recipe(name, learner.recipes(rounds=PROBE_ROUNDS)[0])

    def procedure(sides: Sides) -> Scorer:
        matrices = encode(plan, sides)
        fitted = fitter.fit(matrices, sides, recipe=small)
        calibrated = fitter.kind.calibrate(sides.validation, fitted.validated)
        return scorer_of(fitter.kind, fitted, matrices, sides, calibrated)

    return procedure


def scorer_of(kind: Kind, fitted: Fitted, matrices: Matrices, sides: Sides, calibrated: Calibrated) -> Scorer:
    """What the gate judges: a model that has seen the training side only, calibrated by newer rows."""
    name, span = fitted.recipe.learner, sides.train.span
    return Scorer(matrices.encoder, fitted.model, calibrated.map, NO_THRESHOLD, name, span, kind.name)


def release(plan: Plan, fitter: KindSearch, fitted: Fitted, rows: Examples, calibrated: Calibrated) -> Scorer:
    """What would be released: the settled recipe on all rows, the newest included, with the same calibration."""
    encoder = encoder_of(plan, rows.features)
    given = Fed(encoder.matrix(rows.features), rows)
    model = fitter.refit(fitted.settled, given, Inputs(encoder.categories, encoder.names))
    name = fitted.recipe.learner
    return Scorer(encoder, model, calibrated.map, NO_THRESHOLD, name, rows.span, fitter.kind.name)


def decide_kind(kind: Kind, name: str, predicted: np.ndarray, rows: Examples) -> Scored:
    """Predictions as what a model made of these rows: no action, and the worth of its errors where they cost."""
    value = kind.value(rows, predicted)
    return Scored(
        name, predicted, np.zeros(rows.y.size, dtype=bool), np.full(rows.y.size, np.nan) if value is None else value
    )
