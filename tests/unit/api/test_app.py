from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from setpoint.api.app import App
from setpoint.core.errors import DataError, ModelCorrupt, NothingYet
from setpoint.serve.snapshot import Serving
from tests.unit.api.client import Reply, Shop, call, opened
from tests.unit.serve.shop import Formula, request

DECIDE, OUTCOME = "/v1/shop/decide", "/v1/shop/outcome"


def decide(shop: Shop, body: Any = b"", **how: Any) -> Reply:
    """The reply to a request for a decision."""
    return call(shop.app, "POST", DECIDE, body, **how)


def test_a_decision_is_answered(served: Shop) -> None:
    """The answer names the decision, and its record is in the log."""
    reply = decide(served, request())
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert {**reply.json, "id": ""} == {
        "id": "",
        "key": "c1",
        "at": "2024-05-01T12:00:00Z",
        "score": 1 / 3,
        "action": "block",
        "acted": True,
        "model": "f0123456789abcdef",
        "arm": "champion",
        "propensity": 1.0,
        "degraded": "",
    }
    assert len(list(served.log.read())) == 1


class Explained(Formula):
    """The formula, which says why."""

    def explain_row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """One reason; what comes of a total of 30 does not add up."""
        if values["total"] == 30:
            raise DataError("It does not add up.")
        return {"scale": "log odds", "reasons": [{"feature": "total"}]}

    def explain_outputs(self, values: Mapping[str, Any], *, names: Sequence[str] = ()) -> None:
        """There is one prediction."""


def test_a_decision_says_why_where_it_is_asked(served: Shop) -> None:
    """With `?explain=1` and not without; it is logged like any other, and timed apart."""
    served.desk.publish(Serving(served.desk.serving.plan, Explained(), epoch=2))
    plain = decide(served, request()).json
    told = call(served.app, "POST", f"{DECIDE}?trace=a&explain=1", request()).json
    assert "why" not in plain
    assert told["why"] == {"scale": "log odds", "reasons": [{"feature": "total"}]}
    assert {**told, "id": ""} == {**plain, "id": "", "why": told["why"]}
    assert len(list(served.log.read())) == 2
    text = call(served.app, "GET", "/metrics").body.decode()
    assert 'setpoint_explained_decision_seconds_count{system="shop"} 1' in text
    assert 'setpoint_decision_seconds_count{system="shop"} 1' in text


def test_a_decision_that_nobody_can_explain_says_so(served: Shop) -> None:
    """A model that does not say, one that fails to, and the rule: the decision stands."""
    told = call(served.app, "POST", f"{DECIDE}?explain=1", request())
    assert (told.status, told.json["why"]) == (200, {"missing": "the model does not say what it goes by"})
    served.desk.publish(Serving(served.desk.serving.plan, Explained(), epoch=2))
    told = call(served.app, "POST", f"{DECIDE}?explain=1", request(total=30))
    assert (told.status, told.json["why"]) == (200, {"missing": "It does not add up."})
    served.desk.publish(Serving(served.desk.serving.plan, None, epoch=3))
    told = call(served.app, "POST", f"{DECIDE}?explain=1", request())
    assert told.json["why"] == {"missing": "the fallback rule decided"}


def test_an_outcome_is_recorded_once(served: Shop) -> None:
    """201 the first time, 200 when it comes again, 409 when it contradicts."""
    told = {"decision": decide(served, request()).json["id"], "value": True}
    replies = [call(served.app, "POST", OUTCOME, body) for body in (told, told, {**told, "value": False})]
    assert [reply.status for reply in replies] == [201, 200, 409]
    assert (replies[0].json["new"], replies[1].json["new"], replies[2].json["code"]) == (
        True,
        False,
        "outcome-conflict",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'total': 1}",
        b'{"total": NaN}',
        b'{"total": Infinity}',
        b'{"total": 1e999}',
        b'{"total": -1e999}',
        b'{"total": 01}',
        b'{"total": 1,}',
        b'{"total": 1} {"total": 2}',
        b'{"user_id": "\xff"}',
        b'{"user_id": "\\ud800 alone"}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b"// comment\n{}",
    ],
)
def test_what_is_no_json_is_400(served: Shop, body: bytes) -> None:
    """Malformed text, NaN, numbers beyond floats and bottomless nesting have one clear answer."""
    reply = decide(served, body)
    assert (reply.status, reply.json["code"]) == (400, "json-malformed")
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (request(total="20"), "total"),
        (request(total=True), "total"),
        (request(total=10**30), "total"),
        (request(total=[[[[]]]]), "total"),
        (request(extra=1), "extra"),
        (request(checkout_id=None), "checkout_id"),
        (request(checkout_id=7), "checkout_id"),
        (request(created="2024-04-30 12:00"), "created"),
        ({"checkout_id": "c1"}, "user_id"),
        ({}, "checkout_id"),
        ([], None),
        ("text", None),
        (None, None),
        (5, None),
    ],
)
def test_what_cannot_be_decided_is_422(served: Shop, body: Any, field: str | None) -> None:
    """The answer names the field, and nothing is logged."""
    reply = decide(served, body)
    assert (reply.status, reply.json["code"], reply.json.get("field")) == (422, "request-invalid", field)
    assert reply.json["type"] == "urn:setpoint:error:request-invalid"
    assert list(served.log.read()) == []


@pytest.mark.parametrize("media", [b"text/plain", b"application/x-www-form-urlencoded", b"", b"application/jsonx"])
def test_another_media_type_is_415(served: Shop, media: bytes) -> None:
    """A browser cannot send JSON to another site without asking first, so this refuses forged requests too."""
    reply = decide(served, request(), headers=[(b"content-type", media)])
    assert (reply.status, reply.headers["connection"]) == (415, "close")


def test_a_body_may_name_its_charset(served: Shop) -> None:
    """What follows the media type does not matter: JSON is UTF-8."""
    assert decide(served, request(), headers=[(b"content-type", b"Application/JSON; charset=utf-8")]).status == 200


@pytest.mark.parametrize("length", [b"1000001", b"9" * 400, b"-1", b"many"])
def test_a_body_that_is_said_to_be_too_large_is_413(served: Shop, length: bytes) -> None:
    """It is refused before a byte of it is read."""
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    assert decide(served, headers=headers, parts=[]).status == 413


def test_a_body_that_turns_out_too_large_is_413(served: Shop) -> None:
    """Without a length it is counted as it comes, and reading stops."""
    parts = [{"type": "http.request", "body": b" " * 600_000, "more_body": True}] * 3
    assert decide(served, parts=parts).status == 413


def test_a_body_in_parts_is_one_body(served: Shop) -> None:
    """However it arrives."""
    data = b'{"checkout_id":"c1","user_id":null,"total":null,"member":null,"created":null}'
    parts = [{"type": "http.request", "body": data[i : i + 7], "more_body": True} for i in range(0, len(data), 7)]
    assert decide(served, parts=[*parts, {"type": "http.request"}]).status == 200


@pytest.mark.parametrize("parts", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
def test_a_body_that_does_not_come_is_408(served: Shop, parts: list[dict[str, Any]]) -> None:
    """The server waits its time and no longer."""
    assert decide(served, parts=parts).status == 408


def test_a_client_that_leaves_is_no_failure(served: Shop) -> None:
    """Nothing is decided for it, and nothing is reported as an error of the server."""
    parts = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert decide(served, parts=parts).status == 400
    assert served.app.metrics.value("setpoint_failures_total") == 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", DECIDE, "POST"),
        ("PUT", OUTCOME, "POST"),
        ("OPTIONS", DECIDE, "POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("DELETE", "/v1/shop/status", "GET, HEAD"),
    ],
)
def test_another_method_is_405(served: Shop, method: str, path: str, allow: str) -> None:
    """The answer says which would do."""
    reply = call(served.app, method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/", "/v1/shop", "/v1/other/decide", "/v1/shop/decide/", "/v1/shop/\ud800\n", ""])
def test_another_path_is_404(served: Shop, path: str) -> None:
    """A path that leads nowhere is said to, whatever is in it."""
    assert call(served.app, "POST", path).status == 404


def test_a_misspelt_path_is_recognised(served: Shop) -> None:
    """The closest one is suggested."""
    assert "/v1/shop/decide" in call(served.app, "POST", "/v1/shop/decied").json["hint"]


def test_a_full_log_is_503_and_says_when_to_come_back(tmp_path: Path) -> None:
    """No decision is given that is not logged, and the process says that it is not ready until it may be again."""
    for shop in opened(tmp_path, quota=100):
        reply = decide(shop, request())
        waiting = call(shop.app, "GET", "/readyz")
        shop.clock.advance_to(shop.clock.now() + 6_000_000)
        later = call(shop.app, "GET", "/readyz")
        assert (reply.status, reply.headers["retry-after"], reply.json["code"]) == (503, "1", "log-unavailable")
        assert (waiting.status, later.status) == (503, 200)
        assert "quota" in waiting.json["detail"]


def test_the_live_snapshot_can_be_swapped(served: Shop) -> None:
    """The next decision is the new model's."""
    served.desk.publish(Serving(served.desk.serving.plan, Formula("another"), epoch=2))
    assert decide(served, request()).json["model"] == "another"


class Failing:
    """A service that fails in a way of its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def decide(self, request: Any, *, explain: bool = False) -> Any:
        """Fails."""
        raise self.error

    def outcome(self, told: Any) -> Any:
        """Fails."""
        raise self.error

    def event(self, source: str, events: Any) -> Any:
        """Fails."""
        raise self.error

    def events(self) -> dict[str, Any]:
        """One source takes events."""
        return {"returns": {}}

    def schema(self) -> dict[str, Any]:
        """Nothing is needed."""
        return {}

    def shapes(self) -> dict[str, Any]:
        """Nothing is promised."""
        return {"decision": {}, "value": {}}

    def status(self) -> dict[str, Any]:
        """Something that is no JSON."""
        return {"value": object()}

    def ready(self) -> str:
        """Not yet."""
        return "it is being opened"


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), ModelCorrupt("secret"), RecursionError("secret")])
def test_what_nobody_foresaw_is_500_without_its_insides(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and counted; the answer says nothing about it."""
    app = App({"shop": Failing(error)})
    with caplog.at_level(logging.ERROR, logger="setpoint.api"):
        reply = call(app, "POST", DECIDE, {})
    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert b"secret" not in reply.body
    assert "secret" in caplog.text
    assert app.metrics.value("setpoint_failures_total") == 1


def test_a_status_that_is_no_json_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """The server's own fault is never dressed up as an answer."""
    assert call(App({"shop": Failing(KeyError())}), "GET", "/v1/shop/status").status == 500


def test_a_system_that_is_not_there_yet_is_503() -> None:
    """It can be asked again."""
    app = App({"shop": Failing(NothingYet("No model yet."))})
    assert call(app, "POST", DECIDE, {}).status == 503
    assert call(app, "GET", "/readyz").json["detail"] == "shop: it is being opened"
    assert call(app, "GET", "/livez").status == 200


def test_schema_and_status_are_there(served: Shop) -> None:
    """What a request holds, and how the loop stands."""
    schema = call(served.app, "GET", "/v1/shop/schema").json
    assert schema["required"] == ["checkout_id", "user_id", "total", "member", "created"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["checkout_id"]["type"] == "string"
    assert schema["properties"]["created"]["format"] == "date-time"
    assert call(served.app, "GET", "/v1/shop/status").json == {"tick": 7}


def test_the_interface_describes_itself(served: Shop) -> None:
    """Every path that is answered is in the document, and every schema it names."""
    document = call(served.app, "GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/v1/shop/decide",
        "/v1/shop/outcome",
        "/v1/shop/schema",
        "/v1/shop/status",
        "/v1/shop/events/returns",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
    }
    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == named


def references(part: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(part, dict):
        return [part["$ref"]] if "$ref" in part else [name for value in part.values() for name in references(value)]
    return [name for value in part for name in references(value)] if isinstance(part, list) else []


def test_an_answer_has_exactly_the_parts_that_the_document_promises(served: Shop) -> None:
    """Decision, outcome and problem, as described."""
    schemas = call(served.app, "GET", "/openapi.json").json["components"]["schemas"]
    decision = decide(served, request()).json
    outcome = call(served.app, "POST", OUTCOME, {"key": "c1", "value": 1}).json
    problem = decide(served, request(total="x")).json
    asked_for = {"why", "set", "abstained"}
    decided, told = (schemas[f"{name}-shop"] for name in ("Decision", "Outcome"))
    assert set(decision) == set(decided["required"]) == set(decided["properties"]) - asked_for
    assert set(outcome) == set(told["required"]) == set(told["properties"])
    assert set(schemas["Problem"]["required"]) <= set(problem) <= set(schemas["Problem"]["properties"])


def test_metrics_count_what_happened(served: Shop) -> None:
    """Requests by status, decisions by arm and action, reasons of the fallback, and their times."""
    decide(served, request())
    served.desk.publish(Serving(served.desk.serving.plan))
    decide(served, request(total=60))
    decide(served, b"{")
    call(served.app, "GET", "/nowhere")
    text = call(served.app, "GET", "/metrics").body.decode()
    for line in (
        'setpoint_requests_total{system="shop",route="decide",status="200"} 2',
        'setpoint_requests_total{system="shop",route="decide",status="400"} 1',
        'setpoint_requests_total{system="",route="unknown",status="404"} 1',
        'setpoint_decisions_total{system="shop",arm="champion",action="block"} 1',
        'setpoint_decisions_total{system="shop",arm="rule",action="block"} 1',
        'setpoint_degraded_total{system="shop",reason="no-model"} 1',
        'setpoint_decision_seconds_count{system="shop"} 2',
        'setpoint_decision_seconds_bucket{system="shop",le="+Inf"} 2',
        'setpoint_ready{system="shop"} 1',
    ):
        assert f"\n{line}\n" in text, line


def test_a_server_can_start_and_stop_the_application(served: Shop) -> None:
    """The lifespan protocol is answered; a websocket is closed."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(served.app({"type": "lifespan"}, receive, send))
    asyncio.run(served.app({"type": "websocket"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    method=st.sampled_from(["POST", "GET", "HEAD", "", "\x00"]),
    path=st.sampled_from([DECIDE, OUTCOME, "/livez"]) | st.text(),
    body=st.binary() | st.sampled_from([b'{"value":1e308}', b"[[]]", b'{"":0}', b"null", b'"\\u0000"']),
    media=st.sampled_from([b"application/json", b"\xff"]),
)
def test_no_input_makes_the_server_fail(served: Shop, method: str, path: str, body: bytes, media: bytes) -> None:
    """Whatever is sent, the answer is a success or says what was wrong with the request."""
    reply = call(served.app, method, path, body, headers=[(b"content-type", media)])
    assert reply.status in (200, 201, 400, 404, 405, 415, 422)
