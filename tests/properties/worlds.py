"""Small made-up worlds: a system with every kind of fold, and logs full of ties, late rows, NULLs and edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.times import HOUR
from setpoint.data.arrays import UTC_MICROSECONDS
from setpoint.data.rows import ALWAYS, AT, ENDS, ID, KNOWN_AT, NEVER, POSITION, SIGN
from setpoint.declare.expr import Expr
from setpoint.declare.plan import Plan, Profile, make_plan

UNITS = (1, 7 * HOUR)
"""Microseconds of one step of time: all rows within a tile, and rows spread over many."""

BUYS = {
    "user": "text",
    "shop": "text",
    "till": "number",
    "gift": "bool",
    "price": "number",
    "pieces": "number",
    "word": "text",
    "due": "time",
    "happened": "time",
    "loaded": "time",
    "buy": "text",
}
SCHEMAS = {
    "asks": {
        "ask": "text",
        "user": "text",
        "shop": "text",
        "till": "number",
        "gift": "bool",
        "born": "time",
        "ts": "time",
    },
    "buys": BUYS,
    "users": {"user": "text", "tier": "text", "limit": "number", "since": "time", "vip": "bool", "from": "time"},
    "shops": {"shop": "text", "size": "number", "city": "text"},
    "ends": {"ask": "text", "bad": "number", "end": "text", "ts": "time"},
}
ARROW = {"text": pa.string(), "number": pa.float64(), "bool": pa.bool_(), "time": UTC_MICROSECONDS}
USERS = ("u", "v", "u\x00", "ü")
SHOPS = ("a", "ua", "")
WORDS = ("x", "", "a much longer word than a row is wide, by far, so that it does not fit", "x\x00", "é")
PRICES = (0.0, -0.0, 0.1, 0.2, 0.3, -7.25, 0.0000005, 0.0000015, 1e6, 1234567.891, 2.0**32)


@dataclass(frozen=True)
class World:
    """A plan, the rows of its sources, and decisions: their fields and times."""

    plan: Plan
    rows: dict[str, pa.Table]
    fields: list[dict[str, Any]]
    at: list[int]

    @property
    def requests(self) -> pa.Table:
        """The decisions' fields as a table."""
        schema = pa.schema([(name, ARROW[kind]) for name, kind in self.plan.fields.items()])
        return pa.Table.from_pylist(self.fields, schema=schema)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The decisions' times."""
        return np.array(self.at, dtype=np.int64)


@cache
def plan_of(unit: int) -> Plan:
    """The plan whose windows are counted in this unit of time."""
    asks = sp.events("asks", "asks.parquet", key="ask", at="ts")
    buys = sp.events("buys", "buys.parquet", id="buy", at="happened", known_at="loaded")
    users = sp.table("users", "users.parquet", key="user", valid_from="from")
    shops = sp.table("shops", "shops.parquet", key="shop", valid_from=sp.always)
    ends = sp.events("ends", "ends.parquet", id="end", at="ts", delay="0s")
    step = timedelta(microseconds=unit)
    short: dict[str, Any] = {"last": 3 * step, "hop": step}
    middle: dict[str, Any] = {"last": 10 * step, "hop": 4 * step}
    long: dict[str, Any] = {"last": 25 * step, "hop": "exact"}
    cheap, dear = buys.price < 1.0, buys.price > 1.0
    features: dict[str, Expr] = {
        "user_n": sp.count(buys, by="user", **short),
        "user_n_all": sp.count(buys, by="user"),
        "user_words": sp.count(buys.word, by="user", **middle),
        "user_dear": sp.count(buys, by="user", where=dear, **middle),
        "user_sum": sp.sum(buys.price, by="user", **short),
        "user_sum_long": sp.sum(buys.price, by="user", **long),
        "user_sum_cheap": sp.sum(buys.price, by="user", where=cheap, decimals=2, **middle),
        "user_mean": sp.mean(buys.price, by="user", **middle),
        "user_gifts": sp.mean(buys.gift, by="user", **long),
        "user_share": sp.mean(buys.price > 0.15, by="user"),
        "user_std": sp.std(buys.price, by="user", **middle),
        "user_std_all": sp.std(buys.price, by="user"),
        "user_std_gift": sp.std(buys.gift, by="user", **short),
        "user_min": sp.min(buys.price, by="user", **short),
        "user_max": sp.max(buys.price, by="user", **middle),
        "user_max_gift": sp.max(buys.gift, by="user", **long),
        "user_last": sp.last(buys.price, by="user", **short),
        "user_last_word": sp.last(buys.word, by="user", **middle),
        "user_last_gift": sp.last(buys.gift, by="user", where=dear),
        "user_last_due": sp.now - sp.last(buys.due, by="user", **long),
        "user_first_due": sp.now - sp.min(buys.due, by="user", **middle),
        "user_distinct": sp.distinct(buys.word, by="user", **middle),
        "user_distinct_price": sp.distinct(buys.price, by="user", **short),
        "user_distinct_all": sp.distinct(buys.shop, by="user"),
        "pair_n": sp.count(buys, by=["user", "shop"], **middle),
        "pair_sum": sp.sum(buys.pieces, by=["user", "shop"], decimals=0, **long),
        "pair_max": sp.max(buys.due, by=["user", "shop"], **short) - sp.field("born"),
        "pair_distinct_due": sp.distinct(buys.due, by=["user", "shop"], **long),
        "till_n": sp.count(buys, by={"till": "till"}, **middle),
        "till_last": sp.last(buys.shop, by="till", **long),
        "gift_mean": sp.mean(buys.pieces, by="gift", **short),
        "all_n": sp.count(buys, by=[], **short),
        "all_sum": sp.sum(buys.price, by=[], where=buys.gift, **long),
        "all_min": sp.min(buys.pieces, by=[], **middle),
        "all_distinct": sp.distinct(buys.user, by=[], **middle),
        "user_var": sp.var(buys.price, by="user", decimals=6, **middle),
        "user_var_gift": sp.var(buys.gift, by="user", **long),
        "user_first": sp.first(buys.price, by="user", **short),
        "user_first_word": sp.first(buys.word, by="user", where=dear, **long),
        "user_first_ever": sp.now - sp.first(buys.due, by="user"),
        "user_latest": sp.latest(buys.price, by="user", ttl=10 * step),
        "user_latest_word": sp.latest(buys.word, by="user"),
        "user_latest_dear": sp.latest(buys.word, by="user", where=dear),
        "user_some": sp.distinct(buys.word, by="user", cap=2, **long),
        "user_some_prices": sp.distinct(buys.price, by="user", cap=3),
        "user_top": sp.top(buys.word, by="user", **long),
        "user_second": sp.top(buys.word, by="user", rank=2, **long),
        "user_top_price": sp.top(buys.price, by="user", **middle),
        "user_top_due": sp.now - sp.top(buys.due, by="user", rank=2),
        "user_top_gift": sp.top(buys.gift, by="user", cap=2, **short),
        "user_top_of_few": sp.top(buys.price, by="user", rank=3, cap=3),
        "user_median": sp.quantile(buys.price, q=0.5, by="user", **long),
        "user_high": sp.quantile(buys.price, q=0.9, by="user", where=dear),
        "user_most_pieces": sp.quantile(buys.pieces, q=1.0, by="user", **short),
        "user_today": sp.sum(buys.price, by="user", last=sp.calendar("day", zone="America/New_York")),
        "user_week": sp.count(buys, by="user", last=sp.calendar("week", zone="Asia/Kathmandu", count=2)),
        "user_month": sp.distinct(buys.word, by="user", last=sp.calendar("month", zone="Europe/Berlin")),
        "city_n": sp.count(buys, by={shops.city: "shop"}, **long),
        "tier_sum": sp.sum(buys.price, by={users.tier: "word", sp.field("gift"): "gift"}),
        "tier_size": sp.latest(shops.size, by={users.tier: "shop"}),
        "near_sum": sp.neighbours(
            buys.shop, by="user", of=sp.sum(buys.price, by="shop"), fold="sum", decimals=2, **long
        ),
        "near_mean": sp.neighbours(buys.till, by="user", of=sp.mean(buys.pieces, by="till", **middle), cap=2),
        "near_n": sp.neighbours(buys.shop, by="user", of=sp.min(buys.price, by="shop"), fold="count", where=dear),
        "near_min": sp.neighbours(buys.word, by=[], of=sp.max(buys.price, by="word", **short), fold="min", **middle),
        "near_max": sp.neighbours(buys.word, by="user", of=sp.count(buys, by="word"), fold="max", cap=2),
        "tier": users.tier,
        "limit": users.limit,
        "vip": users.vip,
        "age": sp.now - users.since,
        "size": shops.size,
        "city": shops.city,
        "shop": sp.field("shop"),
        "room": users.limit - sp.feature("user_sum"),
        "ratio": sp.feature("user_n") / sp.feature("user_n_all"),
        "rich": users.vip & (sp.feature("user_mean") > 0.1),
    }
    system = sp.System(
        "worlds",
        decide=sp.decide(asks, fields=["user", "shop", "till", "gift", "born"]),
        features=features,
        label=sp.label(ends.bad > 0, on="ask", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("till") > 5)),
    )
    return make_plan(system, SCHEMAS, Profile({}, 1.0))


def rows_table(schema: dict[str, str], rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows with system columns (`at`, `known_at`, `id` under those names), in the order and form that ingest gives.

    A row may have a `tag`, and a row that `takes` this tag back is a retraction of it.
    """
    ordered = sorted(rows, key=lambda row: (row["known_at"], row["at"], row["id"]))
    columns = {name: pa.array([row.get(name) for row in ordered], ARROW[kind]) for name, kind in schema.items()}
    columns[AT] = pa.array([row["at"] for row in ordered], pa.int64())
    columns[KNOWN_AT] = pa.array([row["known_at"] for row in ordered], pa.int64())
    columns[ID] = pa.array([row["id"] for row in ordered], pa.string())
    columns[POSITION] = pa.array(range(len(ordered)), pa.int64())
    ends = {row["takes"]: place for place, row in enumerate(ordered) if "takes" in row}
    if ends:
        columns[SIGN] = pa.array([-1 if "takes" in row else 1 for row in ordered], pa.int8())
        columns[ENDS] = pa.array([NEVER if "takes" in row else ends.get(row.get("tag"), NEVER) for row in ordered])
    return pa.table(columns)


@st.composite
def worlds(draw: st.DrawFn, *, most_rows: int = 24, most_decisions: int = 6, corrections: bool = False) -> World:
    """A world with few keys and times, so that rows meet: ties, late rows, rows known before they happen, NULLs.

    With `corrections` some rows are taken back, and some of these replaced by other content at another moment. The
    shape of a world is drawn, and what fills it comes from a drawn seed.
    """
    some = _Some(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        unit=draw(st.sampled_from(UNITS)),
        nulls=draw(st.sampled_from((0.0, 0.1, 0.4))),
        late=draw(st.sampled_from((0.0, 0.2, 0.8))),
        users=USERS[: draw(st.sampled_from((1, 1, 2, 4)))],
    )
    buys = [some.buy(number) for number in range(draw(st.integers(0, most_rows)))]
    times = [0, *[row["at"] + ahead * some.unit for row in buys for ahead in (0, 0, 1, 3, 10, 25)]]
    times += [row["known_at"] for row in buys]
    if corrections:
        for number, row in enumerate(buys[:]):
            buys += some.corrections(number, row)
        times += [row["known_at"] for row in buys if "takes" in row]
    users = [some.user(number) for number in range(draw(st.integers(0, 6)))]
    shops = [{"shop": shop, "size": float(len(shop)), "city": shop or None} for shop in SHOPS[1:]]
    shops = [{**row, "at": ALWAYS, "known_at": ALWAYS, "id": row["shop"]} for row in shops]
    fields = [some.ask(number) for number in range(draw(st.integers(1, most_decisions)))]
    tables = {
        "buys": rows_table(BUYS, buys),
        "users": rows_table(SCHEMAS["users"], users),
        "shops": rows_table(SCHEMAS["shops"], shops),
    }
    return World(
        plan_of(some.unit), tables, fields, [some.one(times) + some.one((-1, 0, 0, 0, 1, some.unit)) for _ in fields]
    )


class _Some:
    """Makes up rows and decisions."""

    def __init__(self, rng: np.random.Generator, *, unit: int, nulls: float, late: float, users: Sequence[str]) -> None:
        self._rng, self.unit, self._nulls, self._late, self._users = rng, unit, nulls, late, users

    def one(self, values: Sequence[Any]) -> Any:
        """One of some values."""
        return values[int(self._rng.integers(len(values)))]

    def maybe(self, values: Sequence[Any]) -> Any:
        """One of some values, or NULL."""
        return None if self._rng.random() < self._nulls else self.one(values)

    def moment(self, low: int, high: int) -> int:
        """A multiple of the unit of time."""
        return int(self._rng.integers(low, high)) * self.unit

    def buy(self, number: int) -> dict[str, Any]:
        """A row of the log: known at once, a little before or after it happened, or late."""
        at = self.moment(-6, 30)
        near = self.moment(-3, 4) if self._rng.random() < 0.3 else 0
        return {
            "at": at,
            "known_at": at + (self.moment(0, 40) if self._rng.random() < self._late else near),
            "id": f"b{number * 7 % 10}{number}",
            "user": self.maybe(self._users),
            "shop": self.maybe(SHOPS),
            "till": self.maybe((1.0, 2.5, -0.0, 0.0)),
            "gift": self.maybe((True, False)),
            **self.content(),
        }

    def content(self) -> dict[str, Any]:
        """The columns of a row that are not part of a key."""
        return {
            "price": self.maybe(PRICES),
            "pieces": self.maybe((0.0, 1.0, 2.0, 3.0)),
            "word": self.maybe(WORDS),
            "due": self.maybe(tuple(step * self.unit for step in (0, 5, -3, 17))),
        }

    def corrections(self, number: int, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Nothing, or what takes a row back, or also the row with other content at another moment."""
        if self._rng.random() < 0.6:
            return []
        row["tag"], known_at = number, row["known_at"] + self.moment(0, 12)
        back = {**row, "known_at": known_at, "takes": number}
        again = {**row, **self.content(), "at": row["at"] + self.moment(-1, 2), "known_at": known_at, "tag": None}
        return [back] if self._rng.random() < 0.4 else [back, again]

    def user(self, number: int) -> dict[str, Any]:
        """A row of a table."""
        at = self.moment(-6, 30)
        return {
            "user": self.maybe(self._users),
            "at": at,
            "known_at": at,
            "id": f"{number}",
            "tier": self.maybe((*WORDS, *SHOPS)),
            "limit": self.maybe(PRICES),
            "since": self.maybe((0, 3 * self.unit)),
            "vip": self.maybe((True, False)),
        }

    def ask(self, number: int) -> dict[str, Any]:
        """The fields of a decision: mostly of a key that rows have."""
        return {
            "ask": f"ask{number}",
            "user": self.maybe((*self._users, *self._users, "nobody")),
            "shop": self.maybe((*SHOPS, "none")),
            "till": self.maybe((1.0, 2.5, 0.0, 9.0)),
            "gift": self.maybe((True, False)),
            "born": self.maybe((0, -5)),
        }


def big_world(*, seed: int, rows: int, decisions: int, late: float) -> World:
    """A longer log from a seed: skewed keys, days of tiles, a share of the rows late by up to two days, others at once.

    Decisions are in order of time; a third of them falls exactly on the time of a row, or a window after it.
    """
    unit = 7 * HOUR
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, 60 * 24, rows)) * HOUR + rng.integers(0, 3, rows)
    delay = np.where(rng.random(rows) < late, rng.integers(0, 48 * HOUR, rows), rng.choice([0, HOUR], rows))

    def some(values: Sequence[Any], *, nulls: float = 0.05) -> list[Any]:
        places = np.minimum(rng.geometric(0.4, rows) - 1, len(values) - 1)
        return [None if rng.random() < nulls else values[place] for place in places]

    prices = [None if rng.random() < 0.1 else float(value) for value in np.round(rng.lognormal(3, 2, rows), 2)]
    pieces = rng.integers(0, 9, rows).astype(float).tolist()
    columns = {
        "user": some(USERS),
        "shop": some(SHOPS),
        "till": some((1.0, 2.5, 0.0)),
        "gift": some((True, False)),
        "price": prices,
        "pieces": pieces,
        "word": some([*WORDS, *[f"w{number}" for number in range(40)]]),
        "due": [int(value) for value in at + rng.integers(-5, 5, rows) * HOUR],
    }
    buys = [
        {name: values[place] for name, values in columns.items()}
        | {"at": int(at[place]), "known_at": int(at[place] + delay[place]), "id": f"b{place:06d}"}
        for place in range(rows)
    ]
    users = [
        {
            "user": USERS[number % 4],
            "tier": WORDS[number % 5],
            "limit": PRICES[number % 11],
            "since": number,
            "vip": number % 3 == 0,
            "at": int(moment),
            "known_at": int(moment),
            "id": str(number),
        }
        for number, moment in enumerate(rng.integers(0, 60 * 24, 30) * HOUR)
    ]
    shops = [
        {"shop": shop, "size": 1.0, "city": shop, "at": ALWAYS, "known_at": ALWAYS, "id": shop} for shop in SHOPS[:2]
    ]
    moments = rng.integers(0, 65 * 24 * HOUR, decisions)
    edge = rng.random(decisions) < 0.34
    moments[edge] = rng.choice(at, int(edge.sum())) + rng.choice(
        [0, 0, 3 * unit, 10 * unit, 25 * unit], int(edge.sum())
    )
    fields = [
        {
            "ask": f"ask{number}",
            "user": USERS[number % 3],
            "shop": SHOPS[number % 2],
            "till": (1.0, 2.5, None)[number % 3],
            "gift": number % 2 == 0,
            "born": number,
        }
        for number in range(decisions)
    ]
    tables = {
        "buys": rows_table(BUYS, buys),
        "users": rows_table(SCHEMAS["users"], users),
        "shops": rows_table(SCHEMAS["shops"], shops),
    }
    return World(plan_of(unit), tables, fields, np.sort(moments).tolist())
