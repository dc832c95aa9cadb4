"""A small system on the shipped flights: few features and short stages, so that ten weeks show a whole life."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import setpoint as sp
from setpoint.core import times
from setpoint.core.clock import SimulatedClock
from setpoint.examples import example_folder
from setpoint.loop import TickReport

ROOT = example_folder("flights")
FILE = "data/flights.parquet"
END = times.time("2013-03-08")

flights = sp.events("flights", FILE, key="flight_id", at="sched_dep")
departures = sp.events("departures", FILE, id="flight_id", at="departed_at", delay="0s", null_at="skip")
arrivals = sp.events("arrivals", FILE, id="flight_id", at="landed_at", delay="0s", null_at="skip")
weather = sp.events("weather", "data/weather.parquet", at="observed_at", delay="1h", expect={"wind_speed": (0, 120)})


def declare(**changes: Any) -> sp.System:
    """The system; keyword arguments replace its parts."""
    parts: dict[str, Any] = {
        "decide": sp.decide(
            flights, fields=["carrier", "tailnum", "origin", "dest", "sched_dep"], at=flights.sched_dep - "2h"
        ),
        "features": {
            "carrier": sp.field("carrier"),
            "hour": sp.field("sched_dep").hour(zone="America/New_York"),
            "visib": sp.last(weather.visib, by="origin", last="1d"),
            "left_late_2h": sp.mean(departures.dep_delay > 15, by=[], last="2h"),
            "late_route_14d": sp.mean(arrivals.arr_delay > 15, by=["origin", "dest"], last="14d"),
            "arr_delay_plane": sp.last(arrivals.arr_delay, by="tailnum", last="12h"),
        },
        "label": sp.label(arrivals.arr_delay > 15, on="flight_id", within="2d", absent="void"),
        "goal": sp.goal(
            sp.auc(),
            business="minutes warned",
            act=sp.act("warn"),
            cost=sp.cost(false_positive=20, false_negative=arrivals.arr_delay),
            slices=["origin"],
            must=[sp.auc() >= 0.55],
        ),
        "release": sp.release(
            sp.shadow("4d"),
            fallback=sp.rule(sp.feature("left_late_2h") > 0.3),
            refresh="14d",
            rollback="7d",
            margin=0.05,
        ),
    }
    return sp.System("flights", **{**parts, **changes})


def open_live(home: Path, **settings: Any) -> sp.Live:
    """The system opened with everything it writes in `home`."""
    return sp.open_system(declare(), root=ROOT, home=str(home), clock=SimulatedClock(END), **settings)


def replay(home: Path, *, on_tick: Callable[[TickReport], None] | None = None, **options: Any) -> dict[str, Any]:
    """The results of a replay from January to the end of the first week of March."""

    def progress(report: TickReport, *, done: int, of: int) -> None:
        if on_tick is not None:
            on_tick(report)

    return open_live(home).replay(end=END, progress=progress, **{"sample": 0.004, **options})


if __name__ == "__main__":
    replay(Path(sys.argv[1]))
