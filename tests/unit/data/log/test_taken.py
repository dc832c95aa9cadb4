"""What was taken in stays as it was; what is new in a source became known when it was taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.core.errors import DataError
from setpoint.core.times import DAY, time
from setpoint.data.log.taken import take_in
from setpoint.data.rows import ALWAYS, ID, KNOWN_AT
from setpoint.declare.source import SourceInfo, info
from tests.unit.data.make import days, sales, taken

FIRST = time("2013-01-01")


class Shelf:
    """A live system's metadata and tables."""

    def __init__(self, folder: Path) -> None:
        self.metadata, self.tables = SqlMetadata("sqlite:///:memory:"), ParquetTables(folder)

    def take(self, source: SourceInfo, raw: pa.Table, *, on: int) -> list[tuple[str, int]]:
        """Take in what a source has on a day; the id of each row, and from which day on it is known."""
        rows = take_in(source, taken(source, raw), tables=self.tables, metadata=self.metadata, now=FIRST + on * DAY)
        known = [(value - FIRST) // DAY for value in rows[KNOWN_AT].to_pylist()]
        return list(zip(rows[ID].to_pylist(), known, strict=True))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path)


def rows(*ids: str, price: int = 5, **more: Any) -> pa.Table:
    """Sales with these ids, one a day from the first on."""
    prices = [more.get(name, price) for name in ids]
    return pa.table({"id": list(ids), "ts": days(9).take(pa.array([ord(name) - 97 for name in ids])), "price": prices})


def test_what_is_there_at_first_became_known_as_it_says(shelf: Shelf) -> None:
    """And taking it in again changes nothing, in whatever order it comes."""
    source = sales(id="id")
    assert shelf.take(source, rows("a", "b"), on=5) == [("a", 0), ("b", 1)]
    assert shelf.take(source, rows("a", "b"), on=6) == [("a", 0), ("b", 1)]
    assert shelf.take(source, rows("b", "a"), on=7) == [("a", 0), ("b", 1)]


def test_what_is_new_became_known_when_it_was_taken_in(shelf: Shelf) -> None:
    """Or later, where it says so; for good, so that a third time changes nothing."""
    source = sales(id="id")
    shelf.take(source, rows("a", "b"), on=3)
    expected = [("a", 0), ("b", 1), ("c", 5), ("g", 6)]
    assert shelf.take(source, rows("a", "b", "c", "g"), on=5) == expected
    assert shelf.take(source, rows("a", "b", "c", "g"), on=8) == expected
    assert shelf.take(source, rows("a", "b", "c", "d", "g"), on=8) == [*expected, ("d", 8)]


def test_rows_without_an_id_are_told_apart_by_what_they_say(shelf: Shelf) -> None:
    """One more that equals another is one more."""
    source, raw = sales(), rows("a", "b").drop_columns(["id"])
    first = shelf.take(source, raw, on=3)
    again = shelf.take(source, pa.concat_tables([raw, raw.slice(1)]), on=5)
    assert again[:2] == first
    assert again[2] == (f"{first[1][0]}-1", 5)


def test_a_row_that_says_something_else_is_named(shelf: Shelf) -> None:
    """With the column and both values."""
    source = sales(id="id")
    shelf.take(source, rows("a", "b", "c"), on=3)
    words = "id 'b' came before, where price is 5; here it is 6"
    with pytest.raises(DataError, match=words) as caught:
        shelf.take(source, rows("a", "b", "c", "d", b=6, c=7), on=4)
    assert "version=" in str(caught.value)
    assert shelf.take(source, rows("a", "b", "c"), on=5) == [("a", 0), ("b", 1), ("c", 2)]


def test_a_row_that_is_gone_is_named(shelf: Shelf) -> None:
    """The first one; with an id or without."""
    source = sales(id="id")
    shelf.take(source, rows("a", "b", "c"), on=3)
    with pytest.raises(DataError, match="id 'b' of 2013-01-02T00:00:00Z is no longer there"):
        shelf.take(source, rows("a", "d"), on=4)
    shelf.take(sales(), rows("a", "b"), on=3)
    with pytest.raises(DataError, match="the one of 2013-01-01T00:00:00Z is no longer there"):
        shelf.take(sales(), rows("b"), on=4)


def test_a_column_that_is_filled_in_later_is_to_be_left_out(shelf: Shelf) -> None:
    """The hint says how."""
    source = sales(id="id")
    shelf.take(source, rows("a", "b", b=None), on=3)
    with pytest.raises(DataError, match="columns="):
        shelf.take(source, rows("a", "b"), on=4)
    named = sales(id="id", columns=["id"])
    shelf.take(named, rows("a", "b", b=None), on=3)
    assert shelf.take(named, rows("a", "b"), on=4) == [("a", 0), ("b", 1)]


def test_a_row_may_give_way_to_a_higher_version_of_it(shelf: Shelf) -> None:
    """A table that keeps only the newest version of each row is a source of corrections."""
    source = sales(id="id", version="v")
    old, new = (rows("a", "b", a=price).append_column("v", pa.array([v, 1])) for price, v in ((5, 1), (6, 2)))
    shelf.take(source, old, on=3)
    assert shelf.take(source, new, on=4) == [("a", 0), ("b", 1), ("a", 4)]
    assert shelf.take(source, new, on=5) == [("a", 0), ("b", 1), ("a", 4)]
    with pytest.raises(DataError, match="id 'b'"):
        shelf.take(source, new.slice(0, 1), on=6)


def test_rows_that_hold_at_all_times_may_get_company(shelf: Shelf) -> None:
    """A new key is known from when it came; a known one cannot change."""
    fixed = info(sp.table("planes", "p.parquet", key="tail", valid_from=sp.always))
    one, two = pa.table({"tail": ["x"], "seats": [5]}), pa.table({"tail": ["y", "x"], "seats": [7, 5]})
    assert shelf.take(fixed, one, on=3) == [("x", (ALWAYS - FIRST) // DAY)]
    assert shelf.take(fixed, two, on=4)[1:] == [("y", 4)]
    with pytest.raises(DataError, match="tail 'x' came before, where seats is 5; here it is 6"):
        shelf.take(fixed, pa.table({"tail": ["x", "y"], "seats": [6, 7]}), on=5)


def test_another_declaration_is_another_source(shelf: Shelf) -> None:
    """Its rows are taken in as they say they became known."""
    shelf.take(sales(id="id"), rows("a", "b"), on=3)
    assert shelf.take(sales(id="id", delay="1d"), rows("a", "b"), on=6) == [("a", 1), ("b", 2)]


def test_a_fraction_may_come_to_whole_numbers(shelf: Shelf) -> None:
    """What was taken in is read back together with what is new."""
    source, raw = sales(id="id"), rows("a", "b")
    shelf.take(source, raw, on=3)
    grown = rows("a", "b", "c").set_column(2, "price", pa.array([5.0, 5.0, 0.5]))
    assert shelf.take(source, grown, on=4) == [("a", 0), ("b", 1), ("c", 4)]
    assert len(shelf.take(source, grown, on=5)) == 3
