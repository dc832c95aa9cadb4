"""Reading windows at the moment of a decision, and taking payments in, against stores, frameworks and plain Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from common import Row, peer_python
from common.costs import contend

from feature_bench.data import arrived, few_cards, payments, table
from feature_bench.feast import Feast
from feature_bench.redis_server import redis_server

OURS = "feature_bench/ours_online.py"
VALUES = 24
RATIOS = {"SQLite": 50.0, "Redis": 20.0}


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """By name of an empty store, where ours and where Feast's is; without Redis where there is no server to start."""
    folder.mkdir(parents=True)
    with redis_server() as port:
        found = {"SQLite": (f"sqlite:///{folder}/ours.db", f"{folder}/feast.db")}
        if port is not None:
            found["Redis"] = (f"redis://127.0.0.1:{port}/0", f"127.0.0.1:{port},db=1")
        yield found


def get(
    folder: Path, places: Mapping[str, tuple[str, str]], keys: int, feast: Feast | None, *, quick: bool
) -> list[Row]:
    """24 windowed values for 1, 10 and 100 cards, from SQLite and Redis."""
    pq.write_table(table(few_cards(keys)), folder / "few-cards.parquet")
    mine, rows = contend(sys.executable, OURS, "get", folder, *[ours for ours, _ in places.values()]), list[Row]()
    for name, (ours, _) in places.items():
        title = f"{feast.title}, {name}" if feast else "Feast"
        rows += _gets(name, keys, mine.facts[ours]["got"], title, feast.got[name] if feast else None, shrunk=quick)
    different = sum(mine.facts[ours]["different"] for ours, _ in places.values())
    told = f"{VALUES} values of 500 cards from {' and '.join(places)}, bit for bit"
    return [*rows, Row("online against offline", different, "differences", told, most=0.0)]


def _gets(
    name: str, keys: int, mine: Mapping[str, float], title: str, theirs: Mapping[str, float] | None, *, shrunk: bool
) -> list[Row]:
    told = (
        f"{VALUES} values of {{}} of {keys:,} cards, finished from their windows into an array; Feast looks {VALUES} up"
    )
    return [
        Row(
            f"get from {name}, {many} card{'s' if many != '1' else ''}",
            mine[many] * 1e6,
            "CPU us of the client" if name == "Redis" else "CPU us",
            told.format(many),
            {title: theirs and theirs[many] * 1e6},
            least_ratio=RATIOS[name],
            shrunk=shrunk,
        )
        for many in ("1", "10", "100")
    ]


def stream(folder: Path, *, quick: bool) -> list[Row]:
    """Payments taken in, in batches of 10,000, by what keeps their windows."""
    events = 50_000 if quick else 1_000_000
    columns = arrived(payments(events))
    rows = list[Row]()
    with stores(folder) as places:
        pq.write_table(table(columns), folder / "arrived.parquet")
        np.savez(folder / "stream.npz", **columns)
        peers = _stream_peers(folder, events, quick=quick)
        wheres = {"memory": "memory://", **{name: ours for name, (ours, _) in places.items()}}
        mine = contend(sys.executable, OURS, "stream", folder, events, *wheres.values())
    for name, where in wheres.items():
        each = mine.facts[where]["cpu"] / events * 1e6
        told = f"{events:,} payments of 100,000 cards, 5 % late, batches of 10,000, {VALUES} windowed values"
        told += f"; {1e3 / each:,.0f} thousand per CPU s"
        if name == "memory":
            rows += _against(peers, each, told, shrunk=quick)
        else:
            rows.append(Row(f"stream into {name}", each, "CPU us per event", told, peers))
    different = sum(mine.facts[where]["different"] for where in wheres.values())
    told = f"{VALUES} values of 1,000 cards after the stream into {', '.join(wheres)}, bit for bit"
    return [*rows, Row("stream against offline", different, "differences", told, most=0.0)]


def _against(peers: Mapping[str, float | None], each: float, told: str, *, shrunk: bool) -> list[Row]:
    chosen = (("fold_window", 10.0), ("dicts", 5.0), ("stateful_map", None))
    return [
        Row(
            f"stream into memory, against {word}",
            each,
            "CPU us per event",
            told,
            {name: cost for name, cost in peers.items() if word in name},
            least_ratio=ratio,
            shrunk=shrunk,
        )
        for word, ratio in chosen
    ]


def _stream_peers(folder: Path, events: int, *, quick: bool) -> dict[str, float | None]:
    """CPU microseconds per event of each peer; Bytewax gets fewer, since each costs it more the more there are."""
    found: dict[str, float | None] = {}
    python = peer_python("bytewax")
    for what, size in (("tumbling", 10_000), ("lifetime", min(events, 200_000))):
        told = "hours by fold_window" if what == "tumbling" else "lifetime by stateful_map"
        cost = python and contend(python, "peers/features_bytewax.py", what, folder, size)
        title = f"Bytewax {cost.facts['version']}, {told}, {size:,} events" if cost else f"Bytewax, {told}"
        found[title] = cost and cost.cpu / size * 1e6
    cost = contend(sys.executable, "peers/features_dicts.py", folder, events, runs=1 if quick else 2)
    found["plain Python dicts, 3 levels of tiles"] = cost.cpu / events * 1e6
    return found
