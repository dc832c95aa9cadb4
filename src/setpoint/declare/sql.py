"""Expressions as DuckDB SQL, for audits and catalogues: what a feature means, in words that an analyst can run.

`to_sql` spells one expression; MACROS are the statements that define what it may use beyond SQL itself. Values are
the same as those that training and decisions compute, but for logarithms, powers and the like, where two mathematical
libraries may differ in the last bit. SQL is never in the path of a value: nothing of the product reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError
from setpoint.declare.expr import (
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
    Neighbours,
    Now,
    spell,
)
from setpoint.declare.kinds import BOOL, DURATION, NUMBER, TEXT, TIME, Scope, kind_of
from setpoint.declare.path import steps
from setpoint.declare.sql_macros import MACROS

__all__ = ["MACROS", "to_sql"]

_WHITE = [*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288]


def to_sql(expr: Expr, scope: Scope, *, name: Callable[[Expr], str] | None = None) -> str:
    """The expression as DuckDB SQL over columns of their kinds: DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP WITH TIME ZONE.

    A column, field, feature, `now` and `action` is a column of that name, unless `name` gives another SQL for it;
    aggregates have none but what `name` gives. Raises DeclarationError for what SQL cannot say, such as a Python
    feature.

    >>> from setpoint.declare.expr import field
    >>> scope = Scope({}, {"a": "number", "b": "number"}, {})
    >>> to_sql((field("a") / field("b")).fill(0) > 1, scope)
    '(coalesce(sp_finite(sp_finite("a") / sp_finite("b")), 0e0) > 1e0)'
    """
    return _Speller(scope, name or _name).value(expr)


def _name(expr: Expr) -> str:
    if isinstance(expr, (Column, Field, FeatureRef)):
        return '"' + expr.name.replace('"', '""') + '"'
    if isinstance(expr, (Now, Action)):
        return f'"{spell(expr)}"'
    raise DeclarationError(f"{spell(expr)} has no SQL of its own.", expected="an expression of one row")


class _Speller:
    """Spells expressions whose leaves have these kinds and names."""

    def __init__(self, scope: Scope, name: Callable[[Expr], str]) -> None:
        self._scope, self._name = scope, name

    def kind(self, expr: Expr) -> str:
        """The kind of an expression's value."""
        return kind_of(expr, self._scope, where="As SQL")

    def value(self, expr: Expr) -> str:
        """An expression, a truth value as BOOLEAN."""
        if isinstance(expr, Literal):
            return _literal(expr)
        if isinstance(expr, Binary):
            return self._binary(expr)
        if isinstance(expr, Call):
            return self._call(expr)
        if isinstance(expr, (Column, Field, FeatureRef, Aggregate, Neighbours, Now, Action)):
            name = self._name(expr)
            return f"sp_finite({name})" if self.kind(expr) == NUMBER else name
        raise DeclarationError(
            f"{spell(expr)} cannot be said in SQL.", expected="operators and functions of the language"
        )

    def number(self, expr: Expr) -> str:
        """An expression as DOUBLE."""
        found = self.value(expr)
        return f"CAST({found} AS DOUBLE)" if self.kind(expr) == BOOL else found

    def _binary(self, expr: Binary) -> str:
        left, right = self.kind(expr.left), self.kind(expr.right)
        if expr.op in ("&", "|"):
            return f"({self.value(expr.left)} {'AND' if expr.op == '&' else 'OR'} {self.value(expr.right)})"
        if expr.op in COMPARISONS:
            sign = {"==": "=", "!=": "<>"}.get(expr.op, expr.op)
            if left == right:
                return f"({self.value(expr.left)} {sign} {self.value(expr.right)})"
            return f"({self.number(expr.left)} {sign} {self.number(expr.right)})"
        if DURATION in (left, right):
            return f"({self.value(expr.left)} {expr.op} {self.value(expr.right)})"
        if left == TIME:
            return f"(CAST(epoch_us({self.value(expr.left)}) - epoch_us({self.value(expr.right)}) AS DOUBLE) / 1e6)"
        return f"sp_finite({self.number(expr.left)} {expr.op} {self.number(expr.right)})"

    def _call(self, expr: Call) -> str:
        if expr.function in _NUMERIC:
            arguments = [self.number(part) for part in expr.arguments]
            return _NUMERIC[expr.function].format(*arguments)
        if expr.function in _CLOCKS:
            zone = expr.option or "UTC"
            return _CLOCKS[expr.function].format(f"timezone({_quoted(zone)}, {self.value(expr.arguments[0])})")
        if expr.function in _TEXTS:
            return _TEXTS[expr.function].format(self.value(expr.arguments[0]))
        return _OTHERS[expr.function](self, expr)


def _literal(expr: Literal) -> str:
    value = expr.value
    if value is None:
        return "NULL"
    if expr.unit == "duration":
        return f"to_microseconds({value})"
    if expr.unit == "time":
        return f"TIMESTAMPTZ {_quoted(times.iso(int(value)))}"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return _quoted(value)
    return _number(float(value))


def _number(value: float) -> str:
    text = repr(value)
    if "e" not in text:
        text = text.removesuffix(".0") + "e0"
    return text if value >= 0 and not text.startswith("-") else f"({text})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_FINITE = ("cos", "exp", "sin", "sqrt")
_NUMERIC: Mapping[str, str] = {
    **{name: f"sp_finite({name}({{}}))" for name in _FINITE},
    "abs": "abs({})",
    "ceil": "(ceil({}) + 0e0)",
    "floor": "(floor({}) + 0e0)",
    "log": "sp_finite(ln({}))",
    "log1p": "sp_finite(sp_log1p({}))",
    "power": "sp_finite(pow({}, {}))",
    "sign": "CAST(sign({}) AS DOUBLE)",
    "standardised": "{}",
}
_CLOCKS: Mapping[str, str] = {
    "day": "CAST(day({}) AS DOUBLE)",
    "hour": "(sp_minutes({}) / 60e0)",
    "minute": "CAST(minute({}) AS DOUBLE)",
    "month": "CAST(month({}) AS DOUBLE)",
    "weekday": "CAST(isodow({}) - 1 AS DOUBLE)",
    "year": "CAST(year({}) AS DOUBLE)",
}
_TEXTS: Mapping[str, str] = {
    "length": "CAST(length({}) AS DOUBLE)",
    "lower": "lower({})",
    "strip": "trim({}, " + " || ".join(f"chr({code})" for code in _WHITE) + ")",
    "upper": "upper({})",
    "vocabulary": "{}",
}


def _is_null(speller: _Speller, expr: Call) -> str:
    return f"({speller.value(expr.arguments[0])} IS NULL)"


def _not(speller: _Speller, expr: Call) -> str:
    return f"(NOT {speller.value(expr.arguments[0])})"


def _isin(speller: _Speller, expr: Call) -> str:
    value, *known = [speller.value(part) for part in expr.arguments]
    return f"({value} IN ({', '.join(known)}))" if known else f"({value} <> {value})"


def _same(speller: _Speller, *exprs: Expr) -> list[str]:
    """Expressions as values of one kind: numbers where some are numbers and some truth values."""
    if {speller.kind(expr) for expr in exprs} == {NUMBER, BOOL}:
        return [speller.number(expr) for expr in exprs]
    return [speller.value(expr) for expr in exprs]


def _fill(speller: _Speller, expr: Call) -> str:
    return f"coalesce({', '.join(_same(speller, *expr.arguments))})"


def _if_else(speller: _Speller, expr: Call) -> str:
    condition, *others = expr.arguments
    typed = [part for part in others if not (isinstance(part, Literal) and part.value is None)]
    words = dict(zip(map(id, typed), _same(speller, *typed), strict=True))
    then, otherwise = (words.get(id(part), "NULL") for part in others)
    return f"CASE WHEN {speller.value(condition)} THEN {then} ELSE {otherwise} END"


def _smaller(speller: _Speller, expr: Call) -> str:
    return f"sp_least({', '.join(_same(speller, *expr.arguments))})"


def _greater(speller: _Speller, expr: Call) -> str:
    return f"sp_greatest({', '.join(_same(speller, *expr.arguments))})"


def _round(speller: _Speller, expr: Call) -> str:
    return f"sp_round({speller.number(expr.arguments[0])}, {_number(10.0 ** int(_constants(expr)[0]))})"


def _bucket(speller: _Speller, expr: Call) -> str:
    edges = ", ".join(_number(float(edge)) for edge in _constants(expr))
    return f"sp_bucket({speller.number(expr.arguments[0])}, [{edges}])"


def _joined(speller: _Speller, expr: Call) -> str:
    between = f" || {_quoted(expr.option)} || " if expr.option else " || "
    return f"({between.join(speller.value(part) for part in expr.arguments)})"


def _cross(speller: _Speller, expr: Call) -> str:
    parts = [
        f"sp_escaped({speller.value(part)})" if speller.kind(part) == TEXT else f"sp_spelled({speller.number(part)})"
        for part in expr.arguments
    ]
    return f"({' || chr(124) || '.join(parts)})"


def _hashed(speller: _Speller, expr: Call) -> str:
    (value, *_), (buckets, seed) = expr.arguments, _constants(expr)
    is_text = speller.kind(value) == TEXT
    word = f"sp_text_word({speller.value(value)})" if is_text else f"sp_number_word({speller.number(value)})"
    return f"sp_hashed({word}, sp_mix({seed}::UHUGEINT), {buckets}::UHUGEINT)"


def _json(speller: _Speller, expr: Call) -> str:
    path, kind, fold = (str(constant) for constant in _constants(expr))
    read = f"sp_{kind}"
    way = "$" + "".join(
        f".{json.dumps(step, ensure_ascii=False)}" if isinstance(step, str) else "[*]" if step is None else f"[{step}]"
        for step in steps(path)
    )
    found = f"json_extract(TRY_CAST({speller.value(expr.arguments[0])} AS JSON), {_quoted(way)})"
    if fold in ("", "size"):
        return f"{read if not fold else 'sp_size'}({found})"
    many = f"list_filter(list_transform(CAST({found} AS JSON[]), lambda j: {read}(j)), lambda v: v IS NOT NULL)"
    return _FOLDS[fold].format(many)


_FOLDS: Mapping[str, str] = {
    "count": "CAST(len({}) AS DOUBLE)",
    "first": "{}[1]",
    "last": "{}[-1]",
    "max": "list_max({})",
    "mean": "list_transform([{}], lambda s: sp_finite(list_reduce([0e0] || s, lambda a, b: a + b)) / len(s))[1]",
    "min": "list_min({})",
    "sum": "sp_finite(list_reduce([0e0] || {}, lambda a, b: a + b))",
}


def _matches(speller: _Speller, expr: Call) -> str:
    return f"regexp_full_match({speller.value(expr.arguments[0])}, {_quoted(str(_constants(expr)[0]))})"


def _constants(expr: Call) -> list[Any]:
    return [part.value for part in expr.arguments[1:] if isinstance(part, Literal)]


_OTHERS: Mapping[str, Callable[[_Speller, Call], str]] = {
    "bucket": _bucket,
    "cross": _cross,
    "fill": _fill,
    "hashed": _hashed,
    "if_else": _if_else,
    "is_null": _is_null,
    "isin": _isin,
    "joined": _joined,
    "json": _json,
    "matches": _matches,
    "maximum": _greater,
    "minimum": _smaller,
    "not": _not,
    "round": _round,
}
