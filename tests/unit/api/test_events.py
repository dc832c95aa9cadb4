"""Live events over HTTP: what is answered, and that nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from setpoint.api.app import App
from setpoint.api.validate import MOST_BYTES, MOST_EVENT_BYTES
from setpoint.core.errors import RequestInvalid
from setpoint.serve.desk import Desk
from tests.unit.api.client import Reply, Shop, call, opened
from tests.unit.api.test_app import Failing
from tests.unit.serve.shop import Formula

EVENTS = "/v1/shop/events/returns"
LINES = ((b"content-type", b"application/x-ndjson; charset=utf-8"),)


def event(name: str = "r3", **changes: Any) -> dict[str, Any]:
    """A return as the product's code would tell it."""
    return {"return_id": name, "checkout_id": "x3", "ts": "2024-05-01T11:00:00Z", "fraud": False, **changes}


def tell(shop: Shop, body: Any, **how: Any) -> Reply:
    """The reply to events of returns."""
    return call(shop.app, "POST", EVENTS, body, **how)


def test_an_event_is_accepted_once(served: Shop) -> None:
    """202 with its position when it is new, 200 when it comes again; then it is a row like those of the file."""
    first, again = tell(served, event()), tell(served, event())
    assert (first.status, first.json["accepted"], first.json["positions"]) == (202, 1, [2, 2])
    assert first.json["known_at"] == "2024-05-01T12:00:00Z"
    assert (again.status, again.json["repeated"], again.json["positions"]) == (200, 1, None)
    assert served.events.table("returns")["return_id"].to_pylist() == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([event("a"), event("b")], None),
        (msgspec.json.encode(event("a")) + b"\n\n" + msgspec.json.encode(event("b")), LINES),
        (msgspec.json.encode(event("a")) + b"\r\n" + msgspec.json.encode(event("b")) + b"\n", LINES),
    ],
    ids=["list", "lines", "windows"],
)
def test_events_come_one_or_many(served: Shop, body: Any, headers: Any) -> None:
    """As an object, a list of them, or one in each line."""
    reply = tell(served, body, **({"headers": headers} if headers else {}))
    assert (reply.status, reply.json["accepted"]) == (202, 2)
    assert served.events.table("returns")["return_id"].to_pylist()[2:] == ["a", "b"]


def test_a_bad_event_is_told_and_the_others_are_taken(served: Shop) -> None:
    """Also a line that is no JSON; the quarantine has what it held."""
    body = b"\n".join([msgspec.json.encode(event("a")), b"{broken", msgspec.json.encode(event("b", fraud="no"))])
    reply = tell(served, body, headers=LINES)
    assert (reply.status, reply.json["accepted"]) == (202, 1)
    assert reply.json["quarantined"] == [
        {"row": 2, "rule": "malformed", "reason": "row 2 is no object: '{broken'"},
        {"row": 3, "rule": "wrong-kind", "reason": "row 3: fraud is 'no'; expected true or false"},
    ]
    assert served.events.quarantined("returns")["held"].to_pylist()[0] == '"{broken"'


def test_events_of_which_none_is_good_are_422(served: Shop) -> None:
    """With what is wrong with the first, and the receipt of all; trying again is of no use."""
    reply = tell(served, [event(ts="2024-05-01"), event("r4", ts=None)][1:])
    assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
    assert reply.json["code"] == "events-quarantined"
    assert "ts is empty" in reply.json["detail"]
    assert reply.json["receipt"]["quarantined"][0]["rule"] == "no-time"
    assert served.events.table("returns").num_rows == 2


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", None, 400, "json-malformed"),
        (b"", None, 400, "json-malformed"),
        ([], None, 422, "request-invalid"),
        (b"", LINES, 422, "request-invalid"),
        (b"{}", ((b"content-type", b"text/csv"),), 415, "media-type"),
        (b"{}", ((b"content-type", b"application/json"), (b"content-length", b"99000000")), 413, "body-too-large"),
    ],
)
def test_a_body_without_events_is_refused(served: Shop, body: Any, headers: Any, status: int, code: str) -> None:
    """As every body is that cannot be read."""
    reply = tell(served, body, **({"headers": headers} if headers else {}))
    assert (reply.status, reply.json["code"]) == (status, code)


def test_events_may_be_larger_than_requests(served: Shop) -> None:
    """Up to a limit of their own."""
    body = msgspec.json.encode([event("a", checkout_id="x" * MOST_BYTES)])
    assert len(body) < MOST_EVENT_BYTES
    assert tell(served, body).status == 202


def test_bodies_of_many_requests_share_their_room(served: Shop) -> None:
    """What does not fit beside the others is told to come again, and an answer of any kind makes room."""
    app = App({"shop": served.desk}, event_room=1000)

    def tell_bytes(count: int, body: Any) -> Reply:
        headers = ((b"content-type", b"application/json"), (b"content-length", str(count).encode()))
        return call(app, "POST", EVENTS, body, headers=headers)

    for _ in range(5):
        assert tell_bytes(600, event()).status in (200, 202)
        assert tell_bytes(600, b"{broken").status == 400
    refused = tell_bytes(1001, event())
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "too-busy", "1")
    assert call(app, "POST", EVENTS, event()).status == 503  # it may have as many bytes as a body can


def test_a_source_that_there_is_not_is_404(served: Shop) -> None:
    """The nearest is named; a table that always holds takes none."""
    reply = call(served.app, "POST", EVENTS[:-1], event())
    assert (reply.status, "events/returns" in reply.json["hint"]) == (404, True)
    assert call(served.app, "GET", EVENTS).status == 405


def test_a_full_log_takes_no_event(tmp_path: Path) -> None:
    """503, nothing is taken in, and for a while the system says that it is not ready."""
    for shop in opened(tmp_path, scorer=Formula(), quota=150):
        replies = [tell(shop, event(f"n{number}")) for number in range(3)]
        assert [reply.status for reply in replies] == [202, 503, 503]
        assert replies[1].json["code"] == "log-unavailable"
        assert shop.events.table("returns").num_rows == 3
        assert call(shop.app, "GET", "/readyz").status == 503


def test_what_became_of_events_is_counted(served: Shop) -> None:
    """By source and what became of them."""
    tell(served, [event(), event(), event("r4", ts=None)])
    text = call(served.app, "GET", "/metrics").body.decode()
    labels = '{system="shop",source="returns",became="%s"}'
    found = {
        name: f"setpoint_events_total{labels % name} 1" in text for name in ("accepted", "repeated", "quarantined")
    }
    assert found == dict.fromkeys(found, True)
    assert labels % "skipped" not in text


def test_a_batch_of_which_too_much_is_bad_is_refused_whole(served: Shop) -> None:
    """As a file is, with the reason: 422, nothing is taken in or set aside, and the metrics count what was refused."""
    reply = tell(served, [event(f"r{number}", fraud=number % 3 == 0 or "no") for number in range(10, 40)])
    assert (reply.status, reply.json["code"]) == (422, "batch-refused")
    assert "20 of 30 rows of source 'returns' break its contract" in reply.json["detail"]
    assert reply.json["expected"] == "at most 20%; nothing of the batch was taken in"
    assert (served.events.table("returns").num_rows, served.events.quarantined("returns").num_rows) == (2, 0)
    text = call(served.app, "GET", "/metrics").body.decode()
    assert 'setpoint_events_total{system="shop",source="returns",became="refused"} 30' in text


def test_the_document_describes_the_events_of_each_source(served: Shop) -> None:
    """With the fields that say which row it is as required ones."""
    document = call(served.app, "GET", "/openapi.json").json
    bodies = document["paths"][EVENTS]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "application/x-ndjson", "application/jsonl"}
    shape = document["components"]["schemas"]["Event-shop-returns"]
    assert shape["required"] == ["return_id", "ts"]
    assert shape["properties"]["ts"] == {"type": ["string", "null"], "format": "date-time"}


def test_a_desk_without_an_event_log_takes_no_events(served: Shop) -> None:
    """And has no path for them; what fails inside is answered like everything that does."""
    alone = Desk(
        served.desk.serving,
        features=None,
        clock=served.clock,
        log=served.log,
        outcomes=None,  # type: ignore[arg-type]
    )
    assert call(App({"shop": alone}), "POST", EVENTS, event()).status == 404
    with pytest.raises(RequestInvalid, match="No events"):
        alone.event("returns", [event()])
    alone.close()
    assert call(App({"shop": Failing(KeyError("secret"))}), "POST", EVENTS, event()).status == 500
