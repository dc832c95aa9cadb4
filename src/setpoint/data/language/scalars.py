"""What each operator and function of the language means for one value, in plain Python.

A number or truth value is a float with NaN for NULL, a time an int of microseconds with NULL_TIME for NULL, a text a
str with None for NULL. `evaluate` gives the same bits for arrays; where the C library computes, both call it.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from setpoint.core.errors import DeclarationError, did_you_mean
from setpoint.data.arrays import NULL_TIME
from setpoint.data.language import clocks, texts
from setpoint.data.language.hashing import mix, word_of
from setpoint.data.language.nested import reader
from setpoint.declare.expr import Binary, Call, Expr, Literal

Plain: TypeAlias = float | int | str | None
"""One value: see the module."""

NAN = math.nan

LAST_TIME = 2**62
"""A time farther than this from 1970 is NULL: no sum of a time and a duration can leave 64 bits."""

EXP_LIMIT = math.log(sys.float_info.max)
"""The greatest number whose exponential is finite."""

WHOLE = 2.0**52
"""From this size on every float64 is a whole number."""


def is_null(value: Plain) -> bool:
    """Whether one value of any kind is NULL.

    >>> [is_null(value) for value in (math.nan, None, NULL_TIME, 0.0, "", 0)]
    [True, True, True, False, False, False]
    """
    return value != value or value is None or (value == NULL_TIME and type(value) is int)  # noqa: PLR0124


def finite(value: float) -> float:
    """The number, or NULL for one that is not finite."""
    return value if value - value == 0.0 else NAN


def is_duration(expr: Expr) -> bool:
    """Whether an operand of + or - is a duration."""
    if isinstance(expr, Literal):
        return expr.unit == "duration"
    return isinstance(expr, Call) and expr.function == "fill" and is_duration(expr.arguments[0])


# --- operators ---------------------------------------------------------------------------------------------


def _add(left: Any, right: Any) -> Plain:
    if type(left) is float:
        return finite(left + right)
    return _shift(left, right)


def _subtract(left: Any, right: Any) -> Plain:
    if type(left) is float:
        return finite(left - right)
    if NULL_TIME in (left, right):
        return NAN
    return float(left - right) / 1_000_000


def _shift(left: int, right: int) -> int:
    if NULL_TIME in (left, right):
        return NULL_TIME
    moved = left + right
    return moved if -LAST_TIME <= moved <= LAST_TIME else NULL_TIME


def _shift_back(left: int, right: int) -> int:
    return _shift(left, -right)


def _multiply(left: Any, right: Any) -> Plain:
    return finite(left * right)


def _divide(left: Any, right: Any) -> Plain:
    return finite(left / right) if right else NAN


def _equal(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left == right else 0.0


def _unequal(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left != right else 0.0


def _less(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left < right else 0.0


def _at_most(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left <= right else 0.0


def _greater(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left > right else 0.0


def _at_least(left: Any, right: Any) -> float:
    return NAN if is_null(left) or is_null(right) else 1.0 if left >= right else 0.0


def _and(left: Any, right: Any) -> float:
    return 0.0 if left == 0.0 or right == 0.0 else left * right


def _or(left: Any, right: Any) -> float:
    return 1.0 if left == 1.0 or right == 1.0 else left + right


# --- functions ---------------------------------------------------------------------------------------------


def _truth_of_null(value: Any) -> float:
    return 1.0 if is_null(value) else 0.0


def _not(value: Any) -> float:
    return float(1.0 - value)


def _isin_constants(known: Sequence[Any]) -> Callable[[Any], Plain]:
    wanted = frozenset(known)
    return lambda value: NAN if is_null(value) else 1.0 if value in wanted else 0.0


def _isin(value: Any, *known: Any) -> float:
    if is_null(value):
        return NAN
    if value in known:
        return 1.0
    return NAN if any(is_null(one) for one in known) else 0.0


def _fill(value: Any, instead: Any) -> Any:
    return instead if is_null(value) else value


def _if_else(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if condition == 1.0 else otherwise


def null_like(value: Plain) -> Plain:
    """The NULL of a value's kind.

    >>> null_like("a"), null_like(1.5), null_like(0) == NULL_TIME
    (None, nan, True)
    """
    return NAN if isinstance(value, float) else NULL_TIME if isinstance(value, int) else None


def is_none(expr: Expr) -> bool:
    """Whether an expression is the literal None, which is a NULL of whatever kind is beside it."""
    return isinstance(expr, Literal) and expr.value is None


def log(value: float) -> float:
    """The natural logarithm; NULL from zero down."""
    return math.log(value) if value > 0.0 else NAN


def log1p(value: float) -> float:
    """The natural logarithm of one plus the value; NULL from -1 down."""
    return math.log1p(value) if value > -1.0 else NAN


def exp(value: float) -> float:
    """The exponential; NULL where it is not finite."""
    return math.exp(value) if value <= EXP_LIMIT else NAN


def power(base: float, exponent: float) -> float:
    """A power; NULL where either is, and where it is no finite real number."""
    if math.isnan(base) or math.isnan(exponent):
        return NAN
    try:
        return math.pow(base, exponent)
    except (ValueError, OverflowError):
        return NAN


def _sqrt(value: float) -> float:
    return math.sqrt(value) if value >= 0.0 else NAN


def _sin(value: float) -> float:
    return math.sin(value)


def _cos(value: float) -> float:
    return math.cos(value)


def _floor(value: float) -> float:
    return float(math.floor(value)) if not math.isnan(value) else NAN


def _ceil(value: float) -> float:
    return float(math.ceil(value)) if not math.isnan(value) else NAN


def _absolute(value: float) -> float:
    return abs(value)


def _sign(value: float) -> float:
    return 1.0 if value > 0.0 else -1.0 if value < 0.0 else 0.0 if value == 0.0 else NAN


def _rounded(constants: Sequence[Any]) -> Callable[[Any], Plain]:
    scale = 10.0 ** int(constants[0])

    def apply(value: float) -> float:
        wide = value * scale
        return float(round(wide)) / scale if abs(wide) < WHOLE else value

    return apply


def _minimum(left: Any, right: Any) -> Any:
    if is_null(left) or is_null(right):
        return left if is_null(left) else right
    return min(left, right)


def _maximum(left: Any, right: Any) -> Any:
    if is_null(left) or is_null(right):
        return left if is_null(left) else right
    return max(left, right)


def _length(text: str | None) -> float:
    return NAN if text is None else float(len(text))


# --- which is which ----------------------------------------------------------------------------------------


def binary(expr: Binary) -> Callable[[Any, Any], Plain]:
    """The meaning of an operator for two values."""
    if expr.op == "-" and is_duration(expr.right):
        return _shift_back
    return _OPERATORS[expr.op]


def function(expr: Call) -> tuple[Callable[..., Plain], tuple[Expr, ...]]:
    """The meaning of a function, and those of its arguments whose values it is called with: it knows the constants.

    Raises DeclarationError for one that does not exist.
    """
    if expr.function in _PLAIN:
        return _PLAIN[expr.function], expr.arguments
    if expr.function in _MADE:
        return _MADE[expr.function](expr), expr.arguments
    if expr.function in _FIXED:
        first, *rest = expr.arguments
        if all(isinstance(part, Literal) and part.value is not None for part in rest):
            return _FIXED[expr.function]([part.value for part in rest if isinstance(part, Literal)]), (first,)
        return _isin, expr.arguments
    raise unknown(expr.function)


def unknown(name: str) -> DeclarationError:
    """The error for a function that does not exist."""
    known = names()
    return DeclarationError(
        f"There is no function {name!r}.", expected=f"one of {', '.join(known)}", hint=did_you_mean(name, known)
    )


def names() -> list[str]:
    """Every function of the language."""
    return sorted([*_PLAIN, *_MADE, *_FIXED])


def _clock(read: Callable[[int], float]) -> Callable[[Call], Callable[..., Plain]]:
    def made(expr: Call) -> Callable[..., Plain]:
        zone = expr.option or "UTC"
        clocks.offset(zone, 0)  # raises for a zone that does not exist

        def shown(moment: int) -> float:
            return NAN if moment == NULL_TIME else read(clocks.local_one(moment, zone))

        return shown

    return made


def _joined(expr: Call) -> Callable[..., Plain]:
    def join(*parts: str | None) -> str | None:
        return None if None in parts else expr.option.join(parts)  # type: ignore[arg-type]

    return join


def _chosen(expr: Call) -> Callable[..., Plain]:
    _, then, otherwise = expr.arguments
    if is_none(otherwise):
        return lambda condition, value, _: value if condition == 1.0 else null_like(value)
    if is_none(then):
        return lambda condition, _, value: null_like(value) if condition == 1.0 else value
    return _if_else


def _bucket(edges: Sequence[Any]) -> Callable[[Any], Plain]:
    places = [float(edge) for edge in edges]
    return lambda value: NAN if math.isnan(value) else float(bisect_right(places, value))


def _hashed(constants: Sequence[Any]) -> Callable[[Any], Plain]:
    buckets, seed = (int(one) for one in constants)
    salt = mix(seed)
    return lambda value: NAN if is_null(value) else float(mix(word_of(value) + salt) % buckets)


def _matches(constants: Sequence[Any]) -> Callable[[Any], Plain]:
    pattern = str(constants[0])
    return lambda text: NAN if text is None else float(texts.matched(text, pattern).as_py())


def _unchanged(_: Sequence[Any]) -> Callable[[Any], Plain]:
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


_OPERATORS: Mapping[str, Callable[[Any, Any], Plain]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "==": _equal,
    "!=": _unequal,
    "<": _less,
    "<=": _at_most,
    ">": _greater,
    ">=": _at_least,
    "&": _and,
    "|": _or,
}
_PLAIN: Mapping[str, Callable[..., Plain]] = {
    "abs": _absolute,
    "ceil": _ceil,
    "cos": _cos,
    "cross": texts.crossed,
    "exp": exp,
    "fill": _fill,
    "floor": _floor,
    "is_null": _truth_of_null,
    "length": _length,
    "log": log,
    "log1p": log1p,
    "lower": texts.lower,
    "maximum": _maximum,
    "minimum": _minimum,
    "not": _not,
    "power": power,
    "sign": _sign,
    "sin": _sin,
    "sqrt": _sqrt,
    "strip": texts.strip,
    "upper": texts.upper,
}
_MADE: Mapping[str, Callable[[Call], Callable[..., Plain]]] = {
    "day": _clock(lambda shown: float(clocks.date(shown)[2])),
    "hour": _clock(lambda shown: clocks.minute_of_day(shown) / 60.0),
    "if_else": _chosen,
    "joined": _joined,
    "minute": _clock(lambda shown: float(clocks.minute_of_day(shown) % 60)),
    "month": _clock(lambda shown: float(clocks.date(shown)[1])),
    "weekday": _clock(lambda shown: float(clocks.weekday(shown))),
    "year": _clock(lambda shown: float(clocks.date(shown)[0])),
}
_FIXED: Mapping[str, Callable[[Sequence[Any]], Callable[[Any], Plain]]] = {
    "bucket": _bucket,
    "hashed": _hashed,
    "isin": _isin_constants,
    "json": lambda constants: reader(*constants),
    "matches": _matches,
    "round": _rounded,
    "standardised": _unchanged,
    "vocabulary": _unchanged,
}
"""What functions of one value mean, given the constants that follow it; only `isin` may have other than constants."""
