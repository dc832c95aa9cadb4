from __future__ import annotations

import pytest

import setpoint as sp
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.watch.reference import Reference
from setpoint.watch.summarise import DaySummary
from tests.unit.watch.world import World

SCHEMAS = {
    "flights": {"flight_id": "text", "origin": "text", "tail": "text", "carrier": "text", "sched_dep": "time"},
    "weather": {"origin": "text", "temp": "number", "observed_at": "time"},
    "arrivals": {"flight_id": "text", "carrier": "text", "landed_at": "time", "arr_delay": "number"},
    "planes": {"tail": "text", "seats": "number", "engine": "text"},
}

flights = sp.events("flights", "f.parquet", key="flight_id", at="sched_dep")
weather = sp.events("weather", "w.parquet", at="observed_at", delay="1h")
arrivals = sp.events("arrivals", "f.parquet", id="flight_id", at="landed_at", delay="0s", null_at="skip")
planes = sp.table("planes", "p.parquet", key="tail", valid_from=sp.always)


def expression(name: str) -> sp.Expr:
    """What a column of the world reads."""
    if name.startswith("weather") or name in {"rain", "gust"}:
        return sp.last(weather.temp, by="origin", last="6h")
    if name.startswith(("rate", "history", "count")):
        return sp.mean(arrivals.arr_delay, by="carrier", last="7d")
    if name in {"seats", "engine"}:
        return planes.seats
    return sp.field("sched_dep").hour()


@pytest.fixture(scope="session")
def world() -> World:
    """A stationary world of 90 days."""
    return World(seed=1, days=90)


@pytest.fixture(scope="session")
def reference(world: World) -> Reference:
    """What its model was trained on."""
    return world.reference()


@pytest.fixture(scope="session")
def days(world: World, reference: Reference) -> list[DaySummary]:
    """Its days in counts."""
    return world.summaries(reference)


@pytest.fixture(scope="session")
def plan(world: World) -> Plan:
    """The plan of a system with the world's columns."""
    names = [name for name in world.columns(0) if name != "score"]
    system = sp.System(
        "flights",
        decide=sp.decide(flights, fields=["origin", "tail", "carrier", "sched_dep"]),
        features={name: expression(name) for name in names},
        label=sp.label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("warn"), cost=sp.cost(false_positive=1, false_negative=3)),
        release=sp.release(sp.shadow("7d"), fallback=sp.rule(sp.field("carrier") == "c01")),
    )
    return make_plan(system, SCHEMAS, Profile({"flights": 10}, 900.0))
