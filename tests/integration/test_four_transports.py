"""One feature, four ways in: a file, PostgreSQL, HTTP and live events give the same bits."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from setpoint.features.reader import FeatureReader
from setpoint.history import requests_of
from tests.http_server import http_server
from tests.integration.live_shop import bits, log_of, micros, open_shop, orders, payments
from tests.postgres_server import PASSWORD, postgres_server

COUNT = 90


def offline(folder: Path, path: str) -> list[dict[str, str]]:
    """The features of every order, by the reader that training uses, where the payments are at a path."""
    folder.mkdir()
    live, _ = open_shop(folder, path)
    requests = requests_of(live.plan, live.rows, start=None, end=None)
    return [bits(row) for row in FeatureReader(live.plan, live.rows).read(requests.table, requests.at).to_pylist()]


def told(folder: Path) -> list[dict[str, str]]:
    """The features that decisions online saw, where all but the first payments are told as they become known."""
    folder.mkdir()
    rows = payments(COUNT)
    first = COUNT // 3
    text = "".join(json.dumps({**row, "ts": row["ts"].isoformat()}) + "\n" for row in rows[:first])
    (folder / "payments.jsonl").write_text(text)
    live, clock = open_shop(folder, "payments.jsonl")
    steps: list[tuple[int, int, dict[str, Any]]] = []
    steps += [(micros(row["ts"] + timedelta(minutes=1)), 0, row) for row in rows[first:]]
    steps += [(micros(row["ts"]), 1, row) for row in orders(60)]
    with live.session() as session:
        for at, kind, row in sorted(steps, key=lambda step: step[:2]):
            clock.advance_to(max(at, clock.now()))
            if kind == 0:
                assert session.event("payments", [row]).known_at == at
            else:
                session.refresh()
                session.decide({"order_id": row["order_id"], "card": row["card"]})
    with log_of(live) as records:
        return [bits(record.features) for record in records]


def test_a_feature_has_the_same_bits_whatever_way_its_rows_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows over CSV, a table, Parquet over HTTP, and JSON events: sixty decisions, five features, no difference."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    table = pa.Table.from_pylist(payments(COUNT))
    csv, parquet = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    pa_csv.write_csv(table.set_column(1, "ts", table["ts"].cast(pa.timestamp("us", tz="UTC"))), csv)
    (tmp_path / "payments.csv").write_bytes(csv.getvalue())
    with postgres_server() as postgres, http_server() as http:
        postgres.run("CREATE TABLE payments (payment_id text, ts timestamptz, card text, amount numeric(10, 2))")
        listed = ", ".join(
            f"('{row['payment_id']}', '{row['ts'].isoformat()}', '{row['card']}', {row['amount'] or 'NULL'})"
            for row in payments(COUNT)
        )
        postgres.run(f"INSERT INTO payments VALUES {listed}")
        found = {
            "file": offline(tmp_path / "file", str(tmp_path / "payments.csv")),
            "postgres": offline(tmp_path / "postgres", postgres.url(source="table=payments")),
            "http": offline(tmp_path / "http", http.put("/payments.parquet", parquet.getvalue())),
            "events": told(tmp_path / "events"),
        }
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 60)
    differences = [
        (name, number, feature)
        for name, rows in found.items()
        for number, row in enumerate(rows)
        for feature, value in row.items()
        if value != found["file"][number][feature]
    ]
    assert differences == []
    assert len({row["sum_2d"] for row in found["file"]}) > 30
