"""Features of many decisions: the laws of time on rows that can be read at a glance, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError, NameUnknown
from setpoint.declare.expr import Expr
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import big_world, rows_table
from tests.unit.features.small import BUYS, SCHEMAS, buy, buys, plan_of, users

STEP = timedelta(microseconds=1)


def read(expr: Expr, rows: list[dict[str, Any]], at: list[int], *, user: str | None = "u") -> list[Any]:
    """A feature of decisions on user u at these times."""
    plan = plan_of(f=expr)
    requests = pa.table(
        {"ask": [str(place) for place in range(len(at))], "user": pa.array([user] * len(at), pa.string())}
    )
    tables = {"buys": rows_table(BUYS, rows), "users": rows_table(SCHEMAS["users"], [])}
    moments = np.array(at, dtype=np.int64)
    found = FeatureReader(plan, tables, compiled=False).read(requests, moments).column("f").to_pylist()
    again = FeatureReader(plan, tables, compiled=True).read(requests, moments).column("f").to_pylist()
    assert list(map(repr, again)) == list(map(repr, found))
    return [None if isinstance(value, float) and math.isnan(value) else value for value in found]


def test_a_row_is_seen_after_it_happened_and_once_it_is_known() -> None:
    """`at < t` and `known_at <= t`: not at its own moment, but at the very moment it becomes known."""
    rows = [buy(10), buy(20, known_at=50), buy(90, known_at=30)]
    counts = read(sp.count(buys, by="user"), rows, [10, 11, 49, 50, 90, 91])
    assert counts == [0.0, 1.0, 1.0, 2.0, 2.0, 3.0]


def test_a_window_has_its_first_moment_and_not_its_last() -> None:
    """`last=10` at t holds `[t - 10, t)`, floored to the hop."""
    rows = [buy(100)]
    assert read(sp.count(buys, by="user", last=10 * STEP, hop="exact"), rows, [100, 101, 110, 111]) == [
        0.0,
        1.0,
        1.0,
        0.0,
    ]
    assert read(sp.count(buys, by="user", last=10 * STEP, hop=4 * STEP), rows, [111, 113, 114]) == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("fold", "empty"),
    [
        (lambda: sp.count(buys, by="user"), 0.0),
        (lambda: sp.count(buys.price, by="user"), 0.0),
        (lambda: sp.distinct(buys.price, by="user"), 0.0),
        (lambda: sp.sum(buys.price, by="user"), 0.0),
        (lambda: sp.mean(buys.price, by="user"), None),
        (lambda: sp.std(buys.price, by="user"), None),
        (lambda: sp.min(buys.price, by="user"), None),
        (lambda: sp.max(buys.price, by="user"), None),
        (lambda: sp.last(buys.price, by="user"), None),
        (lambda: sp.last(buys.shop, by="user"), None),
        (lambda: users.limit, None),
        (lambda: users.tier, None),
    ],
)
@pytest.mark.parametrize(
    ("rows", "user"), [([], "u"), ([buy(5)], None), ([buy(5)], "nobody"), ([buy(5, user=None)], "u")]
)
def test_an_empty_window_counts_nothing(
    fold: Callable[[], Expr], empty: float | None, rows: list[dict[str, Any]], user: str | None
) -> None:
    """No row, an unknown key and a NULL key are one: 0 for count, distinct and sum, NULL for the others."""
    assert read(fold(), rows, [10], user=user) == [empty]


def test_one_key_for_all_needs_no_rows() -> None:
    """`by=[]` over a source without rows is an empty window too."""
    folds = [
        sp.count(buys, by=[], last=5 * STEP),
        sp.distinct(buys.shop, by=[], last=5 * STEP),
        sp.last(buys.price, by=[]),
    ]
    assert [read(fold, [], [10]) for fold in folds] == [[0.0], [0.0], [None]]


def test_null_values_are_skipped() -> None:
    """A row whose value is NULL counts as a row and as nothing else; `last` gives the newest value there is."""
    rows = [buy(1, 5.0), buy(2, None), buy(3, 7.0), buy(4, None)]
    folds = {"count": sp.count(buys.price, by="user"), "mean": sp.mean(buys.price, by="user")}
    assert [read(fold, rows, [9]) for fold in folds.values()] == [[2.0], [6.0]]
    assert read(sp.count(buys, by="user"), rows, [9]) == [4.0]
    assert read(sp.last(buys.price, by="user"), rows, [9]) == [7.0]


def test_where_keeps_what_is_exactly_true() -> None:
    """A condition that is NULL is not true."""
    rows = [buy(1, paid=True), buy(2, paid=False), buy(3, paid=None)]
    assert read(sp.count(buys, by="user", where=buys.paid), rows, [9]) == [1.0]
    assert read(sp.mean(buys.paid, by="user"), rows, [9]) == [0.5]


def test_the_newest_row_is_the_last_to_happen() -> None:
    """Not the last to become known; of two at one moment, the one known later, then the greater identity."""
    late = [buy(50, 1.0), buy(40, 2.0, known_at=60)]
    assert read(sp.last(buys.price, by="user"), late, [70]) == [1.0]
    tie = [buy(50, 1.0, known_at=55), buy(50, 2.0, known_at=54)]
    assert read(sp.last(buys.price, by="user"), tie, [54, 70]) == [2.0, 1.0]
    same = [{**buy(50, price), "id": name} for name, price in (("b", 1.0), ("c", 3.0), ("a", 2.0))]
    assert read(sp.last(buys.price, by="user"), same, [70]) == [3.0]


def test_a_table_gives_its_newest_row_be_it_null_or_not() -> None:
    """A fact holds from its time until the next one of its key; a NULL in it is an answer too."""
    rows = [
        {"user": "u", "tier": tier, "limit": limit, "at": at, "known_at": at, "id": str(at)}
        for at, tier, limit in ((10, "low", 1.0), (20, None, None), (30, "high", 3.0))
    ]
    plan = plan_of(tier=users.tier, limit=users.limit)
    requests = pa.table({"ask": list("abcd"), "user": ["u"] * 4})
    reader = FeatureReader(plan, {"users": rows_table(SCHEMAS["users"], rows)})
    found = reader.read(requests, np.array([10, 11, 21, 31]))
    assert found["tier"].to_pylist() == [None, "low", None, "high"]
    assert found["limit"].to_pylist() == pytest.approx([math.nan, 1.0, math.nan, 3.0], nan_ok=True)


def test_sums_do_not_depend_on_the_order_of_rows() -> None:
    """A tenth added ten times is one, and ten and a tenth a million times is exact."""
    assert read(sp.sum(buys.price, by="user"), [buy(at, 0.1) for at in range(10)], [99]) == [1.0]
    rows = [buy(at, price) for at, price in enumerate([8e9, 0.1, -8e9, 0.2])]
    assert read(sp.sum(buys.price, by="user"), rows, [99]) == [0.3]


def test_sums_beyond_64_bits_are_exact() -> None:
    """Sums and sums of squares are carried in 128 bits."""
    rows = [buy(at, price) for at, price in enumerate([9e9] * 1100 + [0.5] + [-9e9] * 1100)]
    assert read(sp.sum(buys.price, by="user"), rows, [1101, 9999]) == [9.9e12 + 0.5, 0.5]
    assert read(sp.std(buys.price, by="user"), rows[:1100], [9999]) == [0.0]


def test_times_are_folded_as_times() -> None:
    """The least, greatest and last time of a window minus the decision's are seconds."""
    rows = [buy(1, due=5_000_000), buy(2, due=2_000_000), buy(3, due=None)]
    assert read(sp.now - sp.min(buys.due, by="user"), rows, [10_000_000]) == [8.0]
    assert read(sp.now - sp.max(buys.due, by="user"), rows, [10_000_000]) == [5.0]
    assert read(sp.now - sp.last(buys.due, by="user"), rows, [10_000_000]) == [8.0]


def test_a_value_too_large_to_sum_is_refused() -> None:
    """The error names the column and what to do."""
    with pytest.raises(DataError, match=r"buys\.price"):
        read(sp.sum(buys.price, by="user"), [buy(1, 1e14)], [9])


@pytest.mark.parametrize("compiled", [False, True])
def test_no_requests_read_no_rows(compiled: bool) -> None:
    """The columns are there, with their types."""
    world = big_world(seed=1, rows=20, decisions=3, late=0.0)
    found = FeatureReader(world.plan, world.rows, compiled=compiled).read(world.requests.slice(0, 0), world.times[:0])
    assert found.num_rows == 0
    assert found.column_names == [feature.name for feature in world.plan.inputs]
    assert {str(kind) for kind in found.schema.types} == {"double", "string"}


def test_numbers_have_nan_and_texts_have_nulls() -> None:
    """A model's matrix needs no mask: NULL is NaN in every column of numbers."""
    world = big_world(seed=1, rows=20, decisions=30, late=0.0)
    found = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    numbers = [name for name in found.column_names if world.plan.features[name] != "text"]
    assert all(found[name].null_count == 0 and str(found[name].type) == "double" for name in numbers)
    assert found["city"].null_count + found["tier"].null_count > 0


def test_missing_rows_and_fields_are_named() -> None:
    """A source without rows and a request without a field are errors with suggestions."""
    plan = plan_of(f=sp.count(buys, by="user"))
    with pytest.raises(NameUnknown, match="buys"):
        FeatureReader(plan, {"buy": rows_table(BUYS, [])})
    reader = FeatureReader(plan, {"buys": rows_table(BUYS, [])})
    with pytest.raises(NameUnknown, match="'user'"):
        reader.read(pa.table({"ask": ["a"], "usr": ["u"]}), np.array([5]))
    with pytest.raises(NameUnknown, match="'buys'"):
        reader.read(pa.table({"ask": ["a"], "user": ["u"]}), np.array([5]), arrived={"bus": np.array([5])})


def test_more_rows_than_32_bits_number_are_refused() -> None:
    """The error says how such a source can be read."""
    many = pa.table({"user": pa.nulls(2**31)})
    with pytest.raises(DataError, match="2,147,483,648 rows") as raised:
        FeatureReader(plan_of(f=sp.count(buys, by="user")), {"buys": many})
    assert "by_range" in (raised.value.hint or "")


@pytest.mark.parametrize("times", [1, 3])
def test_each_request_needs_its_time(times: int) -> None:
    """Fewer or more times than requests are refused, never repeated or cut."""
    plan, rows = plan_of(n=sp.count(buys, by="user")), {"buys": rows_table(BUYS, [buy(1)])}
    requests = pa.table({"ask": ["a", "b"], "user": ["u", "v"]})
    for way in (False, True):
        with pytest.raises(DataError, match=f"2 requests come with {times} times"):
            FeatureReader(plan, rows, compiled=way).read(requests, np.full(times, 9))
    with pytest.raises(DataError, match="2 requests come with 1 numbers of rows seen of 'buys'"):
        FeatureReader(plan, rows).read(requests, np.array([9, 9]), arrived={"buys": np.array([1])})
