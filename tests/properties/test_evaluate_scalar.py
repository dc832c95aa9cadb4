"""The evaluator against an interpreter of one value at a time, in pure Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.data.arrays import NULL_TIME
from setpoint.data.evaluate import Inputs, evaluate
from setpoint.declare.expr import Binary, Call, Expr, Field, Literal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")
NUMBERS = st.sampled_from((None, 0.0, -0.0, 1.0, -2.5, 0.1, 3.0, 1e300, -1e300, 1e-300))
TEXTS = st.sampled_from((None, "", "a", "b", "ü"))
TIMES = st.one_of(st.none(), st.integers(-(10**16), 10**16))
BOOLS = st.sampled_from((None, True, False))
FIELDS = {"number": ("n", "m"), "text": ("s", "r"), "time": ("t", "u"), "bool": ("b", "c")}
VALUES = {"number": NUMBERS, "text": TEXTS, "time": TIMES, "bool": BOOLS}
Row = Mapping[str, Any]


@cache
def expressions(kind: str, depth: int) -> st.SearchStrategy[Expr]:
    """Expressions that give a kind, up to a depth."""
    leaves: list[st.SearchStrategy[Expr]] = [st.sampled_from(FIELDS[kind]).map(Field)]
    if kind in ("number", "bool"):
        leaves.append(VALUES[kind].filter(lambda value: value is not None).map(Literal))
    if kind == "text":
        leaves.append(st.sampled_from(("", "a", "ü")).map(Literal))
    if depth == 0:
        return st.one_of(leaves)

    def part(of: str) -> st.SearchStrategy[Expr]:
        return expressions(of, depth - 1)

    def pair(ops: tuple[str, ...], left: str, right: str) -> st.SearchStrategy[Expr]:
        return st.builds(Binary, st.sampled_from(ops), part(left), part(right))

    fill: st.SearchStrategy[Expr] = st.builds(lambda one, other: Call("fill", (one, other)), part(kind), part(kind))
    more: list[st.SearchStrategy[Expr]] = [fill]
    if kind == "number":
        more += [
            pair(("+", "-", "*", "/"), "number", "number"),
            pair(("-",), "time", "time"),
            st.builds(lambda name, one: Call(name, (one,)), st.sampled_from(("abs", "log1p")), part("number")),
            st.builds(
                lambda name, one, zone: Call(name, (one,), zone),
                st.sampled_from(("hour", "weekday")),
                part("time"),
                st.sampled_from(ZONES),
            ),
        ]
    elif kind == "time":
        length = st.integers(-(10**12), 10**12).map(lambda micros: Literal(micros, "duration"))
        more.append(st.builds(Binary, st.sampled_from(("+", "-")), part("time"), length))
    elif kind == "bool":
        every = ("==", "!=", "<", "<=", ">", ">=")
        more += [
            pair(("&", "|"), "bool", "bool"),
            pair(every, "number", "number"),
            pair(every, "time", "time"),
            pair(("==", "!="), "text", "text"),
            part("bool").map(lambda one: Call("not", (one,))),
            st.sampled_from(tuple(FIELDS)).flatmap(part).map(lambda one: Call("is_null", (one,))),
            st.builds(
                lambda one, others: Call("isin", (one, *others)),
                part("text"),
                st.lists(st.sampled_from(("", "a", "b")).map(Literal), max_size=3),
            ),
            st.builds(
                lambda one, others: Call("isin", (one, *others)), part("number"), st.lists(part("number"), max_size=2)
            ),
        ]
    return st.one_of(*leaves, *more)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def meaning(expr: Expr, row: Row) -> Any:
    """The value of an expression for one row: a Python number, text, int of microseconds, bool, or None for NULL."""
    if isinstance(expr, Literal):
        return expr.value
    if isinstance(expr, Field):
        return row[expr.name]
    if isinstance(expr, Binary):
        return binary(expr, meaning(expr.left, row), meaning(expr.right, row))
    assert isinstance(expr, Call)
    values = [meaning(part, row) for part in expr.arguments]
    first = values[0]
    if expr.function == "is_null":
        return first is None
    if expr.function == "fill":
        return values[1] if first is None else first
    if expr.function == "isin":
        if first is None:
            return None
        if any(value == first for value in values[1:] if value is not None):
            return True
        return None if None in values[1:] else False
    if first is None:
        return None
    if expr.function == "not":
        return not first
    if expr.function == "abs":
        return abs(first)
    if expr.function == "log1p":
        return math.log1p(first) if first > -1 else None
    clock = (EPOCH + timedelta(microseconds=first)).astimezone(ZoneInfo(expr.option))
    return float(clock.weekday()) if expr.function == "weekday" else (clock.hour * 60 + clock.minute) / 60


def binary(expr: Binary, left: Any, right: Any) -> Any:
    """Two values combined."""
    if expr.op == "&":
        return False if left is False or right is False else None if left is None or right is None else True
    if expr.op == "|":
        return True if left is True or right is True else None if left is None or right is None else False
    if left is None or right is None:
        return None
    if expr.op in COMPARE:
        return COMPARE[expr.op](left, right)
    if isinstance(left, int) and not isinstance(left, bool):
        if isinstance(expr.right, Literal):
            return left + right if expr.op == "+" else left - right
        return (left - right) / 1_000_000
    left, right = float(left), float(right)
    try:
        found = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
        }[expr.op]()
    except ZeroDivisionError:
        return None
    return found if math.isfinite(found) else None


def arrays(rows: list[Row]) -> Inputs:
    """The rows as the evaluator takes them."""
    fields: dict[str, np.ndarray] = {}
    for kind, names in FIELDS.items():
        for name in names:
            values = [row[name] for row in rows]
            if kind == "text":
                fields[name] = np.array([*values, None], dtype=object)[:-1]
            elif kind == "time":
                fields[name] = np.array([NULL_TIME if value is None else value for value in values], dtype=np.int64)
            else:
                fields[name] = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    return Inputs(len(rows), fields=fields)


def plain(kind: str, values: np.ndarray) -> list[Any]:
    """What the evaluator gave, as the interpreter gives it; numbers by their bits."""
    if kind == "text":
        return values.tolist()
    if kind == "time":
        return [None if value == NULL_TIME else value for value in values.tolist()]
    return [None if math.isnan(value) else value.hex() for value in values.tolist()]


def expected(kind: str, value: Any) -> Any:
    """A value of the interpreter in the same words."""
    return value if value is None or kind in ("text", "time") else float(value).hex()


rows_of = st.lists(
    st.fixed_dictionaries({name: VALUES[kind] for kind, names in FIELDS.items() for name in names}),
    min_size=1,
    max_size=5,
)
kinds_and_expressions = st.sampled_from(tuple(FIELDS)).flatmap(
    lambda kind: st.tuples(st.just(kind), expressions(kind, 3))
)


@settings(max_examples=400)
@given(kinds_and_expressions, rows_of, st.sampled_from((1, 30)))
def test_an_expression_means_the_same_for_arrays_and_for_one_value(
    built: tuple[str, Expr], rows: list[Row], copies: int
) -> None:
    """Every operation in every combination, with NULL everywhere, to the last bit; short arrays and long ones."""
    kind, expr = built
    repeated = rows * copies
    found = evaluate(expr, arrays(repeated))
    assert plain(kind, found) == [expected(kind, meaning(expr, row)) for row in rows] * copies


def test_the_words_of_the_language_are_those_tested() -> None:
    """What a declaration can write is what the interpreter above knows."""
    price, when = sp.field("n"), sp.field("t")
    written = [sp.log1p(price), sp.absolute(price), price.fill(0), price.is_null(), price.isin([1]), ~(price > 1)]
    written += [when.hour(), when.weekday()]
    names = {expr.function for expr in written if isinstance(expr, Call)}
    assert names == {"log1p", "abs", "fill", "is_null", "isin", "not", "hour", "weekday"}
