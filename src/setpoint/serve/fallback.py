"""The fallback: the declared rule decides where no model can, and the record says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.data.arrays import NULL_TIME, Array, Mask, to_array
from setpoint.data.language.evaluate import Inputs, evaluate, is_true
from setpoint.declare.expr import Expr, FeatureRef, Field, walk
from setpoint.declare.kinds import TEXT, TIME
from setpoint.serve.snapshot import Serving

NO_MODEL, MODEL_FAILED, TOO_SLOW, UNSURE = "no-model", "model-failed", "too-slow", "unsure"
"""Why the rule decided: there is no model, it raised or gave no probability, took too long, or was not sure enough."""

RULE_THRESHOLD = 0.5
"""The rule scores 1 where it acts and 0 where it does not, so any threshold between says the same."""


def rule_acts(serving: Serving, fields: Mapping[str, Any], features: Mapping[str, Any], at: int) -> bool:
    """Whether the rule acts on one request: `rules_act` of a batch of one."""
    if not serving.plan.system.goal.acts:
        return False
    plan, condition = serving.plan, serving.rule.condition
    fields = {name: _one(fields[name], plan.fields[name]) for name in _names(condition, Field)}
    features = {name: _one(features[name], plan.features[name]) for name in _names(condition, FeatureRef)}
    inputs = Inputs(1, fields=fields, features=features, now=np.array([at], dtype=np.int64))
    return bool(is_true(evaluate(condition, inputs))[0])


def rules_act(serving: Serving, fields: pa.Table, features: pa.Table, at: Array) -> Mask:
    """Whether the rule acts on each of many requests; where its condition is NULL it does not.

    The rule of a goal that takes no action gives what stands in for a prediction, and acts on nothing.
    """
    if not serving.plan.system.goal.acts:
        return np.zeros(len(at), dtype=bool)
    plan, condition = serving.plan, serving.rule.condition
    inputs = Inputs(
        len(at),
        fields=_columns(fields, _names(condition, Field), plan.fields),
        features=_columns(features, _names(condition, FeatureRef), plan.features),
        now=at,
    )
    return is_true(evaluate(condition, inputs))


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
