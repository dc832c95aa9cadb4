"""Versions of contracts, and contracts suggested from what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.metadata import SqlMetadata
from setpoint.core.ports import Metadata
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.contracts.in_force import put_in_force, versions_of
from setpoint.data.contracts.suggest import suggest_contract
from setpoint.data.log.key_index import KeyIndex
from setpoint.data.rows import ENDS, NEVER, POSITION, SIGN
from setpoint.declare.source import info
from tests.unit.data.make import days

s: Any = sp.events("sales", "sales.parquet", id="sale", at="ts", delay="0s", expect={"kind": ["a"]})
shops: Any = sp.table("shops", "shops.parquet", key="shop", valid_from=sp.always)
RAW = pa.table(
    {
        "sale": [1, 2, 3],
        "ts": days(3),
        "price": [0.5, 2.0, 7.0],
        "shop": ["x", None, "y"],
        "kind": ["a", "a", None],
        "gift": [True, False, True],
        "doc": ["{}", "{}", "{}"],
    }
)


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[Metadata]:
    """An empty database."""
    opened = SqlMetadata(f"sqlite:///{tmp_path / 'm.db'}")
    yield opened
    opened.close()


def contract(*rules: Any, **options: Any) -> Contract:
    """The contract of the sales with these rules."""
    return infer_contract(info(s), RAW, json=["doc"]).with_rules(sp.contract(s, *rules, **options))


def test_a_contract_that_differs_is_a_new_version_from_then_on(metadata: Metadata) -> None:
    """The same again is none; each system has its own."""
    for now, rules in ((5, ()), (6, ()), (7, (s.price > 0,)), (8, (s.price > 0,)), (9, ())):
        put_in_force(metadata, "one", {"sales": contract(*rules)}, now)
    put_in_force(metadata, "other", {"sales": contract(s.price > 1)}, 10)
    found = versions_of(metadata, "one", "sales")
    assert [(each.number, each.since, each.rules) for each in found] == [
        (1, 5, ()),
        (2, 7, ("(sales.price > 0)",)),
        (3, 9, ()),
    ]
    assert found[0].digest == found[2].digest == contract().digest != found[1].digest
    assert found[0].to_dict()["since"] == "1970-01-01T00:00:00.000005Z"
    assert [each.rules for each in versions_of(metadata, "other", "sales")] == [("(sales.price > 1)",)]
    put_in_force(metadata, "other", {"sales": contract(s.price > 1, refuse_above=0.5)}, 11)
    assert len(versions_of(metadata, "other", "sales")) == 2


def test_what_was_seen_is_suggested_beside_what_is_stated() -> None:
    """Not of what says which row it is and when, nor twice; a column of a table's keys refers to it."""
    rows = {"sales": RAW, "shops": pa.table({"shop": ["x", "y", "z"]})}
    sources = {"sales": s, "shops": shops}
    stated = sp.contract(s, s.price >= 0, sp.not_null(s.gift), refuse_above=0.1)
    assert suggest_contract(contract(), stated, rows, sources).splitlines() == [
        "sp.contract(",
        "    sales,",
        "    sales.price >= 0,",
        "    sp.not_null(sales.gift),",
        "    sp.not_null(sales.price),",
        '    sales.shop.isin(["x", "y"]),',
        "    sp.references(sales.shop, to=shops.shop),",
        "    sp.not_null(sales.doc),",
        "    refuse_above=0.1,",
        ")",
    ]
    lacking = {**rows, "shops": pa.table({"shop": ["x"]})}
    assert "references" not in suggest_contract(contract(), stated, lacking, sources)


def test_an_index_knows_rows_that_are_added_and_those_that_are_taken_back() -> None:
    """Equal numbers are found whether they are whole by type or by value."""
    index = KeyIndex(["n", "t"])
    first = pa.table({"n": [1, 2], "t": ["a", None], SIGN: [1, 1], ENDS: [2, NEVER], POSITION: [0, 1]})
    wanted = [pa.array([1.0, 2.0]), pa.array(["a", "b"])]
    assert index.having(first, wanted)["n"].to_pylist() == [1]
    more = pa.table({"n": [1, 2], "t": ["a", "b"], SIGN: [-1, 1], ENDS: [NEVER, NEVER], POSITION: [2, 3]})
    both = pa.concat_tables([first, more])
    assert index.having(both, wanted)[POSITION].to_pylist() == [0, 2, 3]
    assert index.standing(both, wanted)[POSITION].to_pylist() == [3]
