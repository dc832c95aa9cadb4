"""Blobs are collected with the snapshots: what anything of the project names stays, the rest goes."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.clock import SimulatedClock
from setpoint.core.digest import digest_bytes
from setpoint.core.times import DAY, time
from setpoint.data.files.read import ROW
from setpoint.data.ingest.ingest import REASON, RULE
from setpoint.data.ingest.quarantine import write_quarantine
from setpoint.labels.items import Item
from tests.integration.live_shop import START, declare
from tests.unit.data.test_blobs import png

NOW = time("2026-02-01")

NAMES = {place: png(4, shade=number) for number, place in enumerate(
    ("rows", "held", "collected", "told", "item", "quarantine", "decision", "nothing", "young")
)}  # fmt: skip
DIGESTS = {place: digest_bytes(content) for place, content in NAMES.items()}


def system(folder: Path) -> sp.System:
    """The shop whose payments carry a scan, and whose decisions people label."""
    shop = declare(folder, "payments.parquet", expect={"scan": sp.blob("image/png")})
    parts: dict[str, Any] = {"decide": shop.decide, "label": shop.label, "goal": shop.goal, "release": shop.release}
    features = {each.name: each.expr for each in shop.features}
    return sp.System("shop", features=features, hand=sp.hand(["fine", "bad"], guidelines="Look."), **parts)


def deliver(folder: Path, *scans: str) -> None:
    """The file of payments, one for each of these scans."""
    rows = [
        {"payment_id": name, "ts": START + timedelta(hours=number), "card": "c0", "amount": 1.0}
        for number, name in enumerate(scans)
    ]
    images = pa.array([NAMES[name] for name in scans], pa.binary())
    pq.write_table(pa.Table.from_pylist(rows).append_column("scan", images), folder / "payments.parquet")


def there(live: sp.Live) -> set[str]:
    """Which blobs are kept."""
    return {place for place, digest in DIGESTS.items() if live.blob(digest) is not None}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which each blob but two is named in one place only."""
    clock = SimulatedClock(NOW)
    deliver(tmp_path, "collected")
    with sp.open_system(system(tmp_path), root=tmp_path, clock=clock) as live:
        live.hold("for now")
        live.let_go("for now")
    deliver(tmp_path, "held")
    with sp.open_system(system(tmp_path), root=tmp_path, clock=clock) as live:
        live.hold("audit")
    deliver(tmp_path, "rows")
    with sp.open_system(system(tmp_path), root=tmp_path, clock=clock) as live:
        store = live.folders.open_blobs(clock)
        store.put({DIGESTS[place]: NAMES[place] for place in ("item", "quarantine", "decision", "nothing")})
        store.close()
        live.label_queue().add([Item("o1", {"scan": DIGESTS["item"]})])
        aside = {ROW: [1], RULE: ["range"], REASON: ["odd"], "scan": [DIGESTS["quarantine"]]}
        write_quarantine(live.folders.open_tables(), "payments", pa.table(aside), part="planted")
        said = {"payment_id": "told", "ts": "2026-01-31T00:00:00Z", "card": "c0", "amount": 1.0}
        receipt = live.event("payments", {**said, "scan": base64.b64encode(NAMES["told"]).decode()})
        assert receipt.accepted == 1
        live.decide({"order_id": "o0", "card": DIGESTS["decision"]})
    return tmp_path


def test_only_what_nothing_names_goes(project: Path) -> None:
    """With the snapshot that nobody needs goes the blob that only it named; a day later what is let go of follows."""
    clock = SimulatedClock(NOW + 3 * DAY)
    with sp.open_system(system(project), root=project, clock=clock) as live:
        store = live.folders.open_blobs(clock)
        store.put({DIGESTS["young"]: NAMES["young"]})
        store.close()
        shown = live.collect()
        assert set(shown["blobs"]) == {DIGESTS["nothing"]}  # the snapshot that names the other is still stored
        assert there(live) == set(NAMES)
        removed = live.collect(sweep=True)
        assert set(removed["blobs"]) == {DIGESTS["nothing"], DIGESTS["collected"]}
        assert removed["blob_bytes"] == len(NAMES["nothing"]) + len(NAMES["collected"])
        assert there(live) == set(NAMES) - {"nothing", "collected"}
        live.let_go("audit")
        clock.advance_to(NOW + 6 * DAY)
        assert set(live.collect(sweep=True)["blobs"]) == {DIGESTS["held"], DIGESTS["young"]}
        assert there(live) == {"rows", "told", "item", "quarantine", "decision"}


def test_the_rows_that_sources_have_now_keep_their_blobs(project: Path) -> None:
    """Whatever they were before: what is delivered again is there again."""
    deliver(project, "rows", "nothing")
    with sp.open_system(system(project), root=project, clock=SimulatedClock(NOW + 3 * DAY)) as live:
        live.collect(sweep=True)
        assert {"rows", "nothing"} <= there(live)


def test_blobs_of_another_system_of_the_project_stay(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What its sources have now is not known to this one; the terminal says so."""
    clock = SimulatedClock(NOW + 3 * DAY)
    (project / "other.py").write_text(
        "import setpoint as sp\n"
        "orders = sp.events('orders', 'orders.parquet', key='order_id', at='ts')\n"
        "frauds = sp.events('frauds', 'frauds.parquet', id='order_id', at='ts', delay='0s')\n"
        "system = sp.System('other', decide=sp.decide(orders, fields=['card']), features={'card': sp.field('card')},\n"
        "    label=sp.label(frauds.bad, on='order_id', within='2h'),\n"
        "    goal=sp.goal(sp.auc(), business='eur', act=sp.act('block'),\n"
        "        cost=sp.cost(false_positive=1, false_negative=1)),\n"
        "    release=sp.release(sp.shadow('1d'), fallback=sp.rule(sp.field('card') == 'c0')))\n"
    )
    assert main(["status", str(project / "other.py"), "--collect", "--sweep", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["blobs"] == []
    assert found["blobs_kept_because"].startswith("the sources payments are of another system")
    assert main(["status", str(project / "other.py"), "--collect"]) == 0
    assert "all blobs stay: the sources payments are of another system" in " ".join(capsys.readouterr().out.split())
    with sp.open_system(system(project), root=project, clock=clock) as live:
        assert there(live) == set(NAMES) - {"young"}
