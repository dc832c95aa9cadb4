"""Feast: the newest row offline by its duckdb store, and values by key from its online stores; Apache-2.0 licence.

python features_feast.py ROUNDS FOLDER RESULT KEYS VALUES [sqlite WHERE] [redis WHERE]
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import feast
import numpy as np
import pandas as pd
import pyarrow as pa
from common.costs import peak_mb, spent, tell
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64, Int64
from feast.value_type import ValueType

warnings.filterwarnings("ignore")
CARD = Entity(name="card", join_keys=["card"], value_type=ValueType.INT64)


def open_store(folder: Path, view: FeatureView, online: dict[str, str]) -> FeatureStore:
    """A store with one view, its registry cached for longer than it is measured."""
    config = RepoConfig(
        project="bench",
        provider="local",
        registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 86400},
        offline_store={"type": "duckdb"},
        online_store=online,
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply([CARD, view])
    return store


def make_view(path: Path, names: list[str]) -> FeatureView:
    """A view of some columns by card."""
    source = FileSource(path=str(path), timestamp_field="at")
    schema = [Field(name="card", dtype=Int64), *[Field(name=name, dtype=Float64) for name in names]]
    return FeatureView(name="cards", entities=[CARD], ttl=timedelta(days=3650), schema=schema, source=source)


def newest(folder: Path) -> pa.Table:
    """The newest payment at or before each decision, from the files on disk, by a store of its own."""
    with tempfile.TemporaryDirectory() as place:
        view = make_view(folder / "payments.parquet", ["amount"])
        store = open_store(Path(place), view, {"type": "sqlite", "path": f"{place}/online.db"})
        asked = pd.read_parquet(folder / "decisions.parquet").rename(columns={"at": "event_timestamp"})
        return store.get_historical_features(entity_df=asked, features=["cards:amount"]).to_arrow()


def lookup(folder: Path, result: str) -> dict[str, float]:
    """What the newest payment of each decision costs, besides imports and a first call."""
    newest(folder / "few")
    before = spent()
    found = newest(folder)
    cost = {"cpu": spent() - before, "peak": peak_mb()}
    values = np.full(found.num_rows, np.nan)
    values[found["ask"].to_numpy()] = found["amount"].to_numpy()
    np.savez(result, amount=values)
    return cost


def get(kind: str, where: str, keys: int, values: int, *, rounds: int) -> dict[str, Any]:
    """What writing finished values costs, and reading them for 1, 10 and 100 keys as `get_online_features` does."""
    online = {"type": "sqlite", "path": where} if kind == "sqlite" else {"type": "redis", "connection_string": where}
    names = [f"f{number}" for number in range(values)]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(keys, values)), columns=names)
    frame.insert(0, "card", np.arange(keys))
    frame["at"] = datetime(2026, 1, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "values.parquet"
        frame.to_parquet(path)
        store = open_store(Path(place), make_view(path, names), online)
        before = spent()
        store.write_to_online_store("cards", frame)
        writing = (spent() - before) / keys
        features = [f"cards:{name}" for name in names]
        got = {
            many: least(store, features, rng.integers(0, keys, (4 * rounds, many)).tolist(), rounds=rounds)
            for many in (1, 10, 100)
        }
    return {"write": writing, "got": got}


def least(store: FeatureStore, features: list[str], asked: list[list[int]], *, rounds: int) -> float:
    """The least CPU seconds of one call, of some rounds of calls."""
    rows: list[list[dict[str, Any]]] = [[{"card": card} for card in cards] for cards in asked]
    costs = []
    for _ in range(rounds):
        before = process_time()
        for each in rows:
            found = store.get_online_features(features=features, entity_rows=each).to_dict()
        costs.append((process_time() - before) / len(rows))
    assert len(found["f0"]) == len(rows[-1])
    assert found["f0"][0] is not None
    return min(costs)


if __name__ == "__main__":
    rounds, folder, result, keys, values, *places = sys.argv[1:]
    costs: dict[str, Any] = {"lookup": lookup(Path(folder), result)}
    for kind, where in zip(places[::2], places[1::2], strict=True):
        costs[kind] = get(kind, where, int(keys), int(values), rounds=int(rounds))
    tell(cpu=spent(), peak=peak_mb(), version=feast.__version__, **costs)
