"""Ingest: rows in order, each once; what breaks the contract is set aside and never lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import BatchRefused, NaiveTime, SourceEmpty
from setpoint.core.times import DAY, HOUR, time
from setpoint.data.contracts.check import RULES, check
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import Ingested, read_source, without
from setpoint.data.rows import ALWAYS, AT, ID, KNOWN_AT, POSITION, kinds, standing_rows
from setpoint.declare.source import info
from tests.unit.data.make import days, moments, reasons, sales, taken, taken_from, write

FIRST = time("2013-01-01")


def system(done: Ingested) -> list[tuple[int, int, str, int]]:
    """At, known_at, id and position of each row, times in days since the first."""
    columns = [done.rows[name].to_pylist() for name in (AT, KNOWN_AT, ID, POSITION)]
    return [
        ((at - FIRST) // DAY, (known - FIRST) // DAY, name, place)
        for at, known, name, place in zip(*columns, strict=True)
    ]


def test_rows_come_in_the_order_in_which_they_became_known() -> None:
    """Then by when they happened, then by id."""
    raw = pa.table(
        {
            "id": ["c", "b", "a", "d"],
            "ts": moments(FIRST, FIRST + DAY, FIRST + DAY, FIRST),
            "seen": moments(FIRST + 2 * DAY, FIRST + DAY, FIRST + DAY, FIRST + DAY),
        }
    )
    done = taken(sales(id="id", known_at="seen", delay=None), raw)
    assert system(done) == [(0, 1, "d", 0), (1, 1, "a", 1), (1, 1, "b", 2), (0, 2, "c", 3)]
    assert done.rows["id"].to_pylist() == ["d", "a", "b", "c"]
    assert (done.skipped, done.repeated, done.quarantined.num_rows) == (0, 0, 0)


def test_a_delay_says_when_a_row_could_be_known() -> None:
    """At, plus the delay; without either a row is known when it happens."""
    raw = pa.table({"id": [1, 2], "ts": days(2)})
    assert [known for _, known, _, _ in system(taken(sales(id="id", delay="3d"), raw))] == [3, 4]
    assert [known for _, known, _, _ in system(taken(sales(id="id", delay=None), raw))] == [0, 1]


def test_a_row_may_be_known_before_it_happens() -> None:
    """What is announced ahead is legal."""
    raw = pa.table({"id": [1], "ts": moments(FIRST + DAY), "seen": moments(FIRST)})
    assert system(taken(sales(id="id", known_at="seen", delay=None), raw)) == [(1, 0, "1", 0)]


def test_nothing_is_known_before_it_arrived() -> None:
    """After the initial load yesterday cannot change."""
    raw = pa.table({"id": [1, 2, 3], "ts": days(3)})
    done = taken(sales(id="id", delay="1d"), raw, arrived_at=FIRST + 2 * DAY)
    assert [known for _, known, _, _ in system(done)] == [2, 2, 3]


def test_a_row_of_a_table_holds_from_its_time() -> None:
    """And is known from then; one that always held, always."""
    raw = pa.table({"user": ["u", "u", "v"], "since": days(3), "tier": [1, 2, 3]})
    dated = taken(info(sp.table("users", "u.parquet", key="user", valid_from="since")), raw)
    assert system(dated) == [(0, 0, "u", 0), (1, 1, "u", 1), (2, 2, "v", 2)]
    fixed = taken(info(sp.table("users", "u.parquet", key="user", valid_from=sp.always)), raw.slice(1))
    assert fixed.rows[AT].to_pylist() == fixed.rows[KNOWN_AT].to_pylist() == [ALWAYS, ALWAYS]


def test_rows_have_canonical_types() -> None:
    """Whatever the file had; NaN is NULL, a date its midnight."""
    raw = pa.table(
        {
            "ts": days(2),
            "n": pa.array([1, 2], pa.int8()),
            "f": pa.array([float("nan"), 1.0], pa.float32()),
            "word": pa.array(["a", "b"]).dictionary_encode(),
            "day": pa.array([0, None], pa.date32()),
            "zoned": pa.array([0, 1], pa.timestamp("s", tz="Asia/Kolkata")),
        }
    )
    rows = taken(sales(), raw).rows
    assert [str(rows.schema.field(name).type) for name in ("n", "f", "word", "day", "zoned")] == [
        "int64",
        "double",
        "string",
        "timestamp[us, tz=UTC]",
        "timestamp[us, tz=UTC]",
    ]
    assert rows["f"].to_pylist() == [None, 1.0]
    assert all(rows[name].num_chunks == 1 for name in rows.column_names)


def test_a_row_delivered_twice_counts_once() -> None:
    """With the smallest known_at, which is no part of its content."""
    raw = pa.table(
        {"id": [1, 1, 2], "ts": moments(FIRST, FIRST, FIRST), "seen": moments(FIRST + 5 * DAY, FIRST, FIRST)}
    )
    done = taken(sales(id="id", known_at="seen", delay=None), raw)
    assert system(done) == [(0, 0, "1", 0), (0, 0, "2", 1)]
    assert done.repeated == 1


def test_the_same_id_with_another_content_is_set_aside() -> None:
    """Both values are shown; what was known first stays."""
    raw = pa.table({"id": list("abcdea"), "ts": moments(*[FIRST] * 6), "price": [1, 2, 3, 4, 5, 9]})
    done = taken(sales(id="id"), raw)
    assert done.rows["price"].to_pylist() == [1, 2, 3, 4, 5]
    assert reasons(done) == [("conflicting-id", "id 'a' is also in row 1, where price is 1; here it is 9")]


def test_a_key_identifies_a_row_that_has_no_id() -> None:
    """As the rows that are decided on have."""
    raw = pa.table({"k": ["a", "b", "c", "d", "e", "a", "b"], "ts": moments(*[FIRST] * 7), "x": [1, 2, 3, 4, 5, 1, 9]})
    done = taken(sales(key="k"), raw)
    assert (done.repeated, reasons(done)) == (
        1,
        [("duplicate-key", "k 'b' is also in row 2, where x is 2; here it is 9")],
    )


def test_a_table_has_one_row_for_each_key_and_time() -> None:
    """The same key at another time is the next version."""
    users = info(sp.table("users", "u.parquet", key="user", valid_from="since"))
    raw = pa.table(
        {"user": list("uuuvwxu"), "since": moments(*[FIRST, FIRST + DAY] + [FIRST] * 5), "x": [1, 2, 1, 4, 5, 6, 7]}
    )
    done = taken(users, raw)
    assert (done.rows.num_rows, done.repeated) == (5, 1)
    assert reasons(done) == [("duplicate-key", "user 'u' is also in row 1, where x is 1; here it is 7")]


def test_without_an_id_equal_rows_are_different_rows() -> None:
    """Two equal sales at one moment are two sales; their identities say which is which."""
    raw = pa.table({"ts": moments(FIRST, FIRST, FIRST), "price": [5, 5, 6]})
    done = taken(sales(), raw)
    ids = done.rows[ID].to_pylist()
    assert done.rows.num_rows == len(set(ids)) == 3
    assert len({name[:16] for name in ids}) == 2


def test_the_order_of_a_file_does_not_matter() -> None:
    """With or without ids, the same rows in any order are the same rows."""
    raw = pa.table({"id": list("abcd"), "ts": moments(FIRST, FIRST, FIRST + DAY, FIRST), "price": [5, 5, 6, None]})
    turned = raw.take(pa.array([3, 1, 2, 0]))
    for source in (sales(id="id"), sales(columns=["price"])):
        assert taken(source, turned).rows.equals(taken(source, raw).rows)


def test_a_row_that_has_not_happened_is_no_row() -> None:
    """null_at="skip" counts it; by default it is a fault."""
    raw = pa.table({"id": list("abcdef"), "ts": moments(*[FIRST] * 5, None)})
    done = taken(sales(id="id", null_at="skip"), raw)
    assert (done.rows.num_rows, done.skipped, reasons(done)) == (5, 1, [])
    done = taken(sales(id="id"), raw)
    assert (done.rows.num_rows, done.skipped) == (5, 0)
    assert reasons(done) == [("no-time", "row 6: ts is empty, so the row has no time")]


def test_a_row_that_happened_but_is_never_known_is_set_aside() -> None:
    """Even where rows without a time are skipped."""
    raw = pa.table({"id": list("abcdef"), "ts": moments(*[FIRST] * 6), "seen": moments(*[FIRST] * 5, None)})
    done = taken(sales(id="id", known_at="seen", delay=None, null_at="skip"), raw)
    assert reasons(done) == [("no-time", "row 6: seen is empty, so the row has no time")]


HEAD = "id,ts,price,shop,ok\n"
FINE = "".join(f"{number},2013-01-0{number}T00:00:00Z,{number}.5,a,true\n" for number in range(1, 8))
FAULTS = [
    ("8,2013-01-08T00:00:00Z,dear,a,true", "wrong-kind", "row 8: price is 'dear'; expected a number"),
    ("8,soon,1,a,true", "wrong-kind", "row 8: ts is 'soon'; expected a time such as 2013-07-01T06:00:00Z"),
    ("8,2013-01-08T00:00:00Z,1,a,perhaps", "wrong-kind", "row 8: ok is 'perhaps'; expected true or false"),
    ("8,2013-01-08T00:00:00,1,a,true", "naive-time", "row 8: ts is '2013-01-08T00:00:00'; expected a time with a zone"),
    ("8,2013-01-08T00:00:00Z,inf,a,true", "infinite", "row 8: price is 'inf'; expected a finite number"),
    ("8,2013-01-08T00:00:00Z,-1,a,true", "range", "row 8: price is '-1'; expected at least 0"),
    ("8,2013-01-08T00:00:00Z,101,a,true", "range", "row 8: price is '101'; expected at most 100"),
    ("8,2013-01-08T00:00:00Z,1,z,true", "not-allowed", "row 8: shop is 'z'; expected one of a, b"),
    ("8,2013-01-08T00:00:00Z,,a,true", "null", "row 8: price is empty; expected a number, not nothing"),
    (",2013-01-08T00:00:00Z,1,a,true", "null", "row 8: id is empty; expected a number, not nothing"),
    ("8,,1,a,true", "no-time", "row 8: ts is empty, so the row has no time"),
    ("8,2013-01-08T00:00:00Z,1", "malformed", "row 8 has 3 cells, not 5: '8,2013-01-08T00:00:00Z,1'"),
    (
        "7,2013-01-07T00:00:00Z,9,a,true",
        "conflicting-id",
        "id '7' is also in row 7, where price is '7.5'; here it is '9'",
    ),
]


@pytest.mark.parametrize(("line", "rule", "reason"), FAULTS, ids=lambda value: str(value)[:36])
def test_one_bad_row_is_set_aside_with_its_rule_and_reason(tmp_path: Path, line: str, rule: str, reason: str) -> None:
    """The rows before and after it are taken in as if it were not there; what it held is kept as it came."""
    last = "9,2013-01-09T00:00:00Z,2,b,false\n"
    clean = taken_from(tmp_path, sales(str(write(tmp_path / "clean.csv", HEAD + FINE + last)), id="id"))
    source = sales(str(write(tmp_path / "dirty.csv", HEAD + FINE + line + "\n" + last)), id="id")
    raw = read_source(source, tmp_path)
    contract = infer_contract(source, raw).state("price", low=0, high=100, nullable=False)
    done = taken(source, raw, contract.state("shop", allowed=["a", "b"]))
    assert reasons(done) == [(rule, reason)]
    assert rule in RULES
    assert done.quarantined["__row"].to_pylist() == [8]
    assert done.rows.drop_columns([POSITION]).to_pylist() == clean.rows.drop_columns([POSITION]).to_pylist()
    if rule != "malformed":
        assert done.quarantined["price"][0].as_py() == (line.split(",")[2] or None)


def test_every_row_is_somewhere() -> None:
    """Taken in, set aside, skipped or repeated: the counts add up, and the first fault of a row is its rule."""
    raw = pa.table(
        {
            "id": ["a", "a", "b", None, "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"],
            "ts": moments(*[FIRST] * 5, None, *[FIRST] * 8),
            "x": pa.array([1.0, 1.0, float("inf"), float("inf"), None, 1.0, *[2.0] * 8]),
        }
    )
    done = taken(sales(id="id", null_at="skip"), raw)
    assert [rule for rule, _ in reasons(done)] == ["infinite", "null"]
    assert (done.rows.num_rows, done.skipped, done.repeated) == (10, 1, 1)
    assert done.rows.num_rows + done.skipped + done.repeated + done.quarantined.num_rows == raw.num_rows


@pytest.mark.parametrize(("bad", "refused"), [(2, False), (3, True)])
def test_a_batch_with_too_many_bad_rows_is_refused_whole(bad: int, refused: bool) -> None:
    """Two of ten may break the contract, three may not; the error names the rule and shows examples."""
    raw = pa.table(
        {"id": [str(n) for n in range(10)], "ts": days(10), "x": [*[float("inf")] * bad, *[1.0] * (10 - bad)]}
    )
    if not refused:
        assert taken(sales(id="id"), raw).quarantined.num_rows == bad
        return
    with pytest.raises(BatchRefused) as raised:
        taken(sales(id="id"), raw)
    assert str(raised.value) == (
        "3 of 10 rows of source 'sales' break its contract, 3 of them the rule infinite: row 1: x is inf; expected a "
        "finite number; row 2: x is inf; expected a finite number; row 3: x is inf; expected a finite number. "
        "Expected: at most 20%; nothing of the batch was taken in. Mend the file and deliver it again, or state the "
        "new contract."
    )


def test_skipped_rows_do_not_make_a_batch_better() -> None:
    """The share is of the rows that are due."""
    ts = moments(*[FIRST] * 3, *[None] * 7)
    raw = pa.table({"id": [str(n) for n in range(10)], "ts": ts, "x": [float("inf"), *[1.0] * 9]})
    with pytest.raises(BatchRefused, match="1 of 3 rows"):
        taken(sales(id="id", null_at="skip"), raw)


def test_a_batch_that_lacks_a_column_is_refused() -> None:
    """A renamed column is the fault of the delivery, not of its rows."""
    raw = pa.table({"id": [1], "ts": days(1), "price": [1.0]})
    contract = infer_contract(sales(id="id"), raw)
    with pytest.raises(BatchRefused, match=r"lacks the column 'price' \(rule missing-column\).*Did you mean 'prise'\?"):
        taken(sales(id="id"), raw.rename_columns(["id", "ts", "prise"]), contract)
    with pytest.raises(BatchRefused, match="It has the new columns cost"):
        taken(sales(id="id"), raw.rename_columns(["id", "ts", "cost"]), contract)


def test_a_batch_whose_column_changed_its_kind_is_refused() -> None:
    """All rows break the rule."""
    raw = pa.table({"id": [1, 2], "ts": days(2), "price": [1.0, 2.0]})
    contract = infer_contract(sales(id="id"), raw)
    changed = raw.set_column(2, "price", pa.array(["cheap", "dear"]))
    with pytest.raises(BatchRefused, match=r"2 of 2 rows.*wrong-kind: row 1: price is 'cheap'; expected a number"):
        taken(sales(id="id"), changed, contract)


def test_nothing_usable_is_an_empty_source() -> None:
    """When every row has yet to happen."""
    raw = pa.table({"id": [1, 2], "ts": moments(None, None)})
    with pytest.raises(SourceEmpty, match="no usable row: all 2 have an empty ts"):
        taken(sales(id="id", null_at="skip"), raw)


@pytest.mark.parametrize("role", ["ts", "other"])
def test_a_column_of_times_without_a_zone_is_refused(role: str) -> None:
    """Whether or not anybody reads it: it would be a text, or a guess."""
    naive = pa.array([datetime(2013, 1, 1, 5, tzinfo=UTC).replace(tzinfo=None), None])
    raw = pa.table({"id": [1, 2], "ts": days(2), "other": days(2)})
    raw = raw.set_column(raw.column_names.index(role), role, naive)
    with pytest.raises(NaiveTime) as raised:
        taken(sales(id="id"), raw)
    assert str(raised.value) == (
        f"Source 'sales': column '{role}' has the time 2013-01-01T05:00:00 in row 1, which names no zone. Expected: "
        'times with a zone. Write "2013-01-01T05:00:00Z" if it is UTC, or store a timestamp with its zone.'
    )


def test_a_written_column_of_naive_times_is_refused(tmp_path: Path) -> None:
    """The value is shown as the file has it, with what to write."""
    source = sales(str(write(tmp_path / "s.csv", "id,ts\n1,\n2,2013-01-01 05:00\n")), id="id")
    with pytest.raises(NaiveTime, match=r"'2013-01-01 05:00' in row 2.*Write \"2013-01-01T05:00Z\""):
        taken_from(tmp_path, source)


def test_what_is_left_out_is_said() -> None:
    """Columns that no expression can read, that came later, or that the source does not declare."""
    raw = pa.table({"id": [1], "ts": days(1), "tags": [["a"]]})
    contract = infer_contract(sales(id="id"), raw)
    more = raw.append_column("new", pa.array([1]))
    assert taken(sales(id="id"), more, contract).left_out == {
        "tags": "holds list<item: string>, which no expression can read",
        "new": "not in the contract",
    }
    chosen = sales(id="id", columns=[])
    assert taken(chosen, more).left_out == dict.fromkeys(
        ["tags", "new"], "not among the columns that the source declares"
    )


def test_the_three_formats_give_the_same_rows(tmp_path: Path) -> None:
    """Parquet, CSV and JSON lines of one content are one source."""
    records = [
        {
            "id": f"s{n}",
            "ts": f"2013-01-0{n}T06:00:00Z",
            "price": n + 0.25,
            "pieces": n,
            "gift": n % 2 == 0,
            "note": "x",
        }
        for n in range(1, 8)
    ]
    write(tmp_path / "s.jsonl", records)
    lines = [",".join(str(value) for value in record.values()) for record in records]
    write(tmp_path / "s.csv", "\n".join([",".join(records[0]), *lines]) + "\n")
    typed = pa.Table.from_pylist(records)
    pq.write_table(typed.set_column(1, "ts", moments(*typed["ts"].to_pylist())), tmp_path / "s.parquet")
    found = [taken_from(tmp_path, sales(f"s.{suffix}", id="id")).rows for suffix in ("parquet", "csv", "jsonl")]
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert kinds(found[0]) == {
        "id": "text",
        "ts": "time",
        "price": "number",
        "pieces": "number",
        "gift": "bool",
        "note": "text",
    }


def test_a_check_counts_what_each_rule_set_aside() -> None:
    """The most frequent rule first, for a batch that would be refused as well."""
    raw = pa.table({"id": [None, None, "c"], "ts": days(3), "x": [1.0, 1.0, float("inf")]})
    violations = check(infer_contract(sales(id="id"), raw), raw).violations
    assert violations.counts() == {"null": 2, "infinite": 1}
    assert violations.bad.tolist() == [True, True, True]
    assert (violations.rule(2), violations.reason(2)) == ("infinite", "row 3: x is inf; expected a finite number")


def test_a_stated_range_of_times_binds() -> None:
    """In microseconds, as times are."""
    raw = pa.table({"id": list(range(6)), "ts": days(6), "due": days(6)})
    contract = infer_contract(sales(id="id"), raw).state("due", low=FIRST + HOUR)
    assert reasons(taken(sales(id="id"), raw, contract)) == [
        ("range", "row 1: due is 2013-01-01T00:00:00Z; expected at least 2013-01-01T01:00:00Z")
    ]


def test_rows_that_are_set_aside_later_are_as_if_they_never_came() -> None:
    """With their rule, reason and number beside those that break the contract; versions before them stand again."""
    raw = pa.table({"id": ["a", "b", None, "c"], "ts": days(4), "x": ["1", "2", "3", "4"]})
    source = sales(id="id")
    done = without(
        source, taken(source, raw, replace(infer_contract(source, raw), refuse_above=1.0)), raw, "odd", {1: "2"}
    )
    assert done.rows["id"].to_pylist() == done.delivered["id"].to_pylist() == ["a", "c"]
    assert done.rows[POSITION].to_pylist() == [0, 1]
    shown = done.quarantined.select(["id", "x", "__row", "__rule", "__reason"]).to_pylist()[1]
    assert shown == {"id": "b", "x": "2", "__row": 2, "__rule": "odd", "__reason": "2"}
    raw = pa.table({"id": ["a", "a"], "ts": days(2), "v": [1, 2]})
    source = sales(id="id", version="v")
    done = without(source, taken(source, raw), raw, "odd", {1: "of the second version"})
    assert standing_rows(done.rows)["v"].to_pylist() == [1]
    source = sales()
    done = without(source, taken(source, raw), raw, "odd", {0: "one of them"})
    assert done.quarantined.to_pylist() == [
        {"id": None, "ts": None, "v": None, "__row": None, "__rule": "odd", "__reason": "one of them"}
    ]
    assert without(source, done, raw, "odd", {}) is done
    with pytest.raises(BatchRefused, match=r"break the rule odd: of the first version.*Expected: at most 20%"):
        without(source, taken(source, raw), raw, "odd", {0: "of the first version"}, refuse_above=0.2)
