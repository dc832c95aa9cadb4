"""Nested JSON and neighbours together, from files to logged decisions: as of each decision's time, as an oracle has it.

Edges are found at a path into what a transfer says, and what is folded for each neighbour is found at a path into what
its purchases say. Some of both become known late, some are corrected, some taken back.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.conformance.oracle import Oracle
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import RequestInvalid
from setpoint.core.times import DAY
from setpoint.data.rows import KNOWN_AT, SIGN
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from setpoint.history import requests_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 40
END = int((START + timedelta(days=DAYS)).timestamp() * 1e6)
USERS = [f"u{number}" for number in range(14)]
NEAR = ("near_spent", "near_most", "near_known", "near_few", "near_items")


def write_files(folder: Path) -> None:
    """Visits with a basket, transfers and purchases with nested payloads, and which visits ended badly."""
    rng = np.random.default_rng(8)
    visits, transfers, purchases, ends = [], [], [], []

    def moment() -> datetime:
        return START + timedelta(minutes=int(rng.integers(DAYS * 24 * 60)))

    def basket(most: int) -> dict[str, Any]:
        prices = np.round(rng.gamma(2, 20, int(rng.integers(most))), 2).tolist()
        return {"items": [{"price": price, "tags": ["new"] * int(rng.integers(3))} for price in prices]}

    def row(name: str, number: int, content: dict[str, Any]) -> list[dict[str, Any]]:
        """A row as it was told at first, and, of some, as it was told again or taken back."""
        at = moment()
        known = at + timedelta(minutes=int(rng.integers(4000) if rng.random() < 0.2 else 1))
        first = {"id": f"{name}{number}", "ts": at.isoformat(), "user": str(rng.choice(USERS)), **content}
        told = [{**first, "known": known.isoformat(), "version": 0, "gone": False}]
        if rng.random() < 0.2:
            again = (known + timedelta(minutes=int(rng.integers(3000)))).isoformat()
            told.append({**first, "known": again, "version": 1, "gone": bool(rng.random() < 0.5), **content})
        return told

    for number in range(500):
        account = None if rng.random() < 0.1 else str(rng.choice(USERS))
        payload = {"to": {"account": account, "kind": str(rng.choice(["bank", "card"]))}} if rng.random() < 0.9 else {}
        transfers += row("t", number, {"payload": payload})
        purchases += row("p", number, {"cart": basket(4)})
    for number in range(1900):
        at, cart = START + timedelta(minutes=30 * number), basket(3)
        visits.append({"visit": f"v{number}", "ts": at.isoformat(), "user": str(rng.choice(USERS)), "basket": cart})
        bad = sum(item["price"] for item in cart["items"]) + rng.normal(0, 15) > 50
        ends.append({"visit": f"v{number}", "ts": at + timedelta(hours=3), "bad": bool(bad)})
    for name, rows in {"visits": visits, "transfers": transfers, "purchases": purchases}.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(ends), folder / "ends.parquet")


def declare() -> sp.System:
    """A system whose features follow paths, neighbours, and both."""
    changing: dict[str, Any] = {"id": "id", "at": "ts", "known_at": "known", "version": "version", "retracted": "gone"}
    visits = sp.events("visits", "visits.jsonl", key="visit", at="ts")
    transfers = sp.events("transfers", "transfers.jsonl", **changing)
    purchases = sp.events("purchases", "purchases.jsonl", **changing)
    ends = sp.events("ends", "ends.parquet", at="ts", delay="0s")
    total = purchases.cart.json("items[*].price", kind="number", fold="sum")
    account, to_bank = transfers.payload.json("to.account"), transfers.payload.json("to.kind") == "bank"
    spent = sp.sum(total, by="user", last="10d", decimals=2)
    count_items = sp.max(purchases.cart.json("items", fold="size"), by="user", last="20d", where=total > 40)
    return sp.System(
        "circles",
        decide=sp.decide(visits, fields=["user", "basket"]),
        features={
            "basket": sp.field("basket").json("items[*].price", kind="number", fold="sum"),
            "tags": sp.field("basket").json("items[*].tags[*]", fold="count"),
            "spent": spent,
            "near_spent": sp.neighbours(account, by="user", of=spent, fold="sum", last="7d"),
            "near_most": sp.neighbours(account, by="user", of=spent, fold="max", last="7d", hop="exact"),
            "near_known": sp.neighbours(account, by="user", of=count_items, fold="count", where=to_bank),
            "near_few": sp.neighbours(account, by="user", of=spent, fold="mean", cap=3),
            "near_items": sp.neighbours(account, by="user", of=count_items, fold="mean"),
        },
        label=sp.label(ends.bad, on="visit", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("2d"), fallback=sp.rule(sp.feature("basket") > 60)),
    )


def opened(folder: Path, home: Path, moment: int = END) -> sp.Live:
    """The system on the files, on a clock that stands at a moment."""
    return sp.open_system(declare(), root=folder, home=str(home), clock=SimulatedClock(moment))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files."""
    path = tmp_path_factory.mktemp("circles")
    write_files(path)
    return path


def by_oracle(live: sp.Live, fields: dict[str, Any], at: int) -> dict[str, Any]:
    """The features of a decision by brute force."""
    return Oracle(live.plan, live.rows).read(fields, at)


def test_paths_and_neighbours_are_as_of_the_time_of_each_decision(folder: Path, tmp_path: Path) -> None:
    """Offline by both ways, of decisions all over the history, the bits of an oracle that looks at every row."""
    with opened(folder, tmp_path) as live:
        report = live.check()
        assert report["passed"], report["findings"]
        for name in ("transfers", "purchases"):
            rows = live.rows[name]
            assert (rows[SIGN].to_numpy() < 0).sum() > 50
            assert (rows[KNOWN_AT].to_numpy() > rows["ts"].cast(pa.int64()).to_numpy() + DAY).sum() > 50
        requests = requests_of(live.plan, live.rows, start=None, end=None)
        places = np.arange(5, requests.at.size, 150)
        table, at = requests.table.take(pa.array(places)), requests.at[places]
        fields = table.to_pylist()
        wanted = [by_oracle(live, one, int(moment)) for one, moment in zip(fields, at, strict=True)]
        for compiled in (False, True):
            assert compare(FeatureReader(live.plan, live.rows, compiled=compiled).read(table, at), wanted) == []
        for name in NEAR:
            assert len({str(one[name]) for one in wanted}) > 5, name


def test_replayed_decisions_have_them_online_and_are_verified(folder: Path, tmp_path: Path) -> None:
    """Every twentieth hour of a replay goes through the online state, and all that was logged is worked out again."""
    live = opened(folder, tmp_path)
    results = live.replay(end=END, sample=0.05)
    assert results["parity"]["sampled"] > 60
    assert results["parity"]["mismatches"] == 0
    report = opened(folder, tmp_path).verify()
    assert report["passed"], report["differences"]
    assert {each["feature"] for each in report["features"]} >= set(NEAR)


def test_a_live_decision_sees_them_in_its_moment(folder: Path, tmp_path: Path) -> None:
    """Decided through a session, by the rule as no model is there yet, its features are the oracle's."""
    moment = END - 9 * DAY
    live = opened(folder, tmp_path, moment)
    basket = {"items": [{"price": 12.5, "tags": ["new", "red"]}, {"price": 30}]}
    request = {"visit": "now", "user": "u3", "basket": basket}
    with live.session() as session:
        decision = session.decide(request)
        shown, few = live.why(decision.id), live.why(decision.id, feature="near_few")
    saw = {row["feature"]: row["value"] for row in shown["tables"]["What it saw"]}
    wanted = by_oracle(live, {**request, "basket": json.dumps(basket)}, moment)
    assert (saw["basket"], saw["tags"]) == (42.5, 2.0)
    assert {name: saw[name] for name in NEAR} == {name: wanted[name] for name in NEAR}
    assert saw["near_spent"] > 0
    edges, near = (few["tables"][title] for title in list(few["tables"])[-2:])
    counting = [each for each in near if each["counts"] == "counts"]
    assert few["story"][-1].endswith(": 3 neighbours count")
    assert saw["near_few"] == pytest.approx(sum(each["value"] for each in counting) / 3)
    assert {each["neighbour"] for each in near} >= {each["value"] for each in edges if each["counts"] == "counts"}
    assert {each["counts"] for each in near} == {"counts", "above the cap"}


@pytest.mark.parametrize("depth", [201, 900, 100_000])
def test_a_request_or_event_that_is_nested_too_deeply_is_refused(folder: Path, tmp_path: Path, depth: int) -> None:
    """As a text or as the object itself: no decoder is led so deep that it could not follow."""
    text = "[" * depth + "]" * depth
    live = opened(folder, tmp_path, END - 9 * DAY)
    with live.session() as session:
        bodies: list[Any] = [text, json.loads(text)] if depth < 950 else [text]
        for body in bodies:
            with pytest.raises(RequestInvalid, match="basket"):
                session.decide({"visit": "deep", "user": "u3", "basket": body})
            moment = "2026-01-30T00:00:00Z"
            told = {"id": "deep", "user": "u3", "ts": moment, "known": moment, "version": 0, "gone": False}
            receipt = session.event("purchases", [{**told, "cart": body}])
            assert [aside.rule for aside in receipt.quarantined] == ["malformed-json"]
