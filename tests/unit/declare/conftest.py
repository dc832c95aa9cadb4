from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp

SCHEMAS = {
    "flights": {
        "flight_id": "text",
        "carrier": "text",
        "origin": "text",
        "tailnum": "text",
        "distance": "number",
        "sched_dep": "time",
        "dep_delay": "number",
    },
    "arrivals": {"flight_id": "text", "carrier": "text", "landed_at": "time", "arr_delay": "number"},
    "planes": {"tailnum": "text", "seats": "number", "model": "text"},
}

flights = sp.events("flights", "flights.parquet", key="flight_id", at="sched_dep")
arrivals = sp.events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s", null_at="skip")
planes = sp.table("planes", "planes.parquet", key="tailnum", valid_from=sp.always)


@pytest.fixture
def declare() -> Callable[..., sp.System]:
    """A declaration of a small system; keyword arguments replace its parts or add features."""

    def build(*, features: dict[str, Any] | None = None, **parts: Any) -> sp.System:
        declared: dict[str, Any] = {
            "decide": sp.decide(
                flights, fields=["carrier", "origin", "tailnum", "distance", "sched_dep"], at=flights.sched_dep - "2h"
            ),
            "features": features or {"late_7d": sp.mean(arrivals.arr_delay > 15, by="carrier", last="7d")},
            "label": sp.label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void"),
            "goal": sp.goal(
                sp.auc(), business="minutes", act=sp.act("warn"), cost=sp.cost(false_positive=20, false_negative=60)
            ),
            "release": sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("distance") > 2000)),
        }
        return sp.System("flights", **{**declared, **parts})

    return build
