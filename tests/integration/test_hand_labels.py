"""Labels of hand on a live system: decisions are queued, people vote, and what they say becomes told outcomes."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.api.app import App
from setpoint.api.label_page import label_routes
from setpoint.core.clock import SimulatedClock
from setpoint.core.digest import digest_bytes
from setpoint.core.errors import NothingYet
from setpoint.session import Session
from tests.e2e.label_server import PNG
from tests.integration.live_shop import START, declare, micros, orders, payments, write
from tests.unit.api.client import call

NOON = START + timedelta(hours=12)


def labelled_shop(folder: Path, **options: Any) -> sp.System:
    """The shop, whose decisions people label; its frauds never meet these decisions."""
    bare = declare(folder, write(folder / "payments.parquet", payments(10)))
    return sp.System(
        bare.name,
        decide=bare.decide,
        features={feature.name: feature.expr for feature in bare.features},
        label=bare.label,
        goal=bare.goal,
        release=bare.release,
        hand=sp.hand(["fraud", "fine"], guidelines="Look.", votes=2, **options),
    )


def opened(folder: Path, **options: Any) -> tuple[sp.Live, SimulatedClock]:
    """The shop opened at noon."""
    clock = SimulatedClock(micros(NOON))
    return sp.open_system(labelled_shop(folder, **options), root=folder, clock=clock), clock


def later(clock: SimulatedClock, session: Session, hours: float) -> None:
    """Let time pass, and the system take it in."""
    clock.advance_to(clock.now() + int(hours * 3_600_000_000))
    session.refresh()


def states(live: sp.Live) -> dict[str, tuple[str, float | None]]:
    """State and value of the label of every decision, by key."""
    rows = live.sql("select key, state, value from outcomes").to_pylist()
    return {row["key"]: (row["state"], row["value"] if row["state"] == "known" else None) for row in rows}


def test_what_people_say_of_a_decision_becomes_its_label(tmp_path: Path) -> None:
    """Decisions of the log go into the queue with what they saw; two votes make a label that SQL shows."""
    live, clock = opened(tmp_path)
    with live, live.session() as session:
        for name in ("x1", "x2", "x3"):
            session.decide({"order_id": name, "card": "c1"})
        assert live.queue_decisions(2) == 2
        assert live.queue_decisions(10) == 1
        queue = live.label_queue()
        handed = queue.next("ann")
        assert handed is not None
        assert handed.item.fields == {"order_id": handed.item.key, "card": "c1"}
        assert "sum_2d" in handed.item.features
        for who in ("ann", "bob"):
            queue.vote(who, "x1", value="fraud")
            queue.vote(who, "x2", value="fine")
        queue.vote("ann", "x3", value="fraud")
        later(clock, session, 0.1)
        assert {label.item: label.value for label in live.hand_labels()} == {"x1": "fraud", "x2": "fine"}
        assert states(live) == {"x1": ("known", 1.0), "x2": ("known", 0.0), "x3": ("unknown", None)}


def test_later_votes_change_later_training_sets_only(tmp_path: Path) -> None:
    """A new version has its own time of being known: what was trained before stays what it was."""
    live, clock = opened(tmp_path)
    with live, live.session() as session:
        session.decide({"order_id": "x1", "card": "c1"})
        live.queue_decisions(1)
        queue = live.label_queue()
        for who in ("ann", "bob"):
            queue.vote(who, "x1", value="fraud")
        later(clock, session, 30)
        live.hand_labels()
        first = clock.now()
        later(clock, session, 1)
        queue.decide("cy", "x1", value="fine")
        live.hand_labels()
        later(clock, session, 24)
        book = session._book
        values = [book.examples(moment).labels.value.tolist() for moment in (first, clock.now(), first)]
        assert values == [[1.0], [0.0], [1.0]]


def test_an_outcome_that_was_told_stands_before_what_people_say(tmp_path: Path) -> None:
    """What the product observed of a decision outweighs a judgement of it."""
    live, clock = opened(tmp_path)
    with live, live.session() as session:
        decision = session.decide({"order_id": "x1", "card": "c1"})
        live.queue_decisions(1)
        for who in ("ann", "bob"):
            live.label_queue().vote(who, "x1", value="fraud")
        live.hand_labels()
        later(clock, session, 0.1)
        session.outcome({"decision": decision.id, "value": 0.0})
        assert states(live) == {"x1": ("known", 0.0)}


def test_a_vote_on_the_page_of_the_live_server_becomes_the_decisions_label(tmp_path: Path) -> None:
    """One process decides and takes votes; what two people say there, the next query and the next tick know."""
    live, clock = opened(tmp_path)
    with live, live.session() as session:
        app = App({"shop": session}, pages=label_routes("shop", live.label_queue()))
        call(app, "POST", "/v1/shop/decide", {"order_id": "x1", "card": "c1"})
        live.queue_decisions(1)
        for who in ("ann", "bob"):
            shown = call(app, "POST", "/v1/shop/label/next", {"annotator": who}).json
            assert shown["next"]["item"]["key"] == "x1"
            call(app, "POST", "/v1/shop/label/vote", {"annotator": who, "item": "x1", "value": "fraud"})
        later(clock, session, 25)
        assert states(live) == {"x1": ("known", 1.0)}
        assert session._book.examples(clock.now()).labels.value.tolist() == [1.0]


def test_why_names_the_votes_that_a_label_rests_on(tmp_path: Path) -> None:
    """Of a decision it is told who said what of it, when, and which version of the label that made."""
    live, _ = opened(tmp_path)
    with live, live.session() as session:
        session.decide({"order_id": "x1", "card": "c1"})
        live.queue_decisions(1)
        assert "Label of hand" not in live.why("x1")["tables"]
        for who in ("ann", "bob"):
            live.label_queue().vote(who, "x1", value="fraud")
        live.hand_labels()
        told = live.why("x1")["tables"]["Label of hand"]
        assert [(vote["annotator"], vote["said"]) for vote in told] == [("ann", "fraud"), ("bob", "fraud")]
        assert told[0]["label"] == "fraud (majority, version 1)"


def test_an_image_of_a_decision_is_shown(tmp_path: Path) -> None:
    """A request names a blob by its digest; who labels sees the blob."""
    bare = labelled_shop(tmp_path)
    rows = [{**row, "scan": PNG} for row in orders(5)]
    write(tmp_path / "orders.parquet", rows)
    scanned = sp.events("orders", "orders.parquet", key="order_id", at="ts", expect={"scan": sp.blob("image/png")})
    parts = {name: getattr(bare, name) for name in ("label", "goal", "release", "hand")}
    features = {feature.name: feature.expr for feature in bare.features}
    declared = sp.System("shop", decide=sp.decide(scanned, fields=["card", "scan"]), features=features, **parts)
    live = sp.open_system(declared, root=tmp_path, clock=SimulatedClock(micros(NOON)))
    with live, live.session() as session:
        session.decide({"order_id": "x1", "card": "c1", "scan": digest_bytes(PNG)})
        live.queue_decisions(1)
        shown = live.label_queue().item("x1").fields
    assert shown["scan"] == {"media": "image/png", "size": len(PNG), "base64": base64.b64encode(PNG).decode()}


def test_a_system_that_nobody_labels_says_so(tmp_path: Path) -> None:
    """Without `hand=` there is no queue."""
    live = sp.open_system(declare(tmp_path, write(tmp_path / "payments.parquet", payments(3))), root=tmp_path)
    with live, pytest.raises(NothingYet, match="does not say how people label"):
        live.label_queue()
