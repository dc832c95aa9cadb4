"""Casting of delivered columns: what is read as which value, and what is marked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.casting import Cast, cast, guess_kind, infinite

GOOD, BAD = "1", "what?"


def read(column: pa.Array, kind: str) -> list[Any]:
    """The values of a cast, "wrong" and "naive" where it marks one."""
    done = cast(column, kind)
    assert len(done.values) == len(column)
    found = done.values.to_pylist()
    for mark, mask in (("wrong", done.wrong), ("naive", done.naive)):
        for row in range(len(column)):
            if mask is not None and mask[row]:
                assert found[row] is None
                found[row] = mark
    return found


NUMBERS: list[tuple[str | None, Any]] = [
    ("1", 1),
    (" 1 ", 1),
    ("+5", 5),
    ("-2.50", -2.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e3", 1000.0),
    ("1E-3", 0.001),
    ("inf", float("inf")),
    ("-Infinity", float("-inf")),
    ("1e999", float("inf")),
    ("NaN", None),
    ("nan", None),
    ("NA", None),
    ("n/a", None),
    ("null", None),
    ("None", None),
    ("", None),
    ("  ", None),
    (None, None),
    ("abc", "wrong"),
    ("1,000", "wrong"),
    ("1_000", "wrong"),
    ("0x10", "wrong"),
    ("1 2", "wrong"),
    ("--1", "wrong"),
    ("1.2.3", "wrong"),
    ("٣", "wrong"),
    ("true", "wrong"),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_is_read_alone_as_among_others(text: str | None, value: Any) -> None:
    """The same text gives the same value in a clean column and in a dirty one."""
    assert read(pa.array([text], pa.string()), "number") == [value]
    assert read(pa.array([text, BAD, GOOD], pa.string()), "number") == [value, "wrong", 1]


MOMENT = datetime(2013, 1, 1, 10, 0, tzinfo=UTC)
TIMES: list[tuple[str | None, Any]] = [
    ("2013-01-01T10:00:00Z", MOMENT),
    ("2013-01-01 10:00:00Z", MOMENT),
    ("2013-01-01T10:00:00z", MOMENT),
    (" 2013-01-01T10:00:00Z", MOMENT),
    ("2013-01-01T11:00:00+01:00", MOMENT),
    ("2013-01-01T05:30:00-0430", MOMENT),
    ("2013-01-01T12:00:00+02", MOMENT),
    ("2013-01-01T10:00Z", MOMENT),
    ("2013-01-01T10:00:00.000001Z", MOMENT.replace(microsecond=1)),
    ("2013-01-01T10:00:00.123456789Z", MOMENT.replace(microsecond=123456)),
    ("2013-01-01", MOMENT.replace(hour=0)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("", None),
    ("NA", None),
    (None, None),
    ("2013-01-01T10:00:00", "naive"),
    ("2013-01-01 10:00", "naive"),
    ("2013-01-01 10:00:00.5", "naive"),
    ("2013-02-30T10:00:00Z", "wrong"),
    ("2013-02-30", "wrong"),
    ("2013-01-01T25:00:00Z", "wrong"),
    ("01/02/2013", "wrong"),
    ("1356998400", "wrong"),
    ("today", "wrong"),
]


@pytest.mark.parametrize(("text", "value"), TIMES)
def test_a_time_is_read_alone_as_among_others(text: str | None, value: Any) -> None:
    """ISO 8601 with a zone, or a bare date; a time without a zone is told from a text that is no time."""
    assert read(pa.array([text], pa.string()), "time") == [value]
    assert read(pa.array([text, BAD, "2013-01-01T10:00:00Z"], pa.string()), "time") == [value, "wrong", MOMENT]


BOOLS: list[tuple[str | None, Any]] = [
    ("true", True),
    ("FALSE", False),
    (" True ", True),
    ("1", True),
    ("0", False),
    ("", None),
    ("NA", None),
    (None, None),
    ("yes", "wrong"),
    ("2", "wrong"),
]


@pytest.mark.parametrize(("text", "value"), BOOLS)
def test_a_truth_value_is_read_alone_as_among_others(text: str | None, value: Any) -> None:
    """True and false in any case, 1 and 0."""
    assert read(pa.array([text], pa.string()), "bool") == [value]
    assert read(pa.array([text, BAD, "true"], pa.string()), "bool") == [value, "wrong", True]


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (pa.array([1, None], pa.int16()), "number", [1, None]),
        (pa.array([2**63], pa.uint64()), "number", [2.0**63]),
        (pa.array([1.5, float("nan"), None], pa.float32()), "number", [1.5, None, None]),
        (pa.array([Decimal("1.25"), None]), "number", [1.25, None]),
        (pa.array([1.5, None]).dictionary_encode(), "number", [1.5, None]),
        (pa.array(["a", None], pa.large_string()), "text", ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), "text", ["a", None]),
        (pa.array(["1", None]).dictionary_encode(), "number", [1, None]),
        (pa.array([True, None]), "bool", [True, None]),
        (pa.nulls(2), "text", [None, None]),
        (pa.nulls(2), "time", [None, None]),
        (pa.array([True, None]), "number", ["wrong", None]),
        (pa.array([1, None]), "bool", ["wrong", None]),
        (pa.array([1, None]), "text", ["wrong", None]),
        (pa.array([1, None]), "time", ["wrong", None]),
        (pa.array([[1], None]), "number", ["wrong", None]),
        (pa.array([MOMENT, None], UTC_MICROSECONDS), "time", [MOMENT, None]),
        (pa.array([MOMENT, None], pa.timestamp("s", tz="Asia/Kolkata")), "time", [MOMENT, None]),
        (pa.array([MOMENT, None], pa.timestamp("ns", tz="UTC")), "time", [MOMENT, None]),
        (pa.array([1_000_001], pa.timestamp("ns", tz="UTC")), "time", [datetime(1970, 1, 1, 0, 0, 0, 1000, UTC)]),
        (pa.array([date(2013, 1, 1), None]), "time", [MOMENT.replace(hour=0), None]),
        (pa.array([date(2013, 1, 1), None], pa.date64()), "time", [MOMENT.replace(hour=0), None]),
        (pa.array([MOMENT.replace(tzinfo=None), None]), "time", ["naive", None]),
        (pa.array([10**14, 0], pa.timestamp("s", tz="UTC")), "time", ["wrong", datetime(1970, 1, 1, tzinfo=UTC)]),
        (pa.array([10**13, 0], pa.timestamp("s", tz="UTC")), "time", ["wrong", datetime(1970, 1, 1, tzinfo=UTC)]),
        (pa.array([-(2**62), 0], UTC_MICROSECONDS), "time", ["wrong", datetime(1970, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_typed_column_keeps_its_values_or_is_marked(column: pa.Array, kind: str, values: list[Any]) -> None:
    """Widening is silent; another kind is wrong row by row, and a null is never wrong."""
    assert read(column, kind) == values
    assert read(column.slice(0, 1), kind) == values[:1]


def test_whole_numbers_stay_whole() -> None:
    """Int64 when every value is whole, float64 otherwise."""
    assert cast(pa.array(["1", "", "-7"]), "number").values.type == pa.int64()
    assert cast(pa.array(["1", "2.5"]), "number").values.type == pa.float64()
    assert cast(pa.array(["1", "what?"]), "number").values.type == pa.int64()
    assert cast(pa.array([1], pa.uint8()), "number").values.type == pa.int64()


def test_chunks_are_one_column() -> None:
    """A column in chunks is cast as one."""
    done = cast(pa.chunked_array([["1"], [], ["x", "2"]], pa.string()), "number")
    assert isinstance(done, Cast)
    assert done.values.to_pylist() == [1, None, 2]


def test_only_infinities_are_infinite() -> None:
    """Null is not, and a column of whole numbers has none to look for."""
    found = infinite(pa.array([1.0, float("inf"), None, float("-inf")]))
    assert found is not None
    assert found.tolist() == [False, True, False, True]
    assert infinite(pa.array([1.0, None])) is None
    assert infinite(pa.array([1])) is None


GUESSES: list[tuple[list[str | None], str]] = [
    (["1", "2"], "number"),
    (["1", None, "", "2.5"], "number"),
    (["NaN", "NA", "3"], "number"),
    (["1", "2", "3", "4", "x"], "number"),
    (["1", "2", "3", "x"], "text"),
    (["0", "10", "0.5"], "number"),
    (["007", "8"], "text"),
    (["-07", "8"], "text"),
    (["0x10", "0x11"], "text"),
    (["true", "False", ""], "bool"),
    (["0", "1"], "number"),
    (["2013-01-01T00:00:00Z", None], "time"),
    (["2013-01-01", "2013-01-02"], "time"),
    (["2013-01-01T00:00:00"], "time"),
    (["2013-01-01T00:00:00Z", "2013-01-01", "2013-01-01T00:00:00", "2013-01-01", "soon"], "time"),
    (["UA", "AA"], "text"),
    (["", None], "number"),
    ([""] * 2000 + ["UA"], "text"),
    (["UA"] + ["1"] * 99, "number"),
    (["UA"] * 1000 + ["1"] * 100_000, "text"),
    ([], "text"),
]


@pytest.mark.parametrize(("texts", "kind"), GUESSES, ids=lambda value: str(value)[:40])
def test_the_kind_of_a_written_column_is_that_of_nearly_all_its_values(texts: list[str | None], kind: str) -> None:
    """Four of five must be readable; codes with leading zeros stay texts."""
    assert guess_kind(pa.array(texts, pa.string())) == kind


@pytest.mark.parametrize(("texts", "kind"), [(["1", "2"], "text"), (["2013-01-01"], "time"), ([""], "text")])
def test_a_format_with_numbers_of_its_own_writes_only_times_as_texts(texts: list[str], kind: str) -> None:
    """A JSON string of digits is a text."""
    assert guess_kind(pa.array(texts), time_only=True) == kind
