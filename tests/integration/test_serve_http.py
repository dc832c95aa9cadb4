"""The shop served by uvicorn in a process of its own, asked over real connections."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from setpoint.api.app import App
from setpoint.api.server import MOST_HEAD_BYTES, serve_http
from setpoint.backends.segments import FileSegments
from setpoint.core.errors import SettingInvalid
from setpoint.serve.log import decode_record
from tests.integration.served import Server, served
from tests.unit.serve.shop import request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that leave it as it was."""
    with served(tmp_path_factory.mktemp("shop")) as running:
        yield running


def talk(server: Server, sent: bytes, *, wait: float = 5.0) -> bytes:
    """What comes back for raw bytes until the server closes the connection or is silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
                if b"\r\n\r\n" in received and b"connection: close" not in received:
                    break
        except TimeoutError:
            pass
        return received


def test_a_decision_over_http_is_in_the_log(tmp_path: Path) -> None:
    """Asked, answered, stopped by SIGTERM: the server ends with status 0 and every decision is on disk."""
    with served(tmp_path) as server:
        answers = [server.post("decide", request(checkout_id=f"c{number}")) for number in range(20)]
        outcome = server.post("outcome", {"decision": answers[0].json()["id"], "value": True})
        status, out, err = server.stop()
    assert {answer.status_code for answer in answers} == {200}
    assert (outcome.status_code, status, out, err) == (201, 0, "closed\n", "")
    log = FileSegments(tmp_path / "log", writer=False)
    records = [decode_record(data) for _, data in log.read()]
    log.close()
    assert [record.decision_id for record in records] == [answer.json()["id"] for answer in answers]
    assert [record.key for record in records] == [f"c{number}" for number in range(20)]


def test_probes_and_descriptions_are_served(server: Server) -> None:
    """Every GET path answers."""
    paths = ("/livez", "/readyz", "/metrics", "/openapi.json", "/v1/shop/schema", "/v1/shop/status")
    assert {path: server.client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
    head = server.client.head("/livez")
    assert (head.status_code, head.content) == (200, b"")


def test_bad_requests_are_answered_and_the_connection_lives_on(server: Server) -> None:
    """400, 404, 405, 422 on one connection, and then a decision."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"content-type": "application/json"}
    found = []
    for method, path, body in (
        ("POST", "/v1/shop/decide", "{"),
        ("POST", "/v1/shop/decide", '{"total": NaN}'),
        ("POST", "/v1/shop/decide", "[" * 100_000),
        ("POST", "/v1/shop/decide", json.dumps(request(total="x"))),
        ("POST", "/v1/shop/nothing", "{}"),
        ("GET", "/v1/shop/decide", None),
        ("POST", "/v1/shop/decide", json.dumps(request())),
    ):
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        found.append((answer.status, json.loads(answer.read()).get("status", 200)))
    connection.close()
    assert found == [(400, 400), (400, 400), (400, 400), (422, 422), (404, 404), (405, 405), (200, 200)]


def test_a_huge_body_is_refused_before_it_is_read(server: Server) -> None:
    """The answer comes although the body never does, and the connection is closed."""
    head = b"POST /v1/shop/decide HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    answer = talk(server, head + b"content-length: 60000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/shop/decide HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/shop/decide HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"GET /livez HTTP/1.1\r\nhost: x\r\nbig: " + b"x" * (MOST_HEAD_BYTES + 1) + b"\r\n\r\n",
        b"GET /" + b"x" * (MOST_HEAD_BYTES + 1) + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["version", "tls", "two framings", "two lengths", "large header", "large path"],
)
def test_what_is_no_sound_http_is_refused(server: Server, sent: bytes) -> None:
    """Ambiguous framing, another protocol and endless heads get 400 and a closed connection; others are served on."""
    assert talk(server, sent).startswith(b"HTTP/1.1 400 ")
    assert server.client.get("/livez").status_code == 200


def test_connections_that_say_nothing_do_not_hold_the_server_up(server: Server) -> None:
    """With a hundred half-sent heads open, decisions are answered."""
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    for connection in idle:
        connection.sendall(b"POST /v1/shop/decide HTTP/1.1\r\nhost:")
    answers = [server.post("decide", request()).status_code for _ in range(10)]
    for connection in idle:
        connection.close()
    assert answers == [200] * 10


def test_a_head_that_does_not_come_is_not_waited_for(server: Server) -> None:
    """After its time the connection is told so and closed."""
    assert talk(server, b"GET /livez HTTP/1.1\r\nhost:", wait=20).startswith(b"HTTP/1.1 408 ")
    assert talk(server, b"", wait=20).startswith(b"HTTP/1.1 408 ")


def test_a_model_that_hangs_does_not_keep_clients_waiting(tmp_path: Path) -> None:
    """The rule answers within the declared latency and a little, and says why."""
    with served(tmp_path, "hang") as server:
        answers = [server.post("decide", request(total=60)) for _ in range(5)]
        server.kill()
    assert [(answer.status_code, answer.json()["degraded"]) for answer in answers] == [(200, "too-slow")] * 5
    assert min(answer.elapsed.total_seconds() for answer in answers) < 0.1
    assert all(answer.elapsed.total_seconds() < 2 for answer in answers)


def test_clients_at_the_same_time_get_their_own_answers(server: Server) -> None:
    """Eight connections ask for different keys; each answer has the key that was asked for."""
    wrong: list[str] = []

    def ask(name: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for number in range(25):
            key = f"{name}-{number}"
            body = json.dumps(request(checkout_id=key))
            connection.request("POST", "/v1/shop/decide", body=body, headers={"content-type": "application/json"})
            told = json.loads(connection.getresponse().read()).get("key")
            if told != key:
                wrong.append(f"{key}: {told}")
        connection.close()

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_port_that_is_taken_is_named(server: Server) -> None:
    """Two servers cannot share one; the message says what would do, and Ctrl-C means what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SettingInvalid, match=f"port {server.port}"):
        serve_http(App({}), host="127.0.0.1", port=server.port, announce=print)
    with pytest.raises(SettingInvalid, match="port 99999"):
        serve_http(App({}), host="127.0.0.1", port=99999, announce=print)
    assert signal.getsignal(signal.SIGINT) is before
