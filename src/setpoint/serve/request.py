"""A request becomes the values that a decision reads, or is refused with the field that is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from numbers import Integral, Real
from typing import Any

from setpoint.core import times
from setpoint.core.errors import NaiveTime, RequestInvalid, WrongType, did_you_mean
from setpoint.data.language.nested import is_json, too_deep
from setpoint.declare.json_reads import json_reads
from setpoint.declare.kinds import BOOL, NUMBER, TEXT, TIME
from setpoint.declare.plan import Plan

EXPECTED = {
    NUMBER: "a finite number or null",
    TEXT: "a text or null",
    BOOL: "true, false or null",
    TIME: 'a time with its zone, such as "2013-07-01T06:00:00Z", or null',
}
"""What a field of each kind may hold."""

EXPECTED_JSON = "an object, a list, JSON as a text, or null"
"""What a field may hold into which the features follow paths."""

SMALLEST, GREATEST = -(2**63), 2**63 - 1


def read_request(request: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """The values of a request's key and fields, in the plan's order; a time as microseconds, NULL as None.

    Every field must be there (null says that it is unknown) and none that the plan does not name; the key must have
    a value. Raises RequestInvalid, whose `field` is the one that is wrong.
    """
    if not isinstance(request, Mapping):
        raise RequestInvalid(f"The request is {shown(request)}.", expected="an object with the request's fields")
    fields: dict[str, Any] = {}
    holds_json = json_reads(plan.system).fields
    for name, kind in plan.fields.items():
        try:
            value = request[name]
        except KeyError:
            raise _missing(name, request, plan) from None
        read = _json if name in holds_json else _READ[kind]
        fields[name] = None if value is None else read(name, value)
    if len(request) != len(fields):
        raise _unknown(request, plan)
    if fields[plan.system.decide.key] in (None, ""):
        raise RequestInvalid(
            f"The key {plan.system.decide.key!r} has no value.",
            field=plan.system.decide.key,
            expected="what identifies the thing that is decided on",
        )
    return fields


def request_schema(plan: Plan) -> dict[str, Any]:
    """What `read_request` takes, as JSON Schema (draft 2020-12)."""
    key = plan.system.decide.key
    properties: dict[str, Any] = {}
    holds_json = json_reads(plan.system).fields
    for name, kind in plan.fields.items():
        shape: dict[str, Any] = {"type": [_JSON[kind], "null"], "description": EXPECTED[kind]}
        if kind == TIME:
            shape["format"] = "date-time"
        if name in holds_json:
            shape = {"type": ["string", "object", "array", "null"], "description": EXPECTED_JSON}
        if name == key:
            shape |= {"type": _JSON[kind], "description": "what identifies the thing that is decided on"}
            if kind == TEXT:
                shape["minLength"] = 1
        properties[name] = shape
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": plan.system.name,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_JSON = {NUMBER: "number", TEXT: "string", BOOL: "boolean", TIME: "string"}


def _number(name: str, value: Any) -> float | int:
    kind = type(value)
    if kind is float:
        if math.isfinite(value):
            return float(value)
    elif kind is int:
        if SMALLEST <= value <= GREATEST:
            return int(value)
    elif isinstance(value, Real) and not isinstance(value, bool):
        return _number(name, int(value) if isinstance(value, Integral) else float(value))
    raise _wrong(name, value, NUMBER)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str) and encodable(value):
        return value
    raise _wrong(name, value, TEXT)


def _json(name: str, value: Any) -> str:
    """A field into which paths are followed: JSON as a text, or what JSON says."""
    if isinstance(value, str) and encodable(value) and is_json(value):
        return value
    if isinstance(value, (dict, list)):
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):
            text = None
        if text is not None and not too_deep(text):
            return text
    raise RequestInvalid(f"The field {name!r} is {shown(value)}.", field=name, expected=EXPECTED_JSON)


def _bool(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(name, value, BOOL)


def _time(name: str, value: Any) -> int:
    if isinstance(value, (str, datetime)):
        try:
            return times.time(value)
        except NaiveTime as error:
            raise RequestInvalid(
                f"The field {name!r} is a time without a zone: {shown(value)}.",
                field=name,
                expected=EXPECTED[TIME],
                hint=error.hint,
            ) from None
        except (WrongType, OverflowError):
            pass
    raise _wrong(name, value, TIME)


_READ: Mapping[str, Callable[[str, Any], Any]] = {NUMBER: _number, TEXT: _text, BOOL: _bool, TIME: _time}


def _wrong(name: str, value: object, kind: str) -> RequestInvalid:
    return RequestInvalid(f"The field {name!r} is {shown(value)}.", field=name, expected=EXPECTED[kind])


def _missing(name: str, request: Mapping[str, Any], plan: Plan) -> RequestInvalid:
    strays = [given for given in request if given not in plan.fields]
    hint = did_you_mean(name, [str(given) for given in strays])
    if hint is not None:
        hint = hint.replace("Did you mean", "Was it sent as", 1)
    elif name != plan.system.decide.key:
        hint = "Send null where it is unknown."
    return RequestInvalid(
        f"The request lacks the field {name!r}.", field=name, expected=EXPECTED[plan.fields[name]], hint=hint
    )


def _unknown(request: Mapping[str, Any], plan: Plan) -> RequestInvalid:
    name = next(str(given) for given in request if given not in plan.fields)
    return RequestInvalid(
        f"The request has the field {shown(name)}, which {plan.system.name!r} does not take.",
        field=name,
        expected=f"only {', '.join(plan.fields)}",
        hint=did_you_mean(name, plan.fields),
    )


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8: one with half a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """Any value as ASCII text, short enough for a message."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or very deep nesting
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
