"""The fallback: the declared rule decides where no model can, and the record says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import NULL_TIME, Array, to_array
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.data.log.predictions import no_predictions, usable
from setpoint.declare.expr import Expr, FeatureRef, Field, walk
from setpoint.declare.kinds import TEXT, TIME
from setpoint.serve.snapshot import Serving

NO_MODEL, MODEL_FAILED, TOO_SLOW, UNSURE = "no-model", "model-failed", "too-slow", "unsure"
"""Why the rule decided: there is no model, it raised or gave no probability, took too long, or was not sure enough."""

RULE_THRESHOLD = 0.5
"""The rule scores 1 where it acts and 0 where it does not, so any threshold between says the same."""


def rule_says(
    serving: Serving, fields: Mapping[str, Any], features: Mapping[str, Any], at: int
) -> tuple[float, tuple[float, ...]]:
    """The score that the rule gives one request, and all numbers where it predicts several: `rules_say` of one."""
    plan, condition = serving.plan, serving.rule.condition
    fields = {name: _one(fields[name], plan.fields[name]) for name in _names(condition, Field)}
    features = {name: _one(features[name], plan.features[name]) for name in _names(condition, FeatureRef)}
    found = _said(serving, Inputs(1, fields=fields, features=features, now=np.array([at], dtype=np.int64)))[0]
    if not serving.form.names:
        return float(found), ()
    numbers = tuple(np.asarray(found).tolist())
    return (max(numbers), numbers) if serving.form.holds(numbers) else (math.nan, ())


def rules_say(serving: Serving, fields: pa.Table, features: pa.Table, at: Array) -> Array:
    """What the rule says of each of many requests, in the form of predictions: (n,), or (n, k) for k names.

    Of two classes it is 1 where it acts, and 0 where it does not or its condition is NULL. It gives any other goal what
    stands in for a prediction; NaN where that is NULL, or no prediction, such as a number that only orders.
    """
    plan, condition = serving.plan, serving.rule.condition
    inputs = Inputs(
        len(at),
        fields=_columns(fields, _names(condition, Field), plan.fields),
        features=_columns(features, _names(condition, FeatureRef), plan.features),
        now=at,
    )
    return _said(serving, inputs)


def _said(serving: Serving, inputs: Inputs) -> Array:
    form = serving.form
    if not serving.rule.stated:
        return no_predictions(form, inputs.size)
    said = np.asarray(evaluate(serving.rule.condition, inputs))
    if form.acts:
        return is_true(said).astype(np.float64)
    said = np.broadcast_to(said, (inputs.size,))
    if said.dtype == object:
        named = np.stack([np.asarray(said == name, dtype=np.float64) for name in form.names], axis=1)
        said_one = np.asarray(named.any(axis=1))
        return np.where(said_one[:, None], named, math.nan)
    values = np.asarray(said, dtype=np.float64)
    found = np.repeat(values[:, None], form.width, axis=1) if form.names else values
    kept = usable(form, found)
    return np.where(kept if found.ndim == 1 else kept[:, None], found, math.nan)


def _names(condition: Expr, kind: type[Field] | type[FeatureRef]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.name for node in walk(condition) if isinstance(node, kind)))


def _columns(table: pa.Table, names: tuple[str, ...], kinds: Mapping[str, str]) -> dict[str, Array]:
    return {name: to_array(table[name], kinds[name]) for name in names}


def _one(value: Any, kind: str) -> Array:
    if kind == TEXT:
        found = np.empty(1, dtype=object)
        found[0] = value
        return found
    if kind == TIME:
        return np.array([NULL_TIME if value is None else value], dtype=np.int64)
    return np.array([math.nan if value is None else value], dtype=np.float64)
