"""Rows as they would have been: a request field or feature set to other values, and what follows from it with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.data.arrays import to_array, to_arrow
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.declare.expr import (
    Aggregate,
    Binary,
    Call,
    Column,
    Expr,
    FeatureRef,
    Field,
    Neighbours,
    PythonCall,
    to_dict,
    walk,
)
from setpoint.declare.kinds import BOOL, NUMBER
from setpoint.declare.plan import Plan
from setpoint.learn.sides import Examples


def kind_of_name(plan: Plan, name: str) -> str:
    """The kind of a request field, or of a feature where no field has the name."""
    return plan.fields[name] if name in plan.fields else plan.features[name]


def values_of(plan: Plan, rows: Examples, name: str) -> np.ndarray:
    """The values of a request field, or of a feature where no field has the name."""
    table = rows.fields if name in plan.fields else rows.features
    return to_array(table[name], kind_of_name(plan, name))


def alter(plan: Plan, rows: Examples, name: str, values: np.ndarray) -> Examples:
    """The rows with a request field or feature set to these values, and the features that follow from it anew."""
    if name in plan.fields:
        changed = replace(rows, fields=_with(rows.fields, name, values, plan.fields[name]))
    else:
        changed = replace(rows, features=_with(rows.features, name, values, plan.features[name]))
    following = followers(plan, name)
    if not following:
        return changed
    inputs = Inputs(
        rows.y.shape[0],
        fields={each: to_array(changed.fields[each], kind) for each, kind in plan.fields.items()},
        features={each: to_array(changed.features[each], kind) for each, kind in plan.features.items()},
        now=changed.at,
    )
    features = changed.features
    for feature, expr in following.items():
        features = _with(features, feature, evaluate(expr, inputs), plan.features[feature])
    return replace(changed, features=features)


def set_features(plan: Plan, rows: Examples, values: Mapping[str, np.ndarray]) -> Examples:
    """The rows with these features as they are given, and nothing else changed."""
    features = rows.features
    for name, column in values.items():
        features = _with(features, name, column, plan.features[name])
    return replace(rows, features=features)


def followers(plan: Plan, name: str) -> dict[str, Expr]:
    """The features that follow from a request field, or from a feature where no field has the name; not itself.

    Each is told in terms of fields and of other features. One that also reads a source, of which no other feature is
    the value, cannot be told so: it stays as it is.
    """
    of_field = name in plan.fields
    known = {digest(to_dict(feature.expr)): feature.name for feature in plan.inputs}
    if not of_field:
        known[next(digest(to_dict(each.expr)) for each in plan.inputs if each.name == name)] = name
    found: dict[str, Expr] = {}
    for feature in plan.inputs:
        if not of_field and feature.name == name:
            continue
        other = {key: each for key, each in known.items() if each != feature.name}

        def by_name(part: Expr, other: Mapping[str, str] = other) -> Expr:
            feature = other.get(digest(to_dict(part)))
            return part if feature is None or (of_field and _depends(part, name)) else FeatureRef(feature)

        expr = _cut(feature.expr, by_name)
        if _depends(expr, name) and not any(isinstance(node, (Aggregate, Neighbours, Column)) for node in walk(expr)):
            found[feature.name] = expr
    return found


def directions(plan: Plan, name: str) -> dict[str, int]:
    """The features, numbers and truth values, that only rise (1) or only fall (-1) as a field or feature rises.

    A feature of which that cannot be told from its expression is left out.
    """
    found = {feature: direction_of(expr, name) for feature, expr in followers(plan, name).items()}
    found |= {} if name in plan.fields else {name: 1}
    return {each: way for each, way in found.items() if way and plan.features[each] in (NUMBER, BOOL)}


def direction_of(expr: Expr, name: str) -> int | None:
    """Whether an expression only rises (1) or only falls (-1) as a name rises; 0: neither; None: it cannot be told.

    >>> from setpoint.declare.expr import field
    >>> direction_of(10 - field("total") / 2, "total"), direction_of(field("total") * field("n"), "total")
    (-1, None)
    """
    if isinstance(expr, (Field, FeatureRef)):
        return int(expr.name == name)
    if not _depends(expr, name):
        return 0
    if isinstance(expr, Binary):
        left, right = direction_of(expr.left, name), direction_of(expr.right, name)
        if expr.op in _WAYS:
            ways = (left, right)
            return _agreed(
                [None if way is None else way * sign for way, sign in zip(ways, _WAYS[expr.op], strict=True)]
            )
        if expr.op in ("*", "/") and right == 0 and left is not None:
            return left * _sign(expr.right) or None
        return right * _sign(expr.left) or None if expr.op == "*" and left == 0 and right is not None else None
    if isinstance(expr, Call) and expr.function in _RISING:
        return _agreed([direction_of(part, name) for part in expr.arguments])
    if isinstance(expr, Call) and expr.function == "not":
        inner = direction_of(expr.arguments[0], name)
        return None if inner is None else -inner
    return None


_WAYS = {
    **dict.fromkeys((">", ">=", "-"), (1, -1)),
    **dict.fromkeys(("<", "<="), (-1, 1)),
    **dict.fromkeys(("+", "&", "|"), (1, 1)),
}
"""How a result moves as its left, and its right operand rises."""
_RISING = ("exp", "log", "log1p", "sqrt", "floor", "ceil", "sign", "standardised", "maximum", "minimum")
"""Functions that rise with each of their arguments."""


def _agreed(ways: list[int | None]) -> int | None:
    """The one way in which all operands move that do."""
    moved = {way for way in ways if way != 0}
    return moved.pop() if len(moved) == 1 else None


def _sign(expr: Expr) -> int:
    """The sign of a constant, 0 for anything else."""
    value = getattr(expr, "value", None)
    return int(np.sign(value)) if isinstance(value, (int, float)) else 0


def _cut(expr: Expr, by_name: Callable[[Expr], Expr]) -> Expr:
    """The expression with each of its parts, outermost first, told by name where it has one."""
    named = by_name(expr)
    if named is not expr:
        return named
    if isinstance(expr, Binary):
        return replace(expr, left=_cut(expr.left, by_name), right=_cut(expr.right, by_name))
    if isinstance(expr, (Call, PythonCall)):
        return replace(expr, arguments=tuple(_cut(part, by_name) for part in expr.arguments))
    return expr


def _depends(expr: Expr, name: str) -> bool:
    """Whether an expression reads a field or feature of this name, other than to look something up by it."""
    parts = walk(expr, into_aggregates=False)
    return any(isinstance(node, (Field, FeatureRef)) and node.name == name for node in parts)


def _with(table: pa.Table, name: str, values: np.ndarray, kind: str) -> pa.Table:
    """A table with one column set; a number that the table keeps for a truth value stays one."""
    was = table.schema.field(name).type
    column = to_arrow(values, NUMBER if kind == BOOL and pa.types.is_floating(was) else kind)
    return table.set_column(table.column_names.index(name), name, column.cast(was))
