"""Transforms, JSON paths and Python features from files to a decision, the same bits offline and for one request."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import RequestInvalid
from setpoint.data.language.evaluate import aggregate_key
from setpoint.declare.expr import Aggregate, walk
from setpoint.features.on_demand import Given, compile_one, plain
from setpoint.features.reader import FeatureReader
from setpoint.history import requests_of
from setpoint.serve.request import read_request, request_schema

START = datetime(2026, 1, 1, tzinfo=UTC)
VISITS = 1200


@sp.python_feature(kind="number")
def evenness(hours: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """A number that depends on its row alone."""
    return np.where(np.isnan(totals), np.nan, np.abs(hours - 12) * np.floor(totals))


@sp.python_feature(kind="number")
def rank(totals: np.ndarray) -> np.ndarray:
    """The place of a total among the others of a batch: a mistake that training and serving would not share."""
    return np.argsort(np.argsort(totals)).astype(np.float64)


def write_files(folder: Path) -> None:
    """Visits with a basket, clicks with nested payloads, and which visits ended badly."""
    rng = np.random.default_rng(5)
    lines, clicks, ends = [], [], []
    for number in range(VISITS):
        at = START + timedelta(hours=int(number))
        user = f"u{int(rng.integers(20))}"
        items = [{"price": float(price)} for price in np.round(rng.gamma(2, 20, int(rng.integers(4))), 2)]
        device = {"os": str(rng.choice(["ios", "android", "web"]))}
        visit = {"visit": f"v{number}", "ts": at.isoformat(), "user": user, "page": f"p{int(rng.zipf(1.5)) % 40}"}
        lines.append({**visit, "basket": {"items": items, "device": device} if number % 7 else None})
        clicks.append({"click": f"c{number}", "ts": at, "user": user, "payload": {"items": items, "device": device}})
        bad = sum(item["price"] for item in items) + rng.normal(0, 20) > 60
        ends.append({"visit": f"v{number}", "ts": at + timedelta(hours=3), "bad": bool(bad)})
    (folder / "visits.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pq.write_table(pa.Table.from_pylist(clicks), folder / "clicks.parquet")
    pq.write_table(pa.Table.from_pylist(ends), folder / "ends.parquet")


def declare(**more: Any) -> sp.System:
    """A system with every transform."""
    visits = sp.events("visits", "visits.jsonl", key="visit", at="ts")
    clicks = sp.events("clicks", "clicks.parquet", id="click", at="ts", delay="0s")
    ends = sp.events("ends", "ends.parquet", at="ts", delay="0s")
    basket, page, hour = sp.field("basket"), sp.field("page"), sp.field("ts").hour(zone="Europe/Berlin")
    total = basket.json("items[*].price", kind="number", fold="sum")
    os, price = clicks.payload.json("device.os"), clicks.payload.json("items[0].price", kind="number")
    return sp.System(
        "visits",
        decide=sp.decide(visits, fields=["ts", "user", "page", "basket"]),
        features={
            "total": sp.standardised(total),
            "items": basket.json("items", fold="size"),
            "os": sp.category(basket.json("device.os"), levels=["ios", "web"]),
            "page": sp.vocabulary(page, most=5),
            "page_hash": sp.hashed(page, buckets=16),
            "page_os": sp.cross(page, basket.json("device.os").fill("none")),
            "band": sp.bucket(total, edges=[20, 60]),
            "hour": sp.positional(hour, period=24),
            "month": sp.field("ts").month(),
            "log_total": sp.log(sp.clipped(total, low=1)),
            "even": evenness(hour, total),
            "spent": sp.sum(price, by="user", last="2d", where=os == "ios"),
            "last_os": sp.last(os, by="user", last="30d"),
            **more,
        },
        label=sp.label(ends.bad, on="visit", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("items") > 2)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files."""
    path = tmp_path_factory.mktemp("visits")
    write_files(path)
    return path


def opened(folder: Path, home: Path, **more: Any) -> sp.Live:
    """The system on the files."""
    return sp.open_system(declare(**more), root=folder, home=str(home))


def test_check_tells_how_python_features_run(folder: Path, tmp_path: Path) -> None:
    """On whole arrays where that is the same, row by row where it is not."""
    report = opened(folder, tmp_path, rank=rank(sp.field("basket").json("items", fold="size"))).check()
    assert report["passed"], report["findings"]
    found = {each["function"]: each["whole"] for each in report["python_features"]}
    assert found == {"evenness": True, "rank": False}


def test_a_model_is_trained_on_what_is_transformed(folder: Path, tmp_path: Path) -> None:
    """Standardised numbers and vocabularies are part of the model; the features themselves stay as they are."""
    live = opened(folder, tmp_path)
    report = live.train(as_of=int((START + timedelta(days=49)).timestamp() * 1e6))
    assert (report["passed"], report["rows"] > 1000) == (True, True)
    requests = requests_of(live.plan, live.rows, start=None, end=None)
    features = FeatureReader(live.plan, live.rows).read(requests.table, requests.at)
    totals = features["total"].to_numpy()
    assert np.nanmax(totals) > 50
    assert len(set(features["page"].to_pylist())) > 6
    assert set(features["os"].to_pylist()) == {"ios", "web", "other", None}
    assert [name for name in features.column_names if name.startswith("hour")] == [f"hour_{i}" for i in range(4)]


def test_one_request_has_the_bits_of_the_batch(folder: Path, tmp_path: Path) -> None:
    """Whether its basket comes as an object or as JSON text; what its windows fold is given."""
    plan = opened(folder, tmp_path).plan
    live = opened(folder, tmp_path)
    requests = requests_of(plan, live.rows, start=None, end=None)
    offline = FeatureReader(plan, live.rows).read(requests.table, requests.at)
    run = compile_one([feature.expr for feature in plan.inputs])
    for place in range(0, VISITS, 37):
        row = {name: requests.table[name][place].as_py() for name in plan.fields}
        folds = folded(plan, {name: offline[name][place].as_py() for name in ("spent", "last_os")})
        for basket in (row["basket"], row["basket"] and json.loads(row["basket"])):
            fields = read_request({**row, "basket": basket}, plan)
            values = {name: plain(value, plan.fields[name]) for name, value in fields.items()}
            found = run(Given(fields=values, aggregates=folds, now=int(requests.at[place])))
            expected = [offline[feature.name][place].as_py() for feature in plan.inputs]
            assert list(map(bits, found)) == list(map(bits, expected))


def folded(plan: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the features that are folds, by the folds' keys."""
    nodes = {f.name: node for f in plan.inputs for node in walk(f.expr) if isinstance(node, Aggregate)}
    kinds = {"spent": "number", "last_os": "text"}
    return {aggregate_key(nodes[name]): plain(value, kinds[name]) for name, value in values.items()}


def bits(value: Any) -> Any:
    """A value to the last bit, every NULL as None."""
    if isinstance(value, float):
        return None if math.isnan(value) else value.hex()
    return value


def test_the_request_says_that_it_takes_json(folder: Path, tmp_path: Path) -> None:
    """In its schema; what is not JSON is refused with the field's name."""
    plan = opened(folder, tmp_path).plan
    assert request_schema(plan)["properties"]["basket"]["type"] == ["string", "object", "array", "null"]
    request = {"visit": "v", "ts": "2026-01-01T00:00:00Z", "user": "u1", "page": "p1"}
    for wrong in ("{", 7, {"a": object()}, {"a": math.nan}):
        with pytest.raises(RequestInvalid, match="an object, a list, JSON as a text, or null") as caught:
            read_request({**request, "basket": wrong}, plan)
        assert caught.value.field == "basket"
