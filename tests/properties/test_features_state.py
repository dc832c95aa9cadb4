"""The online state is a function of the set of rows: every kind of fold, retractions, any order and any cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.oracle import Oracle
from setpoint.core.ports import OnlineState
from setpoint.core.times import HOUR
from setpoint.data.log.feed import RowsFeed
from setpoint.data.rows import AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.needs import everything
from setpoint.features.online import OnlineFeatures
from setpoint.features.online_feed import Rows, merged
from setpoint.features.online_groups import groups_of
from setpoint.features.parity import compare
from setpoint.features.stream import Stream, log_of

UNITS = (1, 5 * HOUR)
BUYS = {"user": "text", "price": "number", "word": "text", "gift": "bool", "due": "time", "friend": "text"}
OWNERS = {"user": "text", "boss": "text", "from": "time"}
SCHEMAS = {
    "asks": {"ask": "text", "user": "text", "ts": "time"},
    "buys": {**BUYS, "happened": "time", "loaded": "time", "buy": "text", "gone": "bool"},
    "owners": OWNERS,
    "ends": {"ask": "text", "bad": "number", "ts": "time"},
}
ARROW = {"text": pa.string(), "number": pa.float64(), "bool": pa.bool_(), "time": pa.timestamp("us", tz="UTC")}
USERS = ("u", "v", "w")
WORDS = ("x", "", "a much longer word", "x\x00", "é", "y", "z")
PRICES = (0.0, -0.0, 0.1, 0.25, -7.25, 1e-6, 1234567.891, 2.0**33, -3.5, 100.7)


@dataclass(frozen=True)
class World:
    """A plan, the rows of its sources, and decisions: users and times, in order of time."""

    plan: Plan
    rows: dict[str, pa.Table]
    users: list[str | None]
    at: list[int]

    def __repr__(self) -> str:
        return f"World({ {name: rows.num_rows for name, rows in self.rows.items()} }, {self.users}, {self.at})"

    @property
    def fields(self) -> list[dict[str, Any]]:
        """The decisions' fields."""
        return [{"ask": str(number), "user": user} for number, user in enumerate(self.users)]


def span(microseconds: int) -> timedelta:
    """A duration."""
    return timedelta(microseconds=microseconds)


@cache
def plan_of(unit: int) -> Plan:
    """Every kind of fold over windows counted in this unit of time."""
    asks = sp.events("asks", "asks.parquet", key="ask", at="ts")
    buys = sp.events("buys", "b.parquet", id="buy", at="happened", known_at="loaded", retracted="gone")
    owners = sp.table("owners", "o.parquet", key="user", valid_from="from")
    ends = sp.events("ends", "ends.parquet", at="ts", delay="0s")
    windows: dict[str, Any] = {
        "short": {"last": span(3 * unit), "hop": span(unit)},
        "odd": {"last": span(10 * unit), "hop": span(4 * unit)},
        "long": {"last": span(25 * unit), "hop": "exact"},
        "all": {},
    }
    by: dict[str, Any] = {"by": "user"}
    cheap = buys.price < 1.0
    features: dict[str, Expr] = {}
    for name, window in windows.items():
        features |= {
            f"n_{name}": sp.count(buys, **by, **window),
            f"mean_{name}": sp.mean(buys.price, **by, **window, decimals=6),
            f"var_{name}": sp.var(buys.price, **by, **window, decimals=3),
            f"min_{name}": sp.min(buys.price, **by, **window, where=buys.gift),
            f"max_{name}": sp.max(buys.due, **by, **window) - sp.now,
            f"first_{name}": sp.first(buys.word, **by, **window),
            f"last_{name}": sp.last(buys.price, **by, **window, where=cheap),
            f"distinct_{name}": sp.distinct(buys.word, **by, **window, cap=3),
            f"prices_{name}": sp.distinct(buys.price, **by, **window),
            f"top_{name}": sp.top(buys.word, **by, **window, rank=1, cap=5),
            f"second_{name}": sp.top(buys.price, **by, **window, rank=2),
            f"half_{name}": sp.quantile(buys.price, **by, **window, q=0.5),
            f"most_{name}": sp.quantile(buys.price, **by, **window, q=0.9),
            f"friends_{name}": sp.neighbours(
                buys.friend, by="user", of=sp.sum(buys.price, by="user", **window, decimals=2), fold="sum", cap=2
            ),
        }
    day = sp.calendar("day", zone="America/New_York", count=2)
    features |= {
        "today": sp.std(buys.price, **by, last=day, decimals=2),
        "week": sp.count(buys.word, by=[], last=sp.calendar("week", zone="Asia/Kathmandu")),
        "month": sp.first(buys.gift, by=[], last=sp.calendar("month", zone="Europe/Berlin", count=1)),
        "newest": sp.latest(buys.word, **by, ttl=span(6 * unit)),
        "newest_price": sp.latest(buys.price, **by, where=buys.gift),
        "boss": owners.boss,
        "bosses": sp.sum(buys.price, by={owners.boss: "user"}, last=span(25 * unit), hop=span(5 * unit), decimals=2),
        "near": sp.neighbours(
            buys.friend, by="user", of=sp.max(buys.price, by="user"), fold="mean", last=span(9 * unit)
        ),
    }
    features["ratio"] = sp.feature("n_short") / sp.feature("n_all")
    system = sp.System(
        "state",
        decide=sp.decide(asks, fields=["user"]),
        features=features,
        label=sp.label(ends.bad > 0, on="ask", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("n_all") > 5)),
    )
    return make_plan(system, SCHEMAS, Profile({}, 1.0))


def table_of(kinds: dict[str, str], rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as ingest gives them: `back` is when a row is taken back, by a row that repeats it with the sign -1."""
    events = [(row["known_at"], row["at"], row["id"], 1, row) for row in rows]
    events += [(row["back"], row["at"], row["id"], -1, row) for row in rows if row.get("back") is not None]
    events.sort(key=lambda one: (one[0], one[1], one[2], -one[3]))
    ends = {row_id: place for place, (_, _, row_id, sign, _) in enumerate(events) if sign < 0}
    columns = {name: pa.array([one[4][name] for one in events], ARROW[kind]) for name, kind in kinds.items()}
    columns[AT] = pa.array([one[1] for one in events], pa.int64())
    columns[KNOWN_AT] = pa.array([one[0] for one in events], pa.int64())
    columns[ID] = pa.array([one[2] for one in events], pa.string())
    columns[POSITION] = pa.array(range(len(events)), pa.int64())
    columns[SIGN] = pa.array([one[3] for one in events], pa.int8())
    columns[ENDS] = pa.array([ends.get(one[2], NEVER) if one[3] > 0 else NEVER for one in events], pa.int64())
    return pa.table(columns)


def maybe(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of these values, or NULL."""
    return st.one_of(st.sampled_from(values), st.none())


@st.composite
def logs(draw: st.DrawFn, *, most_rows: int = 30, most_decisions: int = 6) -> World:
    """Logs of few keys and times: ties, late and future-dated rows, rows taken back, NULLs, and decisions at edges."""
    unit = draw(st.sampled_from(UNITS))
    moment = st.integers(-6, 30) if draw(st.booleans()) else st.integers(0, 3)
    buy = st.fixed_dictionaries(
        {
            "at": moment,
            "late": st.one_of(st.just(0), st.integers(-3, 3), st.integers(0, 40)),
            "back": st.one_of(st.none(), st.none(), st.integers(0, 20)),
            "user": maybe(USERS),
            "price": maybe(PRICES),
            "word": maybe(WORDS),
            "gift": maybe((True, False)),
            "due": maybe((0, 5, -3)),
            "friend": maybe(USERS),
        }
    )
    buys, moments = [], [0]
    for number, row in enumerate(draw(st.lists(buy, max_size=most_rows))):
        at, known_at = row["at"] * unit, (row["at"] + row["late"]) * unit
        back = None if row["back"] is None else known_at + row["back"] * unit
        due = None if row["due"] is None else row["due"] * unit
        buys.append(
            {**row, "due": due, "at": at, "known_at": known_at, "back": back, "id": f"{number * 7 % 10}{number}"}
        )
        moments += [at, known_at, known_at if back is None else back, at + 3 * unit, at + 10 * unit, at + 25 * unit]
    owner = st.fixed_dictionaries({"at": moment, "user": maybe(USERS), "boss": maybe(USERS)})
    owners = [
        {**row, "at": row["at"] * unit, "known_at": row["at"] * unit, "id": str(number)}
        for number, row in enumerate(draw(st.lists(owner, max_size=5)))
    ]
    users = draw(st.lists(maybe((*USERS, "none")), min_size=1, max_size=most_decisions))
    at = sorted(draw(st.sampled_from(moments)) + draw(st.sampled_from((-1, 0, 0, 0, 1, unit))) for _ in users)
    rows = {"buys": table_of(BUYS, buys), "owners": table_of({"user": "text", "boss": "text"}, owners)}
    return World(plan_of(unit), rows, users, at)


def long_world() -> World:
    """A log of some days and thousands of rows: one in ten late, one in twenty taken back later."""
    rng, size, unit = np.random.default_rng(0), 3000, UNITS[1]
    at = np.sort(rng.integers(0, 40 * unit, size))
    known_at = at + np.where(rng.random(size) < 0.1, rng.integers(0, 9 * unit, size), 0)
    back = np.where(rng.random(size) < 0.05, known_at + rng.integers(0, 9 * unit, size), -1).tolist()
    buys = [
        {
            "at": int(at[number]),
            "known_at": int(known_at[number]),
            "back": None if back[number] < 0 else back[number],
            "id": f"{number:05d}",
            "user": f"u{rng.integers(60)}",
            "price": float(rng.integers(0, 10_000)) / 100,
            "word": WORDS[rng.integers(7)],
            "gift": bool(rng.random() < 0.5),
            "due": int(at[number]),
            "friend": f"u{rng.integers(60)}",
        }
        for number in range(size)
    ]
    owners = [
        {"user": f"u{number}", "boss": f"u{number // 2}", "at": 0, "known_at": 0, "id": str(number)}
        for number in range(60)
    ]
    rows = {"buys": table_of(BUYS, buys), "owners": table_of({"user": "text", "boss": "text"}, owners)}
    return World(plan_of(unit), rows, ["u1", "u2"], [10**13, 10**13])


def opened(world: World, state: OnlineState) -> OnlineFeatures:
    """Online features of a world over a state."""
    return OnlineFeatures(world.plan, state, history=log_of(RowsFeed(world.rows)))


def contents(state: OnlineState, world: World) -> dict[tuple[str, str], bytes | None]:
    """Every blob of a state but texts, which are written once for all."""
    names = [name for source in groups_of(world.plan, everything(world.plan)).values() for name in source.names]
    keys = [(name, key) for name in names for key in sorted(state.keys(name))]
    return dict(zip(keys, state.read([], keys)[1], strict=True))


@pytest.mark.parametrize("url", ["memory://", "sqlite://"])
@settings(max_examples=40)
@given(world=logs())
def test_every_kind_of_fold_is_what_it_is_by_definition(url: str, world: World) -> None:
    """Fed up to each decision, online features are those of brute force, bit for bit."""
    state: OnlineState = MemoryState() if url == "memory://" else SqliteState(url)
    online, oracle = opened(world, state), Oracle(world.plan, world.rows)
    stream = Stream(online, RowsFeed(world.rows))
    for fields, at in zip(world.fields, world.at, strict=True):
        stream.advance(at)
        seen = online.see(fields, at)
        assert seen.at == at
        wanted = {name: [value] for name, value in oracle.read(fields, at).items()}
        assert compare(pa.table(wanted), [seen.values]) == []
    state.close()


@settings(max_examples=40)
@given(logs(), st.data())
def test_any_cut_order_and_repetition_gives_the_same_bytes(world: World, data: st.DataObject) -> None:
    """In one batch, in batches cut anywhere and shuffled within, with what came before coming again; or all by key."""
    whole, cut, filled = MemoryState(), MemoryState(), MemoryState()
    for source, rows in world.rows.items():
        size = rows.num_rows
        opened(world, whole).feed(source, rows)
        opened(world, filled).backfill(source, rows)
        online = opened(world, cut)
        for begin, end in pairwise([0, *sorted(data.draw(st.lists(st.integers(0, size), max_size=4))), size]):
            again = data.draw(st.integers(0, begin))
            order = data.draw(st.permutations([*range(again, end), *range(again, end)]))
            online.feed(source, rows.take(pa.array(order, pa.int64())))
    assert whole.marks() == cut.marks()
    assert contents(whole, world) == contents(cut, world)
    assert contents(whole, world) == contents(filled, world)
    assert {name: mark for name, mark in filled.marks().items() if "~" not in name} == whole.marks()


@settings(max_examples=40)
@given(logs(), st.data())
def test_a_blob_is_a_function_of_a_set_of_rows(world: World, data: st.DataObject) -> None:
    """Rows added one by one in any order, or some at a time, whenever they became known: the same blob."""
    source = groups_of(world.plan, everything(world.plan))["buys"]
    group = source.groups[0]
    rows = Rows(source, world.rows["buys"])
    chosen, numbers, keys = rows.folded(group, np.ones(rows.position.size, dtype=np.bool_))
    once = list(merged(rows.batch.added(group.shape, chosen), group, numbers, keys, [None] * len(keys)))
    order = data.draw(st.permutations(range(chosen.size)))
    blobs: dict[str, bytes | None] = {}
    for some in np.array_split(np.array(order, dtype=np.int64), data.draw(st.integers(1, max(1, chosen.size)))):
        for number in np.unique(numbers[some]).tolist():
            mine = np.sort(some[numbers[some] == number])
            added = rows.batch.added(group.shape, chosen[mine])
            nobody = np.zeros(mine.size, dtype=np.int64)
            ((_, key, blob),) = merged(added, group, nobody, [keys[number]], [blobs.get(keys[number])])
            blobs[key] = blob
    assert blobs == {key: blob for _, key, blob in once}


@settings(max_examples=25)
@given(logs(), st.integers(-6, 60))
def test_compaction_changes_no_value(world: World, moment: int) -> None:
    """Whatever is dropped as of a time, decisions from then on read as before, and what comes later is taken in."""
    unit = 5 * HOUR if world.plan.aggregates[0].last > 3 else 1
    plain, compacted = opened(world, MemoryState()), opened(world, MemoryState())
    for fields, at in zip(world.fields, world.at, strict=True):
        now = max(at, moment * unit)
        for online in (plain, compacted):
            Stream(online, RowsFeed(world.rows)).advance(now)
        compacted.compact(now)
        assert str(compacted.see(fields, now)) == str(plain.see(fields, now))


@settings(max_examples=15)
@given(logs(most_decisions=12))
def test_many_at_once_are_each_by_itself(world: World) -> None:
    """One read for many requests gives what one for each gives."""
    online = opened(world, MemoryState())
    Stream(online, RowsFeed(world.rows)).advance(10**15)
    many = online.see_many(world.fields, 10**15)
    assert str(many) == str([online.see(fields, 10**15) for fields in world.fields])
