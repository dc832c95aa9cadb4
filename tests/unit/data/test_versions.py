"""Corrections and retractions: what a batch with versions becomes, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError, NameUnknown
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import Ingested
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, SIGN, SYSTEM_COLUMNS, known_rows, standing_rows
from setpoint.data.versions import decided_on, is_versioned
from tests.unit.data.make import moments, reasons, sales, taken, taken_from, write

CORRECTED = sales(id="id", known_at="seen", delay=None, version="v", retracted="gone")


def batch(*rows: tuple[Any, ...]) -> pa.Table:
    """Rows of id, version, when known, when happened, value, and whether they take one back."""
    ids, versions, seen, ts, x, gone = zip(*rows, strict=True)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "v": pa.array(versions),
            "seen": moments(*seen),
            "ts": moments(*ts),
            "x": pa.array(x, pa.int64()),
            "gone": pa.array(gone, pa.bool_()),
        }
    )


OTHERS = tuple((name, 1, 1, 1, 1, False) for name in "bcdef")
"""Enough good rows that one bad one is no reason to refuse a batch."""


def log(done: Ingested) -> list[tuple[int, int, int, int]]:
    """When each row became known, its value, its sign, and where it ends (-1: never)."""
    rows = done.rows
    ends = [-1 if end == NEVER else end for end in rows[ENDS].to_pylist()]
    return list(zip(rows[KNOWN_AT].to_pylist(), rows["x"].to_pylist(), rows[SIGN].to_pylist(), ends, strict=True))


def test_a_correction_takes_the_old_row_back_and_adds_the_new_one() -> None:
    """Both when the correction became known; the row that goes is repeated with all it said."""
    done = taken(CORRECTED, batch(("a", 1, 10, 5, 100, False), ("a", 2, 20, 6, 200, False)))
    assert log(done) == [(10, 100, 1, 1), (20, 100, -1, -1), (20, 200, 1, -1)]
    assert done.rows[AT].to_pylist() == [5, 5, 6]
    assert done.rows[ID].to_pylist() == ["a"] * 3


def test_a_retraction_needs_no_more_than_which_row_and_since_when() -> None:
    """Its other cells may be empty, or wrong: they are not read."""
    done = taken(
        CORRECTED, batch(("a", 1, 10, 5, 100, False), ("a", 2, 20, None, None, True), ("b", 1, 30, 5, 7, None))
    )
    assert log(done) == [(10, 100, 1, 1), (20, 100, -1, -1), (30, 7, 1, -1)]
    assert (done.superseded, done.quarantined.num_rows) == (0, 0)


def test_a_row_may_come_back_with_a_higher_version() -> None:
    """After a retraction there is nothing to take back."""
    done = taken(
        CORRECTED,
        batch(("a", 1, 10, 5, 1, False), ("a", 2, 20, None, None, True), ("a", 3, 30, 5, 3, False)),
    )
    assert log(done) == [(10, 1, 1, 1), (20, 1, -1, -1), (30, 3, 1, -1)]


def test_a_version_that_comes_too_late_changes_nothing() -> None:
    """The second version was known before the first: the first is counted as superseded."""
    done = taken(CORRECTED, batch(("a", 1, 20, 5, 1, False), ("a", 2, 10, 5, 2, False)))
    assert (log(done), done.superseded) == ([(10, 2, 1, -1)], 1)


def test_a_retraction_before_its_row_keeps_the_row_away() -> None:
    """Nothing is there to be taken back, and the row that comes later is superseded."""
    done = taken(CORRECTED, batch(("a", 2, 10, None, None, True), ("a", 1, 20, 5, 1, False), ("b", 1, 1, 1, 1, False)))
    assert (log(done), done.superseded) == ([(1, 1, 1, -1)], 2)


def test_of_versions_known_at_one_time_the_highest_counts() -> None:
    """No reader can have seen the other."""
    done = taken(CORRECTED, batch(("a", 1, 10, 5, 1, False), ("a", 2, 10, 5, 2, False)))
    assert (log(done), done.superseded) == ([(10, 2, 1, -1)], 1)


def test_the_same_version_twice_is_there_once_and_never_with_other_content() -> None:
    """With the smaller known_at; what contradicts it is set aside."""
    twice = (("a", 1, 20, 5, 1, False), ("a", 1, 10, 5, 1, False), ("a", 1, 30, 5, 9, False))
    done = taken(CORRECTED, batch(*twice, *OTHERS))
    assert log(done)[-1] == (10, 1, 1, -1)
    assert done.repeated == 1
    assert reasons(done) == [("conflicting-id", "id 'a' and v 1 is also in row 2, where x is 1; here it is 9")]


def test_a_source_may_have_versions_only() -> None:
    """Versions may be times."""
    raw = pa.table(
        {"id": ["a", "a"], "v": moments(7, 8), "ts": moments(5, 5), "seen": moments(10, 20), "x": pa.array([1, 2])}
    )
    done = taken(sales(id="id", known_at="seen", delay=None, version="v"), raw)
    assert log(done) == [(10, 1, 1, 1), (20, 1, -1, -1), (20, 2, 1, -1)]


def test_a_source_may_have_retractions_only() -> None:
    """The row stays away for good, also when it is delivered again."""
    raw = batch(("a", 1, 10, 5, 1, False), ("a", 1, 20, None, None, True), ("a", 1, 30, 5, 1, False)).drop_columns(
        ["v"]
    )
    done = taken(sales(id="id", known_at="seen", delay=None, retracted="gone"), raw)
    assert (log(done), done.repeated) == ([(10, 1, 1, 1), (20, 1, -1, -1)], 1)


def test_a_retraction_without_a_time_from_which_it_counts_is_set_aside() -> None:
    """Where nothing but the row's own time says since when."""
    raw = batch(("a", 1, 0, 5, 1, False), ("a", 2, 0, None, None, True), ("b", 1, 0, 5, 1, None)).drop_columns(["seen"])
    source = sales(id="id", delay="1s", version="v", retracted="gone")
    done = taken(source, pa.concat_tables([raw, raw.slice(2), raw.slice(2)]))
    assert reasons(done) == [("no-time", "row 2: ts is empty, so the row has no time")]


def test_a_source_without_corrections_has_no_column_for_them() -> None:
    """And its deliveries are its rows."""
    source = sales(id="id")
    done = taken(source, pa.table({"id": ["a"], "ts": moments(5)}))
    assert not is_versioned(source)
    assert not {SIGN, ENDS} & set(done.rows.column_names)
    assert done.delivered.num_rows == 1


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("v", ["one", "two"], "version='v', which holds 'one'"),
        ("gone", ["yes", "no"], "retracted='gone', which holds 'yes'"),
        ("gone", [3, 4], "retracted='gone', which holds 3"),
    ],
)
def test_columns_that_cannot_say_it_are_refused(column: str, values: list[Any], words: str) -> None:
    """The message shows a value."""
    raw = batch(("a", 1, 10, 5, 1, False), ("b", 1, 10, 5, 1, False))
    raw = raw.set_column(raw.column_names.index(column), column, pa.array(values))
    with pytest.raises(DataError, match=words):
        infer_contract(CORRECTED, raw)
    with pytest.raises(NameUnknown, match=column):
        infer_contract(CORRECTED, raw.drop_columns([column]))


def test_a_csv_file_may_say_it_in_words(tmp_path: Any) -> None:
    """Truth values are read from texts, versions from numerals."""
    text = "id,v,seen,ts,x,gone\n" + "".join(
        f"{line}\n"
        for line in (
            "a,1,2013-01-01T00:00:00Z,2013-01-01T00:00:00Z,5,false",
            "a,2,2013-01-02T00:00:00Z,,,true",
            "b,10,2013-01-01T00:00:00Z,2013-01-01T00:00:00Z,6,false",
        )
    )
    write(tmp_path / "sales.csv", text)
    source = sales("sales.csv", id="id", known_at="seen", delay=None, version="v", retracted="gone")
    assert standing_rows(taken_from(tmp_path, source).rows)["id"].to_pylist() == ["b"]


def test_a_version_is_never_empty() -> None:
    """Nobody could say what such a row corrects."""
    raw = batch(("a", None, 10, 5, 1, False), *[(name, 1, 10, 5, 1, False) for name in "bcdef"])
    assert reasons(taken(CORRECTED, raw)) == [("null", "row 1: v is empty; expected a number, not nothing")]


def test_readers_see_what_stood() -> None:
    """As of each time; a source without corrections is read without a copy."""
    done = taken(CORRECTED, batch(("a", 1, 10, 5, 1, False), ("a", 2, 20, 5, 2, False)))
    assert [known_rows(done.rows, as_of)["x"].to_pylist() for as_of in (9, 10, 20)] == [[], [1], [2]]
    plain = taken(sales(id="id"), pa.table({"id": ["a"], "ts": moments(5)})).rows
    assert standing_rows(plain) is plain


def test_a_decision_is_taken_on_what_stood_then() -> None:
    """A later correction changes no decision; one before it does; one taken back before its time is not decided on."""
    rows = taken(
        CORRECTED,
        batch(
            ("late", 1, 10, 5, 1, False), ("late", 2, 99, 5, 2, False),
            ("soon", 1, 10, 5, 1, False), ("soon", 2, 20, 5, 2, False),
            ("gone", 1, 10, 5, 1, False), ("gone", 2, 20, None, None, True),
        ),
    ).rows  # fmt: skip
    chosen = rows.filter(pa.array(decided_on(rows, np.full(rows.num_rows, 50))))
    assert sorted(zip(chosen["id"].to_pylist(), chosen["v"].to_pylist(), strict=True)) == [("late", 1), ("soon", 2)]
    assert set(SYSTEM_COLUMNS) <= set(rows.column_names)
