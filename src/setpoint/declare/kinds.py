"""Kinds of values: what an expression gives, checked against the columns that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType, did_you_mean
from setpoint.declare.expr import (
    ARITHMETIC,
    COMPARISONS,
    OF_THE_LABEL,
    Action,
    Aggregate,
    Binary,
    Call,
    Column,
    Embedded,
    Expr,
    Family,
    FeatureRef,
    Field,
    Followed,
    Literal,
    Neighbours,
    Now,
    PythonCall,
    children,
)
from setpoint.declare.source import info

NUMBER, TEXT, BOOL, TIME, DURATION = "number", "text", "bool", "time", "duration"
FITTED = ("standardised", "vocabulary")
"""The functions whose constants are fitted when a model is trained: expressions see their argument as it is."""
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
    _refuse_fitted(expr, where)
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
    if isinstance(expr, Neighbours):
        return _neighbours(expr, scope, where)
    if isinstance(expr, Followed):
        kind_of(expr.first, scope, where=where)
        kind_of(expr.then, scope, where=where)
        return BOOL
    if isinstance(expr, Family):
        raise DeclarationError(
            f"{where}: {expr} is a family of {len(expr.members)} windows.",
            expected="one of them",
            hint=f"Write family[{expr.labels[0]!r}].",
        )
    if isinstance(expr, Binary):
        left, right = kind_of(expr.left, scope, where=where), kind_of(expr.right, scope, where=where)
        return _binary(expr, left, right, where)
    if isinstance(expr, Call):
        return _call(expr, [kind_of(part, scope, where=where) for part in expr.arguments], where)
    if isinstance(expr, PythonCall):
        for part in expr.arguments:
            if kind_of(part, scope, where=where) == DURATION:
                raise WrongType(f"{where}: {expr.name} is applied to the duration {part}.", expected="seconds")
        return expr.kind
    if isinstance(expr, Embedded):
        return _embedded(expr, scope, where)
    raise WrongType(f"{where}: {expr!r} is not an expression.")


def _embedded(expr: Embedded, scope: Scope, where: str) -> str:
    """Of a text, and only where the plan has found the base: in a feature, outside its aggregates."""
    kind = kind_of(expr.text, scope, where=where)
    if kind != TEXT:
        raise WrongType(f"{where}: {expr} is of a {kind}.", expected="a text")
    if expr.model is None:
        raise DeclarationError(
            f"{where} reads {expr}, which only a feature can be.",
            expected="an embedding of its own among features=, outside aggregates",
            hint="Name it as a feature, and read one of its numbers, such as sp.feature('subject_0').",
        )
    return NUMBER


def _refuse_fitted(expr: Expr, where: str) -> None:
    """Refuses to compute with what only the model sees transformed."""
    for part in children(expr):
        if isinstance(part, Call) and part.function in FITTED and not isinstance(expr, Family):
            raise DeclarationError(
                f"{where}: {expr} computes with {part}, which is fitted when a model is trained.",
                expected=f"{part.function} as the last step of a feature",
                hint="Compute first, then transform; or state the constants with sp.scaled or sp.category.",
            )


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
    _check_key(expr, scope, where)
    if expr.where is not None:
        condition = kind_of(expr.where, scope, where=where)
        if condition != BOOL:
            raise WrongType(f"{where}: where={expr.where} is a {condition}.", expected="a condition")
    if expr.column is None:
        return NUMBER
    return _folded(expr, kind_of(expr.column, scope, where=where), where)


def _check_key(expr: Aggregate, scope: Scope, where: str) -> None:
    """The parts of a key are of the kinds of the source's columns, and of kinds that can be a key."""
    if expr.by == OF_THE_LABEL:
        return
    schema = scope.schemas.get(info(expr.source).name, {})
    for part, (field, column) in zip(expr.parts, expr.by, strict=True):
        theirs = _known("column", column, schema, f"{where}: source {info(expr.source).name!r}")
        ours = kind_of(part, scope, where=where)
        if theirs != ours:
            what = f"request field {field!r}" if isinstance(part, Field) else f"key {part}"
            raise WrongType(
                f"{where}: by pairs the {what} ({ours}) with the column {column!r} ({theirs}).",
                expected="the same kind on both sides",
            )
        if ours in (TIME, DURATION):
            raise WrongType(f"{where}: by={field!r} groups by a time.", expected="a text, a number or a truth value")


def _folded(expr: Aggregate, kind: str, where: str) -> str:
    """The kind of an aggregate's value, by that of what it folds."""
    if expr.kind in ("sum", "mean", "var", "std", "quantile") and kind not in (NUMBER, BOOL):
        raise WrongType(f"{where}: {expr.kind}({expr.column}) folds a {kind}.", expected="numbers")
    if expr.kind in ("min", "max") and kind not in (NUMBER, BOOL, TIME):
        raise WrongType(f"{where}: {expr.kind}({expr.column}) folds a {kind}.", expected="numbers or times")
    if kind == DURATION:
        raise WrongType(f"{where}: {expr.kind}({expr.column}) folds a duration.", expected="numbers, texts or times")
    if expr.kind == "latest":
        return kind
    if expr.kind in ("min", "max", "first", "last", "top"):
        return NUMBER if kind == BOOL else kind
    return NUMBER


def _neighbours(expr: Neighbours, scope: Scope, where: str) -> str:
    edges, of = expr.edges, expr.of
    _aggregate(edges, scope, where)
    assert edges.column is not None, "neighbours are named by a column"
    named = kind_of(edges.column, scope, where=where)
    field = of.by[0][0]
    value = kind_of(of, Scope(scope.schemas, {field: named}, {}), where=where)
    if value != NUMBER:
        raise WrongType(f"{where}: {expr} folds a {value} of each neighbour.", expected="a number")
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
    found = _RESULT[expr.function](expr, kinds) if expr.function in _RESULT else _ALL_OF.get(expr.function)
    if found is None:
        raise DeclarationError(
            f"{where}: there is no function {expr.function!r}.", hint=did_you_mean(expr.function, [*_RESULT, *_ALL_OF])
        )
    if isinstance(found, tuple):
        needed, result = found
        found = result if all(kind in needed for kind in kinds) else ""
    if not found:
        raise WrongType(f"{where}: {expr} is applied to {' and '.join(f'a {kind}' for kind in kinds)}.")
    return found


_NUMBERS, _VALUES = (NUMBER, BOOL), (NUMBER, BOOL, TEXT)

_ALL_OF: Mapping[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("abs", "ceil", "cos", "exp", "floor", "log", "log1p"), (_NUMBERS, NUMBER)),
    **dict.fromkeys(("power", "round", "sign", "sin", "sqrt", "bucket", "standardised"), (_NUMBERS, NUMBER)),
    **dict.fromkeys(("lower", "upper", "strip", "joined"), ((TEXT,), TEXT)),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "weekday"), ((TIME,), NUMBER)),
    "length": ((TEXT,), NUMBER),
    "not": ((BOOL,), BOOL),
    "cross": (_VALUES, TEXT),
    "hashed": (_VALUES, NUMBER),
}
"""Functions whose arguments are all of some kinds: these, and the kind of the result."""

_RESULT: Mapping[str, Callable[[Call, list[str]], str]] = {
    "is_null": lambda *_: BOOL,
    "isin": lambda _, kinds: BOOL if all(kind == kinds[0] for kind in kinds) else "",
    "fill": lambda _, kinds: kinds[0] if kinds[1] == kinds[0] else "",
    "minimum": lambda _, kinds: NUMBER if set(kinds) <= {*_NUMBERS} else TIME if set(kinds) == {TIME} else "",
    "maximum": lambda _, kinds: NUMBER if set(kinds) <= {*_NUMBERS} else TIME if set(kinds) == {TIME} else "",
    "if_else": lambda expr, kinds: _either(expr, kinds) if kinds[0] == BOOL else "",
    "vocabulary": lambda _, kinds: TEXT if kinds[0] == TEXT else "",
    "matches": lambda _, kinds: BOOL if kinds[0] == TEXT else "",
    "json": lambda expr, kinds: _found(expr) if kinds[0] == TEXT else "",
}
"""Functions whose result depends on their arguments; an empty result says that these do not go together."""


def _found(expr: Call) -> str:
    """The kind of what lies at a path."""
    _, kind, fold = [str(part.value) for part in expr.arguments[1:] if isinstance(part, Literal)]
    return NUMBER if fold in ("size", "count") else kind


def _either(expr: Call, kinds: list[str]) -> str:
    """The kind of one of two values, of which one may be the literal None: a NULL of whatever kind."""
    then, otherwise = expr.arguments[1:]
    left, right = kinds[1:]
    if isinstance(otherwise, Literal) and otherwise.value is None:
        right = left
    elif isinstance(then, Literal) and then.value is None:
        left = right
    if DURATION in (left, right):
        return ""
    return left if left == right else NUMBER if {left, right} == {*_NUMBERS} else ""
