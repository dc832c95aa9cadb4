"""The laws of the Tables port, as tests to inherit."""

from __future__ import annotations

import threading
from abc import abstractmethod
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from setpoint.conformance.child import child
from setpoint.core.errors import DataError, NameUnknown, NothingYet
from setpoint.core.ports import Tables

_WRITES = """
import pyarrow as pa
tables = opened(sys.argv[1])
for number in range(10_000_000):
    tables.write("set", "part", pa.table({"n": [number] * 50_000}))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""

_MOMENT = datetime(2013, 3, 10, 6, 59, 59, 123456, tzinfo=UTC)
_PLAIN = _MOMENT.replace(tzinfo=None)
COLUMNS: dict[str, pa.Array] = {
    "int64": pa.array([1, None, -(2**63)], pa.int64()),
    "int8": pa.array([1, None, -128], pa.int8()),
    "uint64": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "float64": pa.array([0.1, None, float("nan")], pa.float64()),
    "infinities": pa.array([float("inf"), -0.0, float("-inf")], pa.float64()),
    "float32": pa.array([0.5, None, -2.25], pa.float32()),
    "bool": pa.array([True, None, False]),
    "text": pa.array(["", None, "π\x00\n"]),
    "large_text": pa.array(["", None, "x"], pa.large_string()),
    "codes": pa.array(["a", None, "a"]).dictionary_encode(),
    "bytes": pa.array([b"", None, b"\x00\xff"]),
    "utc": pa.array([_MOMENT, None, _MOMENT], pa.timestamp("us", tz="UTC")),
    "seconds": pa.array([_PLAIN.replace(microsecond=0), None, None], pa.timestamp("s")),
    "nanoseconds": pa.array([1000, None, -(2**50) * 1000], pa.timestamp("ns", tz="America/New_York")),
    "date": pa.array([date(1, 1, 1), None, date(9999, 12, 31)]),
    "clock": pa.array([time(23, 59), None, time(0)], pa.time32("s")),
    "length": pa.array([timedelta(days=1), None, timedelta(0)], pa.duration("us")),
    "decimal": pa.array([Decimal("1.25"), None, Decimal("-0.01")], pa.decimal128(9, 2)),
    "list": pa.array([[1.5, None], None, []], pa.list_(pa.float64())),
    "nothing": pa.nulls(3),
}
"""A column of each type that a part must give back as it was."""


class TablesLaws:
    """Inherit, say how to open tables in a folder, and pytest runs every law against them.

    `code` defines the function `opened(folder: str)` for the processes that are killed.
    """

    code: str

    @abstractmethod
    def opened(self, folder: Path) -> Tables:
        """Tables that live in this folder; opening it again gives the same tables."""

    @pytest.fixture
    def tables(self, tmp_path: Path) -> Any:
        """No tables yet."""
        return self.opened(tmp_path)

    @pytest.mark.parametrize("column", COLUMNS)
    def test_what_was_written_is_read_with_equal_values_and_type(self, tables: Tables, column: str) -> None:
        """Nulls, extremes and types survive, and NaN is not null."""
        rows = pa.table({column: COLUMNS[column]})
        tables.write("set", "part", rows)
        read = tables.read("set")
        assert read.schema.equals(rows.schema)
        assert repr(read.to_pylist()) == repr(rows.to_pylist())
        assert read[column].null_count == rows[column].null_count

    def test_a_table_of_many_columns_and_chunks_is_read_whole(self, tables: Tables) -> None:
        """All types side by side, in chunks of any size; the metadata of the schema comes back too."""
        rows = pa.table(COLUMNS).replace_schema_metadata({"a": "b"})
        many = pa.concat_tables([rows, rows.slice(1), rows.slice(0, 0), rows])
        tables.write("set", "part", many)
        read = tables.read("set")
        assert read.schema.equals(many.schema)
        assert read.schema.metadata == {b"a": b"b"}
        assert repr(read.to_pylist()) == repr(many.to_pylist())

    def test_no_rows_are_rows_of_their_columns(self, tables: Tables) -> None:
        """A part without rows still has its columns and types."""
        rows = pa.table({"n": pa.array([], pa.int8()), "t": pa.array([], pa.string())})
        tables.write("set", "part", rows)
        assert tables.read("set").schema.equals(rows.schema)
        assert tables.read("set").num_rows == 0

    def test_parts_are_read_in_the_order_of_their_names(self, tables: Tables) -> None:
        """Whatever the order of writing; rows keep theirs within a part."""
        for part in ("b", "a-10", "c", "a-2", "0007"):
            tables.write("set", part, pa.table({"part": [part, part], "n": [2, 1]}))
        order = ["0007", "a-10", "a-2", "b", "c"]
        assert tables.parts("set") == order
        assert tables.read("set").to_pylist() == [{"part": part, "n": n} for part in order for n in (2, 1)]
        assert tables.read("set", parts=["c", "a-2"])["part"].to_pylist() == ["a-2", "a-2", "c", "c"]

    def test_columns_are_read_in_the_order_asked_for(self, tables: Tables) -> None:
        """Only those, and none that is not there."""
        tables.write("set", "part", pa.table({"a": [1], "b": [2], "c": [3]}))
        assert tables.read("set", columns=["c", "a"]).column_names == ["c", "a"]
        assert tables.read("set", columns=[]).column_names == []
        with pytest.raises(NameUnknown, match="no column 'd'"):
            tables.read("set", columns=["a", "d"])

    def test_no_parts_asked_for_are_no_rows(self, tables: Tables) -> None:
        """An empty choice of parts gives the columns and nothing in them."""
        tables.write("set", "part", pa.table({"a": [1]}))
        assert tables.read("set", parts=[]).to_pylist() == []
        assert tables.read("set", parts=[]).column_names == ["a"]

    def test_a_column_that_older_parts_lack_is_null_there(self, tables: Tables) -> None:
        """A set can grow a column."""
        tables.write("set", "1", pa.table({"a": [1]}))
        tables.write("set", "2", pa.table({"a": [2], "b": ["x"]}))
        assert tables.read("set").to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]

    def test_writing_a_part_again_replaces_it(self, tables: Tables) -> None:
        """The last table written is the part, even with other columns."""
        tables.write("set", "part", pa.table({"a": list(range(1000))}))
        tables.write("set", "part", pa.table({"b": ["new"]}))
        assert tables.read("set").to_pylist() == [{"b": "new"}]
        assert tables.parts("set") == ["part"]

    def test_a_table_that_was_read_does_not_change(self, tables: Tables) -> None:
        """Writing the part again leaves what was read before as it was."""
        tables.write("set", "part", pa.table({"a": list(range(100_000))}))
        read = tables.read("set")
        tables.write("set", "part", pa.table({"a": [0] * 100_000}))
        assert read["a"].to_pylist() == list(range(100_000))

    def test_the_digest_is_of_the_content(self, tables: Tables) -> None:
        """Equal rows in other chunks and other parts have the same digest, other rows another."""

        def rows(last: int, cut: int) -> pa.Table:
            words = pa.array(["x", "y", "x"])
            codes = [words.slice(0, cut).dictionary_encode(), words.slice(cut).dictionary_encode()]
            return pa.table({"a": pa.chunked_array([[1], [2, last]]), "b": pa.chunked_array(codes)})

        first = tables.write("set", "1", rows(3, 1))
        again = tables.write("other", "2", rows(3, 2).combine_chunks())
        changed = tables.write("set", "1", rows(4, 1))
        assert first == again != changed

    def test_sets_do_not_mix(self, tables: Tables) -> None:
        """Sets have parts of their own, also when the name of one begins with another's."""
        for name in ("a", "a/b", "ab"):
            tables.write(name, "part", pa.table({"set": [name]}))
        assert [tables.read(name)["set"].to_pylist() for name in ("a", "a/b", "ab")] == [["a"], ["a/b"], ["ab"]]
        tables.delete("a", "part")
        assert [tables.parts(name) for name in ("a", "a/b", "ab")] == [[], ["part"], ["part"]]

    def test_deleting_is_once(self, tables: Tables) -> None:
        """A deleted part is gone, and deleting what is not there changes nothing."""
        tables.write("set", "1", pa.table({"a": [1]}))
        tables.write("set", "2", pa.table({"a": [2]}))
        for _ in range(2):
            tables.delete("set", "1")
        tables.delete("never", "1")
        assert tables.parts("set") == ["2"]
        assert tables.read("set")["a"].to_pylist() == [2]

    def test_the_size_of_a_part_is_what_it_takes_on_disk(self, tables: Tables) -> None:
        """More bytes for more rows, and none for what is not there."""
        tables.write("set", "small", pa.table({"a": [1]}))
        tables.write("set", "large", pa.table({"a": [number * 1_000_003 % 65_537 for number in range(50_000)]}))
        assert 0 < tables.size("set", "small") < tables.size("set", "large")
        tables.delete("set", "large")
        assert tables.size("set", "large") == tables.size("never", "1") == 0

    def test_a_set_without_parts_cannot_be_read(self, tables: Tables) -> None:
        """Nothing says what its columns are."""
        assert tables.parts("never") == []
        with pytest.raises(NothingYet, match="never"):
            tables.read("never")

    def test_an_unknown_part_is_named_with_those_there_are(self, tables: Tables) -> None:
        """A misspelled part is an error, not no rows."""
        tables.write("set", "2013-01", pa.table({"a": [1]}))
        with pytest.raises(NameUnknown, match="Did you mean '2013-01'"):
            tables.read("set", parts=["2013-02"])

    @pytest.mark.parametrize("name", ["", ".", "..", "../out", "/root", "a//b", "a b", ".hidden", "a\x00"])
    def test_names_that_could_lead_elsewhere_are_refused(self, tables: Tables, name: str) -> None:
        """Neither a set nor a part can leave its place."""
        rows = pa.table({"a": [1]})
        with pytest.raises(DataError, match="cannot name"):
            tables.write(name, "part", rows)
        with pytest.raises(DataError, match="cannot name"):
            tables.write("set", name, rows)

    def test_tables_opened_again_are_the_same(self, tmp_path: Path) -> None:
        """What was written is there for the next process."""
        found = self.opened(tmp_path).write("set", "part", pa.table({"a": [1]}))
        again = self.opened(tmp_path)
        assert again.read("set").to_pylist() == [{"a": 1}]
        assert again.write("set", "part", pa.table({"a": [1]})) == found

    def test_a_part_is_whole_while_another_thread_writes_it(self, tables: Tables) -> None:
        """A reader sees one table or the next, never a mixture or a half."""
        tables.write("set", "part", pa.table({"n": [0] * 2000}))
        done = threading.Event()

        def write() -> None:
            for number in range(1, 60):
                tables.write("set", "part", pa.table({"n": [number] * (2000 + number)}))
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        seen: list[int] = []
        while not done.is_set():
            read = tables.read("set")["n"].to_pylist()
            assert read == [read[0]] * (2000 + read[0])
            assert tables.parts("set") == ["part"]
            seen.append(read[0])
        thread.join()
        assert seen == sorted(seen)

    def test_kill_9_leaves_a_part_whole(self, tmp_path: Path) -> None:
        """A process that writes is killed; the part is one that it wrote, not older than the last one it told."""
        for _ in range(3):
            with child(f"import sys\n{self.code}\n{_WRITES}", tmp_path) as lines:
                told = [int(lines.readline()) for _ in range(5)]
            tables = self.opened(tmp_path)
            found = tables.read("set")["n"].to_pylist()
            assert tables.parts("set") == ["part"]
            assert found == [found[0]] * 50_000
            assert found[0] >= told[-1]
