"""Parquet files whose texts are few values: read dictionary-encoded, with every answer as if they were not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.dictionary_columns import plain_table
from setpoint.data.files.parquet import read_parquet, repeated_texts
from setpoint.data.files.read import read_parts, read_source
from setpoint.data.files.schemas import changes_of
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.declare.source import info

SIZE = 4_000
sales = sp.events("sales", "*.parquet", id="sale", at="ts", delay="0s", expect={"way": ["app", "web", "odd", "paper"]})
s: Any = sales
RULES = sp.contract(
    sales,
    s.way != "odd",
    s.currency.isin(["EUR", "USD"]),
    s.way.is_null() | (s.way.length() == 3),
    (s.currency != "USD") | (s.price > 1),
    sp.not_null(s.word),
    refuse_above=1,
)


def rows(start: int = 0) -> pa.Table:
    """Sales with three columns of few texts, one of many, NULL among them."""
    rng = np.random.default_rng([7, start])
    place = np.arange(start, start + SIZE)
    words = {
        "way": ["app", "web", "fax", "odd", "paper", None],
        "currency": ["EUR", "USD", "GBP", None],
        "word": ["a", None, "b"],
    }
    few = {name: pa.array(known).take(pa.array(rng.integers(0, len(known), SIZE))) for name, known in words.items()}
    times = pa.array(place * 1_000_000, pa.timestamp("us", tz="UTC"))
    many = pa.array([f"s{number}" for number in place.tolist()])
    return pa.table({"sale": many, "ts": times, "price": pa.array(rng.integers(0, 9, SIZE)), **few})


def taken_in(raw: pa.Table) -> Ingested:
    """What is left of rows under the rules."""
    return ingest(info(sales), raw, infer_contract(info(sales), raw).with_rules(RULES))


def test_texts_of_few_values_stay_encoded(tmp_path: Path) -> None:
    """A column of few texts is read as codes, one of many as texts, whole and in parts alike."""
    pq.write_table(rows(), tmp_path / "a.parquet", row_group_size=1_500)
    raw = read_source(info(sales), tmp_path)
    kept = {field.name for field in raw.schema if pa.types.is_dictionary(field.type)} - {"__file"}
    assert kept == {"way", "currency", "word"}
    assert all(
        part.schema.field("way").type == raw.schema.field("way").type for part in read_parts(info(sales), tmp_path)
    )
    parts = pa.concat_tables(part.drop_columns(["__file"]) for part in read_parts(info(sales), tmp_path, rows=700))
    assert plain_table(parts) == plain_table(raw.drop_columns(["__file"]))
    assert plain_table(raw).drop_columns(["__file", "__row"]) == rows()


@pytest.mark.parametrize("parts", [1, 2])
def test_encoded_texts_change_no_answer(tmp_path: Path, parts: int) -> None:
    """Rows, quarantine, rules and reasons are those of the same rows read as texts, of one file and of several."""
    for number in range(parts):
        pq.write_table(rows(number * SIZE), tmp_path / f"{number}.parquet", row_group_size=1_500)
    raw = read_source(info(sales), tmp_path)
    assert pa.types.is_dictionary(raw.schema.field("way").type)
    assert changes_of(raw) == []
    encoded, texts = taken_in(raw), taken_in(plain_table(raw))
    assert encoded.rows == texts.rows
    assert encoded.rows.schema == texts.rows.schema
    assert encoded.quarantined == texts.quarantined
    assert encoded.quarantined.num_rows > SIZE / 2
    assert encoded.delivered == texts.delivered
    assert len(set(encoded.quarantined["__rule"].to_pylist())) == 6


def test_a_column_has_one_type_in_all_files(tmp_path: Path) -> None:
    """A column with many texts in one file is encoded in none; a file may lack one; other formats end it for all."""
    whole, lacking = rows(), rows(SIZE).drop_columns(["word"])
    lacking = lacking.set_column(lacking.column_names.index("way"), "way", lacking["sale"])
    for name, table in (("a", whole), ("b", lacking)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    both = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert repeated_texts(both[:1]) == {"way", "currency", "word"}
    assert repeated_texts(both) == {"currency", "word"}
    raw = read_source(info(sales), tmp_path)
    assert plain_table(raw)["way"].to_pylist() == whole["way"].to_pylist() + lacking["way"].to_pylist()
    assert [change.change for change in changes_of(raw)] == ["removed"]
    assert read_parquet(both[1], None, repeated_texts(both)).column_names == lacking.column_names
    (tmp_path / "c.csv").write_text("sale,ts,price,way\nx,2020-01-01T00:00:00Z,1,app\n")
    mixed = read_source(info(sp.events("sales", "*.*", id="sale", at="ts", delay="0s")), tmp_path)
    assert pa.types.is_string(mixed.schema.field("currency").type)
