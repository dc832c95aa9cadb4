"""Baselines for every kind of goal: one answer for all, the best single feature, and the fallback rule."""

from __future__ import annotations

import numpy as np

from setpoint.data.arrays import null_mask, to_array
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.declare.plan import Plan
from setpoint.learn.baselines import SAMPLE, Baseline
from setpoint.learn.kinds.kind import Kind
from setpoint.learn.sides import Examples, Matrices, Sides


def baselines_of_kind(plan: Plan, kind: Kind, matrices: Matrices, sides: Sides) -> tuple[Baseline, ...]:
    """What a model must beat, fitted on the training side, for the held-out rows."""
    how, one = kind.constant(sides.train)
    always = Baseline("constant", how, np.tile(one, (len(matrices.held_out), *[1] * one.ndim)).reshape(-1, *one.shape))
    found = [always, best_single_feature(kind, matrices, sides)]
    if plan.system.release.fallback.stated:
        found.append(fallback_of_kind(plan, kind, sides))
    return tuple(found)


def best_single_feature(kind: Kind, matrices: Matrices, sides: Sides) -> Baseline:
    """The feature whose bins predict the validation rows best, on a sample of each side."""
    encoder, older, newer = matrices.encoder, sides.train, sides.validation
    first, second = _sample(older.y.size), _sample(newer.y.size)
    some, later = older.take(first), newer.take(second)
    coded = set(encoder.categories)
    sign = 1.0 if kind.trial.greater_is_better else -1.0
    worth = np.full(len(encoder.columns), -np.inf)
    for place in range(worth.size):
        guess = kind.grouped(matrices.train[first, place], some, coded=place in coded)
        value = kind.statistic(kind.trial, later, guess(matrices.validation[second, place])).value()
        worth[place] = sign * value if np.isfinite(value) else -np.inf
    best = int(np.argmax(worth))
    guess = kind.grouped(matrices.train[:, best], older, coded=best in coded)
    how = f"the best answer for each bin of {encoder.names[best]} in training"
    return Baseline("best single feature", how, guess(matrices.held_out[:, best]))


def fallback_of_kind(plan: Plan, kind: Kind, sides: Sides) -> Baseline:
    """What the declared rule gives; where its values are no predictions, the best answer in training for each."""
    rule = plan.system.release.fallback.condition
    values = kind.stand_in(_rule(plan, sides.held_out)[0])
    if values is not None:
        _, middle = kind.constant(sides.train)
        return Baseline("fallback rule", str(rule), np.where(np.isnan(values), middle, values))
    (older, coded), (newer, _) = _rule(plan, sides.train), _rule(plan, sides.held_out)
    guess = kind.grouped(older, sides.train, coded=coded)
    return Baseline("fallback rule", f"the best answer in training for each value of {rule}", guess(newer))


def _rule(plan: Plan, rows: Examples) -> tuple[np.ndarray, bool]:
    """What the rule says of each row as a number, and whether that is a code: of a class, or of true and false."""
    inputs = Inputs(
        rows.y.size,
        fields={name: to_array(rows.fields[name], kind) for name, kind in plan.fields.items()},
        features={name: to_array(rows.features[name], kind) for name, kind in plan.features.items()},
        now=rows.at,
    )
    found = np.broadcast_to(np.asarray(evaluate(plan.system.release.fallback.condition, inputs)), (rows.y.size,))
    if found.dtype != object:
        values = np.asarray(found, dtype=np.float64)
        return values, bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
    null = null_mask(found)
    names, codes = np.unique(np.where(null, "", found).astype(str), return_inverse=True)
    places = {name: float(place) for place, name in enumerate(plan.system.label.classes)}
    each = np.array([places.get(name, np.nan) for name in names.tolist()])[codes]
    return np.where(null, np.nan, each), True


def _sample(n: int) -> np.ndarray:
    return np.arange(0, n, max(1, -(-n // SAMPLE)))
