"""What each function of the language means for arrays, to the same bits as `scalars` gives for one value.

Numpy computes where IEEE 754 leaves no choice (and for whole numbers); the C library, value by value, where vector
versions differ in the last bit between machines; Python where the values are texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.data.arrays import NULL_TIME, Array, Mask, null_mask
from setpoint.data.identity import mix, text_hashes
from setpoint.data.language import clocks, nested, scalars, texts
from setpoint.declare.expr import Call, Literal

_ARROW_FROM = 64


def compared(truth: Array, null: Mask) -> Array:
    """Truths as numbers, NULL where `null` says so."""
    found = truth.astype(np.float64)
    found[null] = np.nan
    return found


def both(left: Array, right: Array) -> Array:
    """Kleene's and."""
    return compared((left == 1.0) & (right == 1.0), ~((left == 0.0) | (right == 0.0)) & (np.isnan(left + right)))


def either(left: Array, right: Array) -> Array:
    """Kleene's or."""
    true = (left == 1.0) | (right == 1.0)
    return compared(true, ~true & np.isnan(left + right))


def call(expr: Call, arguments: list[Array]) -> Array:
    """The values of a function of these arguments, one of which is as long as the longest.

    Raises DeclarationError for a function that does not exist.
    """
    rule = _FUNCTIONS.get(expr.function)
    if rule is None:
        raise scalars.unknown(expr.function)
    return rule(expr, *arguments)


# --- truths and NULL ---------------------------------------------------------------------------------------


def _is_null(_: Call, values: Array) -> Array:
    return null_mask(values).astype(np.float64)


def _not(_: Call, values: Array) -> Array:
    return 1.0 - values


def _isin(expr: Call, values: Array, *known: Array) -> Array:
    """Whether a value equals one of these: the `|` of the comparisons."""
    if all(isinstance(part, Literal) and part.value is not None for part in expr.arguments[1:]):
        if values.size < _ARROW_FROM:
            wanted = {one[0] for one in known}
            return compared(np.array([value in wanted for value in values.tolist()], dtype=bool), null_mask(values))
        if values.dtype == object:
            wanted = pa.array([one[0] for one in known], pa.string())
            truth = pc.is_in(pa.array(values, pa.string()), value_set=wanted)
            return compared(truth.to_numpy(zero_copy_only=False), null_mask(values))
    found = compared(np.zeros(values.shape, dtype=bool), null_mask(values))
    for one in known:
        found = either(found, compared(np.equal(values, one), null_mask(values) | null_mask(one)))
    return found


def _fill(_: Call, values: Array, instead: Array) -> Array:
    return np.where(null_mask(values), instead, values)


def _if_else(expr: Call, condition: Array, then: Array, otherwise: Array) -> Array:
    if scalars.is_none(expr.arguments[1]):
        then = _null_like(otherwise)
    if scalars.is_none(expr.arguments[2]):
        otherwise = _null_like(then)
    return np.where(condition == 1.0, then, otherwise)


def _null_like(values: Array) -> Array:
    if values.dtype == np.float64:
        return np.array([np.nan])
    return np.array([NULL_TIME]) if values.dtype == np.int64 else np.array([None], dtype=object)


# --- numbers -----------------------------------------------------------------------------------------------


def _library(function: Callable[[float], float], inside: Callable[[Array], Mask]) -> Callable[[Call, Array], Array]:
    """A function of the C library, NULL for values that are not inside its domain."""

    def apply(_: Call, values: Array) -> Array:
        legal = np.where(inside(values), values, np.nan)
        return np.fromiter(map(function, legal.tolist()), np.float64, count=legal.size)

    return apply


def _power(_: Call, base: Array, exponent: Array) -> Array:
    base, exponent = np.broadcast_arrays(base, exponent)
    return np.fromiter(map(scalars.power, base.tolist(), exponent.tolist()), np.float64, count=base.size)


def _sqrt(_: Call, values: Array) -> Array:
    return np.sqrt(np.where(values >= 0.0, values, np.nan))


def _floor(_: Call, values: Array) -> Array:
    return np.floor(values) + 0.0


def _ceil(_: Call, values: Array) -> Array:
    return np.ceil(values) + 0.0


def _absolute(_: Call, values: Array) -> Array:
    return np.abs(values)


def _sign(_: Call, values: Array) -> Array:
    return np.sign(values) + 0.0


def _round(_: Call, values: Array, decimals: Array) -> Array:
    scale = 10.0 ** int(decimals[0])
    with np.errstate(over="ignore"):
        wide = values * scale
        return np.where(np.abs(wide) < scalars.WHOLE, (np.rint(wide) + 0.0) / scale, values)


def _minimum(_: Call, left: Array, right: Array) -> Array:
    return _null_or(left, right, np.where(right < left, right, left))


def _maximum(_: Call, left: Array, right: Array) -> Array:
    return _null_or(left, right, np.where(right > left, right, left))


def _null_or(left: Array, right: Array, values: Array) -> Array:
    """The values, NULL where one of the two is."""
    values[null_mask(left) | null_mask(right)] = _null_like(values)[0]
    return values


# --- times -------------------------------------------------------------------------------------------------


def _clock(read: Callable[[Array], Array]) -> Callable[[Call, Array], Array]:
    def shown(expr: Call, values: Array) -> Array:
        return compared(read(clocks.local(values, expr.option or "UTC")), null_mask(values))

    return shown


# --- texts -------------------------------------------------------------------------------------------------


def _text(function: Callable[[str | None], str | None]) -> Callable[[Call, Array], Array]:
    def apply(_: Call, values: Array) -> Array:
        return _objects(map(function, values.tolist()), values.size)

    return apply


def _objects(values: Iterable[str | None], size: int) -> Array:
    found = np.empty(size, dtype=object)
    found[:] = list(values)
    return found


def _length(_: Call, values: Array) -> Array:
    return np.fromiter([math.nan if text is None else len(text) for text in values.tolist()], np.float64, values.size)


def _matches(_: Call, values: Array, pattern: Array) -> Array:
    found = texts.matched(pa.array(values, pa.string()), pattern[0])
    return compared(np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False)), null_mask(values))


def _joined(expr: Call, *parts: Array) -> Array:
    return _texts_of(scalars.function(expr)[0], parts)


def _json(_: Call, values: Array, path: Array, kind: Array, fold: Array) -> Array:
    return nested.read(values, path[0], kind[0], fold[0])


def _cross(_: Call, *parts: Array) -> Array:
    return _texts_of(texts.crossed, parts)


def _texts_of(function: Callable[..., object], parts: tuple[Array, ...]) -> Array:
    whole = [part.tolist() for part in np.broadcast_arrays(*parts)]
    return _objects(map(function, *whole), len(whole[0]))  # type: ignore[arg-type]


# --- transforms --------------------------------------------------------------------------------------------


def _bucket(_: Call, values: Array, *edges: Array) -> Array:
    found = np.searchsorted(np.concatenate(edges), values, side="right")
    return compared(found, np.isnan(values))


def _hashed(_: Call, values: Array, buckets: Array, seed: Array) -> Array:
    null = null_mask(values)
    if values.dtype == object:
        words = text_hashes(pa.array(values, pa.string()))
    else:
        words = (values + 0.0).view(np.uint64)
    salt = mix(np.array([int(seed[0])], dtype=np.uint64))
    return compared(mix(words + salt) % np.uint64(buckets[0]), null)


def _as_it_is(_: Call, values: Array, *__: Array) -> Array:
    return values


_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "abs": _absolute,
    "bucket": _bucket,
    "ceil": _ceil,
    "cos": _library(math.cos, np.isfinite),
    "cross": _cross,
    "day": _clock(lambda shown: clocks.date(shown)[2]),
    "exp": _library(math.exp, lambda values: values <= scalars.EXP_LIMIT),
    "fill": _fill,
    "floor": _floor,
    "hashed": _hashed,
    "hour": _clock(lambda shown: clocks.minute_of_day(shown) / 60.0),
    "if_else": _if_else,
    "is_null": _is_null,
    "isin": _isin,
    "joined": _joined,
    "json": _json,
    "length": _length,
    "log": _library(math.log, lambda values: values > 0.0),
    "log1p": _library(math.log1p, lambda values: values > -1.0),
    "lower": _text(texts.lower),
    "matches": _matches,
    "maximum": _maximum,
    "minimum": _minimum,
    "minute": _clock(lambda shown: clocks.minute_of_day(shown) % 60),
    "month": _clock(lambda shown: clocks.date(shown)[1]),
    "not": _not,
    "power": _power,
    "round": _round,
    "sign": _sign,
    "sin": _library(math.sin, np.isfinite),
    "sqrt": _sqrt,
    "standardised": _as_it_is,
    "strip": _text(texts.strip),
    "upper": _text(texts.upper),
    "vocabulary": _as_it_is,
    "weekday": _clock(clocks.weekday),
    "year": _clock(lambda shown: clocks.date(shown)[0]),
}
