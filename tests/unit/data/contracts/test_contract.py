"""Contracts: what is inferred, what is stated, and what travels."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError, DeclarationError, NameUnknown
from setpoint.core.times import DAY, time
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.contracts.contract import FEW, ColumnContract, Contract, infer_contract
from setpoint.declare.source import info
from tests.unit.data.make import days, sales

RAW = pa.table(
    {
        "id": [1, 2, 3],
        "ts": days(3),
        "price": pa.array([1.5, None, float("inf")]),
        "shop": ["a", "b", "a"],
        "gift": [True, None, False],
        "tags": pa.array([["x"], [], None]),
        "day": pa.array([0, 1, 2], pa.date32()),
    }
)


def test_a_contract_says_what_each_column_was_seen_to_hold() -> None:
    """Kind, whether nulls occur, the range of what is finite, and texts when they are few."""
    contract = infer_contract(sales(id="id"), RAW)
    start = time("2013-01-01")
    assert contract.columns == {
        "id": ColumnContract("number", nullable=False, low=1, high=3),
        "ts": ColumnContract("time", nullable=False, low=start, high=start + 2 * DAY),
        "price": ColumnContract("number", nullable=True, low=1.5, high=1.5),
        "shop": ColumnContract("text", nullable=False, allowed=("a", "b")),
        "gift": ColumnContract("bool", nullable=True),
        "day": ColumnContract("time", nullable=False, low=0, high=2 * DAY),
    }


def test_nothing_that_was_only_seen_binds() -> None:
    """An inferred range never sets a row aside; a stated one does."""
    contract = infer_contract(sales(id="id"), RAW)
    assert not any(column.stated for column in contract.columns.values())
    stated = contract.state("price", low=0, nullable=False).state("price", high=9).state("shop", allowed=["a"])
    assert stated.columns["price"] == ColumnContract("number", False, 0, 9, None, ("nullable", "low", "high"))
    assert stated.columns["shop"].allowed == ("a",)
    assert [stated.columns["price"].binds(fact) for fact in ("low", "allowed")] == [True, False]
    assert contract.columns["price"].low == 1.5


def test_what_a_declaration_expects_binds_from_the_start() -> None:
    """A range of numbers, or the texts that may occur."""
    source = info(sp.events("s", "s.csv", at="ts", expect={"price": (0, 10), "shop": ["a", "c"]}))
    contract = infer_contract(source, RAW)
    assert contract.columns["price"] == ColumnContract("number", True, 0, 10, None, ("low", "high"))
    assert contract.columns["shop"] == ColumnContract("text", False, None, None, ("a", "c"), ("allowed",))


def test_texts_are_listed_only_when_they_are_few() -> None:
    """Fifty are, fifty-one are not."""
    for count, listed in ((FEW, True), (FEW + 1, False)):
        raw = pa.table({"ts": days(count), "word": [str(number) for number in range(count)]})
        assert (infer_contract(sales(), raw).columns["word"].allowed is not None) == listed


def test_a_contract_travels_as_json() -> None:
    """What comes back is equal and has the same digest; any fact changes the digest."""
    contract = infer_contract(sales(id="id", columns=["price", "shop"]), RAW).state("price", low=0)
    again = Contract.from_dict(json.loads(json.dumps(contract.to_dict())))
    assert again == contract
    assert again.digest == contract.digest != contract.state("price", low=1).digest


@pytest.mark.parametrize("options", [{"at": "tss"}, {"id": "idd"}, {"key": "idd"}, {"known_at": "x", "delay": None}])
def test_a_declared_column_that_is_not_there_is_named(options: dict[str, str | None]) -> None:
    """With the columns that are."""
    with pytest.raises(NameUnknown, match="source 'sales' has no column"):
        infer_contract(sales(**options), RAW)


def test_a_listed_column_that_is_not_there_is_named() -> None:
    """`columns=` names columns of the file."""
    with pytest.raises(NameUnknown, match=r"no column 'prize'.*Did you mean 'price'"):
        infer_contract(sales(columns=["prize"]), RAW)


def test_only_listed_columns_are_under_contract() -> None:
    """And those that say which row it is and when."""
    assert list(infer_contract(sales(id="id", columns=["shop"]), RAW).columns) == ["id", "ts", "shop"]


@pytest.mark.parametrize("column", ["id", "gift"])
def test_a_column_of_times_must_hold_times(column: str) -> None:
    """Whole numbers are not read as times: nobody says of what."""
    with pytest.raises(DataError, match=rf"declares at='{column}', which holds (1|True)"):
        infer_contract(sales(at=column), RAW)


def test_the_time_of_a_table_is_called_by_its_name() -> None:
    """The message speaks of valid_from."""
    table = info(sp.table("t", "t.parquet", key="id", valid_from="price"))
    with pytest.raises(DataError, match=r"valid_from='price'"):
        infer_contract(table, RAW)


def test_texts_of_a_typed_file_are_texts_unless_declared_as_times() -> None:
    """A Parquet column of digits stays text."""
    raw = pa.table({"ts": ["2013-01-01T00:00:00Z"], "zip": ["10001"], "when": ["2013-01-01"]})
    kinds = {name: column.kind for name, column in infer_contract(sales(), raw).columns.items()}
    assert kinds == {"ts": "time", "zip": "text", "when": "text"}


@pytest.mark.parametrize(
    ("column", "fact"), [("shop", {"low": 1.0}), ("gift", {"high": 1.0}), ("price", {"allowed": ["a"]})]
)
def test_a_fact_must_fit_the_kind(column: str, fact: dict[str, float]) -> None:
    """Texts have no range and numbers no list."""
    with pytest.raises(DeclarationError, match=f"stated of '{column}'"):
        infer_contract(sales(), RAW).state(column, **fact)


def test_a_fact_of_no_column_is_refused() -> None:
    """With a suggestion."""
    with pytest.raises(NameUnknown, match="Did you mean 'price'"):
        infer_contract(sales(), RAW).state("prize", low=0)


def test_chunks_and_empty_columns_change_nothing() -> None:
    """A column of nulls has no range."""
    raw = pa.table({"ts": days(4), "x": pa.array([None] * 4, pa.float64()), "y": pa.nulls(4)})
    contract = infer_contract(sales(), pa.concat_tables([raw.slice(0, 1), raw.slice(1)]))
    assert contract == infer_contract(sales(), raw)
    assert contract.columns["x"] == contract.columns["y"] == ColumnContract("number", nullable=True)


def test_the_range_of_a_time_is_in_microseconds() -> None:
    """Whatever unit the file has."""
    raw = pa.table({"ts": days(2), "t": pa.array(np.array([1, 2]), pa.timestamp("s", tz="UTC"))})
    assert infer_contract(sales(), raw).columns["t"].high == 2_000_000
    assert raw["ts"].type == UTC_MICROSECONDS
