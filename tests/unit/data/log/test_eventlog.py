"""Live events: what is told to a source is taken in or set aside, and every row has one position for good."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock, SystemClock
from setpoint.core.errors import BatchRefused, DataError, LogUnavailable, NameUnknown, RequestInvalid
from setpoint.core.times import DAY, time
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import ingest
from setpoint.data.log.eventlog import LEAST_SHARED, EventLog, Origin
from setpoint.data.log.told import read_batches
from setpoint.data.rows import AT, ID, KNOWN_AT, POSITION, SIGN, standing_rows
from setpoint.declare.contract import StatedContract
from setpoint.declare.source import SourceInfo, info
from tests.unit.data.make import days, moments, sales
from tests.unit.data.memory import MemorySegments

NOON = time("2013-01-03T12:00:00Z")


def begin(
    source: SourceInfo,
    raw: pa.Table,
    *,
    now: int = NOON,
    segments: Any = None,
    stated: StatedContract | None = None,
    **options: Any,
) -> tuple[EventLog, SimulatedClock]:
    """The log of a source that starts with a file's rows, on a clock that stands at noon."""
    contract = infer_contract(source, raw).with_rules(stated)
    done = ingest(source, raw, contract)
    deliveries = done.delivered.select([*contract.columns, AT, KNOWN_AT, ID])
    clock = SimulatedClock(now)
    log = segments or MemorySegments()
    origin = Origin(source, contract, deliveries, read_batches(log))
    return EventLog({source.name: origin}, {source.name: log}, clock=clock, **options), clock


def three() -> pa.Table:
    """Three sales, one a day."""
    return pa.table({"id": ["a", "b", "c"], "ts": days(3), "price": [1.5, 2.0, None], "member": [True, False, None]})


def test_an_event_becomes_known_when_it_is_received() -> None:
    """Whenever it happened, at the next position."""
    log, _ = begin(sales(id="id"), three())
    receipt = log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z", "price": 9, "member": True}])
    assert (receipt.accepted, receipt.first, receipt.last, receipt.known_at) == (1, 3, 3, NOON)
    row = log.table("sales").slice(3).to_pylist()[0]
    assert row == {
        "id": "d", "ts": datetime(2013, 1, 2, tzinfo=UTC), "price": 9.0, "member": True,
        AT: time("2013-01-02"), KNOWN_AT: NOON, ID: "d", POSITION: 3,
    }  # fmt: skip
    assert receipt.to_dict() == {
        "source": "sales", "known_at": "2013-01-03T12:00:00Z", "accepted": 1, "positions": [3, 3], "repeated": 0,
        "superseded": 0, "skipped": 0, "quarantined": [], "left_out": {},
    }  # fmt: skip


def test_calls_at_one_moment_become_known_one_after_the_other() -> None:
    """Strictly increasing, so that a position is a time."""
    log, _ = begin(sales(id="id"), three())
    known = [log.append("sales", [{"id": name, "ts": "2013-01-02T00:00:00Z"}]).known_at for name in "xyz"]
    assert known == [NOON, NOON + 1, NOON + 2]


def test_what_is_announced_for_later_comes_when_its_time_has_come() -> None:
    """A file that knows the future does not push what happens now behind it."""
    log, clock = begin(sales(id="id", delay="2d"), three())
    assert log.table("sales")["id"].to_pylist() == ["a"]
    assert log.append("sales", [{"id": "now", "ts": "2013-01-03T00:00:00Z"}]).first == 1
    clock.advance_to(NOON + 2 * DAY)
    assert log.table("sales")["id"].to_pylist() == ["a", "now", "b", "c"]
    assert log.read("sales", after=1, until=NOON + DAY)["id"].to_pylist() == ["b"]


def test_what_is_new_in_the_source_itself_comes_in_beside_what_is_told() -> None:
    """From its moment on, each once; what it announces comes when its time has come."""
    log, clock = begin(sales(id="id"), three())
    log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z"}])

    def bring(moment: int) -> pa.Table:
        columns = {"id": ["e", "d", "f"], "ts": moments("2013-01-03", "2013-01-02", "2013-01-03")}
        columns |= {"price": pa.nulls(3, pa.float64()), "member": pa.nulls(3, pa.bool_())}
        times = {
            AT: [time("2013-01-03"), time("2013-01-02"), time("2013-01-03")],
            KNOWN_AT: [moment, moment, NOON + DAY],
        }
        return pa.table({**columns, **times, ID: columns["id"]})

    log.take("sales", bring)
    assert log.table("sales")[ID].to_pylist() == ["a", "b", "c", "d", "e"]
    assert log.table("sales")[KNOWN_AT][4].as_py() == NOON + 1
    clock.advance_to(NOON + DAY)
    assert log.table("sales").select([ID, POSITION]).to_pylist()[5] == {ID: "f", POSITION: 5}


def test_asking_for_a_time_to_come_does_not_bring_it(tmp_path: Path) -> None:
    """What is announced for then stays behind what is told before."""
    log, _ = begin(sales(id="id", delay="2d"), three())
    assert log.read("sales", after=-1, until=2**62)["id"].to_pylist() == ["a"]
    assert log.append("sales", [{"id": "now", "ts": "2013-01-03T00:00:00Z"}]).known_at == NOON


def test_the_same_event_again_changes_nothing() -> None:
    """From a file or told before; neither does the log grow."""
    segments = MemorySegments()
    log, _ = begin(sales(id="id"), three(), segments=segments)
    fresh = {"id": "d", "ts": "2013-01-02T00:00:00Z", "price": 1}
    log.append("sales", [fresh])
    again = log.append("sales", [fresh, {"id": "a", "ts": "2013-01-01T00:00:00+00:00", "price": 1.5, "member": True}])
    assert (again.accepted, again.repeated, again.first, len(segments.records)) == (0, 2, None, 1)


def test_bad_events_are_set_aside_with_the_reason_and_good_ones_taken_in() -> None:
    """Each is told in the answer, kept in the log, and shown in the quarantine with all that it held."""
    segments = MemorySegments()
    log, _ = begin(sales(id="id", expect={"price": (0, 100)}), three(), segments=segments)
    good = {"id": "d", "ts": "2013-01-02T00:00:00Z", "price": 5}
    receipt = log.append(
        "sales",
        [
            good,
            {**good, "id": "e", "price": -5},
            {**good, "id": "f", "price": "cheap"},
            {**good, "id": "g", "ts": "2013-01-02T00:00:00"},
            {**good, "id": "h", "ts": None},
            {**good, "id": None},
            {**good, "id": "a"},
            "nothing",
            {**good, "id": "i", "price": float("inf")},
            {**good, "price": 6},
        ],
    )
    assert receipt.accepted == 1
    assert [(aside.row, aside.rule) for aside in receipt.quarantined] == [
        (2, "range"), (3, "wrong-kind"), (4, "naive-time"), (5, "no-time"), (6, "null"), (7, "conflicting-id"),
        (8, "malformed"), (9, "infinite"), (10, "conflicting-id"),
    ]  # fmt: skip
    reasons = [aside.reason for aside in receipt.quarantined]
    assert reasons[0] == "row 2: price is -5.0; expected at least 0"
    assert reasons[5] == "row 7: id 'a' came before, where ts is 2013-01-01T00:00:00Z; here it is 2013-01-02T00:00:00Z"
    assert '"id":"e"' in receipt.quarantined[0].held
    shown = log.quarantined("sales")
    assert shown["reason"].to_pylist() == reasons
    assert [aside.reason for batch in read_batches(segments) for aside in batch.aside] == reasons


def sold(count: int, *, bad: int) -> list[dict[str, Any]]:
    """Sales of which the first have a price that is none."""
    price = ["cheap" if number < bad else number for number in range(count)]
    return [{"id": f"n{number}", "ts": "2013-01-02T00:00:00Z", "price": price[number]} for number in range(count)]


def test_a_batch_of_which_more_than_the_share_is_bad_is_refused_whole() -> None:
    """A fifth may be bad unless the contract says otherwise; beyond it nothing is in the log or the quarantine."""
    segments = MemorySegments()
    log, _ = begin(sales(id="id"), three(), segments=segments)
    with pytest.raises(BatchRefused, match=r"7 of 30 rows of source 'sales' break its contract.* the rule wrong-kind"):
        log.append("sales", sold(30, bad=7))
    assert (log.table("sales").num_rows, log.quarantined("sales").num_rows, read_batches(segments)) == (3, 0, [])
    receipt = log.append("sales", sold(30, bad=6))
    assert (receipt.accepted, len(receipt.quarantined)) == (24, 6)


def test_of_few_events_none_is_refused_for_the_others() -> None:
    """A share of so few says nothing: each is set aside by itself, however many are bad."""
    log, _ = begin(sales(id="id"), three())
    receipt = log.append("sales", sold(LEAST_SHARED - 1, bad=LEAST_SHARED - 2))
    assert (receipt.accepted, len(receipt.quarantined)) == (1, LEAST_SHARED - 2)


def test_a_rule_may_refuse_told_events_by_a_share_of_its_own() -> None:
    """And so may sums that cannot hold a price exactly."""
    declared = sp.events("sales", "sales.parquet", id="id", at="ts", delay="0s")
    rule = sp.holds(declared.price < 25, name="cheap", refuse_above=0.1)
    log, _ = begin(info(declared), three(), stated=sp.contract(declared, rule))
    with pytest.raises(BatchRefused, match=r"5 of 30 rows of source 'sales' break the rule cheap: row 26: .*"):
        log.append("sales", sold(30, bad=0))
    assert len(log.append("sales", sold(27, bad=0)).quarantined) == 2
    even, _ = begin(info(declared), three(), unfit=lambda _, rows: dict.fromkeys(range(0, rows.num_rows, 2), "odd"))
    with pytest.raises(BatchRefused, match=r"10 of 20 rows of source 'sales' break the rule does-not-fit: odd"):
        even.append("sales", sold(20, bad=0))


def test_a_field_that_the_source_does_not_have_is_told() -> None:
    """It may be misspelt; what is missing is empty."""
    log, _ = begin(sales(id="id"), three())
    receipt = log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z", "prise": 5}])
    assert (receipt.accepted, receipt.left_out) == (1, {"prise": "not in the contract"})
    assert log.table("sales")["price"].to_pylist()[-1] is None


def test_values_may_be_those_of_python() -> None:
    """Datetimes with a zone, Decimals, numpy's numbers; one that no column holds is set aside."""
    log, _ = begin(sales(id="id"), three())
    moment = datetime(2013, 1, 2, 2, tzinfo=timezone(timedelta(hours=2)))
    events = [
        {"id": "d", "ts": moment, "price": Decimal("0.1")},
        {"id": "e", "ts": np.datetime64("2013-01-02"), "price": np.float32(0.5)},
        {"id": "f", "ts": moment, "price": 10**400},
        {"id": "g", "ts": moment, "price": {1}},
        {"id": "h\ud800", "ts": moment},
        {"id": "i", 3: 4},
    ]
    receipt = log.append("sales", events)
    assert [aside.rule for aside in receipt.quarantined] == ["infinite", "wrong-kind", "wrong-kind", "no-time"]
    assert (receipt.left_out, receipt.accepted) == ({"3": "not in the contract"}, 2)
    assert log.table("sales")["price"].to_pylist()[-2:] == [0.1, 0.5]
    assert log.table("sales")[AT].to_pylist()[-2:] == [time("2013-01-02")] * 2


def test_events_correct_and_take_back() -> None:
    """A retraction needs no more than which row."""
    source = sales(id="id", version="v", retracted="gone")
    raw = three().append_column("v", pa.array([1, 1, 1])).append_column("gone", pa.array([False] * 3))
    log, _ = begin(source, raw)
    fixed = log.append("sales", [{"id": "a", "v": 2, "ts": "2013-01-01T00:00:00Z", "price": 7}])
    back = log.append("sales", [{"id": "b", "v": 2, "gone": True}, {"id": "c", "v": 0, "ts": "2013-01-01T00:00:00Z"}])
    assert (fixed.first, fixed.last, fixed.superseded) == (3, 4, 0)
    assert (back.accepted, back.first, back.last, back.superseded) == (2, 5, 5, 1)
    rows = log.table("sales")
    assert rows[SIGN].to_pylist() == [1, 1, 1, -1, 1, -1]
    assert standing_rows(rows)["id"].to_pylist() == ["c", "a"]


def test_rows_of_a_table_may_be_told() -> None:
    """One of the same key and time with other content contradicts; one of another time does not."""
    users = info(sp.table("sales", "u.parquet", key=["a", "b"], valid_from="since"))
    raw = pa.table({"a": ["x", "y"], "b": ["1", "2"], "since": days(2), "tier": [1, 2]})
    log, _ = begin(users, raw)
    receipt = log.append(
        "sales",
        [
            {"a": "x", "b": "1", "since": "2013-01-02T00:00:00Z", "tier": 3},
            {"a": "x", "b": "1", "since": "2013-01-01T00:00:00Z", "tier": 1},
            {"a": "x", "b": "1", "since": "2013-01-01T00:00:00Z", "tier": 9},
        ],
    )
    assert (receipt.accepted, receipt.repeated) == (1, 1)
    assert [aside.rule for aside in receipt.quarantined] == ["duplicate-key"]
    other = log.append("sales", [{"a": "x", "b": "1", "since": "2013-01-01T00:00:00Z", "tier": 9}])
    assert [aside.rule for aside in other.quarantined] == ["duplicate-key"]


def test_rows_that_cannot_be_folded_are_set_aside() -> None:
    """Of what is told and of what a file brought."""

    def unfit(source: str, rows: pa.Table) -> dict[int, str]:
        prices = rows["price"].to_pylist()
        return {place: f"price {price} does not fit" for place, price in enumerate(prices) if price and price > 100}

    raw = three().set_column(2, "price", pa.array([1.0, 200.0, 3.0]))
    log, _ = begin(sales(id="id"), raw, unfit=unfit)
    when = "2013-01-02T00:00:00Z"
    receipt = log.append("sales", [{"id": "d", "ts": when, "price": 300}, {"id": "e", "ts": when, "price": 4}])
    assert [(aside.row, aside.rule, aside.reason) for aside in receipt.quarantined] == [
        (1, "does-not-fit", "row 1: price 300 does not fit")
    ]
    assert log.table("sales")["id"].to_pylist() == ["a", "c", "e"]


def test_a_column_of_whole_numbers_may_get_a_fraction() -> None:
    """The rows before keep their values."""
    raw = pa.table({"id": ["a"], "ts": days(1), "price": pa.array([2**53], pa.int64())})
    log, _ = begin(sales(id="id"), raw)
    log.append("sales", [{"id": "b", "ts": "2013-01-02T00:00:00Z", "price": 3}])
    log.append("sales", [{"id": "c", "ts": "2013-01-02T00:00:00Z", "price": 0.25}])
    assert log.table("sales")["price"].to_pylist() == [2.0**53, 3.0, 0.25]


def test_an_event_that_has_not_happened_is_skipped() -> None:
    """Where the source says that this is what an empty time means."""
    log, _ = begin(sales(id="id", null_at="skip"), three())
    receipt = log.append("sales", [{"id": "d", "ts": None}])
    assert (receipt.skipped, receipt.accepted, receipt.quarantined) == (1, 0, ())


def test_a_declared_known_at_is_when_the_log_received_it() -> None:
    """Whatever the event says of it: an event cannot have been known before it was told."""
    raw = three().append_column("seen", days(3))
    log, _ = begin(sales(id="id", known_at="seen", delay=None), raw)
    log.append("sales", [{"id": "d", "ts": "2013-01-01T00:00:00Z", "seen": "2013-01-01T00:00:00Z"}])
    log.append("sales", [{"id": "e", "ts": "2013-01-01T00:00:00Z"}])
    rows = log.table("sales").slice(3)
    assert rows[KNOWN_AT].to_pylist() == [NOON, NOON + 1]
    assert rows["seen"].equals(pa.chunked_array([moments("2013-01-01", NOON + 1)]))


def test_a_source_without_ids_takes_every_event() -> None:
    """Nothing says that two equal ones are one."""
    log, _ = begin(sales(), three().drop_columns(["id"]))
    same = {"ts": "2013-01-02T00:00:00Z", "price": 2}
    assert (log.append("sales", [same, same]).accepted, log.append("sales", [same]).accepted) == (2, 1)


def test_what_cannot_be_told_is_refused() -> None:
    """An unknown source, no events, and a table that always holds."""
    log, _ = begin(sales(id="id"), three())
    with pytest.raises(NameUnknown, match="Did you mean 'sales'"):
        log.append("sale", [{}])
    with pytest.raises(RequestInvalid, match="0 events"):
        log.append("sales", [])
    fixed = info(sp.table("sales", "u.parquet", key="id", valid_from=sp.always))
    log, _ = begin(fixed, pa.table({"id": ["a"]}))
    with pytest.raises(RequestInvalid, match="takes no events"):
        log.append("sales", [{"id": "b"}])


def test_what_cannot_be_written_is_not_taken_in() -> None:
    """The caller is told, and may tell it again."""
    segments = MemorySegments()
    log, _ = begin(sales(id="id"), three(), segments=segments)
    segments.full = True
    with pytest.raises(LogUnavailable):
        log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z"}])
    assert log.table("sales").num_rows == 3
    segments.full = False
    assert log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z"}]).accepted == 1


def test_a_record_of_something_else_is_no_event() -> None:
    """The log says so when it is opened."""
    segments = MemorySegments()
    segments.append(b"{}")
    with pytest.raises(DataError, match="no events"):
        begin(sales(id="id"), three(), segments=segments)


def test_a_log_on_disk_is_there_after_a_restart(tmp_path: Path) -> None:
    """The same rows at the same positions, and what was set aside."""
    segments = FileSegments(tmp_path / "sales", sync_every=0)
    log, _ = begin(sales(id="id", delay="2d"), three(), segments=segments)
    log.append("sales", [{"id": "d", "ts": "2013-01-02T00:00:00Z", "price": 2.5}, {"id": "e"}])
    before, aside = log.table("sales"), log.quarantined("sales")
    segments.close()
    segments = FileSegments(tmp_path / "sales", sync_every=0)
    again, _ = begin(sales(id="id", delay="2d"), three(), segments=segments)
    assert again.table("sales").equals(before)
    assert again.quarantined("sales").equals(aside)
    segments.close()


def test_threads_may_tell_at_the_same_time() -> None:
    """Every event is there once, and positions have no gap."""
    source, raw = sales(id="id"), three()
    contract = infer_contract(source, raw)
    deliveries = ingest(source, raw, contract).delivered.select([*contract.columns, AT, KNOWN_AT, ID])
    log = EventLog({"sales": Origin(source, contract, deliveries)}, {"sales": MemorySegments()}, clock=SystemClock())

    def tell(name: int) -> None:
        for number in range(20):
            log.append("sales", [{"id": f"{name}-{number % 10}", "ts": "2013-01-02T00:00:00Z"}])
            log.table("sales")

    threads = [threading.Thread(target=tell, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = log.table("sales")
    assert rows[POSITION].to_pylist() == list(range(43))
    assert len(set(rows["id"].to_pylist())) == 43
