"""Folds over neighbours on rows that can be read at a glance: who counts, what of them, and of which moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.core.ports import Mark
from setpoint.core.times import DAY
from setpoint.declare.expr import Neighbours
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.needs import arounds, everything
from setpoint.features.neighbours import bring_each_together, bring_together
from setpoint.features.online import OnlineFeatures
from setpoint.features.online_groups import Group, groups_of
from setpoint.features.reader import FeatureReader
from setpoint.features.values import hash_words, value_words, words_hashed
from tests.properties.worlds import rows_table

FRIENDS = {"user": "text", "friend": "text"}
BUYS = {"user": "text", "price": "number"}
SCHEMAS = {
    "asks": {"ask": "text", "user": "text", "at": "time"},
    "friends": {**FRIENDS, "edge": "text", "since": "time"},
    "buys": {**BUYS, "buy": "text", "at": "time"},
    "ends": {"ask": "text", "bad": "number", "at": "time"},
}
friends = sp.events("friends", "friends.parquet", id="edge", at="since", delay="0s")
buys = sp.events("buys", "buys.parquet", id="buy", at="at", delay="0s")
SPENT = sp.sum(buys.price, by="user", decimals=2)
ASK = {"ask": "a", "user": "me"}


def near(fold: str = "sum", of: sp.Expr = SPENT, **more: Any) -> Neighbours:
    """A fold over the friends of a user."""
    return sp.neighbours(friends.friend, by="user", of=of, fold=fold, **more)


def plan_of(**features: sp.Expr) -> Plan:
    """The plan of these features of a user."""
    ends = sp.events("ends", "ends.parquet", at="at", delay="0s")
    system = sp.System(
        "circles",
        decide=sp.decide(sp.events("asks", "asks.parquet", key="ask", at="at"), fields=["user"]),
        features=features,
        label=sp.label(ends.bad > 0, on="ask", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("user") == "u")),
    )
    return make_plan(system, SCHEMAS, Profile({}, 1.0))


def edges(*names: str | None, at: Sequence[int] | None = None) -> pa.Table:
    """One friend after the other, as rows of friends."""
    times = at or range(1, len(names) + 1)
    rows = [
        {"user": "me", "friend": name, "at": moment, "known_at": moment, "id": f"e{number}"}
        for number, (name, moment) in enumerate(zip(names, times, strict=True))
    ]
    return rows_table(FRIENDS, rows)


def bought(**prices: float) -> pa.Table:
    """What each user bought."""
    rows = [{"user": user, "price": price, "at": 5, "known_at": 5, "id": f"b{user}"} for user, price in prices.items()]
    return rows_table(BUYS, rows)


def both_ways(plan: Plan, rows: dict[str, pa.Table], at: int = 100) -> dict[str, Any]:
    """The features of a decision, which are the same offline by both ways and online."""
    online = OnlineFeatures(plan, MemoryState())
    for source, table in rows.items():
        online.feed(source, table)
    found = online.read(ASK, at)
    for compiled in (False, True):
        reader = FeatureReader(plan, rows, compiled=compiled)
        offline = reader.read(pa.table({name: [value] for name, value in ASK.items()}), np.array([at]))
        assert str(offline.to_pylist()) == str([found])
    return found


def group_of(plan: Plan) -> Group:
    """The group of the online state that has the friends of a user."""
    folds = [*everything(plan), *[one.edges for one in arounds(plan)]]
    (found,) = groups_of(plan, folds)["friends"].groups
    return found


def test_each_neighbour_counts_once_and_by_its_own_value() -> None:
    """Named twice or not, with or without a value of its own; nobody, and NULL, is no neighbour."""
    least = sp.min(buys.price, by="user")
    plan = plan_of(
        **{fold: near(fold) for fold in ("sum", "mean", "min", "max", "count")},
        least_sum=near("sum", least),
        least_count=near("count", least),
        recent=near("sum", last="1d"),
    )
    rows = {"friends": edges("ann", "bob", "ann", None, "cy"), "buys": bought(ann=1.5, bob=-4.0, dee=100.0)}
    found = both_ways(plan, rows)
    assert found == {
        "sum": -2.5,
        "mean": -2.5 / 3,
        "min": -4.0,
        "max": 1.5,
        "count": 3.0,
        "least_sum": -2.5,
        "least_count": 2.0,
        "recent": -2.5,
    }
    assert both_ways(plan, rows, at=2 * DAY)["recent"] == 0.0
    alone = both_ways(plan, {"friends": edges(), "buys": bought(ann=1.0)})
    assert {name for name, value in alone.items() if math.isnan(value)} == {"mean", "min", "max"}
    assert {alone[name] for name in ("sum", "count", "recent")} == {0.0}


def test_a_neighbour_may_be_the_key_itself() -> None:
    """Where an edge says so."""
    assert both_ways(plan_of(sum=near()), {"friends": edges("me", "ann"), "buys": bought(me=2.0, ann=3.0)}) == {
        "sum": 5.0
    }


def test_above_the_cap_a_fixed_sample_counts() -> None:
    """Those with the smallest hashes, in whatever order they were met, how often and when."""
    names = ["ann", "bob", "cy", "dee", "eve"]
    hashes = hash_words(value_words(np.array(names, dtype=object), "text"))
    chosen = [names[place] for place in np.argsort(hashes)[:2]]
    prices = {name: float(2**place) for place, name in enumerate(names)}
    plan, buying = plan_of(sum=near(cap=2), all=near(cap=5)), bought(**prices)
    wanted = {"sum": sum(prices[name] for name in chosen), "all": 31.0}
    for order in list(permutations(names))[::17]:
        assert both_ways(plan, {"friends": edges(*order, order[0]), "buys": buying}) == wanted


def test_the_state_keeps_one_list_for_neighbours_and_how_many_they_are() -> None:
    """The list that distinct keeps with the same cap is the one that neighbours are read from."""
    many = sp.distinct(friends.friend, by="user", cap=9)
    both, alone = (group_of(plan_of(**features)) for features in ({"sum": near(cap=9), "n": many}, {"n": many}))
    assert len(both.shape.layers) == 1
    assert alone.shape.layers == both.shape.layers
    assert alone.name != both.name, "texts are kept of one and not of the other"


@pytest.mark.parametrize("fold", ["sum", "mean"])
def test_sums_are_exact_whatever_their_size(fold: str) -> None:
    """Units beyond 64 bits are added as whole numbers; what leaves the range of floats is NULL."""
    node = near(fold, decimals=6)
    values = [1e300, -1e300, 0.1, 2.0**60, 0.2]
    exact = float(sum(round(value * 1e6) for value in values)) / (1.0 if fold == "sum" else 5.0) / 1e6
    of = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, 3])
    found = bring_each_together(node, of, np.array([*values, 0.1, 0.2, 1e305, 1.7e302, 1.7e302]), 5)
    small = 0.3 if fold == "sum" else 0.15
    assert str(found.tolist()) == str([exact, small, math.nan, math.nan, 0.0 if fold == "sum" else math.nan])
    assert bring_together(node, values) == exact
    assert math.isnan(bring_together(node, [1e305]))


def test_zero_has_no_sign() -> None:
    """The least or greatest of zeros is 0.0."""
    for fold in ("min", "max"):
        assert str(bring_each_together(near(fold), np.array([0]), np.array([-0.0]), 1).tolist()) == "[0.0]"
        assert str(bring_together(near(fold), [-0.0])) == "0.0"


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_hash_gives_its_word_back(words: list[int]) -> None:
    """So that a list of hashes is a list of neighbours."""
    given_words = np.array(words, dtype=np.int64)
    assert words_hashed(hash_words(given_words)).tolist() == words


class Interrupted(MemoryState):
    """A state to which something happens after each read of keys, as long as something is waiting to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], object]] = []

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks and blobs, after which the first of what is waiting happens."""
        found = super().read(groups, keys)
        if groups and keys and self.waiting:
            happens, self.waiting, waiting = self.waiting[0], [], self.waiting[1:]
            happens()
            self.waiting = waiting
        return found


def test_edges_and_neighbours_are_of_one_moment() -> None:
    """A decision that rows come in between starts again, until what it has read is of one position."""
    plan, state = plan_of(sum=near(), count=near("count")), Interrupted()
    online, others = OnlineFeatures(plan, state), OnlineFeatures(plan, state)
    friend, buying = edges("ann", "bob", "cy"), bought(ann=1.0, bob=2.0, cy=4.0)
    online.feed("friends", friend.slice(0, 2))
    online.feed("buys", buying.slice(0, 1))
    after_neighbours = int
    state.waiting = [lambda: others.feed("buys", buying), after_neighbours, lambda: others.feed("friends", friend)]
    seen = online.see(ASK, 100)
    assert (seen.values, seen.positions) == ({"sum": 7.0, "count": 3.0}, {"friends": 2, "buys": 2})
    assert state.waiting == []
