"""JSON lines: files and events that are told agree on what a value may be, and parts are the whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest

from setpoint.data.contracts.check import check
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.files.json import json_parts, read_json
from setpoint.data.files.objects import read_objects
from setpoint.data.language.nested import to_json
from tests.unit.data.make import sales

AT = "2013-01-01T00:00:00Z"
OBJECTS = [{"a": 1}, {"a": 2, "b": [1]}, {"a": 3}]


@pytest.mark.parametrize(
    ("value", "rule"),
    [('{"a": 9}', None), ("torn {", "malformed-json"), ([1, 2], None), ({"x": {}}, None), (7, "wrong-kind"),
     (True, "wrong-kind"), (None, None)],
)  # fmt: skip
def test_a_column_of_objects_takes_from_files_what_it_takes_from_events(value: Any, rule: str | None) -> None:
    """A text that is JSON and a list are taken, a number is not; the JSON is the same."""
    records = [{"ts": AT, "tree": tree} for tree in [*OBJECTS, value]]
    raw = read_json("".join(json.dumps(record) + "\n" for record in records).encode())
    contract = infer_contract(sales(), raw, json=["tree"])
    told = read_objects(records, {name: column.kind for name, column in contract.columns.items()}).table
    of_file, of_events = check(contract, raw), check(contract, told)
    assert of_file.violations.counts() == of_events.violations.counts() == ({} if rule is None else {rule: 1})
    if rule is None:
        assert of_file.columns["tree"].to_pylist() == of_events.columns["tree"].to_pylist()


def test_a_column_of_texts_takes_objects_as_their_json() -> None:
    """As an event does."""
    records = [{"ts": AT, "note": note} for note in ("a", "b", {"c": 1.0})]
    raw = read_json("".join(json.dumps(record) + "\n" for record in records).encode())
    told = read_objects(records, {"ts": "time", "note": "text"}).table
    assert raw["note"].to_pylist() == told["note"].to_pylist() == ["a", "b", '{"c":1.0}']
    assert "__bad_rule" not in raw.column_names


def test_a_reason_shows_torn_json_as_text_and_not_all_of_it() -> None:
    """Its first characters."""
    records = [*({"ts": AT, "tree": tree} for tree in OBJECTS), {"ts": AT, "tree": "{" + "x" * 500}]
    raw = read_json("".join(json.dumps(record) + "\n" for record in records).encode())
    found = check(infer_contract(sales(), raw, json=["tree"]), raw).violations
    assert found.reason(3) == f"row 4: tree is '{{{'x' * 79}…'; expected JSON"


@pytest.mark.parametrize("size", [1, 10, 40, 10_000])
def test_parts_are_the_whole(size: int) -> None:
    """Numbers of lines included, and what is wrong with them."""
    data = b'{"n": 1}\n\n{"n": 2, "t": "x"}\n{half\n{"n": "three"}\n' * 5
    parts = list(json_parts(io.BytesIO(data), size=size))
    whole = read_json(data)
    assert [n for part in parts for n in part["__row"].to_pylist()] == whole["__row"].to_pylist()
    if size < 100:
        assert len(parts) > 5
    reasons = [
        reason
        for part in parts
        for reason in (part["__bad_reason"].to_pylist() if "__bad_reason" in part.column_names else [])
        if reason and "not JSON" in reason
    ]
    assert reasons == [f"line {number} is not JSON: '{{half'" for number in (4, 9, 14, 19, 24)]


def test_a_list_is_one_part() -> None:
    """It has no lines."""
    data = b'[{"n": 1},\n{"n": 2}]'
    assert [part["n"].to_pylist() for part in json_parts(io.BytesIO(data), size=3)] == [[1, 2]]


def test_nested_values_are_the_same_json_whether_a_line_spoils_the_file_or_not() -> None:
    """Read at once or line by line."""
    lines = b'{"tree":{"a":1,"b":[1.5,"x"]}}\n'
    one, other = read_json(lines), read_json(lines + b"{half\n")
    assert to_json(one["tree"]).to_pylist() == to_json(other["tree"]).to_pylist()[:1]
    assert one["tree"].type == other["tree"].type == pa.binary()
