"""JSON lines as rows with the types of their values: a line that is none, or holds another type, spoils no other."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from setpoint.data.files.encodings import Readable, bad_bytes
from setpoint.data.files.raw import Bad, assemble, shown

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_DECODE = msgspec.json.Decoder().decode_lines
_ENCODE = msgspec.json.Encoder().encode
_ARROW = {"": pa.null(), "a truth value": pa.bool_(), "a text": pa.string()}
_NAMES = {bool: "a truth value", int: "a number", float: "a number", str: "a text", dict: "an object", list: "a list"}
_NESTED = (_NAMES[dict], _NAMES[list])
_TEXTS = (_NAMES[str], *_NESTED)


def read_json(data: bytes, *, start: int = 0) -> pa.Table:
    r"""The objects of a JSON lines file, or of one JSON list; or of a part of a file that comes after `start` lines.

    >>> read_json(b'{"n": 1}\n{half\n').select(["n", "__bad_reason"]).to_pylist()
    [{'n': 1, '__bad_reason': None}, {'n': None, '__bad_reason': "line 2 is not JSON: '{half'"}]
    """
    if not data.strip():
        return pa.table({})
    data = _as_lines(data) if start == 0 else data
    if bad_bytes(data, most=1):  # Arrow would take them as they are
        return _read_line_by_line(data, start)
    try:
        table = _read_at_once(data)
    except pa.ArrowInvalid:
        return _read_line_by_line(data, start)
    lines = [number for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    numbers = np.array(lines) if len(lines) == table.num_rows else np.arange(1, table.num_rows + 1)
    columns = {name: table[name] for name in table.column_names} | _nested(data, table)
    return assemble(columns, numbers + start, {}, any_kind=())


def json_parts(stream: Readable, *, size: int) -> Iterator[pa.Table]:
    r"""The objects of a JSON lines file, so many bytes at a time; one JSON list is one part.

    >>> [part["n"].to_pylist() for part in json_parts(io.BytesIO(b'{"n": 1}\n{"n": 2}\n'), size=10)]
    [[1], [2]]
    """
    start, held = 0, stream.read(size)
    if held.lstrip()[:1] == b"[":
        yield read_json(held + stream.read())
        return
    while held:
        fresh = stream.read(size)
        cut = held.rfind(b"\n") + 1 if fresh else len(held)
        part, held = held[:cut], held[cut:] + fresh
        if part.strip():
            yield read_json(part, start=start) if start else read_json(part)
        start += part.count(b"\n")


def _nested(data: bytes, table: pa.Table) -> dict[str, pa.Array]:
    """Columns of objects and lists as JSON, each as its line has it: Arrow would give all of them the fields of all."""
    names = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if not names:
        return {}
    rows = json_lines(data)
    return {name: pa.array([_json(row.get(name)) for row in rows]).cast(pa.binary()) for name in names}


def json_lines(data: bytes) -> list[Any]:
    """The values of lines that are all JSON."""
    return _DECODE(data)


def _json(value: Any) -> str | None:
    return None if value is None else _dumped(value)


def _as_lines(data: bytes) -> bytes:
    """JSON lines as they are, and the objects of one JSON list as lines."""
    if data.lstrip()[:1] != b"[":
        return data
    try:
        return b"\n".join(bytes(part).replace(b"\n", b" ") for part in _LIST.decode(data))
    except msgspec.DecodeError:
        return data


def _read_at_once(data: bytes) -> pa.Table:
    """All lines by Arrow; texts that look like times are read again as texts, since Arrow would drop their zone."""
    options = pa_json.ReadOptions(use_threads=False)
    table = pa_json.read_json(io.BytesIO(data), read_options=options)
    schema = pa.schema([pa.field(field.name, _as_written(field.type)) for field in table.schema])
    schema = pa.schema([field for field, read in zip(schema, table.schema, strict=True) if field.type != read.type])
    if not schema.names:
        return table
    parsing = pa_json.ParseOptions(explicit_schema=schema)
    return pa_json.read_json(io.BytesIO(data), read_options=options, parse_options=parsing).select(table.column_names)


def _as_written(arrow: pa.DataType) -> pa.DataType:
    """The type with a text in the place of each time, also within objects and lists."""
    if pa.types.is_timestamp(arrow):
        return pa.string()
    if pa.types.is_struct(arrow):
        return pa.struct([pa.field(field.name, _as_written(field.type)) for field in arrow])
    return pa.list_(_as_written(arrow.value_type)) if pa.types.is_list(arrow) else arrow


def _read_line_by_line(data: bytes, start: int) -> pa.Table:
    """What is left when one line is not JSON, or a column holds values of different types: each line on its own."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    bad: Bad = {}
    place = 0
    for number, line in enumerate(data.split(b"\n"), start=start + 1):
        begin, place = place, place + len(line) + 1
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            reason = None if isinstance(record, dict) else f"line {number} is not a JSON object: {shown(line)}"
        except UnicodeDecodeError as error:
            at = f", byte {begin + error.start:,} of the file" if start == 0 else ""
            record, reason = {}, f"line {number} is not UTF-8 text: 0x{line[error.start]:02x}{at}: {shown(line)}"
        except (ValueError, RecursionError):
            record, reason = {}, f"line {number} is not JSON: {shown(line)}"
        if reason is not None:
            bad[len(records)] = ("malformed", reason)
        records.append(record if reason is None else {})
        numbers.append(number)
    names = list(dict.fromkeys(name for record in records for name in record))
    columns, mixed = {}, []
    for name in names:
        values = [record.get(name) for record in records]
        types = Counter(_NAMES[type(value)] for value in values if value is not None)
        if len(types) <= 1:
            columns[name] = _array(values, next(iter(types), ""))
            continue
        usual = types.most_common(1)[0][0]
        for row, value in enumerate(values):
            if value is not None and not _fits(_NAMES[type(value)], usual):
                reason = f"{name} is {shown_json(value)}, {_NAMES[type(value)]}; expected {usual}"
                bad.setdefault(row, ("wrong-kind", reason))
        texts = pa.array([value if value is None or isinstance(value, str) else _dumped(value) for value in values])
        # What holds objects or lists is JSON, or with more texts a text: the same that an event which is told becomes.
        columns[name] = texts.cast(pa.binary()) if usual in _NESTED else texts
        if usual not in _TEXTS:
            mixed.append(name)
    return assemble(columns, numbers, bad, any_kind=mixed)


def _fits(called: str, usual: str) -> bool:
    """Whether a value of one type may stand in a column of another: texts, objects and lists are all texts."""
    return called == usual or (called in _TEXTS and usual in _TEXTS)


def _array(values: list[Any], called: str) -> pa.Array:
    """Values of one type as JSON has it; a number that no int64 holds makes the column one of fractions."""
    if called == _NAMES[int]:
        if all(value is None or (type(value) is int and -(2**63) <= value < 2**63) for value in values):
            return pa.array(values, pa.int64())
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    if called in _NESTED:  # as JSON: what lies within may be of different types
        return pa.array([None if value is None else _dumped(value) for value in values]).cast(pa.binary())
    return pa.array(values, _ARROW[called]) if called in _ARROW else pa.array(values)


def shown_json(value: Any) -> str:
    """A value as JSON, as a reason shows it: its first characters."""
    try:
        return json.dumps(value)[:80]
    except RecursionError:
        return "nested too deeply"


def _dumped(value: Any) -> str:
    """A value as JSON; one that is nested too deeply as a text that is none."""
    try:
        return _ENCODE(value).decode()
    except (RecursionError, UnicodeEncodeError, OverflowError):
        return _dumped_escaped(value)


def _dumped_escaped(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"))
    except RecursionError:
        return "nested too deeply"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
