"""Paths into JSON texts: structure is read when an expression asks for it, and only what the path leads to.

A text is decoded into a type made from the path: what does not lie on it is checked for syntax and passed over. One
text and many go through the same decoder, so they cannot differ. A text that is not JSON, or is nested more than
MOST_DEEP deep, has nothing at any path; a number too great for a float64 is no number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, Union

import msgspec
import numpy as np
import pyarrow as pa

from setpoint.core import times
from setpoint.core.errors import SetpointError
from setpoint.data.arrays import NULL_TIME, Array, Mask
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.path import Step, steps

Value: TypeAlias = float | int | str | None
Reader: TypeAlias = Callable[[str | None], Value]

MOST_DEEP = 200
"""How deep JSON may be nested: far less than decoders can follow, whoever calls them."""

_NAN = math.nan
_FIELD = "field"
"""What a decoder calls the one field that it reads of an object."""


@lru_cache(maxsize=1 << 10)
def reader(path: str, kind: str, fold: str) -> Reader:
    """What gives the value at a path of one JSON text, in the words of `scalars`.

    >>> reader("items[0].price", "number", "")('{"items": [{"price": 2}]}')
    2.0
    >>> reader("items[*].price", "number", "sum")('{"items": [{"price": 2}, {"price": 0.5}, {}]}')
    2.5
    """
    way = steps(path)
    decode = msgspec.json.Decoder(_shape(way)).decode
    if fold == "size":
        return _read(decode, lambda found: _size(_follow(found, way)), _NAN)
    value, null = _VALUES[kind]
    if not fold:
        return _read(decode, lambda found: value(_follow(found, way)), null)
    fold_many = _FOLDS[fold]
    empty = {"count": 0.0, "sum": 0.0}.get(fold, null)

    def folded(found: Any) -> Value:
        values = [one for one in map(value, _gather(found, way)) if not _is_null(one)]
        return fold_many(values) if values else empty

    return _read(decode, folded, _NAN if fold == "count" else null)


def read(texts: Array, path: str, kind: str, fold: str) -> Array:
    """The values at a path of many texts.

    >>> read(np.array(['{"os": "ios"}', "{}", None], dtype=object), "os", "text", "")
    array(['ios', None, None], dtype=object)
    """
    found = list(map(reader(path, kind, fold), texts.tolist()))
    if fold in ("size", "count") or kind in (NUMBER, BOOL):
        return np.array(found, dtype=np.float64)
    if kind == TIME:
        return np.array(found, dtype=np.int64)
    values = np.empty(len(found), dtype=object)
    values[:] = found
    return values


def malformed(texts: pa.Array) -> Mask:
    """True where a text is not JSON.

    >>> malformed(pa.array(['{"a": 1}', "{", None])).tolist()
    [False, True, False]
    """
    return np.array([text is not None and not is_json(text) for text in texts.to_pylist()], dtype=np.bool_)


def to_json(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A nested column (objects, lists, maps, bytes that are JSON) as JSON texts; texts stay as they are.

    >>> to_json(pa.array([{"os": "ios"}, None])).to_pylist()
    ['{"os":"ios"}', None]
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _decoded(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    values = column.to_pylist(maps_as_pydicts="lossy")
    return pa.array([None if value is None else _encode(value).decode() for value in values], pa.string())


def _decoded(column: pa.Array) -> pa.Array:
    """Bytes as texts; those that are no UTF-8 are made a text that is no JSON, so that nothing is guessed."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else _text_of(value) for value in column.to_pylist()], pa.string())


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "not UTF-8: " + value.decode(errors="replace")


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _shape(way: Sequence[Step]) -> Any:
    """The type into which a text is decoded: of an object one field, of a list its entries, and whatever is there."""
    if not way:
        return Any
    inner = _shape(way[1:])
    if isinstance(way[0], str):
        made = msgspec.defstruct("Read", [(_FIELD, inner, None)], rename={_FIELD: way[0]}, gc=False)
        return Union[made, list, str, int, float, bool, None]  # noqa: UP007 (made while running)
    return Union[list[inner], dict, str, int, float, bool, None]  # type: ignore[valid-type]  # noqa: UP007


_Anything = msgspec.defstruct("Anything", [])
_check = msgspec.json.Decoder(Union[_Anything, list, str, int, float, bool, None]).decode  # noqa: UP007


def is_json(text: str) -> bool:
    """Whether a text is JSON, and not nested more than MOST_DEEP deep.

    >>> is_json('{"a": [1]}'), is_json("{a: 1}"), is_json("[" * 201 + "]" * 201)
    (True, False, False)
    """
    if too_deep(text):
        return False
    try:
        _check(text)
    except msgspec.ValidationError:
        return True  # JSON, with a number too great
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def too_deep(text: str) -> bool:
    """Whether a JSON text is nested more than MOST_DEEP deep; nearly always two counts answer."""
    return text.count("[") + text.count("{") > MOST_DEEP and _depth(text) > MOST_DEEP


def _depth(text: str) -> int:
    """How deep lists and objects are nested in a text that may be JSON; what stands in its texts does not count."""
    depth = most = 0
    for found in _MARKS.finditer(text):
        mark = found.group()
        if mark in "[{":
            depth += 1
            most = max(most, depth)
        elif mark in "]}":
            depth -= 1
    return most


_MARKS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)


def _read(decode: Callable[[str], Any], value: Callable[[Any], Value], null: Value) -> Reader:
    def one(text: str | None) -> Value:
        if text is None:
            return null
        try:
            found = decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return null
        return value(found)

    return one


def _follow(found: Any, way: Sequence[Step]) -> Any:
    """What lies at the end of the way; None where it does not lead anywhere."""
    for step in way:
        if isinstance(step, int):
            found = found[step] if type(found) is list and step < len(found) else None
        else:
            found = getattr(found, _FIELD, None)
    return found


def _gather(found: Any, way: Sequence[Step]) -> list[Any]:
    """What lies at the ends of a way with forks, in order."""
    if None not in way:
        return [_follow(found, way)]
    fork = way.index(None)
    entries = _follow(found, way[:fork])
    if type(entries) is not list:
        return []
    return [one for entry in entries for one in _gather(entry, way[fork + 1 :])]


def _size(found: Any) -> float:
    return float(len(found)) if type(found) is list else _NAN


def _number(found: Any) -> float:
    if type(found) is float:
        return found
    if type(found) is int:
        try:
            return float(found)
        except OverflowError:
            return _NAN
    return _NAN


def _text(found: Any) -> str | None:
    return found if type(found) is str else None


def _bool(found: Any) -> float:
    return float(found) if type(found) is bool else _NAN


def _time(found: Any) -> int:
    if type(found) is not str:
        return NULL_TIME
    try:
        return times.time(found)
    except (SetpointError, OverflowError):
        return NULL_TIME


def _is_null(value: Any) -> bool:
    return value is None or value != value or value == NULL_TIME  # noqa: PLR0124 (NaN)


def _sum(values: list[Any]) -> float:
    """The sum in the order of the list, one rounding after another."""
    total = 0.0
    for value in values:
        total += value
    return total if math.isfinite(total) else _NAN


_VALUES: dict[str, tuple[Callable[[Any], Value], Value]] = {
    NUMBER: (_number, _NAN),
    TEXT: (_text, None),
    BOOL: (_bool, _NAN),
    TIME: (_time, NULL_TIME),
}
"""How a value of each kind is taken from JSON, and its NULL."""

_FOLDS: dict[str, Callable[[list[Any]], Value]] = {
    "count": lambda values: float(len(values)),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "min": min,
    "max": max,
    "sum": _sum,
    "mean": lambda values: _sum(values) / len(values),
}
