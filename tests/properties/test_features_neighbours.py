"""Folds over neighbours: brute force, both offline readers and the online state, one and the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.oracle import Oracle
from setpoint.core.ports import OnlineState
from setpoint.core.times import HOUR
from setpoint.data.log.feed import RowsFeed
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features import neighbours, pairs
from setpoint.features.online import OnlineFeatures
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from setpoint.features.stream import Stream, log_of
from tests.properties.worlds import rows_table

STEP = 7 * HOUR
UNITS = (1, STEP)
LINKS = {"who": "text", "friend": "text", "room": "number", "open": "bool"}
BUYS = {"user": "text", "room": "number", "paid": "bool", "price": "number", "word": "text"}
SCHEMAS = {
    "asks": {"ask": "text", "user": "text", "room": "number", "ts": "time"},
    "links": {**LINKS, "link": "text", "happened": "time", "loaded": "time", "gone": "bool"},
    "buys": {**BUYS, "buy": "text", "happened": "time", "loaded": "time", "gone": "bool"},
    "users": {"user": "text", "limit": "number", "boss": "text", "from": "time"},
    "ends": {"ask": "text", "bad": "number", "ts": "time"},
}
ARROW = {"text": pa.string(), "number": pa.float64()}
USERS = ("u", "v", "u\x00", "ü", "", "x", "y", "a much longer name than a row is wide", "z")
ROOMS = (0.0, -0.0, 1.0, 2.5, -7.0, 2.0**53)
PRICES = (0.0, -0.0, 0.1, 0.2, -7.25, 0.0000005, 1234567.891, 2.0**33, 9007199254.0)


@dataclass(frozen=True, repr=False)
class World:
    """A plan, the rows of its sources, and decisions: their fields and times, in order of time."""

    plan: Plan
    rows: dict[str, pa.Table]
    fields: list[dict[str, Any]]
    at: list[int]

    def __repr__(self) -> str:
        rows = {name: table.to_pylist() for name, table in self.rows.items()}
        return f"World({rows}, {self.fields}, {self.at})"[:9000]

    @property
    def requests(self) -> pa.Table:
        """The decisions' fields as a table."""
        schema = pa.schema([(name, ARROW[kind]) for name, kind in self.plan.fields.items()])
        return pa.Table.from_pylist(self.fields, schema=schema)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The decisions' times."""
        return np.array(self.at, dtype=np.int64)

    def by_oracle(self) -> list[dict[str, Any]]:
        """The decisions' features by brute force."""
        oracle = Oracle(self.plan, self.rows)
        return [oracle.read(fields, at) for fields, at in zip(self.fields, self.at, strict=True)]


@cache
def plan_of(unit: int, *only: str) -> Plan:
    """Neighbours of every kind, named through every kind of key, with every kind of value and fold; or some of them."""
    asks = sp.events("asks", "asks.parquet", key="ask", at="ts")
    links = sp.events("links", "l.parquet", id="link", at="happened", known_at="loaded", retracted="gone")
    buys = sp.events("buys", "b.parquet", id="buy", at="happened", known_at="loaded", retracted="gone")
    users = sp.table("users", "u.parquet", key="user", valid_from="from")
    ends = sp.events("ends", "ends.parquet", at="ts", delay="0s")
    step = timedelta(microseconds=unit)
    short: dict[str, Any] = {"last": 4 * step, "hop": step}
    long: dict[str, Any] = {"last": 25 * step, "hop": "exact"}
    mine: dict[str, Any] = {"by": {"user": "who"}}
    spent = sp.sum(buys.price, by="user", decimals=6, **long)
    by_boss: dict[Expr, str] = {users.boss: "who"}
    near = sp.neighbours
    features: dict[str, Expr] = {
        "sum": near(links.friend, **mine, of=spent, fold="sum"),
        "sum_few": near(links.friend, **mine, of=spent, fold="sum", cap=2),
        "mean_few": near(links.friend, **mine, of=spent, fold="mean", cap=2, **long),
        "max": near(links.friend, **mine, of=spent, fold="max", **short),
        "min": near(links.friend, **mine, of=sp.min(buys.price, by="user"), fold="min"),
        "rounded": near(links.friend, **mine, of=sp.mean(buys.price, by="user"), fold="sum", decimals=1),
        "great": near(links.friend, **mine, of=spent, fold="mean", decimals=9),
        "counts": near(links.friend, **mine, of=sp.count(buys, by="user", **short), fold="mean", **long),
        "some": near(links.friend, **mine, of=sp.last(buys.price, by="user", where=buys.paid), fold="count"),
        "words": near(links.friend, **mine, of=sp.distinct(buys.word, by="user", cap=2), fold="max", cap=3),
        "median": near(links.friend, **mine, of=sp.quantile(buys.price, q=0.5, by="user"), fold="min"),
        "often": near(links.friend, **mine, of=sp.top(buys.price, by="user", cap=3), fold="sum", cap=4),
        "spread": near(links.friend, **mine, of=sp.std(buys.price, by="user", decimals=2), fold="mean"),
        "newest": near(links.friend, **mine, of=sp.latest(buys.price, by="user", ttl=9 * step), fold="max"),
        "limits": near(links.friend, **mine, of=sp.latest(users.limit), fold="sum"),
        "open": near(links.friend, **mine, of=spent, fold="sum", where=links.open, cap=3, **short),
        "today": near(links.friend, **mine, of=spent, fold="max", last=sp.calendar("day", zone="America/New_York")),
        "day_of": near(
            links.friend, **mine, of=sp.count(buys, by="user", last=sp.calendar("week", zone="Asia/Kathmandu")), cap=5
        ),
        "rooms": near(links.room, **mine, of=sp.sum(buys.price, by="room", decimals=2, **short), fold="sum", cap=2),
        "least_room": near(sp.minimum(links.room, 1), **mine, of=sp.count(buys, by="room"), fold="max"),
        "truths": near(links.open, by="room", of=sp.mean(buys.price, by="paid"), fold="mean"),
        "conditions": near(links.room > 1, by=[], of=sp.count(buys, by="paid"), fold="sum", **short),
        "everybody": near(links.friend, by=[], of=spent, fold="max", cap=4),
        "boss": near(links.friend, by=by_boss, of=spent, fold="sum"),
        "links": near(links.friend, **mine, of=sp.count(links, by={"user": "friend"}), fold="max"),
        "many": sp.distinct(links.friend, **mine, cap=2),
        "wide": near(links.friend, **mine, of=spent, fold="sum", cap=140),
        "all": near(links.friend, **mine, of=sp.count(buys, by="user"), fold="count"),
        "ratio": sp.feature("sum_few") / sp.feature("many"),
    }
    system = sp.System(
        "neighbours",
        decide=sp.decide(asks, fields=["user", "room"]),
        features={name: features[name] for name in only or features},
        label=sp.label(ends.bad > 0, on="ask", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("room") > 5)),
    )
    return make_plan(system, SCHEMAS, Profile({}, 1.0))


class _Some:
    """Makes up rows and decisions, with few keys and times, so that they meet."""

    def __init__(self, seed: int, *, unit: int, nulls: float, late: float, users: int) -> None:
        self._rng, self._unit, self._nulls, self._late = np.random.default_rng(seed), unit, nulls, late
        self._users = USERS[:users]

    def one(self, values: Sequence[Any]) -> Any:
        """One of some values."""
        return values[int(self._rng.integers(len(values)))]

    def _maybe(self, values: Sequence[Any]) -> Any:
        return None if self._rng.random() < self._nulls else self.one(values)

    def _moment(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high)) * self._unit

    def rows(self, most: int, kinds: dict[str, str]) -> list[dict[str, Any]]:
        """Rows of a source: some late, some known before they happen, some taken back, some then replaced."""
        found = []
        for number in range(int(self._rng.integers(most + 1))):
            at = self._moment(-6, 30)
            late = self._moment(0, 40) if self._rng.random() < self._late else self._moment(-1, 2)
            row = {"at": at, "known_at": at + late, "id": f"{number * 7 % 10}{number}", **self._content(kinds)}
            found.append(row)
            if self._rng.random() < 0.3:
                row["tag"], known_at = number, row["known_at"] + self._moment(0, 12)
                found.append({**row, "known_at": known_at, "takes": number})
                if self._rng.random() < 0.5:
                    again = {**row, **self._content(kinds), "known_at": known_at, "tag": None}
                    found.append({**again, "at": at + self._moment(-1, 2)})
        return found

    def _content(self, kinds: dict[str, str]) -> dict[str, Any]:
        pools: dict[str, Sequence[Any]] = {"room": ROOMS, "price": PRICES, "limit": PRICES, "who": self._users[:2]}
        pools |= dict.fromkeys(("open", "paid"), (True, False))
        return {name: self._maybe(pools.get(name, self._users)) for name in kinds}

    def ask(self, number: int) -> dict[str, Any]:
        """The fields of a decision."""
        return {
            "ask": f"ask{number}",
            "user": self._maybe((*self._users[:2], *self._users[:2], *self._users[:2], "nobody")),
            "room": self._maybe((0.0, 1.0, 9.0)),
        }


@st.composite
def worlds(draw: st.DrawFn, *, most_rows: int = 24, most_decisions: int = 5) -> World:
    """A world: its shape is drawn, and what fills it comes from a drawn seed."""
    unit = draw(st.sampled_from(UNITS))
    some = _Some(
        draw(st.integers(0, 2**32)),
        unit=unit,
        nulls=draw(st.sampled_from((0.0, 0.1, 0.4))),
        late=draw(st.sampled_from((0.0, 0.2, 0.8))),
        users=draw(st.sampled_from((1, 2, 4, 9))),
    )
    links, buys = some.rows(most_rows, LINKS), some.rows(most_rows, BUYS)
    kinds = {name: kind for name, kind in SCHEMAS["users"].items() if kind != "time"}
    users = [{**row, "known_at": row["at"]} for row in some.rows(6, kinds) if "takes" not in row and "tag" not in row]
    times = [0, *[row["at"] + ahead * unit for row in [*links, *buys] for ahead in (0, 0, 1, 4, 25)]]
    times += [row["known_at"] for row in [*links, *buys]]
    fields = [some.ask(number) for number in range(draw(st.integers(1, most_decisions)))]
    at = sorted(some.one(times) + some.one((-1, 0, 0, 0, 1, unit)) for _ in fields)
    tables = {"links": rows_table(LINKS, links), "buys": rows_table(BUYS, buys), "users": rows_table(kinds, users)}
    return World(plan_of(unit), tables, fields, at)


@pytest.fixture(params=[False, True], ids=["pairs", "compiled"])
def way(request: pytest.FixtureRequest) -> bool:
    """Whether compiled code is used."""
    return bool(request.param)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds())
def test_neighbours_of_many_decisions_are_what_they_are_by_definition(world: World, way: bool) -> None:
    """Edges that come late, repeat or are taken back, NULLs, caps, keys and values of all kinds: the oracle's bits."""
    read = FeatureReader(world.plan, world.rows, compiled=way).read(world.requests, world.times)
    assert compare(read, world.by_oracle()) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(), data=st.data())
def test_a_decision_sees_the_edges_and_values_that_had_arrived(world: World, data: st.DataObject, way: bool) -> None:
    """Where it says how many rows of each source it had seen, its neighbours and their values are of these."""
    arrived = {
        name: [data.draw(st.integers(0, table.num_rows)) for _ in world.at] for name, table in world.rows.items()
    }
    oracle = Oracle(world.plan, world.rows)
    expected = [
        oracle.read(fields, at, arrived={name: counts[place] for name, counts in arrived.items()})
        for place, (fields, at) in enumerate(zip(world.fields, world.at, strict=True))
    ]
    counts = {name: np.array(counts) for name, counts in arrived.items()}
    reader = FeatureReader(world.plan, world.rows, compiled=way)
    assert compare(reader.read(world.requests, world.times, arrived=counts), expected) == []


@pytest.mark.parametrize("url", ["memory://", "sqlite://"])
@settings(max_examples=40)
@given(world=worlds())
def test_neighbours_of_one_decision_are_those_of_many(url: str, world: World) -> None:
    """Fed up to each decision, what is read from the online state has the oracle's bits."""
    state: OnlineState = MemoryState() if url == "memory://" else SqliteState(url)
    online = OnlineFeatures(world.plan, state, history=log_of(RowsFeed(world.rows)))
    stream = Stream(online, RowsFeed(world.rows))
    for fields, at, wanted in zip(world.fields, world.at, world.by_oracle(), strict=True):
        stream.advance(at)
        found = online.read(fields, at)
        assert compare(pa.table({name: [value] for name, value in wanted.items()}), [found]) == []
    state.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(most_decisions=12), chunks=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_memory_is_bounded_without_a_trace(world: World, chunks: tuple[int, int], way: bool) -> None:
    """How many neighbours and pairs are written out together is a matter of memory only."""
    whole = FeatureReader(world.plan, world.rows, compiled=way).read(world.requests, world.times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "CHUNK", chunks[0])
        patch.setattr(pairs, "CHUNK", chunks[1])
        parts = FeatureReader(world.plan, world.rows, compiled=way).read(world.requests, world.times)
    assert compare(parts, whole.to_pylist()) == []


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_hundreds_of_neighbours_agree_with_brute_force(late: float) -> None:
    """Hot keys whose edges come and go by the hundred, in order or some of them late, far above the caps."""
    rng = np.random.default_rng(3)
    plan = plan_of(STEP, "wide", "mean_few", "all")
    users = [f"u{number}" for number in range(320)]
    links, buys = [], []
    for number in range(1500):
        at = int(rng.integers(0, 60)) * STEP
        known_at = at + (int(rng.integers(0, 20)) * STEP if rng.random() < late else 0)
        friend = users[int(rng.integers(320))]
        content = {
            "who": "uv"[int(rng.random() < 0.1)],
            "friend": friend,
            "open": bool(rng.random() < 0.7),
            "room": 1.0,
        }
        links.append({**content, "at": at, "known_at": known_at, "id": f"{number:06d}"})
    for number in range(90):
        at, price = int(rng.integers(0, 60)) * STEP, float(np.round(rng.lognormal(3, 2), 2))
        content = {"user": users[int(rng.integers(320))], "room": 1.0, "paid": True, "price": price, "word": "w"}
        buys.append({**content, "at": at, "known_at": at, "id": f"{number:06d}"})
    fields = [{"ask": str(number), "user": "uv"[number % 2], "room": None} for number in range(8)]
    at = np.sort(rng.integers(10, 90, 8)) * STEP
    tables = {"links": rows_table(LINKS, links), "buys": rows_table(BUYS, buys)}
    world = World(plan, tables, fields, at.tolist())
    wanted = world.by_oracle()
    assert max(one["all"] for one in wanted) > 256
    for compiled in (False, True):
        read = FeatureReader(plan, tables, compiled=compiled).read(world.requests, world.times)
        assert compare(read, wanted) == []
    online = OnlineFeatures(plan, MemoryState())
    stream = Stream(online, RowsFeed(tables))
    for one, moment, expected in zip(fields, world.at, wanted, strict=True):
        stream.advance(moment)
        assert compare(pa.table({name: [value] for name, value in expected.items()}), [online.read(one, moment)]) == []
