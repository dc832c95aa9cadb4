"""What one decision costs, in process and over HTTP: features from SQLite, model, log before the answer."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from common import Row, main, peer_python

from setpoint.api.app import App
from setpoint.api.server import serve_http
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.segments import FileSegments
from setpoint.backends.sqlite_state import SqliteState
from setpoint.cli.project import load_declaration
from setpoint.core import times
from setpoint.core.clock import SystemClock
from setpoint.core.settings import Settings
from setpoint.data.rows import known_rows
from setpoint.declare.plan import Plan
from setpoint.examples import example_folder
from setpoint.features.online import OnlineFeatures, Seen
from setpoint.features.reader import FeatureReader
from setpoint.history import requests_of
from setpoint.labels.join import resolve
from setpoint.learn.encode import fit_encoder
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.learn.threshold import Price, Threshold
from setpoint.measure.calibrators import CalibrationMap
from setpoint.serve.batch import decide_many
from setpoint.serve.desk import Desk
from setpoint.serve.log import decode_record, encode_record
from setpoint.serve.outcomes import Outcomes
from setpoint.serve.request import read_request
from setpoint.serve.runner import PROBATION
from setpoint.serve.snapshot import Features, Serving
from setpoint.system import Live

NOW = times.time("2013-03-01T15:00:00Z")
PEERS = {"FastAPI + scikit-learn": "fastapi", "MLflow models serve": "mlflow"}
MEMORY = 40 * times.DAY
CONNECTIONS = 16
PEER_SERVERS = Path(__file__).parent / "peers" / "serving.py"


@dataclass(frozen=True)
class Bench:
    """The flights system two months into its year: its plan, its rows, and requests as HTTP bodies."""

    plan: Plan
    rows: Mapping[str, pa.Table]
    folder: Path

    @property
    def state(self) -> SqliteState:
        """The online state."""
        return SqliteState(f"sqlite:///{self.folder / 'online.db'}")

    def desk(self, logs: Path, features: Features | None = None) -> Desk:
        """Everything that decides, on fresh logs; features come from the online state unless they are given."""
        scorer = load_scorer(self.folder / "model", {"lightgbm": LightGBMLearner()})
        return Desk(
            Serving(self.plan, scorer),
            features=features or OnlineFeatures(self.plan, self.state),
            clock=SystemClock(starting_at=NOW),
            log=FileSegments(logs / "log"),
            outcomes=Outcomes("flights", FileSegments(logs / "told")),
        )


def open_bench(folder: Path) -> Bench:
    """The declaration and its rows."""
    declared, root = load_declaration(example_folder("flights"))
    live = Live(declared, root=root, settings=Settings(home=str(folder / "home")), clock=SystemClock())
    return Bench(live.plan, live.rows, folder)


def prepare(bench: Bench) -> list[dict[str, Any]]:
    """Feed the online state with what windows reach, train a model on some weeks; gives the day's requests."""
    features = OnlineFeatures(bench.plan, bench.state)
    for name, rows in bench.rows.items():
        features.feed(name, known_rows(rows, NOW))
    past = requests_of(bench.plan, bench.rows, start=NOW - MEMORY // 2, end=NOW - 2 * times.DAY)
    seen = FeatureReader(bench.plan, bench.rows).read(past.table, past.at)
    keys = past.table[bench.plan.system.decide.key].combine_chunks()
    labels = resolve(bench.plan.system.label, keys, past.at, bench.rows, NOW)
    usable = np.flatnonzero(labels.usable)
    encoder = fit_encoder(seen, bench.plan.features)
    learner = LightGBMLearner()
    recipe = {**learner.recipes(rounds=bench.plan.rounds)[0]}
    model, _ = learner.fit(
        recipe, encoder.matrix(seen.take(usable)), labels.value[usable], categories=encoder.categories, seed=0
    )
    threshold = Threshold(Price(20.0), Price(60.0))
    scorer = Scorer(encoder, model, CalibrationMap("platt", (1.0, 0.0)), threshold, "lightgbm", (0, NOW))
    scorer.save(bench.folder / "model")
    return todays(bench)


def todays(bench: Bench) -> list[dict[str, Any]]:
    """The requests of some hours, as the product's code would send them."""
    asked = requests_of(bench.plan, bench.rows, start=NOW - times.HOUR, end=NOW + 6 * times.HOUR)
    return [_spelled(row) for row in asked.table.to_pylist()]


def _spelled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


def cpu_us(work: Callable[[int], object], *, count: int, rounds: int = 5) -> float:
    """The CPU microseconds of one call: the best round of several, since noise only adds."""
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        for number in range(count):
            work(number)
        best = min(best, time.process_time() - before)
    return best / count * 1e6


def in_process(bench: Bench, bodies: list[dict[str, Any]], logs: Path, *, count: int) -> list[Row]:
    """The whole decision, and its parts."""
    desk = bench.desk(logs)
    for body in bodies[: 2 * PROBATION]:
        desk.decide(body)
    size = f"{count} decisions, {len(bench.plan.features)} features, {bench.plan.rounds} trees at most"
    whole = cpu_us(lambda i: desk.decide(bodies[i % len(bodies)]), count=count)
    scorer = desk.serving.scorer
    assert scorer is not None
    fields = [read_request(body, bench.plan) for body in bodies]
    online = OnlineFeatures(bench.plan, bench.state)
    seen = [online.see(each, NOW).values for each in fields]
    log = FileSegments(logs / "log", writer=False)
    records = [decode_record(data) for _, data in log.read()][: len(bodies)]
    other = FileSegments(logs / "other")
    parts = {
        "of that: read the request": lambda i: read_request(bodies[i % len(bodies)], bench.plan),
        "of that: features from SQLite": lambda i: online.see(fields[i % len(fields)], NOW),
        "of that: score": lambda i: scorer.score_row(seen[i % len(seen)]),
        "of that: encode and append the record": lambda i: other.append(encode_record(records[i % len(records)])),
    }
    rows = [Row("decide in process", whole, "CPU us", size)]
    rows += [Row(name, cpu_us(work, count=count), "CPU us", size) for name, work in parts.items()]
    desk.close()
    return rows


def batches(bench: Bench, *, count: int) -> Row:
    """Deciding many at once, besides features and scoring."""
    past = requests_of(bench.plan, bench.rows, start=None, end=None)
    requests, at = past.table.slice(0, count), past.at[:count]
    features = pa.table({name: np.zeros(count) for name in bench.plan.features})
    serving = Serving(bench.plan, _Constant())
    cost = cpu_us(lambda _: decide_many(requests, at, features, serving), count=1, rounds=3) / count
    return Row("decide many, besides features and scores", cost, "CPU us", f"{count} decisions", most=3.0)


class _Constant:
    """A model that says the same of every row at no cost."""

    digest = "constant"
    threshold = Threshold(Price(1.0), Price(1.0))

    def score(self, features: pa.Table) -> np.ndarray:
        return np.full(features.num_rows, 0.25)

    def score_row(self, values: Mapping[str, Any]) -> float:  # noqa: ARG002 every model takes its row
        return 0.25


def stores(folder: Path, *, count: int) -> list[Row]:
    """A document put, and a record appended."""
    metadata, log = SqlMetadata(f"sqlite:///{folder / 'm.db'}"), FileSegments(folder / "append")
    body, record = {"text": "x" * 300, "number": 1.5}, b"x" * 700
    rows = [
        Row(
            "metadata put",
            cpu_us(lambda i: metadata.put("run", f"r{i % 100}", body), count=count) / 1000,
            "CPU ms",
            f"{count} documents of 300 bytes, each committed",
            most=0.4,
        ),
        Row("log append", cpu_us(lambda _: log.append(record), count=10 * count), "CPU us", "records of 700 bytes"),
    ]
    metadata.close()
    log.close()
    return rows


@contextmanager
def running(command: list[str | Path]) -> Iterator[tuple[int, int]]:
    """The port and process of a server that prints its URL."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().rpartition(":")[2]), process.pid
        finally:
            process.kill()


def server_cpu(pid: int) -> float:
    """CPU seconds of a process and of all that it started, so far."""
    spent = 0.0
    for each in [pid, *_children(pid)]:
        parts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        spent += (int(parts[11]) + int(parts[12])) / 100
    return spent


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def over_http(port: int, pid: int, path: str, bodies: list[bytes], *, seconds: float) -> float:
    """CPU microseconds of the server for one request, over connections that are kept alive.

    Requests are sent until the server has spent this many CPU seconds on them, since the system counts hundredths.
    """
    sent = [
        b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (path.encode(), len(body), body)
        for body in bodies
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        for client in clients:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before, asked, warm = 0.0, 0, 2 * PROBATION
        while True:
            for place, client in enumerate(clients):
                client.sendall(sent[(asked + place) % len(sent)])
            for client in clients:
                take(client)
            asked += len(clients)
            if asked >= warm > 0:
                before, asked, warm = server_cpu(pid), 0, 0
            elif not warm and (spent := server_cpu(pid) - before) >= seconds:
                return spent / asked * 1e6


def take(client: socket.socket) -> None:
    """Read one whole answer, which must be 200."""
    answer = client.recv(65536)
    while b"\r\n\r\n" not in answer:
        answer += client.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    if b" 200 " not in answer[:16]:
        raise SystemExit(f"{answer!r:.400}")


def measure(*, quick: bool) -> list[Row]:
    """Ours in process and over HTTP, and the peers' servers on the same machine with a model of as many trees."""
    count, seconds = (200, 0.5) if quick else (2000, 2.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = open_bench(folder)
        bodies = prepare(bench)
        rows = in_process(bench, bodies, folder / "in-process", count=count)
        others = peers(bench, seconds=seconds)
        sent = [json.dumps(body).encode() for body in bodies]
        size = f"{len(bench.plan.features)} features, {CONNECTIONS} connections; peers are sent them and log nothing"
        with running([sys.executable, __file__, "--serve", folder]) as (port, pid):
            for title, system, ratio in (
                ("decide over HTTP, features at hand", "given", 25.0),
                ("decide over HTTP, features from SQLite", "online", None),
            ):
                path = f"/v1/{system}/decide"
                ours = min(over_http(port, pid, path, sent, seconds=seconds) for _ in range(2))
                rows.append(Row(title, ours, "CPU us of the server", size, others, least_ratio=ratio))
        rows += [batches(bench, count=20_000 if quick else 300_000), *stores(folder, count=count)]
        return rows


def peers(bench: Bench, *, seconds: float) -> dict[str, float | None]:
    """What a decision costs the servers of others, its features in the request; None for one that is not installed."""
    found: dict[str, float | None] = {}
    columns = len(bench.plan.features)
    row = {f"f{place}": 0.5 for place in range(columns)}
    frame = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    for title, peer in PEERS.items():
        python = peer_python(peer)
        if python is None:
            found[title] = None
            continue
        with running([python, PEER_SERVERS, peer, str(columns), str(bench.plan.rounds)]) as (port, pid):
            path, body = ("/decide", row) if peer == "fastapi" else ("/invocations", frame)
            found[title] = over_http(port, pid, path, [json.dumps(body).encode()], seconds=seconds)
    return found


@dataclass(frozen=True)
class Given:
    """Features that were read before, by key: what a decision costs besides them."""

    seen: Mapping[str, Seen]
    key: str

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:  # noqa: ARG002 they were read at one time
        """The features of a key."""
        return self.seen[fields[self.key]]


def serve(folder: Path) -> None:
    """The server that is measured: once with features at hand, once with features from the online state."""
    bench = open_bench(folder)
    online, key = OnlineFeatures(bench.plan, bench.state), bench.plan.system.decide.key
    fields = [read_request(body, bench.plan) for body in todays(bench)]
    given = Given({each[key]: online.see(each, NOW) for each in fields}, key)
    app = App({"given": bench.desk(folder / "given", given), "online": bench.desk(folder / "online")})
    serve_http(app, host="127.0.0.1", port=0, announce=lambda url: print(url, flush=True))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    else:
        main(__doc__ or "", measure)
