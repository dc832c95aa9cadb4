from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import setpoint as sp
from setpoint.declare.plan import Plan, Profile, make_plan

SCHEMAS = {
    "flights": {"flight_id": "text", "distance": "number", "sched_dep": "time"},
    "arrivals": {"flight_id": "text", "landed_at": "time", "arr_delay": "number"},
}


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """The plan of a small system whose labels mature in two days; keyword arguments replace parts of its release."""
    flights = sp.events("flights", "flights.parquet", key="flight_id", at="sched_dep")
    arrivals = sp.events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s", null_at="skip")

    def build(*, minimum_rows: int = 1000, **release: Any) -> Plan:
        system = sp.System(
            "flights",
            decide=sp.decide(flights, fields=["distance"]),
            features={"late_7d": sp.mean(arrivals.arr_delay > 15, by=[], last="7d"), "far": sp.field("distance")},
            label=sp.label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void"),
            goal=sp.goal(
                sp.auc(), business="eur", act=sp.act("warn"), cost=sp.cost(false_positive=1, false_negative=3)
            ),
            release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("distance") > 2000), **release),
        )
        plan = make_plan(system, SCHEMAS, Profile({"flights": 10, "arrivals": 10}, 900.0))
        return replace(plan, minimum_rows=minimum_rows)

    return build
