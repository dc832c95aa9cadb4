"""A source taken in block by block is what it is when taken in at once: every row and reason, in the same order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.errors import SourceEmpty
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.files.read import ROW
from setpoint.data.ingest.ingest import Ingested, ingest
from setpoint.data.ingest.ingest_mapped import ingest_mapped, read_ingested
from setpoint.declare.source import info
from tests.unit.data.make import moments

DAYS = moments(*[f"2013-01-0{day}" for day in range(1, 6)])


def taken_mapped(contract: Contract, raw: pa.Table, *, rows: int, **options: Any) -> Ingested:
    """What `ingest_mapped` gives when so many rows are held to the contract together."""
    folder = Path(tempfile.mkdtemp())
    ingest_mapped(contract, raw, folder, block_rows=rows, **options)
    assert not list(folder.glob(".work*"))
    return read_ingested(contract.info, folder)


def assert_same(found: Ingested, whole: Ingested) -> None:
    """Every table and count of two ways to take in a source."""
    for name in ("rows", "delivered", "quarantined"):
        mine, theirs = getattr(found, name), getattr(whole, name)
        assert mine.schema.equals(theirs.schema, check_metadata=True), name
        assert mine.to_pylist() == theirs.to_pylist(), name
    for name in ("skipped", "repeated", "superseded", "early", "left_out"):
        assert getattr(found, name) == getattr(whole, name), name


rows_ = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.integers(0, 4),
        st.sampled_from([1.0, 2.0, 2.5, 9.0, None]),
        st.integers(0, 4),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
KINDS: dict[str, dict[str, Any]] = {
    "id": {"id": "id"},
    "content": {},
    "version": {"id": "id", "version": "v"},
    "retracted": {"id": "id", "version": "v", "retracted": "gone"},
}


@settings(max_examples=100, deadline=None)
@given(rows_, st.integers(1, 41), st.sampled_from(list(KINDS)), st.booleans())
def test_blocks_give_the_rows_of_the_whole(rows: list[Any], size: int, kind: str, texts: bool) -> None:
    """Repeats, contradictions, late rows and rows that break a rule lie in any blocks."""
    number, day, price, known, gone = zip(*rows, strict=True)
    raw = pa.table(
        {
            "id": number,
            "ts": DAYS.take(pa.array(day)),
            "price": pa.array(price, pa.float64()),
            "seen": DAYS.take(pa.array(known)),
            "v": day,
            "gone": gone,
            ROW: range(1, len(rows) + 1),
        }
    )
    s: Any = sp.events("sales", "s.parquet", at="ts", known_at="seen", expect={"price": (0, 5)}, **KINDS[kind])
    stated = sp.contract(s, s.price != 2, sp.unique(s.v, s.price), sp.references(s.v, to=s.id), refuse_above=1.0)
    contract = infer_contract(info(s), raw).with_rules(stated)
    if texts:  # whole numbers in some blocks, fractions in others, and some that are neither
        spelled = pa.array(
            [None if each is None else "-0" if each == 1 else f"{each:g}" for each in price], pa.string()
        )
        raw = raw.set_column(2, "price", spelled)
    try:
        whole = ingest(info(s), raw, contract)
    except SourceEmpty as error:
        with pytest.raises(SourceEmpty, match=str(error)[:20]):
            taken_mapped(contract, raw, rows=size)
        return
    assert_same(taken_mapped(contract, raw, rows=size), whole)
