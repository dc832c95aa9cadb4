"""Kinds of values: what an expression gives, checked against the columns that exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.expr import (
    ARITHMETIC,
    COMPARISONS,
    Action,
    Aggregate,
    Binary,
    Call,
    Column,
    Expr,
    FeatureRef,
    Field,
    Literal,
    Now,
)
from setpoint.declare.source import info

NUMBER, TEXT, BOOL, TIME, DURATION = "number", "text", "bool", "time", "duration"
Schemas = Mapping[str, Mapping[str, str]]
"""Source name to column name to kind."""


@dataclass(frozen=True)
class Scope:
    """What an expression may read: the columns of sources, the request's fields and other features, each a kind."""

    schemas: Schemas
    fields: Mapping[str, str]
    features: Mapping[str, str]


def kind_of(expr: Expr, scope: Scope, *, where: str) -> str:
    """The kind of value an expression gives.

    Raises NameUnknown for a column that does not exist and WrongType for operands that do not go together; `where`
    begins their message.

    >>> kind_of(Binary("-", Now(), Field("born")), Scope({}, {"born": TIME}, {}), where="age")
    'number'
    """
    if isinstance(expr, Literal):
        if expr.unit:
            return expr.unit
        if isinstance(expr.value, bool):
            return BOOL
        return TEXT if isinstance(expr.value, str) else NUMBER
    if isinstance(expr, Column):
        return column_kind(expr, scope, where=where)
    if isinstance(expr, Field):
        return _known("request field", expr.name, scope.fields, where)
    if isinstance(expr, FeatureRef):
        return _known("feature", expr.name, scope.features, where)
    if isinstance(expr, Now):
        return TIME
    if isinstance(expr, Action):
        return TEXT
    if isinstance(expr, Aggregate):
        return _aggregate(expr, scope, where)
    if isinstance(expr, Binary):
        left, right = kind_of(expr.left, scope, where=where), kind_of(expr.right, scope, where=where)
        return _binary(expr, left, right, where)
    if isinstance(expr, Call):
        return _call(expr, [kind_of(part, scope, where=where) for part in expr.arguments], where)
    raise WrongType(f"{where}: {expr!r} is not an expression.")


def column_kind(column: Column, scope: Scope, *, where: str) -> str:
    """The kind of a source's column."""
    name = info(column.source).name
    if name not in scope.schemas:
        raise NameUnknown("source", name, scope.schemas, where=where)
    return _known("column", column.name, scope.schemas[name], f"{where}: source {name!r}")


def _known(what: str, name: str, known: Mapping[str, str], where: str) -> str:
    if name not in known:
        raise NameUnknown(what, name, known, where=where)
    return known[name]


def _aggregate(expr: Aggregate, scope: Scope, where: str) -> str:
    schema = scope.schemas.get(info(expr.source).name, {})
    for field, column in expr.by:
        theirs = _known("column", column, schema, f"{where}: source {info(expr.source).name!r}")
        ours = _known("request field", field, scope.fields, where)
        if theirs != ours:
            raise WrongType(
                f"{where}: by pairs the request field {field!r} ({ours}) with the column {column!r} ({theirs}).",
                expected="the same kind on both sides",
            )
        if ours == TIME:
            raise WrongType(f"{where}: by={field!r} groups by a time.", expected="a text or a number")
    if expr.where is not None:
        condition = kind_of(expr.where, scope, where=where)
        if condition != BOOL:
            raise WrongType(f"{where}: where={expr.where} is a {condition}.", expected="a condition")
    if expr.column is None:
        return NUMBER
    kind = kind_of(expr.column, scope, where=where)
    if expr.kind in ("sum", "mean", "std") and kind not in (NUMBER, BOOL):
        raise WrongType(f"{where}: {expr.kind}({expr.column}) folds a {kind}.", expected="numbers")
    if expr.kind in ("min", "max") and kind == TEXT:
        raise WrongType(f"{where}: {expr.kind}({expr.column}) folds texts.", expected="numbers or times")
    if expr.kind in ("min", "max", "last"):
        return NUMBER if kind == BOOL else kind
    return NUMBER


def _binary(expr: Binary, left: str, right: str, where: str) -> str:
    numbers = (NUMBER, BOOL)
    if expr.op in ARITHMETIC:
        if left in numbers and right in numbers:
            return NUMBER
        if expr.op == "-" and left == right == TIME:
            return NUMBER
        if expr.op in ("+", "-") and left == TIME and right == DURATION:
            return TIME
        if expr.op == "+" and left == DURATION and right == TIME:
            return TIME
    elif expr.op in COMPARISONS:
        if left in numbers and right in numbers:
            return BOOL
        if left == right and (left in (TIME, DURATION) or (left == TEXT and expr.op in ("==", "!="))):
            return BOOL
    elif left == right == BOOL:
        return BOOL
    raise WrongType(
        f"{where}: {expr} applies {expr.op} to a {left} and a {right}.",
        expected="numbers, two times, a time and a duration, or two texts with == and !=",
    )


def _call(expr: Call, kinds: list[str], where: str) -> str:
    first, rest = kinds[0], kinds[1:]
    if expr.function == "is_null":
        return BOOL
    if expr.function == "isin":
        if all(kind == first for kind in rest):
            return BOOL
    elif expr.function == "fill":
        if rest == [first]:
            return first
    elif expr.function == "not":
        if first == BOOL:
            return BOOL
    elif expr.function in ("hour", "weekday"):
        if first == TIME:
            return NUMBER
    elif expr.function in ("log1p", "abs"):
        if first in (NUMBER, BOOL):
            return NUMBER
    else:
        raise DeclarationError(f"{where}: there is no function {expr.function!r}.")
    raise WrongType(f"{where}: {expr} is applied to {' and '.join(f'a {kind}' for kind in kinds)}.")
