"""A source that cannot be reached: what was read before is used, told, and followed by what is new once it is back."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from setpoint.core.errors import SourceUnavailable
from setpoint.core.times import DAY
from tests.http_server import http_server
from tests.integration.live_shop import START, log_of, micros, open_shop, payments
from tests.postgres_server import PASSWORD, PostgresServer, postgres_server

FIRST, ALL = 30, 40
LATER = START + timedelta(days=2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A server with the first payments in a table."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with postgres_server() as running:
        running.run("CREATE TABLE payments (payment_id text, ts timestamptz, card text, amount numeric(10, 2))")
        insert(running, payments(FIRST))
        yield running


def insert(server: PostgresServer, rows: list[dict[str, Any]]) -> None:
    """More payments in the table."""
    values = [
        f"('{row['payment_id']}', '{row['ts'].isoformat()}', '{row['card']}', {row['amount'] or 'NULL'})"
        for row in rows
    ]
    server.run(f"INSERT INTO payments VALUES {', '.join(values)}")


def test_status_why_and_service_go_on_while_postgres_is_down(
    tmp_path: Path, server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The service starts again on the rows it has, says so, and takes in what is new when the server is back."""
    address = server.url(source="table=payments")
    live, clock = open_shop(tmp_path, address)
    request = {"order_id": "o1", "card": "c1"}
    with live.session() as session:
        clock.advance_to(micros(START + timedelta(hours=FIRST)))
        session.refresh()
        before = session.decide(request)
    live.close()
    server.stop()
    live, clock = open_shop(tmp_path, address, now=LATER)
    told = live.status()["sections"]["sources"]["payments"]
    assert told.startswith("unreachable; its rows as of 2026-01-01T00:00:00Z are used. postgresql://127.0.0.1")
    assert live.why(before.id)["subject"] == before.id
    with caplog.at_level(logging.WARNING), live.session() as session:
        session.refresh()
        after = session.decide({"order_id": "o2", "card": "c1"})
        session.reach()
        assert "sources" in session.status()["sections"]
        assert session.status()["sections"]["freshness"]["payments"].startswith("19h old")
        server.start()
        insert(server, payments(ALL)[FIRST:])
        session.reach()
        assert "sources" not in session.status()["sections"]
        assert "Source 'payments' is back; 10 of its rows are new." in caplog.messages
        clock.advance_to(micros(LATER) + DAY // 24)
        session.refresh()
        last = session.decide({"order_id": "o3", "card": "c1"})
    assert live.unreachable == {}
    live.close()
    with log_of(live) as records:
        seen = {record.decision_id: record.features for record in records}
    assert seen[after.id]["count_1d"] < seen[last.id]["count_1d"]
    again, clock = open_shop(tmp_path, address, now=LATER + timedelta(hours=2))
    verdict = again.verify()
    assert (verdict["decisions"], verdict["mismatches"]) == (3, 0)


def test_a_running_service_asks_again_by_itself(tmp_path: Path, server: PostgresServer) -> None:
    """Nobody has to start anything."""
    address = server.url(source="table=payments")
    live, _ = open_shop(tmp_path, address)
    assert live.check()["sources"]
    server.stop()
    down, _ = open_shop(tmp_path, address)
    with down.session() as session, session.refreshing(0.05, retry=0.05):
        assert "payments" in down.unreachable
        server.start()
        insert(server, payments(ALL)[FIRST:])
        deadline = 2_000
        while down.unreachable and deadline:
            deadline -= 1
            threading.Event().wait(0.01)
        assert down.unreachable == {}
        assert session.refresh() is None
    down.close()


def test_what_a_check_read_is_used_by_all_that_comes_after(tmp_path: Path, server: PostgresServer) -> None:
    """A service can begin on rows that only a replay has read, and gives the same features."""
    address = server.url(source="table=payments")
    live, _ = open_shop(tmp_path, address)
    rows = live.rows["payments"]
    server.stop()
    down, clock = open_shop(tmp_path, address)
    assert down.rows["payments"].equals(rows)
    facts = {each["name"]: each for each in down.check()["sources"]}
    assert facts["payments"]["unreachable"].startswith("unreachable; its rows as of 2026-01-01")
    with down.session() as session:
        clock.advance_to(micros(START + timedelta(hours=20)))
        session.refresh()
        session.decide({"order_id": "o1", "card": "c1"})
    down.close()
    once_more, _ = open_shop(tmp_path, address, now=START + timedelta(days=1))
    assert once_more.verify()["mismatches"] == 0


def test_a_source_that_never_was_read_is_an_error(tmp_path: Path, server: PostgresServer) -> None:
    """There is nothing to go on with."""
    server.stop()
    live, _ = open_shop(tmp_path, server.url(source="table=payments"))
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        live.status()
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        live.check()


def test_a_file_whose_server_is_gone_is_known_from_before(tmp_path: Path) -> None:
    """HTTP behaves like a database."""
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(payments(FIRST)), parquet)
    with http_server() as http:
        address = http.put("/payments.parquet", parquet.getvalue())
        live, _ = open_shop(tmp_path, address)
        rows = live.rows["payments"]
    down, _ = open_shop(tmp_path, address)
    assert down.rows["payments"].equals(rows)
    assert "payments" in down.unreachable
