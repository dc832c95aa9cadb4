"""What decisions and outcomes hold that depends on the goal, as JSON Schema."""

from __future__ import annotations

import math
from typing import Any

from setpoint.declare.goal_kind import BINARY, MULTICLASS, MULTILABEL, SURVIVAL
from setpoint.declare.prediction import Form


def value_schema(form: Form) -> dict[str, Any]:
    """The value of an outcome that is told: a number or truth value, a class, or a list of labels.

    >>> value_schema(Form("multiclass", ("a", "b")))
    {'type': 'string', 'enum': ['a', 'b']}
    """
    if form.kind == MULTICLASS:
        return {"type": "string", "enum": list(form.names)}
    if form.kind == MULTILABEL:
        return {"type": "array", "items": {"type": "string", "enum": list(form.names)}, "uniqueItems": True}
    return {"type": ["number", "boolean"]} if form.kind in (BINARY, SURVIVAL) else {"type": "number"}


def decision_schema(form: Form) -> dict[str, Any]:
    """The properties of a decision that depend on the goal: the score, and what else is predicted and answered.

    >>> decision_schema(Form())
    {'score': {'type': 'number', 'minimum': 0.0, 'maximum': 1.0}}
    """
    number: dict[str, Any] = {"type": "number"}
    number |= {"minimum": form.least} if math.isfinite(form.least) else {}
    number |= {"maximum": form.most} if math.isfinite(form.most) else {}
    if form.acts:
        return {"score": number}
    none = {**number, "type": ["number", "null"]}
    found: dict[str, Any] = {
        "score": {**none, "description": "the greatest number that is predicted; null where nobody can say"},
        "prediction": {**none, "description": "what is predicted; null where neither model nor rule can say"},
    }
    if form.names:
        found["prediction"] = {
            "type": ["object", "null"],
            "properties": dict.fromkeys(form.names, number),
            "required": list(form.names),
            "additionalProperties": False,
            "description": "a number for each name; null where neither model nor rule can say",
        }
    if form.kind == MULTICLASS:
        words = "the class that costs least to answer; null where neither model nor rule can say"
        found["answer"] = {"type": ["string", "null"], "enum": [*form.names, None], "description": words}
    if form.kind == MULTILABEL:
        labels = {"type": "array", "items": {"type": "string", "enum": list(form.names)}}
        found["answer"] = {**labels, "description": "the labels that are likelier than not"}
    return found
