"""A year of decisions like the flights example's: many from tables, a few at once, one online, and feeding the state.

The data are made up in the size and shape of the example: three event sources of about 330,000 rows in a year, one of
weather, a table of planes, 340,000 decisions and 45 features over windows of 3 hours to 30 days.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from common import Row
from common.costs import peak_mb, spent

import setpoint as sp
from setpoint.backends.sqlite_state import SqliteState
from setpoint.core.times import DAY, HOUR, MINUTE
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.rows import ALWAYS, AT, ID, KNOWN_AT, POSITION, known_rows, schemas
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.declare.source import Source
from setpoint.features.needs import everything
from setpoint.features.online import OnlineFeatures
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader

DECISIONS = 340_000
YEAR = 365 * DAY
BATCH = 100


def ingested(columns: dict[str, Any], at: np.ndarray, known_at: np.ndarray) -> pa.Table:
    """Rows in the order and form that `ingest` gives."""
    order = np.lexsort((at, known_at))
    table = pa.table(columns).take(pa.array(order))
    ids = pa.array(np.char.zfill(np.arange(order.size).astype(str), 7).tolist())
    places = pa.array(np.arange(order.size))
    names = (AT, KNOWN_AT, ID, POSITION)
    values = (pa.array(at[order]), pa.array(known_at[order]), ids, places)
    for name, column in zip(names, values, strict=True):
        table = table.append_column(name, column)
    return table


def make_rows(size: int) -> tuple[dict[str, pa.Table], pa.Table, np.ndarray]:
    """The rows of the sources, the requests, and their times."""
    rng = np.random.default_rng(1)
    scheduled = np.sort(rng.integers(0, YEAR, size)) // MINUTE * MINUTE

    def named(prefix: str, many: int) -> pa.Array:
        share = 1.0 / np.arange(1, many + 1) ** 0.8
        places = rng.choice(many, size, p=share / share.sum())
        return pa.array(np.char.add(prefix, places.astype(str)).tolist())

    keys = {"carrier": named("C", 16), "origin": named("O", 3), "dest": named("D", 105), "tailnum": named("N", 4000)}
    delay = np.round(rng.lognormal(2.5, 1.2, size)) - 12
    departed, flown = scheduled + (delay * MINUTE).astype(np.int64), rng.integers(40, 400, size) * MINUTE
    landed = departed + flown
    delays = pa.array(delay, mask=rng.random(size) < 0.02)
    hours = np.repeat(np.arange(0, YEAR, HOUR), 3)
    origins = pa.array(np.tile(["O0", "O1", "O2"], hours.size // 3).tolist())
    weather = {"origin": origins, **{name: pa.array(rng.normal(size=hours.size)) for name in ("temp", "wind", "rain")}}
    planes = np.arange(4000)
    always = np.full(planes.size, ALWAYS)
    stamps = pa.array(landed).cast(UTC_MICROSECONDS)
    rows = {
        "arrivals": ingested({**keys, "delay": delays, "landed": stamps}, landed, landed),
        "departures": ingested({**keys, "delay": delays}, departed, departed),
        "reports": ingested({**keys, "delay": delays}, scheduled, landed + HOUR),
        "weather": ingested(weather, hours, hours + HOUR),
        "planes": ingested(
            {
                "tailnum": pa.array(np.char.add("N", planes.astype(str)).tolist()),
                "seats": pa.array(rng.integers(20, 400, planes.size)),
                "maker": pa.array(rng.choice(["B", "A", "E"], planes.size).tolist()),
            },
            always,
            always,
        ),
    }
    times = scheduled - 2 * HOUR
    flights = pa.array([f"F{number}" for number in range(size)])
    return rows, pa.table({"flight": flights, **keys, "leaves": pa.array(scheduled).cast(UTC_MICROSECONDS)}), times


def make_features(arrivals: Source, departures: Source, reports: Source) -> dict[str, Expr]:
    """45 features: history by five keys, weather, the plane, the schedule and what follows from them."""
    weather = sp.events("weather", "weather.parquet", at="at", delay="1h")
    planes = sp.table("planes", "planes.parquet", key="tailnum", valid_from=sp.always)
    found: dict[str, Expr] = {
        "carrier": sp.field("carrier"),
        "origin": sp.field("origin"),
        "hour": sp.field("leaves").hour(zone="America/New_York"),
        "weekday": sp.field("leaves").weekday(zone="America/New_York"),
        "seats": planes.seats,
        "maker": planes.maker,
        "last": sp.last(arrivals.delay, by="tailnum"),
        "since": sp.now - sp.last(arrivals.landed, by="tailnum"),
        "spread": sp.std(departures.delay, by="origin", last="1d"),
        "worst": sp.max(departures.delay, by="carrier", last="1d"),
        "planes": sp.distinct(departures.tailnum, by=["origin", "dest"], last="7d"),
    }
    for name in ("temp", "wind", "rain"):
        found[name] = sp.last(weather[name], by="origin", last="1d")
    for name, by in {"c": "carrier", "o": "origin", "d": "dest", "r": ["origin", "dest"], "t": "tailnum"}.items():
        for last in ("3h", "7d"):
            found[f"n_{name}_{last}"] = sp.count(arrivals, by=by, last=last)
        for last in ("1d", "30d"):
            found[f"mean_{name}_{last}"] = sp.mean(arrivals.delay, by=by, last=last)
        found[f"late_{name}"] = sp.mean(arrivals.delay > 15, by=by, last="7d")
    for last in ("6h", "1d", "7d"):
        found[f"reported_{last}"] = sp.mean(reports.delay, by="carrier", last=last)
        found[f"reports_{last}"] = sp.count(reports, by="origin", last=last)
    return found


def make_system(rows: dict[str, pa.Table]) -> Plan:
    """The plan of a system with these features."""
    arrivals = sp.events("arrivals", "arrivals.parquet", at="at", delay="0s")
    departures = sp.events("departures", "departures.parquet", at="at", delay="0s")
    reports = sp.events("reports", "reports.parquet", at="at", known_at="known")
    ends = sp.events("ends", "ends.parquet", at="at", delay="0s")
    system = sp.System(
        "benchmark",
        decide=sp.decide(
            sp.events("flights", "flights.parquet", key="flight", at="at"),
            fields=["carrier", "origin", "dest", "tailnum", "leaves"],
        ),
        features=make_features(arrivals, departures, reports),
        label=sp.label(ends.late > 15, on="flight", within="2d"),
        goal=sp.goal(sp.auc(), business="min", act=sp.act("warn"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("origin") == "O0")),
    )
    fields = dict.fromkeys(("flight", "carrier", "origin", "dest", "tailnum"), "text") | {"leaves": "time"}
    known = {name: {**kinds, "at": "time", "known": "time"} for name, kinds in schemas(rows).items()}
    known |= {"flights": {**fields, "at": "time"}, "ends": {"flight": "text", "late": "number", "at": "time"}}
    return make_plan(system, known, Profile({}, 1000.0))


def least(times: int, work: Callable[[], object]) -> float:
    """The least CPU seconds of some calls."""
    costs = []
    for _ in range(times):
        before = process_time()
        work()
        costs.append(process_time() - before)
    return min(costs)


def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Reader and online state on one set of rows, at full size in both forms; `quick` repeats less."""
    rows, requests, at = make_rows(DECISIONS)
    plan = make_system(rows)
    found = measure_reader(plan, rows, requests, at, quick=quick)
    return found + measure_online(folder, plan, rows, requests, at, quick=quick)


def measure_reader(
    plan: Plan, rows: dict[str, pa.Table], requests: pa.Table, at: np.ndarray, *, quick: bool
) -> list[Row]:
    """What the reader of many decisions costs, compiled code loaded before."""
    few = {name: table.slice(0, 100) for name, table in rows.items()}
    FeatureReader(plan, few, compiled=True).read(requests.slice(0, 10), at[:10])
    size, held = f"{at.size:,} decisions x {len(plan.inputs)} features", peak_mb()
    before = spent()
    reader = FeatureReader(plan, rows)
    prepared = spent() - before
    before = spent()
    reader.read(requests, at)
    cost = prepared + spent() - before
    batch = least(20 if quick else 100, lambda: reader.read(requests.slice(at.size // 2, 40), at[at.size // 2 :][:40]))
    return [
        Row("features of a year", cost, "CPU s", f"{size}, {prepared:.2f} CPU s of it to prepare", most=6.0),
        Row("memory of a year", peak_mb() - held, "MB", "peak above the rows themselves", most=800.0),
        Row("features of a batch", batch * 1000, "CPU ms", "40 decisions on the prepared year", most=3.0),
    ]


def measure_online(
    folder: Path, plan: Plan, rows: dict[str, pa.Table], requests: pa.Table, at: np.ndarray, *, quick: bool
) -> list[Row]:
    """What feeding and reading the online state costs, on the last days before the middle of the year."""
    middle, (decisions, days) = int(at[at.size // 2]), (100, 2) if quick else (500, 35)
    state = SqliteState(f"sqlite:///{folder}/year.db")
    online = OnlineFeatures(plan, state)
    events, feeding = 0, 0.0
    for name, table in rows.items():
        known, begin = known_rows(table, middle).num_rows, known_rows(table, middle - days * DAY).num_rows
        online.feed(name, table.slice(0, begin))
        groups = len({fold.node.by for fold in everything(plan) if fold.source == name})
        before = process_time()
        for start in range(begin, known, BATCH):
            online.feed(name, table.slice(start, min(BATCH, known - start)))
        feeding += process_time() - before
        events += (known - begin) * groups
    chosen = requests.take(pa.array(np.flatnonzero(at <= middle)[-decisions:]))
    fields = chosen.to_pylist()
    seen = [online.read(each, middle) for each in fields]
    reading = sum(least(5 if quick else 20, partial(online.read, each, middle)) for each in fields)
    read = FeatureReader(plan, rows).read(chosen, np.full(decisions, middle))
    different = len(compare(read, seen))
    state.close()
    told = f"{len(plan.inputs)} features"
    return [
        Row(
            "online feed",
            feeding / events * 1e6,
            "CPU us",
            f"per event and key, {days} days in batches of {BATCH}",
            most=8.0,
        ),
        Row("online read", reading / decisions * 1e6, "CPU us", f"{told} on SQLite", most=2000.0),
        Row("year: online against offline", different, "differences", f"{decisions} decisions x {told}", most=0.0),
    ]
