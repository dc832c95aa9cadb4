"""Expressions of one decision, compiled once: plain values in and out, the same bits as `evaluate` of one row.

An expression becomes steps over numbered places: each step reads the places of its arguments and writes its own. What
is equal is computed once, whichever expression it stands in, and what is constant when compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.data.arrays import NULL_TIME
from setpoint.data.language import scalars
from setpoint.data.language.embedded import embed_one, embedding_key, number_at
from setpoint.data.language.evaluate import aggregate_key
from setpoint.data.language.python_calls import one
from setpoint.data.language.scalars import NAN, Plain
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
)
from setpoint.declare.kinds import TEXT, TIME
from setpoint.declare.source import info

Compiled: TypeAlias = "Callable[[Given], list[Plain]]"
Places: TypeAlias = list[Any]


@dataclass(slots=True)
class Given:
    """What the expressions of one decision read, each value plain (see `plain`).

    `columns` by (source name, column name), `fields` and `features` by name, `aggregates` by `aggregate_key`.
    """

    fields: Mapping[str, Plain] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], Plain] = field(default_factory=dict)
    aggregates: Mapping[str, Plain] = field(default_factory=dict)
    now: int | None = None
    features: Mapping[str, Plain] = field(default_factory=dict)
    action: str | None = None


def plain(value: Any, kind: str) -> Plain:
    """A value of a kind as expressions read it: a float (a truth value too), a text, or microseconds; None is its NULL.

    >>> plain(3, "number"), plain(True, "bool"), plain(None, "text"), plain(None, "number")
    (3.0, 1.0, None, nan)
    """
    if kind == TEXT:
        return None if value is None else str(value)
    if kind == TIME:
        return NULL_TIME if value is None else int(value)
    return NAN if value is None else float(value)


def compile_one(exprs: Sequence[Expr]) -> Compiled:
    """A function that gives the value of each expression for one decision.

    It raises NameUnknown or DeclarationError, as `evaluate` does, where an expression reads what was not given.

    >>> from setpoint.declare.expr import field
    >>> half = compile_one([field("total") / 2, field("total") > 5])
    >>> half(Given(fields={"total": 9.0}))
    [4.5, 1.0]
    """
    program = _Program()
    results = [program.place(expr) for expr in exprs]
    start, leaves, steps = tuple(program.places), tuple(program.leaves), tuple(program.steps)

    def run(given: Given) -> list[Plain]:
        places = [*start]
        try:
            for place, read, name in leaves:
                places[place] = read(given, name)
        except KeyError:
            raise _missing(program.read[place], given) from None
        for place, step in steps:
            places[place] = step(places)
        return [places[place] for place in results]

    return run


class _Program:
    """Steps while they are put together; `places` holds the constants, and None for what comes with the request."""

    def __init__(self) -> None:
        self.places: Places = []
        self.leaves: list[tuple[int, Callable[[Given, Any], Plain], Any]] = []
        self.read: dict[int, Expr] = {}
        self.steps: list[tuple[int, Callable[[Places], Plain]]] = []
        self._constant: set[int] = set()
        self._known: dict[object, int] = {}

    def place(self, expr: Expr) -> int:
        """The place where an expression's value will be."""
        if isinstance(expr, Literal):
            return self._literal(expr)
        if isinstance(expr, Binary):
            parts: tuple[int, ...] = (self.place(expr.left), self.place(expr.right))
            rule: Callable[..., Plain] = scalars.binary(expr)
            return self._step((rule, parts), rule, parts)
        if isinstance(expr, Call):
            everything = tuple(self.place(part) for part in expr.arguments)
            rule, read = scalars.function(expr)
            return self._step((expr.function, expr.option, everything), rule, everything[: len(read)])
        if isinstance(expr, PythonCall):
            parts = tuple(self.place(part) for part in expr.arguments)
            return self._step((expr.version, parts), one(expr), parts)
        if isinstance(expr, Embedded):
            whole = (self._step(embedding_key(expr), embed_one(expr), (self.place(expr.text),)),)
            return self._step((expr.place, whole), number_at(expr.place), whole)
        return self._leaf(expr)

    def _literal(self, expr: Literal) -> int:
        value: Any = expr.value
        if not expr.unit and not isinstance(value, str):
            value = NAN if value is None else float(value)
        return self._new((type(value), repr(value)), value, constant=True)

    def _leaf(self, expr: Expr) -> int:
        read, name = _leaf(expr)
        known = (read, name)
        if known not in self._known:
            place = self._new(known, None, constant=False)
            self.leaves.append((place, read, name))
            self.read[place] = expr
        return self._known[known]

    def _step(self, known: object, rule: Callable[..., Plain], parts: tuple[int, ...]) -> int:
        if known in self._known:
            return self._known[known]
        if self._constant.issuperset(parts):
            return self._new(known, rule(*[self.places[part] for part in parts]), constant=True)
        place = self._new(known, None, constant=False)
        self.steps.append((place, _applied(rule, parts)))
        return place

    def _new(self, known: object, value: Any, *, constant: bool) -> int:
        if known not in self._known:
            self._known[known] = len(self.places)
            self.places.append(value)
            if constant:
                self._constant.add(self._known[known])
        return self._known[known]


def _applied(rule: Callable[..., Plain], parts: tuple[int, ...]) -> Callable[[Places], Plain]:
    """The rule on what lies at these places."""
    if len(parts) == 1:
        (one,) = parts
        return lambda places: rule(places[one])
    if len(parts) == 2:
        left, right = parts
        return lambda places: rule(places[left], places[right])
    return lambda places: rule(*[places[part] for part in parts])


def _leaf(expr: Expr) -> tuple[Callable[[Given, Any], Plain], object]:
    """How a value that comes with the request is read, and under which name."""
    if isinstance(expr, Column):
        return _column, (info(expr.source).name, expr.name)
    if isinstance(expr, Field):
        return _field, expr.name
    if isinstance(expr, FeatureRef):
        return _feature, expr.name
    if isinstance(expr, (Aggregate, Neighbours)):
        return _aggregate, aggregate_key(expr)
    if isinstance(expr, Now):
        return _now, None
    if isinstance(expr, Action):
        return _action, None
    raise WrongType(f"{expr!r} is not an expression.")


def _column(given: Given, name: tuple[str, str]) -> Plain:
    return given.columns[name]


def _field(given: Given, name: str) -> Plain:
    return given.fields[name]


def _feature(given: Given, name: str) -> Plain:
    return given.features[name]


def _aggregate(given: Given, key: str) -> Plain:
    return given.aggregates[key]


def _now(given: Given, _: None) -> Plain:
    if given.now is None:
        raise KeyError
    return given.now


def _action(given: Given, _: None) -> Plain:
    if given.action is None:
        raise KeyError
    return given.action


def _missing(expr: Expr, given: Given) -> DeclarationError:
    """The error for what an expression reads and was not given."""
    where = "The data at hand"
    if isinstance(expr, Column):
        known = [f"{source}.{name}" for source, name in given.columns]
        return NameUnknown("column", f"{info(expr.source).name}.{expr.name}", known, where=where)
    if isinstance(expr, Field):
        return NameUnknown("request field", expr.name, given.fields, where=where)
    if isinstance(expr, FeatureRef):
        return NameUnknown("feature", expr.name, given.features, where=where)
    if isinstance(expr, (Aggregate, Neighbours)):
        return DeclarationError(f"{expr} was not folded before its expression was computed.")
    what = "decision is taken" if isinstance(expr, Now) else "action is known"
    return DeclarationError(f"{expr} is read where no {what}.", expected="an expression of columns")
