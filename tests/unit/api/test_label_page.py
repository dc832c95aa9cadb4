"""The paths of the label page, called in process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from setpoint.api.app import App
from setpoint.api.label_page import label_routes
from setpoint.backends.metadata import SqlMetadata
from setpoint.core.clock import SimulatedClock
from setpoint.declare.hand import hand
from setpoint.labels.items import Item
from setpoint.labels.queue import Queue
from tests.unit.api.client import JSON, Reply, call

PATH = "/v1/shop/label"
ANN = {"annotator": "ann"}
EVIL = "</script><script>alert(1)</script>"


class Page:
    """An application with the label page of a queue."""

    def __init__(self, folder: Path) -> None:
        self.store = SqlMetadata(f"sqlite:///{folder / 'metadata.db'}")
        declared = hand(["fraud", EVIL], guidelines=f"# {EVIL}", votes=2, repeat=0.0)
        self.queue = Queue("shop", declared, self.store, clock=SimulatedClock(5))
        self.queue.add([Item("a", {"words": EVIL}, score=0.9), Item("b")])
        self.app = App({}, pages=label_routes("shop", self.queue))

    def post(self, name: str, body: Any, *headers: tuple[bytes, bytes]) -> Reply:
        """The answer to what the page asks."""
        return call(self.app, "POST", f"{PATH}/{name}", body, headers=[*JSON, *headers])


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The page of two items."""
    made = Page(tmp_path)
    yield made
    made.store.close()


def test_the_page_lets_nothing_but_its_own_script_run(page: Page) -> None:
    """No address is asked but its own server's, no other page shows it in a frame, and texts in it are escaped."""
    reply = call(page.app, "GET", PATH)
    policy = reply.headers["content-security-policy"]
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    text = reply.body.decode()
    assert text.count("<script>") == 1
    assert EVIL not in text
    assert re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"|url\(", text) == []


def test_a_vote_is_answered_with_what_comes_next(page: Page) -> None:
    """One request for each item: the vote as recorded, the next item and how far it is."""
    first = page.post("next", ANN).json
    assert first["next"]["item"] == {"key": "a", "fields": {"words": EVIL}, "features": {}}
    told = page.post("vote", {**ANN, "item": "a", "value": "fraud", "note": "n", "seconds": 1.5, "look": 0}).json
    assert (told["vote"]["value"], told["vote"]["note"], told["vote"]["seconds"]) == ("fraud", "n", 1.5)
    assert told["next"]["item"]["key"] == "b"
    assert told["progress"] == {"items": 2, "done": 0, "votes": 1, "mine": 1}
    undone = page.post("undo", ANN).json
    assert (undone["undone"]["item"], undone["next"]["item"]["key"]) == ("a", "a")


def test_a_disagreement_is_read_and_decided(page: Page) -> None:
    """Two who contradict each other, and one who decides."""
    for who, value in (("ann", "fraud"), ("bob", EVIL)):
        page.post("vote", {"annotator": who, "item": "a", "value": value})
    (found,) = call(page.app, "GET", f"{PATH}/disagreements").json["items"]
    assert [vote["value"] for vote in found["votes"]] == ["fraud", EVIL]
    page.post("decide", {"annotator": "cy", "item": "a", "value": "fraud"})
    assert call(page.app, "GET", f"{PATH}/disagreements").json["items"] == []
    assert call(page.app, "GET", f"{PATH}/progress").json["done"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        ((b"origin", b"https://evil.example"), (b"host", b"shop.example:8080")),
        ((b"origin", b"null"), (b"host", b"shop.example:8080")),
        ((b"sec-fetch-site", b"cross-site"),),
        ((b"sec-fetch-site", b"same-site"),),
    ],
)
def test_no_page_of_another_server_can_vote_or_read(page: Page, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """A browser tells where a request comes from; from elsewhere it is refused, and nothing is recorded."""
    vote = page.post("vote", {**ANN, "item": "a", "value": "fraud"}, *headers)
    read = call(page.app, "GET", f"{PATH}/disagreements", headers=headers)
    assert (vote.status, read.status, vote.json["code"]) == (403, 403, "other-origin")
    assert page.queue.history() == []


def test_a_form_of_another_server_cannot_vote(page: Page) -> None:
    """What a form can send without asking, plain text or a form's own encoding, is no JSON and refused."""
    for media in (b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data"):
        body = b'{"annotator":"ann","item":"a","value":"fraud"}'
        assert call(page.app, "POST", f"{PATH}/vote", body, headers=[(b"content-type", media)]).status == 415
    assert page.queue.history() == []


def test_the_page_of_this_server_may_vote(page: Page) -> None:
    """The same origin with the same host."""
    headers = ((b"origin", b"http://127.0.0.1:8080"), (b"host", b"127.0.0.1:8080"), (b"sec-fetch-site", b"same-origin"))
    assert page.post("vote", {**ANN, "item": "a", "value": "fraud"}, *headers).status == 200


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("next", {}, "annotator"),
        ("next", {"annotator": " "}, "annotator"),
        ("next", {"annotator": "a\nb"}, "annotator"),
        ("vote", {**ANN, "item": "z", "value": "fraud"}, "item"),
        ("vote", {**ANN, "item": "a", "value": "fruad"}, "value"),
        ("vote", {**ANN, "item": "a", "value": 1}, "value"),
        ("vote", {**ANN, "item": "a", "value": "fraud", "look": 7}, "look"),
        ("vote", {**ANN, "item": "a", "value": "fraud", "seconds": -1}, "seconds"),
        ("vote", {**ANN, "item": "a", "value": "fraud", "note": "x" * 5000}, "note"),
        ("decide", {**ANN, "item": "a", "value": None}, "value"),
    ],
)
def test_what_means_nothing_is_refused_with_its_field(page: Page, name: str, body: dict[str, Any], field: str) -> None:
    """422, and nothing is recorded."""
    reply = page.post(name, body)
    assert (reply.status, reply.json["field"]) == (422, field)
    assert page.queue.history() == []


def test_a_body_that_is_no_object_is_refused(page: Page) -> None:
    """A list is not what the page sends."""
    assert page.post("next", [1]).status == 422
