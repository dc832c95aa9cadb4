"""A system whose labels are several events of a user, in a time of each channel, each event of its last decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

import setpoint as sp
from setpoint.core.times import DAY, HOUR
from setpoint.data.arrays import UTC_MICROSECONDS

START, DAYS, USERS = 20_000 * DAY, 40, 300


def visits(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Sixty visits a day, on the web or in the shop."""
    size = 60 * DAYS
    return {
        "visit": np.array([f"v{n}" for n in range(size)]),
        "user": np.array([f"u{n}" for n in rng.integers(0, USERS, size)]),
        "ts": START + np.sort(rng.integers(0, DAYS * DAY, size)),
        "channel": rng.choice(["web", "shop"], size),
        "price": rng.normal(size=size),
    }


def orders(rng: np.random.Generator, seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Orders after a third of the visits, later where they were in the shop, and more often at a low price."""
    bought = rng.random(seen["ts"].size) < 1 / (1 + np.exp(0.7 + seen["price"]))
    late = rng.exponential(np.where(seen["channel"] == "web", 6, 30) * HOUR).astype(np.int64)
    return {"user": seen["user"][bought], "ts": (seen["ts"] + late)[bought], "paid": rng.random(int(bought.sum())) * 9}


def write(folder: Path, name: str, columns: dict[str, np.ndarray]) -> None:
    """Rows as a Parquet file."""
    table = pa.table({key: pa.array(values) for key, values in columns.items()})
    table = table.set_column(table.schema.get_field_index("ts"), "ts", table["ts"].cast(UTC_MICROSECONDS))
    write_table(table, folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> sp.Live:
    """The system over 40 days."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(11)
    seen = visits(rng)
    write(folder, "visits", seen)
    write(folder, "orders", orders(rng, seen))
    bought = sp.events("orders", "orders.parquet", at="ts", delay="0s")
    system = sp.System(
        "shop",
        decide=sp.decide(
            sp.events("visits", "visits.parquet", key="visit", at="ts"), fields=["user", "channel", "price"]
        ),
        features={"price": sp.field("price"), "n_7d": sp.count(bought, by="user", last="7d")},
        label=sp.label(
            (sp.count(bought) >= 2) | (sp.max(bought.paid) > 3),
            on="user",
            within={"web": "2d", "shop": "6d"},
            by="channel",
            attribute="last",
        ),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("offer"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("2d"), fallback=sp.rule(sp.field("price") < 0)),
    )
    return sp.open_system(system, root=folder)


def brute_force(live: sp.Live) -> dict[str, float]:
    """The labels when everything has come, by looking at each order's candidates in turn."""
    decided = live.rows["visits"].to_pylist()
    paid: dict[str, list[float]] = {row["visit"]: [] for row in decided}
    for order in live.rows["orders"].to_pylist():
        before = [
            (row["__at"], row["visit"])
            for row in decided
            if row["user"] == order["user"]
            and row["__at"] <= order["__at"] <= row["__at"] + {"web": 2, "shop": 6}[row["channel"]] * DAY
        ]
        if before:
            paid[max(before)[1]].append(order["paid"])
    return {visit: float(len(found) >= 2 or max(found, default=0) > 3) for visit, found in paid.items()}


def test_a_replay_settles_the_labels_that_the_declaration_means(shop: sp.Live) -> None:
    """Tick by tick, each decision at the end of its own time; and tells how long the feedback loop is."""
    checked = shop.check()
    truth = brute_force(shop)
    assert checked["labels"]["unknown"] == 0
    assert 400 < sum(truth.values()) < 1500

    results = shop.replay(sample=0.05)
    assert results["parity"]["mismatches"] == 0
    settled = shop.sql("SELECT key, state, value FROM outcomes").to_pylist()
    assert {row["state"] for row in settled} == {"known"}
    assert {row["key"]: row["value"] for row in settled} == truth
    loop = results["feedback_loop"]
    assert loop["of"] == "positives"
    assert (loop["all"]["decisions"], loop["all"]["positives"]) == (len(truth), sum(truth.values()))
    assert loop["usable_after"] == {"": 6 * DAY, "web": 2 * DAY, "shop": 6 * DAY}
    halves = {name: each["known_by"][0]["age"] for name, each in loop["segments"].items()}
    assert halves["web"] < 8 * HOUR < halves["shop"]

    told = shop.status()["sections"]["labels"]
    assert told["decisions usable, web"] == "after 2d"
    assert "known after" in told["half of positives, shop"]
