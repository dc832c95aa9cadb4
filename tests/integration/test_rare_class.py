"""A rare class, from files to the plan, the gate, the card and the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.times import DAY, time

START = time("2026-01-01")
ROWS, DAYS = 4000, 80


def shop(folder: Path, *, rate: float = 0.03, **goal: Any) -> sp.Live:
    """A shop whose orders are fraud at about this rate, the large ones more often, opened."""
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    total = np.round(rng.gamma(2.0, 40.0, ROWS), 2)
    bad = rng.random(ROWS) < np.minimum(rate * (total / 80) ** 2 / 1.5, 1)
    ids = pa.array([f"o{number}" for number in range(ROWS)])
    times = pa.array(at, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"order_id": ids, "ts": times, "total": total}), folder / "orders.parquet")
    pq.write_table(pa.table({"order_id": ids, "ts": times, "bad": bad}), folder / "frauds.parquet")
    orders = sp.events("orders", "orders.parquet", key="order_id", at="ts")
    frauds = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="1h")
    system = sp.System(
        "shop",
        decide=sp.decide(orders, fields=["total"]),
        features={"total": sp.field("total")},
        label=sp.label(frauds.bad, on="order_id", within="1d"),
        goal=sp.goal(
            goal.pop("metric", sp.average_precision()),
            business="eur",
            act=sp.act("block"),
            cost=sp.cost(false_positive=1, false_negative=20),
            **goal,
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("total") > 200)),
    )
    return sp.open_system(system, root=folder)


def rare_class(shown: dict[str, Any]) -> dict[str, str] | None:
    """What a plan says of a rare class."""
    return next((choice for choice in shown["choices"] if choice["name"] == "rare class"), None)


def test_plan_measures_the_rate_of_positives_and_says_why_nothing_is_done(tmp_path: Path) -> None:
    """The rate is that of the files' labels; AUC as the metric is warned of."""
    with shop(tmp_path, metric=sp.auc()) as live:
        shown = live.show_plan()
    found = rare_class(shown)
    assert found is not None
    assert found["value"] == "nothing is resampled or weighted"
    assert found["reason"].startswith("about 3 % of decisions are positive")
    assert any("auc() says little" in warning for warning in shown["warnings"])


def test_plan_says_nothing_where_no_class_is_rare(tmp_path: Path) -> None:
    """At a fifth of positives there is nothing to say."""
    with shop(tmp_path, rate=0.2) as live:
        assert rare_class(live.show_plan()) is None


@pytest.mark.parametrize("method", ["undersample", "focal"])
def test_train_says_whether_what_was_asked_for_helped(tmp_path: Path, method: str) -> None:
    """In the gate's report and on the card, which states what the rows that fitted underwent."""
    with shop(tmp_path, imbalance=sp.imbalance(method)) as live:
        assert rare_class(live.show_plan())["value"].startswith(method)
        report = live.train(as_of=START + (DAYS + 2) * DAY)
    assert f"against the same recipe without {method}" in report["training_rows"]
    assert report["training_rows"] not in report["reasons"]
    assert report["training_rows"] in report["card"]
    assert f"method {method}" in report["card"]
