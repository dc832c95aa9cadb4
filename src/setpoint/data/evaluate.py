"""The one evaluator of expressions: arrays in, an array out, the same bits whatever their length.

NULL goes through arithmetic and comparisons; &, | and ~ follow Kleene's three-valued logic (Introduction to
Metamathematics, 1952, section 64), so that false & NULL is false and true | NULL is true. A number without a finite
value, such as one divided by zero, is NULL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType, did_you_mean
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask, to_array, to_arrow
from setpoint.declare.expr import (
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
    to_dict,
)
from setpoint.declare.source import info

__all__ = ["NULL_TIME", "Inputs", "aggregate_key", "evaluate", "is_true", "null_mask", "to_array", "to_arrow"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_HOUR = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_LAST_HOUR = (datetime(9998, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_DENSE = 1 << 21
_ARROW_FROM = 64


@dataclass(frozen=True)
class Inputs:
    """What an expression reads, each an array of `size` values (see `arrays`).

    `columns` by (source name, column name), `fields` and `features` by name, `aggregates` by `aggregate_key`.
    """

    size: int
    columns: Mapping[tuple[str, str], Array] = field(default_factory=dict)
    fields: Mapping[str, Array] = field(default_factory=dict)
    features: Mapping[str, Array] = field(default_factory=dict)
    aggregates: Mapping[str, Array] = field(default_factory=dict)
    now: Array | None = None
    action: Array | None = None


@lru_cache(maxsize=1 << 16)
def aggregate_key(node: Aggregate) -> str:
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


def _aggregate(expr: Aggregate, inputs: Inputs) -> Array:
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
        return _and(left, right)
    if operator == "|":
        return _or(left, right)
    if operator in _COMPARE:
        return _compared(_COMPARE[operator](left, right), null_mask(left) | null_mask(right))
    if left.dtype == np.int64:
        if operator == "-" and not _is_duration(expr.right):
            return _seconds(left, right)
        return _shift(left, right if operator == "+" else -right)
    with np.errstate(all="ignore"):
        return _finite(_ARITHMETIC[operator](left, right))


def _finite(values: Array) -> Array:
    """The values with one NaN for whatever is not a finite number; `values` is written."""
    values[~np.isfinite(values)] = np.nan
    return values


def _compared(truth: Array, null: Mask) -> Array:
    found = truth.astype(np.float64)
    found[null] = np.nan
    return found


def _and(left: Array, right: Array) -> Array:
    return _compared((left == 1.0) & (right == 1.0), ~((left == 0.0) | (right == 0.0)) & (np.isnan(left + right)))


def _or(left: Array, right: Array) -> Array:
    true = (left == 1.0) | (right == 1.0)
    return _compared(true, ~true & np.isnan(left + right))


def _seconds(left: Array, right: Array) -> Array:
    found = np.asarray((left - right) / 1_000_000, dtype=np.float64)
    found[null_mask(left) | null_mask(right)] = np.nan
    return found


def _shift(left: Array, right: Array) -> Array:
    """Times moved by durations, in either order; a duration is never NULL_TIME."""
    return np.where(null_mask(left) | null_mask(right), NULL_TIME, left + right)


def _is_duration(expr: Expr) -> bool:
    if isinstance(expr, Literal):
        return expr.unit == "duration"
    return isinstance(expr, Call) and expr.function == "fill" and _is_duration(expr.arguments[0])


def _call(expr: Call, inputs: Inputs) -> Array:
    try:
        rule = _FUNCTIONS[expr.function]
    except KeyError:
        raise DeclarationError(
            f"There is no function {expr.function!r}.",
            expected=f"one of {', '.join(sorted(_FUNCTIONS))}",
            hint=did_you_mean(expr.function, _FUNCTIONS),
        ) from None
    return rule(expr, *[_value(part, inputs) for part in expr.arguments])


def _is_null(_: Call, values: Array) -> Array:
    return null_mask(values).astype(np.float64)


def _not(_: Call, values: Array) -> Array:
    return 1.0 - values


def _isin(expr: Call, values: Array, *known: Array) -> Array:
    """Whether a value equals one of these: the `|` of the comparisons."""
    if all(isinstance(part, Literal) and part.value is not None for part in expr.arguments[1:]):
        if values.size < _ARROW_FROM:
            wanted = {one[0] for one in known}
            return _compared(np.array([value in wanted for value in values.tolist()], dtype=bool), null_mask(values))
        if values.dtype == object:
            texts = pa.array([one[0] for one in known], pa.string())
            truth = pc.is_in(pa.array(values, pa.string()), value_set=texts)
            return _compared(truth.to_numpy(zero_copy_only=False), null_mask(values))
    found = _compared(np.zeros(values.shape, dtype=bool), null_mask(values))
    for one in known:
        found = _or(found, _compared(np.equal(values, one), null_mask(values) | null_mask(one)))
    return found


def _fill(_: Call, values: Array, instead: Array) -> Array:
    return np.where(null_mask(values), instead, values)


def _absolute(_: Call, values: Array) -> Array:
    return np.abs(values)


def _log1p(_: Call, values: Array) -> Array:
    """The C library's log1p for each value: vector versions differ in the last bit between machines."""
    inside = np.where(values > -1.0, values, np.nan)
    return np.fromiter(map(math.log1p, inside.tolist()), np.float64, count=inside.size)


def _hour(expr: Call, values: Array) -> Array:
    minutes = (values + _offsets(expr.option or "UTC", values)) % DAY // MINUTE
    return _compared(minutes / 60.0, null_mask(values))


def _weekday(expr: Call, values: Array) -> Array:
    days = (values + _offsets(expr.option or "UTC", values)) // DAY
    return _compared((days + 3) % 7, null_mask(values))


def _offsets(zone: str, values: Array) -> Array | int:
    """Microseconds to add to each time for the clocks of a zone; anything at all for a NULL."""
    if zone == "UTC":
        return 0
    if values.size == 1:
        return _offset(zone, int(values[0]))
    hours = np.clip(values // HOUR, _FIRST_HOUR, _LAST_HOUR)
    real = ~null_mask(values)
    hours[~real] = hours[real][0] if real.any() else 0
    first = int(hours.min(initial=_LAST_HOUR))
    span = int(hours.max(initial=_FIRST_HOUR)) - first + 1
    if 0 < span <= _DENSE:
        index = hours - first
        present = np.zeros(span, dtype=bool)
        present[index] = True
        distinct = np.flatnonzero(present) + first
        table = np.zeros(span, dtype=np.int64)
        slots = distinct - first
    else:
        distinct, index = np.unique(hours, return_inverse=True)
        table = np.zeros(distinct.size, dtype=np.int64)
        slots = np.arange(distinct.size)
    constant = [_hour_offset(zone, hour) for hour in distinct.tolist()]
    table[slots] = [_CHANGES if offset is None else offset for offset in constant]
    found: Array = table[index]
    for place in np.flatnonzero((found == _CHANGES) & real):
        found[place] = _offset(zone, int(values[place]))
    return found


_CHANGES = 2**62


@lru_cache(maxsize=1 << 12)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise DeclarationError(
            f"There is no time zone {name!r}.",
            expected='a name such as "America/New_York"',
            hint=did_you_mean(name, available_timezones()),
        ) from None


def _offset(zone: str, moment: int) -> int:
    """Microseconds to add to one time for the clocks of a zone."""
    hour = min(max(moment // HOUR, _FIRST_HOUR), _LAST_HOUR)
    constant = _hour_offset(zone, hour)
    if constant is not None:
        return constant
    return _shown(zone, timedelta(microseconds=moment))


@lru_cache(maxsize=1 << 18)
def _hour_offset(zone: str, hour: int) -> int | None:
    """The offset of a whole hour UTC, or None when clocks change within it."""
    first = _shown(zone, timedelta(hours=hour))
    last = _shown(zone, timedelta(hours=hour + 1, microseconds=-1))
    return first if first == last else None


def _shown(zone: str, since_epoch: timedelta) -> int:
    shown = (_EPOCH + since_epoch).astimezone(_zone(zone)).utcoffset() or timedelta()
    return shown // timedelta(microseconds=1)


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
_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "is_null": _is_null,
    "not": _not,
    "isin": _isin,
    "fill": _fill,
    "abs": _absolute,
    "log1p": _log1p,
    "hour": _hour,
    "weekday": _weekday,
}
_RULES: Mapping[type[Expr], Callable[..., Array]] = {
    Literal: _literal,
    Column: _column,
    Field: _field,
    FeatureRef: _feature,
    Aggregate: _aggregate,
    Now: _now,
    Action: _action,
    Binary: _binary,
    Call: _call,
}
