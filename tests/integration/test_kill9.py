"""A server that is killed with SIGKILL in the middle of its work has lost nothing that it acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path

from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SystemClock
from setpoint.serve.log import decode_record, log_table
from setpoint.serve.outcomes import Outcomes
from tests.integration.served import Server, served
from tests.unit.api.client import event_log
from tests.unit.serve.shop import request, shop


class Asking(threading.Thread):
    """A client that asks until its connection breaks, and remembers what it was told."""

    def __init__(self, server: Server, name: int) -> None:
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.name_, self.decided, self.told = name, dict[str, str](), set[str]()

    def run(self) -> None:
        """Ask for decisions, and tell every second one's outcome."""
        try:
            while True:
                key = f"{self.name_}-{len(self.decided)}"
                decision = self.post("decide", request(checkout_id=key))
                self.decided[decision["id"]] = key
                if len(self.decided) % 2:
                    self.post("outcome", {"decision": decision["id"], "value": True})
                    self.told.add(decision["id"])
        except (OSError, http.client.HTTPException):
            self.connection.close()

    def post(self, name: str, body: object) -> dict[str, str]:
        """The decoded answer to one request."""
        self.connection.request(
            "POST", f"/v1/shop/{name}", json.dumps(body), headers={"content-type": "application/json"}
        )
        answer: dict[str, str] = json.loads(self.connection.getresponse().read())
        return answer


def test_no_acknowledged_decision_or_outcome_is_lost(tmp_path: Path) -> None:
    """Five times: three clients ask and tell, the server is killed; whatever a client was told is in the logs, whole.

    The next server goes on behind it, and no decision is in the log twice.
    """
    decided: dict[str, str] = {}
    told: set[str] = set()
    for round_ in range(5):
        with served(tmp_path) as server:
            clients = [Asking(server, 10 * round_ + number) for number in range(3)]
            for client in clients:
                client.start()
            while sum(len(client.decided) for client in clients) < 60:
                clients[0].join(0.01)
            server.kill()
            for client in clients:
                client.join()
        for client in clients:
            decided |= client.decided
            told |= client.told
        log, outcomes = FileSegments(tmp_path / "log"), FileSegments(tmp_path / "told")
        found = [decode_record(data) for _, data in log.read()]
        rows = Outcomes("shop", outcomes).rows(log_table(found, shop()))
        log.close()
        outcomes.close()
        logged = {record.decision_id: record.key for record in found}
        assert len(logged) == len(found)
        assert {id_: logged.get(id_) for id_ in decided} == decided
        assert {decided[id_] for id_ in told} <= set(rows["key"].to_pylist())
        assert len(found) <= len(decided) + 3 * (round_ + 1)


class Telling(threading.Thread):
    """A client that tells events until its connection breaks, and remembers which were accepted at which position."""

    def __init__(self, server: Server, name: int) -> None:
        super().__init__()
        self.asking, self.accepted = Asking(server, name), dict[str, int]()

    def run(self) -> None:
        """Tell two events at a time: a new one, and the one before once more."""
        before: list[dict[str, object]] = []
        try:
            while True:
                name = f"{self.asking.name_}-{len(self.accepted)}"
                event = {"return_id": name, "checkout_id": name, "ts": "2024-05-01T12:00:00Z", "fraud": True}
                receipt = self.asking.post("events/returns", [event, *before])
                self.accepted[name] = receipt["positions"][0]  # type: ignore[index]
                before = [event]
        except (OSError, http.client.HTTPException):
            self.asking.connection.close()


def test_no_acknowledged_event_is_lost_or_there_twice(tmp_path: Path) -> None:
    """Three times: three clients tell events, each twice, and the server is killed; those accepted are in place."""
    accepted: dict[str, int] = {}
    for round_ in range(3):
        with served(tmp_path) as server:
            clients = [Telling(server, 10 * round_ + number) for number in range(3)]
            for client in clients:
                client.start()
            while sum(len(client.accepted) for client in clients) < 40:
                clients[0].join(0.01)
            server.kill()
            for client in clients:
                client.join()
        for client in clients:
            accepted |= client.accepted
        segments = FileSegments(tmp_path / "events")
        rows = event_log(segments, SystemClock()).table("returns")
        segments.close()
        names = rows["return_id"].to_pylist()
        assert {name: names.index(name) for name in accepted} == accepted
        assert len(set(names)) == len(names) <= 2 + len(accepted) + 3 * (round_ + 1)
        known = rows["__known_at"].to_pylist()
        assert known == sorted(set(known))
