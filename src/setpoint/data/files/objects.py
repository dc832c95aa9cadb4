"""Rows that come as objects, one by one or many, rather than in a file: each value is judged on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from setpoint.data.files.read import BAD_REASON, BAD_RULE, ROW
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME

_KINDS: Mapping[str, tuple[tuple[type, ...], str, pa.DataType]] = {
    NUMBER: ((int, float), "a number", pa.float64()),
    BOOL: ((bool,), "true or false", pa.bool_()),
    TEXT: ((str,), "a text", pa.string()),
    TIME: ((str,), "a time such as 2013-07-01T06:00:00Z", pa.string()),
}
_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True)
class Objects:
    """Objects as a table like a file's, and the names of fields that no column has.

    A row that cannot be one, and a value that is not of its column's kind, is empty there and says why in
    `__bad_rule` and `__bad_reason`.
    """

    table: pa.Table
    unknown: tuple[str, ...]


def read_objects(objects: Sequence[Any], kinds: Mapping[str, str]) -> Objects:
    """Objects with the values of columns of these kinds; a field that is missing is empty.

    A time may be a datetime, and what is nested becomes its JSON text.

    >>> read = read_objects([{"n": 1}, {"n": "one", "m": 2}, 7], {"n": "number"})
    >>> read.table["n"].to_pylist(), read.unknown
    ([1, None, None], ('m',))
    >>> read.table["__bad_reason"].to_pylist()
    [None, "row 2: n is 'one'; expected a number", 'row 3 is no object: 7']
    """
    size = len(objects)
    columns: dict[str, list[Any]] = {name: [None] * size for name in kinds}
    unknown: dict[str, None] = {}
    bad: dict[int, tuple[str, str]] = {}
    for place, told in enumerate(objects):
        if not isinstance(told, Mapping):
            bad[place] = ("malformed", f"row {place + 1} is no object: {_shown(told)}")
            continue
        for name, value in told.items():
            if name not in kinds:
                unknown[str(name)] = None
                continue
            types, words, _ = _KINDS[kinds[name]]
            plain = _plain(value)
            if type(plain) in types and not (isinstance(plain, str) and _torn(plain)):
                columns[name][place] = plain
            elif plain is not None:
                bad.setdefault(place, ("wrong-kind", f"row {place + 1}: {name} is {_shown(value)}; expected {words}"))
    table = pa.table({name: _column(values, kinds[name]) for name, values in columns.items()})
    table = table.append_column(ROW, pa.array(np.arange(1, size + 1)))
    if bad:
        for number, name in enumerate((BAD_RULE, BAD_REASON)):
            told_of = [bad[place][number] if place in bad else None for place in range(size)]
            table = table.append_column(name, pa.array(told_of, pa.string()))
    return Objects(table, tuple(unknown))


def written(told: Any) -> str:
    """An object as JSON, as far as JSON can hold it.

    >>> written({"n": 1, "when": datetime(2013, 1, 1)})
    '{"n":1,"when":"2013-01-01T00:00:00"}'
    """
    try:
        return _encode(told).decode()
    except (TypeError, ValueError, OverflowError):
        return repr(told)


def _plain(value: Any) -> Any:
    """A value as JSON has it, as far as it can be one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return written(value) if isinstance(value, (dict, list, tuple)) else value


def _torn(text: str) -> bool:
    """Whether a text holds half a character, which no file can."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(value: Any) -> str:
    return ascii(value)[:80]


def _column(values: list[Any], kind: str) -> pa.Array:
    if kind != NUMBER:
        return pa.array(values, _KINDS[kind][2])
    if all(value is None or (type(value) is int and -(2**63) <= value < 2**63) for value in values):
        return pa.array(values, pa.int64())
    return pa.array([None if value is None else _float(value) for value in values], pa.float64())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
