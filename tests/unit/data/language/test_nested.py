"""Paths into JSON, from files to expressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.times import time
from setpoint.data.arrays import to_array
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.files.read import read_source
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.language.nested import malformed, read, reader, to_json
from setpoint.data.language.scalars import is_null
from setpoint.declare.expr import Expr
from setpoint.declare.source import info

ORDERS: list[dict[str, Any]] = [
    {"id": "a", "at": "2024-01-01T00:00:00Z", "payload": {"os": "ios", "items": [{"price": 2}, {"price": 0.5}]}},
    {"id": "b", "at": "2024-01-02T00:00:00Z", "payload": {"os": "web", "since": "2023-05-01T10:00:00+02:00"}},
    {"id": "c", "at": "2024-01-03T00:00:00Z", "payload": None},
    {"id": "d", "at": "2024-01-04T00:00:00Z", "payload": {"items": []}},
]


def taken_in(folder: Path, name: str) -> Ingested:
    """The rows of a file whose payload is read by paths."""
    declared = info(sp.events("orders", name, id="id", at="at", delay="0s"))
    raw = read_source(declared, folder)
    return ingest(declared, raw, infer_contract(declared, raw, json=["payload"]))


def written(folder: Path, form: str) -> str:
    """The orders as a file: JSON lines, Parquet with structs, or Parquet with JSON texts."""
    if form == "jsonl":
        (folder / "orders.jsonl").write_text("\n".join(map(json.dumps, ORDERS)))
        return "orders.jsonl"
    texts = form == "texts"
    payload = [None if row["payload"] is None else json.dumps(row["payload"]) for row in ORDERS]
    columns = {
        "id": [row["id"] for row in ORDERS],
        "at": pa.array([time(row["at"]) for row in ORDERS], pa.timestamp("us", tz="UTC")),
        "payload": pa.array(payload) if texts else pa.array([row["payload"] for row in ORDERS]),
    }
    pq.write_table(pa.table(columns), folder / "orders.parquet")
    return "orders.parquet"


@pytest.mark.parametrize("form", ["jsonl", "structs", "texts"])
def test_structure_is_read_whatever_the_file_holds(tmp_path: Path, form: str) -> None:
    """Objects in JSON lines, structs in Parquet, JSON as texts: the same values at the same paths."""
    rows = taken_in(tmp_path, written(tmp_path, form)).rows
    orders = sp.events("orders", "orders", id="id", at="at", delay="0s")
    payload = {("orders", "payload"): to_array(rows["payload"], "text")}

    def values(expr: Expr) -> list[Any]:
        found = evaluate(expr, Inputs(rows.num_rows, payload)).tolist()
        return [None if is_null(value) else value for value in found]

    assert values(orders.payload.json("os")) == ["ios", "web", None, None]
    assert values(orders.payload.json("items[*].price", kind="number", fold="sum")) == [2.5, 0.0, None, 0.0]
    assert values(orders.payload.json("items[1].price", kind="number")) == [0.5, None, None, None]
    assert values(orders.payload.json("items", fold="size")) == [2.0, None, None, 0.0]
    assert values(orders.payload.json("since", kind="time")) == [None, time("2023-05-01T08:00:00Z"), None, None]


def test_a_nested_column_that_nothing_reads_is_left_out(tmp_path: Path) -> None:
    """With the reason; only a path makes it a column of the rows."""
    declared = info(sp.events("orders", written(tmp_path, "structs"), id="id", at="at", delay="0s"))
    raw = read_source(declared, tmp_path)
    found = ingest(declared, raw, infer_contract(declared, raw))
    assert "no expression can read" in found.left_out["payload"]


def test_what_is_not_json_is_set_aside(tmp_path: Path) -> None:
    """Row by row, by the rule malformed-json; the others are taken in."""
    lines = ["id,at,payload", *[f'r{i},2024-01-0{i + 1}T00:00:00Z,"{{""n"": {i}}}"' for i in range(6)]]
    lines[3] = 'r2,2024-01-03T00:00:00Z,"{""n"": "'
    (tmp_path / "orders.csv").write_text("\n".join(lines))
    found = taken_in(tmp_path, "orders.csv")
    assert found.quarantined["__rule"].to_pylist() == ["malformed-json"]
    assert "expected JSON" in found.quarantined["__reason"][0].as_py()
    assert found.rows["__id"].to_pylist() == ["r0", "r1", "r3", "r4", "r5"]


@pytest.mark.parametrize("depth", [201, 960, *range(985, 1000), 100_000])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_is_nested_too_deeply_is_set_aside(tmp_path: Path, depth: int, form: str) -> None:
    """However deep, and however it is written; what stands in a text does not count."""
    deep = '{"n":' + "[" * depth + "]" * depth + "}"
    payloads = ['{"n": 1}', deep, json.dumps({"n": "[" * 1000}), *['{"n": 2}'] * 17]
    at = [f"2024-01-{number + 10}T00:00:00Z" for number in range(20)]
    rows = list(zip(at, payloads, strict=True))
    if form == "jsonl":
        text = "\n".join(
            [*[f'{{"id": "r{when}", "at": "{when}", "payload": {held}}}' for when, held in rows], "{broken"]
        )
    else:
        text = "\n".join(
            ["id,at,payload", *[f'r{when},{when},"{held.replace(chr(34), chr(34) * 2)}"' for when, held in rows]]
        )
    (tmp_path / f"orders.{form}").write_text(text)
    found = taken_in(tmp_path, f"orders.{form}")
    assert set(found.quarantined["__rule"].to_pylist()) <= {"malformed-json", "malformed"}
    assert found.rows["__id"].to_pylist() == [f"r{when}" for when in (at[0], *at[2:])]


def test_a_contract_remembers_which_columns_are_json(tmp_path: Path) -> None:
    """Rows that come later are held to the same."""
    declared = info(sp.events("orders", written(tmp_path, "texts"), id="id", at="at", delay="0s"))
    contract = infer_contract(declared, read_source(declared, tmp_path), json=["payload"])
    assert Contract.from_dict(json.loads(json.dumps(contract.to_dict()))) == contract
    assert contract.columns["payload"].json
    assert not contract.columns["id"].json


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([[1, None], []]), ["[1,null]", "[]"]),
        (pa.array([{"a": float("nan")}, {"a": 1.5}]), ['{"a":null}', '{"a":1.5}']),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), ['{"k":1}', None]),
        (pa.array([b'{"a": 1}', None]), ['{"a": 1}', None]),
        (pa.array([b'{"a": 1}', None, b"\xff"]), ['{"a": 1}', None, "not UTF-8: \ufffd"]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.chunked_array([[{"a": True}], [{"a": None}]]), ['{"a":true}', '{"a":null}']),
        (pa.nulls(1), [None]),
    ],
)
def test_any_nested_column_becomes_json(column: pa.Array, texts: list[str | None]) -> None:
    """Lists, objects, maps and bytes."""
    assert to_json(column).to_pylist() == texts


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abn"), inner, max_size=3)),
    max_leaves=12,
)
PATHS = [
    ("a", "number", ""), ("a.b", "text", ""), ("a[0]", "bool", ""), ("[1].n", "number", ""), ("a", "text", "size"),
    ("a[*]", "number", "mean"), ("a[*].b", "text", "first"), ("[*].n", "number", "sum"), ("a[*].b[*]", "text", "count"),
]  # fmt: skip


@given(st.lists(documents, min_size=1, max_size=6), st.sampled_from(PATHS), st.booleans())
def test_many_texts_and_one_have_the_same_values(
    values: list[Any], where: tuple[str, str, str], indented: bool
) -> None:
    """To the last bit, for any JSON, however it is written."""
    texts = np.array([json.dumps(value, indent=2 if indented else None) for value in values], dtype=object)
    one = reader(*where)
    assert list(map(str, read(texts, *where).tolist())) == [str(one(text)) for text in texts]
    assert not malformed(pa.array(texts.tolist())).any()


@pytest.mark.parametrize("text", ["", "{", '{"a": 1,}', "{'a': 1}", '{"a": NaN}', '{"a": 01}', '{"a": "\x01"}', "1 2"])
def test_what_python_would_forgive_is_not_json(text: str) -> None:
    """It is set aside at the gate, and has nothing at any path."""
    assert malformed(pa.array([text])).all()
    assert reader("a", "text", "")(text) is None


def test_a_number_too_great_is_no_number() -> None:
    """It is JSON all the same."""
    assert not malformed(pa.array(['{"a": 1e400}'])).any()
    assert np.isnan(reader("a", "number", "")('{"a": 1e400}'))  # type: ignore[arg-type]
    assert np.isnan(reader("a", "number", "")('{"a": 1' + "0" * 400 + "}"))  # type: ignore[arg-type]
    assert np.isnan(reader("a[*]", "number", "sum")('{"a": [1e308, 1e308]}'))  # type: ignore[arg-type]
