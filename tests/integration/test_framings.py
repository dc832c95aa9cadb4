"""Framings of one goal, from the declaration to what their decisions are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.cli.study import print_study
from setpoint.console.train_report import render_training
from setpoint.core.errors import DataError
from setpoint.core.times import DAY, time

START, ROWS, DAYS = time("2026-01-01"), 3000, 80
END = START + (DAYS + 3) * DAY


def shop(folder: Path, *, dear: bool) -> sp.Live:
    """Orders of which some are frauds, opened; where `dear`, how much one costs hangs on the size of the order."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    total, odd = rng.lognormal(0, 1, ROWS), rng.normal(size=ROWS)
    fraud = rng.random(ROWS) < 1 / (1 + np.exp(2 - odd))
    lost = np.where(fraud, 4 * total**1.5 if dear else 10.0, 0.0)
    ids = pa.array([f"o{number}" for number in range(ROWS)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"order": ids, "ts": times, "total": total, "odd": odd}), folder / "orders.parquet")
    pq.write_table(pa.table({"order": ids, "ts": times, "fraud": fraud, "lost": lost}), folder / "claims.parquet")
    orders = sp.events("orders", "orders.parquet", key="order", at="ts")
    claims = sp.events("claims", "claims.parquet", id="order", at="ts", delay="1h")
    system = sp.System(
        "shop",
        decide=sp.decide(orders, fields=["total", "odd"]),
        features={"total": sp.field("total"), "odd": sp.field("odd")},
        label=sp.label(claims.fraud, on="order", within="1d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("block"),
            cost=sp.cost(false_positive=2, false_negative=claims.lost),
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("odd") > 2)),
    )
    return sp.open_system(system, root=folder)


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The framings by their names."""
    return {each["name"]: each for each in found["framings"]}


def test_where_the_cost_hangs_on_what_is_seen_predicting_amounts_is_worth_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One threshold for all takes every fraud for a mean one; both framings that predict amounts are shown better."""
    with shop(tmp_path, dear=True) as live:
        report = live.train(as_of=END, framings=True)
    found = report["framings"]
    each = by_name(found)
    assert list(each) == ["threshold", "amount", "chance times amount"]
    assert found["best"] != "threshold"
    assert each[found["best"]]["difference"]["low"] > 0
    assert each["chance times amount"]["difference"]["estimate"] > 0
    print_study(report)
    assert f"best: {found['best']}" in capsys.readouterr().out
    assert "How the goal is framed" in render_training(report)


def test_where_every_miss_costs_the_same_a_threshold_is_as_good(tmp_path: Path) -> None:
    """Nothing is shown to be better, and the declared framing stays."""
    with shop(tmp_path, dear=False) as live:
        found = live.train(as_of=END, framings=True)["framings"]
    assert found["best"] == "threshold"
    assert by_name(found)["amount"]["difference"]["low"] <= 0


def bakery(folder: Path, metric: Any, **goal: Any) -> sp.Live:
    """How many loaves are sold in a day, opened."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    seen = rng.normal(size=ROWS)
    sold = 30 + 5 * seen + rng.gamma(2, 5, ROWS)
    ids = pa.array([f"b{number}" for number in range(ROWS)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"id": ids, "ts": times, "seen": seen}), folder / "shops.parquet")
    pq.write_table(pa.table({"id": ids, "ts": times, "sold": sold}), folder / "sales.parquet")
    sales = sp.events("sales", "sales.parquet", id="id", at="ts", delay="1h")
    system = sp.System(
        "bakery",
        decide=sp.decide(sp.events("shops", "shops.parquet", key="id", at="ts"), fields=["seen"]),
        features={"seen": sp.field("seen")},
        label=sp.label(sales.sold, on="id", within="1d", absent="void"),
        goal=sp.goal(metric, **goal),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(30)),
    )
    return sp.open_system(system, root=folder)


def test_a_number_that_is_dear_to_be_under_is_better_framed_as_a_quantile(tmp_path: Path) -> None:
    """The mean is not what the costs ask for."""
    with bakery(tmp_path, sp.rmse(), business="eur", cost=sp.cost(over=1, under=6)) as live:
        found = live.train(as_of=END, framings=True)["framings"]
    assert found["best"] == "quantile 0.857"


def test_a_goal_that_nobody_priced_has_one_framing_and_nothing_is_trained(tmp_path: Path) -> None:
    """It is refused before, with what is needed."""
    with bakery(tmp_path, sp.rmse()) as live:
        with pytest.raises(DataError, match="kind 'regression'"):
            live.train(as_of=END, framings=True)
        assert live.runs()["runs"] == []
