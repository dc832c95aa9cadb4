"""The one evaluator of expressions: arrays in, an array out, the same bits whatever their length.

NULL goes through arithmetic and comparisons; &, | and ~ follow Kleene's three-valued logic (Introduction to
Metamathematics, 1952, section 64), so that false & NULL is false and true | NULL is true. A number without a finite
value, such as one divided by zero, is NULL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask, to_array, to_arrow
from setpoint.data.language.embedded import Embeddings, embed, embedding_key
from setpoint.data.language.functions import both, call, compared, either
from setpoint.data.language.python_calls import run
from setpoint.data.language.scalars import LAST_TIME, is_duration
from setpoint.declare.expr import (
    Action,
    Aggregate,
    Binary,
    Call,
    Column,
    Embedded,
    Expr,
    FeatureRef,
    Field,
    Literal,
    Neighbours,
    Now,
    PythonCall,
    to_dict,
)
from setpoint.declare.source import info

__all__ = ["NULL_TIME", "Inputs", "aggregate_key", "evaluate", "is_true", "null_mask", "to_array", "to_arrow"]


@dataclass(frozen=True)
class Inputs:
    """What an expression reads, each an array of `size` values (see `arrays`).

    `columns` by (source name, column name), `fields` and `features` by name, `aggregates` by `aggregate_key`.
    `embeddings` are those made so far: the numbers of one are read one by one, and made together.
    """

    size: int
    columns: Mapping[tuple[str, str], Array] = field(default_factory=dict)
    fields: Mapping[str, Array] = field(default_factory=dict)
    features: Mapping[str, Array] = field(default_factory=dict)
    aggregates: Mapping[str, Array] = field(default_factory=dict)
    now: Array | None = None
    action: Array | None = None
    embeddings: MutableMapping[str, Embeddings] = field(default_factory=dict)


@lru_cache(maxsize=1 << 16)
def aggregate_key(node: Aggregate | Neighbours) -> str:
    """The digest of an aggregate's definition: equal definitions share one value."""
    return digest(to_dict(node))


def evaluate(expr: Expr, inputs: Inputs) -> Array:
    """The values of an expression: float64 with NaN, int64 times with NULL_TIME, or objects with None.

    The array may be one of the inputs, so it is not to be written.

    >>> from setpoint.declare.expr import field
    >>> evaluate(field("a") / field("b"), Inputs(2, fields={"a": np.array([1.0, 1.0]), "b": np.array([4.0, 0.0])}))
    array([0.25,  nan])
    """
    values = _value(expr, inputs)
    if values.size != inputs.size:
        values = np.repeat(values, inputs.size)
    return values


def is_true(values: Array) -> Mask:
    """True where a condition holds; where it is NULL it does not."""
    return np.equal(values, 1.0)


def _value(expr: Expr, inputs: Inputs) -> Array:
    rule = _RULES.get(type(expr))
    if rule is None:
        raise WrongType(f"{expr!r} is not an expression.")
    return rule(expr, inputs)


@lru_cache(maxsize=1 << 12)
def _constant(expr: Literal) -> Array:
    """One value, as an array that nobody writes; kept by node, since 0.0 and -0.0 are equal."""
    value = expr.value
    if expr.unit:
        found = np.array([value], dtype=np.int64)
    elif isinstance(value, str):
        found = np.array([value], dtype=object)
    else:
        found = np.array([math.nan if value is None else value], dtype=np.float64)
    found.flags.writeable = False
    return found


def _literal(expr: Literal, _: Inputs) -> Array:
    return _constant(expr)


def _column(expr: Column, inputs: Inputs) -> Array:
    key = (info(expr.source).name, expr.name)
    try:
        return inputs.columns[key]
    except KeyError:
        names = [f"{source}.{name}" for source, name in inputs.columns]
        raise NameUnknown("column", ".".join(key), names, where="The data at hand") from None


def _field(expr: Field, inputs: Inputs) -> Array:
    try:
        return inputs.fields[expr.name]
    except KeyError:
        raise NameUnknown("request field", expr.name, inputs.fields, where="The data at hand") from None


def _feature(expr: FeatureRef, inputs: Inputs) -> Array:
    try:
        return inputs.features[expr.name]
    except KeyError:
        raise NameUnknown("feature", expr.name, inputs.features, where="The data at hand") from None


def _aggregate(expr: Aggregate | Neighbours, inputs: Inputs) -> Array:
    try:
        return inputs.aggregates[aggregate_key(expr)]
    except KeyError:
        raise DeclarationError(f"{expr} was not folded before its expression was computed.") from None


def _now(expr: Now, inputs: Inputs) -> Array:
    if inputs.now is None:
        raise DeclarationError(f"{expr} is read where no decision is taken.", expected="an expression of columns")
    return inputs.now


def _action(expr: Action, inputs: Inputs) -> Array:
    if inputs.action is None:
        raise DeclarationError(f"{expr} is read where no action is known.", expected="an expression of columns")
    return inputs.action


def _binary(expr: Binary, inputs: Inputs) -> Array:
    left, right = _value(expr.left, inputs), _value(expr.right, inputs)
    operator = expr.op
    if operator == "&":
        return both(left, right)
    if operator == "|":
        return either(left, right)
    if operator in _COMPARE:
        return compared(_COMPARE[operator](left, right), null_mask(left) | null_mask(right))
    if left.dtype == np.int64:
        if operator == "-" and not is_duration(expr.right):
            return _seconds(left, right)
        return _shift(left, right if operator == "+" else -right)
    with np.errstate(all="ignore"):
        return _finite(_ARITHMETIC[operator](left, right))


def _finite(values: Array) -> Array:
    """The values with one NaN for whatever is not a finite number; `values` is written."""
    values[~np.isfinite(values)] = np.nan
    return values


def _seconds(left: Array, right: Array) -> Array:
    found = np.asarray((left - right) / 1_000_000, dtype=np.float64)
    found[null_mask(left) | null_mask(right)] = np.nan
    return found


def _shift(left: Array, right: Array) -> Array:
    """Times moved by durations, in either order; NULL where that leads out of 64 bits."""
    moved = left + right
    beyond = (moved < -LAST_TIME) | (moved > LAST_TIME)
    return np.where(null_mask(left) | null_mask(right) | beyond, NULL_TIME, moved)


def _call(expr: Call, inputs: Inputs) -> Array:
    return call(expr, [_value(part, inputs) for part in expr.arguments])


def _python(expr: PythonCall, inputs: Inputs) -> Array:
    return run(expr, [_value(part, inputs) for part in expr.arguments], inputs.size)


def _embedded(expr: Embedded, inputs: Inputs) -> Array:
    key = embedding_key(expr)
    if key not in inputs.embeddings:
        inputs.embeddings[key] = embed(expr, _value(expr.text, inputs))
    return inputs.embeddings[key].numbers(expr.place)


_ARITHMETIC: Mapping[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}
_COMPARE: Mapping[str, Callable[[Array, Array], Array]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_RULES: Mapping[type[Expr], Callable[..., Array]] = {
    Literal: _literal,
    Column: _column,
    Field: _field,
    FeatureRef: _feature,
    Aggregate: _aggregate,
    Neighbours: _aggregate,
    Now: _now,
    Action: _action,
    Binary: _binary,
    Call: _call,
    PythonCall: _python,
    Embedded: _embedded,
}
