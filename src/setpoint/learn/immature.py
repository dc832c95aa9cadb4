"""Decisions whose label's time is not over, in training: only where the label says so, weighted, never to judge by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Learner
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.declare.label import EXCLUDE
from setpoint.declare.plan import Plan
from setpoint.features.training_set import TrainingSet
from setpoint.labels.clock import label_clock
from setpoint.labels.delayed import training_rows
from setpoint.labels.join import ends_of
from setpoint.learn.fit import refit
from setpoint.learn.recipe import Fitted
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Examples, Matrices, Sides


@dataclass(frozen=True)
class Young:
    """The rows that a model is fitted on with the young ones among them, and how many these are."""

    rows: Examples
    count: int


def fit_with_young(
    plan: Plan,
    examples: TrainingSet,
    sides: Sides,
    matrices: Matrices,
    fitted: Fitted,
    *,
    scorer: Scorer,
    learners: Mapping[str, Learner],
    seed: int,
) -> Fitted:
    """The model of the training side with the rows let in that were young when its time ended; as it is by default.

    Those are the decisions that the embargo leaves out, each with what was known of its label when validation began,
    so that the gate judges the very procedure whose result is released.
    """
    begins = sides.split.validation_start
    young = with_young(plan, examples, sides.given, scorer, as_of=begins)
    if young.count == 0:
        return fitted
    model = refit(learners, matrices.encoder, young.rows, settled=fitted.settled, seed=seed, balance=fitted.balance)
    return replace(fitted, model=model, validated=model.predict(matrices.validation))


def with_young(plan: Plan, examples: TrainingSet, rows: Examples, scorer: Scorer, *, as_of: int | None = None) -> Young:
    """The rows and, where the label says so, the decisions that are young as of a time, by default now, weighted.

    `scorer` says how likely each is positive in the end, for its weight.
    """
    label, labels = plan.system.label, examples.labels
    now = labels.as_of if as_of is None else as_of
    if label.immature == EXCLUDE or now is None:
        return Young(rows, 0)
    segments = None if label.by is None else examples.fields[label.by].combine_chunks()
    ends = ends_of(label, examples.at, segments)
    then = _as_of(labels, examples.at, ends + label.delay, now)
    named = None if segments is None else segments.to_numpy(zero_copy_only=False).astype(object)
    clock = label_clock(then, examples.at, ends, as_of=now, delay=label.delay, segments=named)
    possible = np.flatnonzero((examples.at < now) & ~then.mature)
    if not clock.pooled.complete or possible.size == 0:
        return Young(rows, 0)
    probability = np.zeros(examples.at.size)
    probability[possible] = np.clip(scorer.score(examples.features.take(pa.array(possible))), 0.0, 1.0)
    found = training_rows(label, then, examples.at, as_of=now, clock=clock, probability=probability, segments=named)
    chosen = np.flatnonzero(~then.mature[found.index])
    index, known = found.index[chosen], found.weight[chosen]
    weight = known if examples.weight is None else known * examples.weight[index]
    index, y, weight = (each[weight > 0] for each in (index, found.y[chosen], weight))
    order = np.argsort(examples.at[index], kind="stable")
    return Young(_joined(rows, examples, index[order], y[order], weight[order]), int(index.size))


def _as_of(labels: Labels, at: np.ndarray, complete_at: np.ndarray, now: int) -> Labels:
    """What was known of the labels at a time; one that changed since was unknown."""
    if labels.as_of == now:
        return labels
    known = (labels.settled_at <= now) & (at <= now) & (labels.state != UNKNOWN)
    state = np.where(known, labels.state, UNKNOWN).astype(np.int8)
    value = np.where(state == KNOWN, labels.value, np.nan)
    return Labels(state, value, labels.settled_at, complete_at <= now, {}, as_of=now)


def _joined(rows: Examples, examples: TrainingSet, index: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Examples:
    """The rows and the decisions at these places, in order of time."""
    places = pa.array(index)
    at = np.concatenate([rows.at, examples.at[index]])
    order = np.argsort(at, kind="stable")
    features, fields = (
        pa.concat_tables([ours, theirs.take(places)], promote_options="permissive").take(pa.array(order))
        for ours, theirs in ((rows.features, examples.features), (rows.fields, examples.fields))
    )
    nothing = np.full(index.size, np.nan)
    return Examples(
        features,
        fields,
        np.concatenate([rows.y, y])[order],
        at[order],
        {name: np.concatenate([values, nothing])[order] for name, values in rows.outcome.items()},
        np.concatenate([rows.weight, weight])[order],
    )
