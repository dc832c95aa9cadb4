"""Random expressions of the whole language, and an interpreter of one row in plain Python."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from setpoint.data.arrays import NULL_TIME
from setpoint.data.language.evaluate import Inputs
from setpoint.declare.expr import Binary, Call, Expr, Field, Literal, PythonCall
from setpoint.declare.python_feature import python_feature

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")
DOCUMENTS = (
    '{"n": 1, "s": "x", "b": true, "t": "2013-07-01T06:00:00Z", "a": [3, 1, 2.5], "o": {"n": -0.25, "s": null}}',
    '{"a": [{"n": 2, "s": "y"}, {"n": null}, {"s": "z", "n": 1e300}, {"n": 1e300}], "n": "7", "s": 5, "b": 0, "t": 9}',
    '{"a": [], "o": [1], "n": 123456789012345678901234567890, "t": "2013-07-01T06:00:00"}',
    '[1, {"n": 2}]',
    "null",
    '{"n": 1',
    '{"n": 1} trailing',
    '  {"o": {"n": 4, "s": "ü\\u00fc\\n"}, "a": [true, "x", 4, {"n": 1.5}]}\n',
)
NUMBERS = st.sampled_from(
    (None, 0.0, -0.0, 1.0, -2.5, 0.1, 3.0, 1e300, -1e300, 1e-300, 0.5, 1.5, -7.25, 2.0**53, 710.0)
)
TEXTS = st.sampled_from((None, "", "a", "b", "ü", " A|b\\ ", "Straße\t", "ΣΑΣ", "İı", *DOCUMENTS))
TIMES = st.one_of(st.none(), st.integers(-(10**16), 10**16))
BOOLS = st.sampled_from((None, True, False))
FIELDS = {"number": ("n", "m"), "text": ("s", "r"), "time": ("t", "u"), "bool": ("b", "c")}
VALUES = {"number": NUMBERS, "text": TEXTS, "time": TIMES, "bool": BOOLS}
PATHS = ("n", "o.n", "o.s", "s", "b", "t", "a[0]", "a[0].n", "a[1].n", "[1].n", "x.y", "o")
FORKS = ("a[*]", "a[*].n", "a[*].s", "[*].n")
PATTERNS = ("", "a", "[aü]?|İ.*", "(?i)STRA.*", r"\w+", r".*\d.*", "[^a]*")
LIBRARY = ("log1p", "log", "exp", "sin", "cos")
"""Functions of one number that a mathematical library computes, each perhaps with another last bit."""

Row = Mapping[str, Any]


@python_feature(kind="number")
def half_or_zero(values: np.ndarray) -> np.ndarray:
    """A Python feature of a number."""
    return np.where(np.isnan(values), 0.0, values / 2)


@python_feature(kind="text")
def first_letter(texts: np.ndarray) -> np.ndarray:
    """A Python feature of a text."""
    return np.array([text[:1] if text else None for text in texts], dtype=object)


@python_feature(kind="bool")
def before(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A Python feature of two times, NULL_TIME being the earliest."""
    return left < right


def call(name: str, *options: Any) -> Callable[..., Expr]:
    """What makes a call of its arguments and these constants."""
    return lambda *arguments: Call(name, (*arguments, *[Literal(option) for option in options]))


@cache
def expressions(kind: str, depth: int, *, sql: bool = False) -> st.SearchStrategy[Expr]:
    """Expressions that give a kind, up to a depth; for SQL without mathematical libraries and Python."""
    leaves: list[st.SearchStrategy[Expr]] = [st.sampled_from(FIELDS[kind]).map(Field)]
    if kind in ("number", "bool"):
        leaves.append(VALUES[kind].filter(lambda value: value is not None).map(Literal))
    if kind == "text":
        leaves.append(st.sampled_from(("", "a", "ü")).map(Literal))
    if kind == "time":
        leaves.append(st.integers(-(10**15), 10**15).map(lambda micros: Literal(micros, "time")))
    if depth == 0:
        return st.one_of(leaves)

    def part(of: str) -> st.SearchStrategy[Expr]:
        return expressions(of, depth - 1, sql=sql)

    def pair(ops: tuple[str, ...], left: str, right: str) -> st.SearchStrategy[Expr]:
        return st.builds(Binary, st.sampled_from(ops), part(left), part(right))

    more: list[st.SearchStrategy[Expr]] = [
        st.builds(call("fill"), part(kind), part(kind)),
        st.builds(call("if_else"), part("bool"), part(kind), part(kind)),
        st.builds(call("if_else"), part("bool"), part(kind), st.just(Literal(None))),
        st.builds(call("if_else"), part("bool"), st.just(Literal(None)), part(kind)),
        st.builds(paths(kind), part("text"), st.sampled_from(PATHS), st.just("")),
        st.builds(paths(kind), part("text"), st.sampled_from(FORKS), st.sampled_from(("first", "last"))),
    ]
    if kind in ("number", "time"):
        more.append(st.builds(paths(kind), part("text"), st.sampled_from(FORKS), st.sampled_from(("min", "max"))))
        more.append(
            st.sampled_from(("minimum", "maximum")).flatmap(lambda name: st.builds(call(name), *[part(kind)] * 2))
        )
    if kind == "number":
        more += number_calls(part, pair, library=not sql)
    elif kind == "text":
        more += [
            st.sampled_from(("lower", "upper", "strip")).flatmap(lambda name: st.builds(call(name), part("text"))),
            st.builds(lambda one, other: Call("joined", (one, other, one), "-"), part("text"), part("text")),
            st.sampled_from(("number", "text", "bool")).flatmap(
                lambda of: st.builds(call("cross"), part("text"), part(of), part("text"))
            ),
        ]
    elif kind == "time":
        length = st.integers(-(10**12), 10**12).map(lambda micros: Literal(micros, "duration"))
        more.append(st.builds(Binary, st.sampled_from(("+", "-")), part("time"), length))
    elif kind == "bool":
        more += bool_calls(part, pair)
    if not sql:
        python = {
            "number": (half_or_zero, ["number"]),
            "text": (first_letter, ["text"]),
            "bool": (before, ["time"] * 2),
        }
        if kind in python:
            feature, of = python[kind]
            more.append(st.builds(feature, *[part(one) for one in of]))
    return st.one_of(*leaves, *more)


def paths(kind: str) -> Callable[[Expr, str, str], Expr]:
    """What makes a path that gives a kind."""
    return lambda text, path, fold: text.json(path, kind=kind, fold=fold)


def number_calls(
    part: Callable[[str], st.SearchStrategy[Expr]], pair: Callable[..., Any], *, library: bool
) -> list[Any]:
    """Calls that give a number."""
    plain = ("abs", "sqrt", "floor", "ceil", "sign", *(LIBRARY if library else ()))
    clocks = ("hour", "weekday", "minute", "day", "month", "year")
    return [
        pair(("+", "-", "*", "/"), "number", "number"),
        pair(("+", "-", "*", "/"), "number", "bool"),
        pair(("-",), "time", "time"),
        st.builds(call("if_else"), part("bool"), part("number"), part("bool")),
        st.sampled_from(plain).flatmap(lambda name: st.builds(call(name), part("number"))),
        *([st.builds(call("power"), part("number"), part("number"))] if library else []),
        st.sampled_from((0, 1, 2, 15)).flatmap(lambda places: st.builds(call("round", places), part("number"))),
        st.builds(
            lambda name, one, zone: Call(name, (one,), zone),
            st.sampled_from(clocks),
            part("time"),
            st.sampled_from(ZONES),
        ),
        st.builds(call("length"), part("text")),
        st.builds(call("bucket", -1.0, 0.0, 0.1, 3.0), part("number")),
        st.sampled_from(("number", "text", "bool")).flatmap(lambda of: st.builds(call("hashed", 1000, 7), part(of))),
        st.builds(paths("number"), part("text"), st.sampled_from(("a", "o", "x")), st.just("size")),
        st.builds(paths("number"), part("text"), st.sampled_from(FORKS), st.sampled_from(("count", "sum", "mean"))),
    ]


def bool_calls(part: Callable[[str], st.SearchStrategy[Expr]], pair: Callable[..., Any]) -> list[Any]:
    """Calls that give a truth value."""
    every = ("==", "!=", "<", "<=", ">", ">=")
    return [
        pair(("&", "|"), "bool", "bool"),
        pair(every, "number", "number"),
        pair(every, "bool", "number"),
        pair(every, "bool", "bool"),
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
        st.builds(call("matches"), part("text"), st.sampled_from(PATTERNS).map(Literal)),
    ]


def alone(name: str) -> tuple[str, Expr]:
    """A function of fields and constants, with the kind that it gives."""
    n, s, b, t = (Field(one) for one in "nsbt")
    texts = {"lower": (s,), "upper": (s,), "strip": (s,), "joined": (s, Field("r")), "vocabulary": (s, Literal(1))}
    texts["cross"] = (s, n, b)
    numbers = {"length": (s,), "power": (n, Field("m")), "round": (n, Literal(2)), "bucket": (n, Literal(0.0))}
    numbers |= {"minimum": (n, Field("m")), "maximum": (n, b), "if_else": (b, n, Field("m")), "fill": (n, Field("m"))}
    numbers |= {"hashed": (s, Literal(100), Literal(3)), "json": (s, Literal("a"), Literal("text"), Literal("size"))}
    numbers |= dict.fromkeys(CLOCKS, (t,))
    bools = {"matches": (s, Literal("[aü]?|İ.*")), "is_null": (t,), "isin": (n, Literal(1.0), Field("m")), "not": (b,)}
    if name in texts:
        return "text", Call(name, texts[name], "-" if name == "joined" else "")
    if name in bools:
        return "bool", Call(name, bools[name])
    return "number", Call(name, numbers.get(name, (n,)), ZONES[1] if name in CLOCKS else "")


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
    if isinstance(expr, PythonCall):
        return python(expr.name, *[meaning(part, row) for part in expr.arguments])
    assert isinstance(expr, Call)
    values = [meaning(part, row) for part in expr.arguments]
    first = values[0]
    if expr.function == "is_null":
        return first is None
    if expr.function == "fill":
        return values[1] if first is None else first
    if expr.function == "if_else":
        return values[1] if first is True else values[2]
    if expr.function in ("standardised", "vocabulary"):
        return first
    if expr.function == "isin":
        if first is None:
            return None
        if any(value == first for value in values[1:] if value is not None):
            return True
        return None if None in values[1:] else False
    if None in values:
        return None
    if expr.function == "not":
        return not first
    if expr.function in CLOCKS:
        return CLOCKS[expr.function]((EPOCH + timedelta(microseconds=first)).astimezone(ZoneInfo(expr.option)))
    if expr.function == "joined":
        return expr.option.join(values)
    try:
        found = FUNCTIONS[expr.function](*values)
    except (ValueError, OverflowError):
        return None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def python(name: str, *values: Any) -> Any:
    """The Python features above, of one row."""
    if name == "half_or_zero":
        return 0.0 if values[0] is None else values[0] / 2
    if name == "first_letter":
        return values[0][:1] if values[0] else None
    left, right = [NULL_TIME if value is None else value for value in values]
    return left < right


def rounded(value: float, places: int) -> float:
    """Ties to even of the product, which is itself rounded."""
    wide = value * 10.0**places
    if abs(wide) >= 2**52:
        return value
    return float(Decimal(wide).quantize(Decimal(1), ROUND_HALF_EVEN)) / 10.0**places + 0.0


def simple(text: str, change: Callable[[str], str], special: Mapping[str, str]) -> str:
    """Each character in its other case, one for one."""
    return "".join(special.get(one) or (change(one) if len(change(one)) == 1 else one) for one in text)


def crossed(*parts: Any) -> str:
    """Texts between bars, bars and backslashes escaped."""
    words = [part if isinstance(part, str) else spelled(float(part)) for part in parts]
    return "|".join("".join("\\" + one if one in "|\\" else one for one in word) for word in words)


def spelled(number: float) -> str:
    """A number in words, a whole one as such."""
    return f"{number + 0.0:.0f}" if number == math.floor(number) and abs(number) < 2**53 else repr(number)


def splitmix(word: int) -> int:
    """The finaliser of splitmix64."""
    word = (word + 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


def hashed(value: Any, buckets: int, seed: int) -> float:
    """The bucket of a text or number."""
    if isinstance(value, str):
        cells = [splitmix(256 * place + byte) for place, byte in enumerate(value.encode())]
        word = splitmix((len(cells) + sum(cells)) % 2**64)
    else:
        word = int.from_bytes(np.float64(float(value) + 0.0).tobytes(), "little")
    return float(splitmix((word + splitmix(seed)) % 2**64) % buckets)


def at_path(text: str, path: str, kind: str, fold: str) -> Any:
    """What lies at a path, by way of Python's own JSON."""
    try:
        whole = json.loads(text)
    except ValueError:
        return None
    ends = [whole]
    for step in path.replace("[", ".[").strip(".").split("."):
        if step == "[*]":
            ends = [one for end in ends if isinstance(end, list) for one in end]
        elif step.startswith("["):
            place = int(step[1:-1])
            ends = [end[place] for end in ends if isinstance(end, list) and place < len(end)]
        else:
            ends = [end[step] for end in ends if isinstance(end, dict) and step in end]
    if fold == "size":
        return float(len(ends[0])) if ends and isinstance(ends[0], list) else None
    values = [value for value in (of_kind(end, kind) for end in ends) if value is not None]
    if fold in ("", "first"):
        return values[0] if values else None
    if fold == "count":
        return float(len(values))
    if fold == "last":
        return values[-1] if values else None
    if fold in ("min", "max"):
        return {"min": min, "max": max}[fold](values) if values else None
    total = 0.0
    for value in values:
        total += value
    return total if fold == "sum" else total / len(values) if values else None


def of_kind(value: Any, kind: str) -> Any:
    """A JSON value, if it is of a kind."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "number":
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    if kind == "text":
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - EPOCH) // timedelta(microseconds=1)


CLOCKS: dict[str, Callable[[datetime], float]] = {
    "hour": lambda clock: (clock.hour * 60 + clock.minute) / 60,
    "minute": lambda clock: float(clock.minute),
    "weekday": lambda clock: float(clock.weekday()),
    "day": lambda clock: float(clock.day),
    "month": lambda clock: float(clock.month),
    "year": lambda clock: float(clock.year),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "log1p": math.log1p,
    "log": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "floor": lambda value: float(math.floor(value)),
    "ceil": lambda value: float(math.ceil(value)),
    "sign": lambda value: float((value > 0) - (value < 0)),
    "sin": math.sin,
    "cos": math.cos,
    "power": math.pow,
    "round": rounded,
    "minimum": min,
    "maximum": max,
    "length": lambda text: float(len(text)),
    "lower": lambda text: simple(text, str.lower, {"İ": "i"}),
    "upper": lambda text: simple(text, str.upper, {"ß": "ẞ"}),
    "strip": str.strip,
    "cross": crossed,
    "bucket": lambda value, *edges: float(sum(edge <= value for edge in edges)),
    "hashed": hashed,
    "json": at_path,
    "matches": lambda text, pattern: re.fullmatch(pattern, text, re.ASCII) is not None,
}


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
        if isinstance(expr.right, Literal) and expr.right.unit == "duration":
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


def words(kind: str, values: list[Any]) -> list[Any]:
    """What an evaluator gave, in the words of the interpreter; numbers by their bits."""
    if kind == "text":
        return values
    if kind == "time":
        return [None if value == NULL_TIME else value for value in values]
    return [None if math.isnan(value) else value.hex() for value in values]


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
