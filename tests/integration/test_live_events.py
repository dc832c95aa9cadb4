"""Live events through the public interface: what is told reaches features, labels and training, and stays."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import Busy, DataError, NameUnknown, RequestInvalid
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.features.reader import FeatureReader
from setpoint.features.training_set import TrainingSet
from setpoint.history import examples_of, requests_of
from setpoint.serve.batch import decide_many
from setpoint.serve.snapshot import Serving
from setpoint.session import Session
from tests.integration.live_shop import START, bits, log_of, micros, open_shop, payments, write

NOON = START + timedelta(hours=12)
VERSIONED = {"version": "v", "retracted": "gone"}


def made(name: str, at: datetime, amount: float, **more: Any) -> dict[str, Any]:
    """A payment of a card of its own."""
    return {"payment_id": name, "ts": at, "card": "new", "amount": amount, **more}


def sum_seen(live: sp.Live, session: Session, name: str) -> float:
    """What a decision on that card sees now: the sum of two days."""
    session.refresh()
    session.decide({"order_id": name, "card": "new"})
    with log_of(live) as records:
        found = records[-1].features["sum_2d"]
    assert isinstance(found, (int, float))
    return float(found)


def verified(live: sp.Live) -> int:
    """How many logged decisions are worked out again to the same bits."""
    report = live.verify()
    assert report["differences"] == []
    assert report["passed"]
    return int(report["decisions"])


def versioned(rows: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    """Payments as first versions, known a minute after they were made."""
    return [{**row, "v": 1, "gone": False, "seen": row["ts"] + timedelta(minutes=1), **changes} for row in rows]


def test_an_event_is_seen_by_the_decisions_after_it(tmp_path: Path) -> None:
    """Not by those before, also when they are worked out again; SQL shows it like a row of the file."""
    live, clock = open_shop(tmp_path, write(tmp_path / "payments.parquet", payments(10)), now=NOON)
    with live.session() as session:
        before = sum_seen(live, session, "x1")
        clock.advance_to(micros(NOON) + 1_000_000)
        receipt = session.event("payments", [made("n1", NOON - timedelta(hours=3), 12.5)])
        assert (before, sum_seen(live, session, "x2")) == (0.0, 12.5)
        assert receipt.to_dict()["positions"] == [10, 10]
    shown = live.sql("select payment_id, amount from payments where card = 'new'").to_pylist()
    assert shown == [{"payment_id": "n1", "amount": 12.5}]
    assert verified(live) == 2


def test_an_event_in_process_is_seen_soon(tmp_path: Path) -> None:
    """Within the time that a thread of the system takes to notice it; and a second process is refused."""
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", payments(10)), now=NOON)
    with live:
        receipt = live.event("payments", made("n1", NOON - timedelta(hours=3), 5.0))
        assert receipt.accepted == 1
        assert live.event("payments", [made("n1", NOON - timedelta(hours=3), 5.0)]).repeated == 1
        until = time.monotonic() + 20
        seen = 0.0
        while not seen and time.monotonic() < until:
            live.decide({"order_id": "x", "card": "new"})
            with log_of(live) as records:
                seen = float(records[-1].features["sum_2d"] or 0)
        assert seen == 5.0
        other, _ = open_shop(tmp_path, "payments.parquet", now=NOON)
        with pytest.raises(Busy):
            other.event("payments", made("n2", NOON, 5.0))
        with pytest.raises(NameUnknown, match="Did you mean 'payments'"):
            live.event("payment", {})
        with pytest.raises(RequestInvalid, match="0 events"):
            live.event("payments", [])


def test_events_are_there_after_a_restart(tmp_path: Path) -> None:
    """At the same positions; decisions before and after it are worked out again without a difference."""
    name = write(tmp_path / "payments.parquet", payments(10))
    live, _ = open_shop(tmp_path, name, now=NOON)
    with live.session() as session:
        session.event("payments", [made("n1", NOON - timedelta(hours=2), 1.0)])
        assert sum_seen(live, session, "x1") == 1.0
        assert session.event("payments", [made("n2", NOON - timedelta(hours=2), 2.0)]).first == 11
    later, _ = open_shop(tmp_path, name, now=NOON + timedelta(hours=1))
    with later.session() as session:
        assert sum_seen(later, session, "x2") == 3.0
        again = session.event("payments", [made("n2", NOON - timedelta(hours=2), 2.0), made("n3", NOON, 4.0)])
        assert (again.repeated, again.accepted, again.first) == (1, 1, 12)
        assert verified(later) == 2
    assert verified(live) == 2


def test_events_correct_and_take_back_what_a_file_brought(tmp_path: Path) -> None:
    """Each from when it was told; the decisions in between saw what was known then."""
    options = {**VERSIONED, "known_at": "seen", "delay": None}
    rows = versioned([made("p", START, 10.0), made("q", START, 100.0), *payments(9)])
    live, clock = open_shop(tmp_path, write(tmp_path / "payments.parquet", rows), now=NOON, **options)
    with live.session() as session:
        seen = [sum_seen(live, session, "x1")]
        for number, event in enumerate(
            [
                made("p", START, 11.0, v=2),
                {"payment_id": "q", "v": 2, "gone": True},
                made("p", START, 999.0, v=1, gone=False),
                made("q", START, 200.0, v=3),
            ]
        ):
            clock.advance_to(clock.now() + 60_000_000)
            session.event("payments", [event])
            seen.append(sum_seen(live, session, f"y{number}"))
        assert seen == [110.0, 111.0, 11.0, 11.0, 211.0]
        assert [aside["rule"] for aside in live.check()["quarantine"]] == ["conflicting-id"]
    assert verified(live) == 5


def test_a_told_label_settles_its_decision(tmp_path: Path) -> None:
    """The label's source takes events like every other."""
    live, clock = open_shop(tmp_path, write(tmp_path / "payments.parquet", payments(10)), now=NOON)
    with live.session() as session:
        session.decide({"order_id": "live-1", "card": "c1"})
        clock.advance_to(micros(NOON + timedelta(hours=1)))
        session.event("frauds", [{"order_id": "live-1", "ts": (NOON + timedelta(minutes=30)), "bad": True}])
        clock.advance_to(micros(NOON + timedelta(hours=30)))
        session.refresh()
        found = live.sql("select key, state, value from outcomes").to_pylist()
    assert found == [{"key": "live-1", "state": "known", "value": 1.0}]


def test_what_is_new_in_a_file_became_known_when_the_system_started_again(tmp_path: Path) -> None:
    """However old it says it is: the decisions before it stay as they were."""
    rows = payments(10)
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", rows), now=NOON)
    with live.session() as session:
        assert sum_seen(live, session, "x1") == 0.0
        session.event("payments", [made("n1", NOON - timedelta(hours=2), 2.0)])
    late = made("late", NOON - timedelta(hours=5), 8.0)
    write(tmp_path / "payments.parquet", [late, *rows, made("n1", NOON - timedelta(hours=2), 2.0)])
    later, _ = open_shop(tmp_path, "payments.parquet", now=NOON + timedelta(hours=1))
    with later.session() as session:
        assert sum_seen(later, session, "x2") == 10.0
    known = later.sql("select __known_at as known, __position as place from payments where payment_id = 'late'")
    assert known.to_pylist() == [{"known": NOON + timedelta(hours=1), "place": 11}]
    assert verified(later) == 2


def test_a_row_that_says_something_else_after_a_restart_is_an_error(tmp_path: Path) -> None:
    """It names the row and what changed, and nothing goes on with another past."""
    rows = payments(10)
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", rows), now=NOON)
    with live.session():
        pass
    changed = [{**row, "amount": 1.25} if row["payment_id"] == "p3" else row for row in rows]
    later, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", changed), now=NOON)
    with pytest.raises(
        DataError, match=r"'payments'.* payment_id 'p3' came before, where amount is .* here it is 1.25"
    ):
        later.session().__enter__()


def examples(folder: Path, rows: list[dict[str, Any]], *, as_of: datetime) -> TrainingSet:
    """The training set of all orders up to a time, from what was known by then."""
    folder.mkdir()
    options = {**VERSIONED, "known_at": "seen", "delay": None}
    live, _ = open_shop(folder, write(folder / "payments.parquet", rows), **options)
    requests = requests_of(live.plan, live.rows, start=None, end=micros(as_of))
    features = FeatureReader(live.plan, live.rows).read(requests.table, requests.at)
    log = decide_many(requests.table, requests.at, features, Serving(live.plan))
    return examples_of(live.plan, log, take_snapshot(live.rows, micros(as_of)))


def test_a_late_correction_does_not_change_an_old_training_row(tmp_path: Path) -> None:
    """As of a time before it, the training set has the same digest; as of later, only later rows see it."""
    rows, cut = versioned(payments(60)), START + timedelta(hours=50)
    late = versioned(payments(60)[5:8], v=2, seen=cut + timedelta(hours=1))
    late[0] |= {"amount": 1.5}
    late[1] |= {"gone": True}
    plain, corrected = (examples(tmp_path / name, each, as_of=cut) for name, each in (("a", rows), ("b", rows + late)))
    assert plain.digest == corrected.digest
    after = cut + timedelta(hours=20)
    plain, corrected = (
        examples(tmp_path / name, each, as_of=after) for name, each in (("c", rows), ("d", rows + late))
    )
    old = int((plain.at <= micros(cut + timedelta(hours=1)) - 1).sum())
    before, now = ([bits(row) for row in found.features.to_pylist()] for found in (plain, corrected))
    assert before[:old] == now[:old]
    assert before[old:] != now[old:]


def test_check_shows_what_was_set_aside_of_files_and_of_events(tmp_path: Path) -> None:
    """With the same words as the answer had, also after the service has ended."""
    rows = [*payments(10), {**payments(11)[10], "payment_id": "p3"}]
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", rows), now=NOON)
    with live.session() as session:
        session.event("payments", [made("n1", NOON, 1.0) | {"ts": None}])
    shown = live.check()["quarantine"]
    assert [(each["source"], each["rule"], each["told"]) for each in shown] == [
        ("payments", "conflicting-id", False),
        ("payments", "no-time", True),
    ]
    kept = live.folders.open_tables().read("quarantine/payments")
    assert json.loads(kept["held"][0].as_py())["payment_id"] == "p3"


def test_a_value_that_no_exact_sum_can_hold_is_set_aside(tmp_path: Path) -> None:
    """From a file and told; the sums go on without it, and what was decided is worked out again to the same bits."""
    rows = [*payments(10), made("huge", START, 1e300), made("fine", START, 1.25)]
    live, _ = open_shop(tmp_path, write(tmp_path / "payments.parquet", rows), now=NOON)
    assert "huge" not in live.rows["payments"]["payment_id"].to_pylist()
    with live.session() as session:
        receipt = session.event("payments", [made("more", START, 2.0), made("told", START, -1e300)])
        assert [aside.rule for aside in receipt.quarantined] == ["does-not-fit"]
        assert sum_seen(live, session, "x") == 3.25
    shown = [(each["row"], each["rule"], each["told"]) for each in live.check()["quarantine"]]
    assert shown == [(11, "does-not-fit", False), (2, "does-not-fit", True)]
    assert verified(live) == 1
