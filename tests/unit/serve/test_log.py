from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from setpoint.backends.parquet import ParquetTables
from setpoint.backends.segments import FileSegments
from setpoint.core.errors import DataError
from setpoint.core.records import DecisionRecord
from setpoint.data.log.decisions import DECISIONS
from setpoint.serve.log import archive, decode_record, encode_record, log_table, take_records
from tests.unit.serve.shop import NOON, request, shop

PLAN = shop()


def record(number: int, **changes: Any) -> DecisionRecord:
    """A record of the shop."""
    plain = DecisionRecord(
        decision_id=f"d_{number}",
        system="shop",
        key=f"c{number}",
        at=NOON + number,
        fields={**request(checkout_id=f"c{number}"), "created": NOON},
        features={"total": 20.0, "member": math.nan, "country": None, "returned": 2.0, "age": 0.5},
        score=0.25,
        acted=False,
        action="none",
        threshold=0.5,
        model="m",
        arm="champion",
        propensity=1.0,
        degraded="",
        positions={"returns": 7},
        latency_us=90,
    )
    return replace(plain, **changes)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[FileSegments]:
    """An empty log."""
    opened = FileSegments(tmp_path / "log", sync_every=0)
    yield opened
    opened.close()


def test_a_record_comes_back_as_it_was() -> None:
    """Every value, NaN and NULL among them."""
    back = decode_record(encode_record(record(1)))
    assert math.isnan(back.features["member"])
    assert replace(back, features={}) == replace(record(1), features={})
    assert {**back.features, "member": 0} == {**record(1).features, "member": 0}


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x80", b"not a record", encode_record(record(1))[:-1]])
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    """They are never taken for a decision."""
    with pytest.raises(DataError, match="no decision record"):
        decode_record(data)


def test_records_of_an_older_plan_have_null_for_what_they_did_not_see() -> None:
    """A feature that came later is NULL in the rows before it, and one that went is left out."""
    old = record(1, features={"gone": 1.0, "total": 5.0}, fields={"checkout_id": "c1"})
    row = log_table([old], PLAN).to_pylist()[0]
    assert math.isnan(row["feature.age"])
    assert (row["feature.total"], row["feature.country"], row["field.total"]) == (5.0, None, None)
    assert "feature.gone" not in row


def test_whole_numbers_stay_whole() -> None:
    """A number beyond 2**53 keeps its last digit in the log; with fractions among them it is a float."""
    whole = log_table([record(1, fields={**record(1).fields, "total": 2**60 + 1})], PLAN)
    mixed = log_table([record(1), record(2, fields={**record(2).fields, "total": 0.5})], PLAN)
    assert whole["field.total"].to_pylist() == [2**60 + 1]
    assert mixed["field.total"].type == pa.float64()


def test_archiving_moves_what_is_new(log: FileSegments, tmp_path: Path) -> None:
    """Each call goes on behind the last; a call with nothing new writes nothing."""
    tables = ParquetTables(tmp_path / "tables")
    for number in range(5):
        log.append(encode_record(record(number)))
    first = archive(log, tables, PLAN, part="0", after=-1)
    log.append(encode_record(record(5)))
    second = archive(log, tables, PLAN, part="1", after=first.position)
    third = archive(log, tables, PLAN, part="2", after=second.position)
    assert [part.rows.num_rows for part in (first, second, third)] == [5, 1, 0]
    assert (third.position, tables.parts(DECISIONS)) == (5, ["0", "1"])
    assert tables.read(DECISIONS)["decision_id"].to_pylist() == [f"d_{number}" for number in range(6)]


def test_archiving_again_after_a_crash_repeats_no_decision(log: FileSegments, tmp_path: Path) -> None:
    """When the position was not kept, the same part is written again with what came since."""
    tables = ParquetTables(tmp_path / "tables")
    log.append(encode_record(record(0)))
    archive(log, tables, PLAN, part="0", after=-1)
    log.append(encode_record(record(1)))
    archive(log, tables, PLAN, part="0", after=-1)
    assert tables.read(DECISIONS)["decision_id"].to_pylist() == ["d_0", "d_1"]


def test_a_decision_that_is_twice_in_the_log_counts_once(log: FileSegments) -> None:
    """The first record stands, and the repetition is counted."""
    log.append(encode_record(record(0)))
    log.append(encode_record(record(0, score=0.75)))
    taken = take_records(log, PLAN, after=-1)
    assert (taken.rows["score"].to_pylist(), taken.repeated, taken.position) == ([0.25], 1, 1)


def test_a_tick_takes_the_decisions_up_to_its_time(log: FileSegments) -> None:
    """Later ones, and those of other systems, stay where they are or are passed over."""
    log.append(encode_record(record(0)))
    log.append(encode_record(record(1, system="other")))
    log.append(encode_record(record(2)))
    log.append(encode_record(record(9)))
    taken = take_records(log, PLAN, after=-1, until=NOON + 5)
    assert (taken.rows["decision_id"].to_pylist(), taken.position) == (["d_0", "d_2"], 2)


def test_a_row_has_the_positions_that_its_features_had_seen() -> None:
    """A column for each source that features read; NULL where a record is older than its source, or than positions."""
    records = [record(1, definitions="0123456789ab"), record(2, positions={"returns": 9, "users": 1})]
    rows = log_table(records, PLAN)
    assert rows["position.returns"].to_pylist() == [7, 9]
    assert rows["position.users"].to_pylist() == [None, 1]
    assert rows["definitions"].to_pylist() == ["0123456789ab", ""]


def test_parts_from_before_there_were_positions_are_read_with_newer_ones(tmp_path: Path) -> None:
    """What an old part does not have is NULL in its rows."""
    tables = ParquetTables(tmp_path / "tables")
    new = log_table([record(2)], PLAN)
    old = log_table([record(1)], PLAN).drop_columns(["position.users", "position.returns", "definitions"])
    tables.write(DECISIONS, "0", old)
    tables.write(DECISIONS, "1", new)
    assert tables.read(DECISIONS)["position.returns"].to_pylist() == [None, 7]
    assert tables.read(DECISIONS)["definitions"].to_pylist() == [None, ""]
