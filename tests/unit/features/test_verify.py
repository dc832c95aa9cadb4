from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import setpoint as sp
from setpoint.core.errors import NameUnknown
from setpoint.data.log.decisions import definitions_of, plan_sources, positions_known
from setpoint.declare.plan import Plan
from setpoint.features.reader import FeatureReader
from setpoint.features.verify import Checked, arrived_of, differing, nearby, same, verify
from tests.properties.worlds import World, big_world, rows_table, worlds
from tests.unit.features.small import SCHEMAS, buy, buys, plan_of


def logged(
    plan: Plan, rows: dict[str, pa.Table], requests: pa.Table, at: Any, positions: dict[str, Any] | None = None
) -> pa.Table:
    """The decision log's rows of decisions that had seen the sources up to these positions."""
    known = positions_known(rows, plan_sources(plan), at) if positions is None else positions
    arrived = {name: np.asarray(values) + 1 for name, values in known.items()}
    features = FeatureReader(plan, rows).read(requests, at, arrived=arrived)
    columns = {
        "decision_id": pa.array([f"d{row}" for row in range(len(at))]),
        "key": requests["ask"],
        "at": pa.array(at),
    }
    columns["definitions"] = pa.array([definitions_of(plan)] * len(at))
    columns |= {f"field.{name}": requests[name] for name in requests.column_names}
    columns |= {f"feature.{name}": features[name] for name in features.column_names}
    columns |= {f"position.{name}": pa.array(values) for name, values in known.items()}
    return pa.table(columns)


def with_value(log: pa.Table, feature: str, row: int, value: Any) -> pa.Table:
    """The log with one value changed."""
    column = log[f"feature.{feature}"].to_pylist()
    column[row] = value
    place = log.schema.get_field_index(f"feature.{feature}")
    return log.set_column(place, f"feature.{feature}", pa.array(column, log.schema.field(place).type))


@settings(max_examples=25)
@given(world=worlds(), data=st.data())
def test_what_was_logged_is_verified_whatever_the_stream_had_taken_in(world: World, data: st.DataObject) -> None:
    """By logged positions, not by the time: a stream that lagged, or ran ahead of the clock, gives no difference."""
    position = {
        name: np.array([data.draw(st.integers(-1, table.num_rows - 1)) for _ in world.at])
        for name, table in world.rows.items()
    }
    log = logged(world.plan, world.rows, world.requests, world.times, position)
    checked = verify(world.plan, world.rows, log)
    assert [each.feature for each in checked] == [feature.name for feature in world.plan.inputs]
    assert {(each.rows, each.mismatches) for each in checked} == {(len(world.at), 0)}


@pytest.fixture(scope="module")
def world() -> World:
    """Many decisions on a log with late rows."""
    return big_world(seed=5, rows=4_000, decisions=2_000, late=0.05)


def test_a_changed_value_is_found_where_it_is(world: World) -> None:
    """One bit in one value of one decision, and nothing else."""
    log = logged(world.plan, world.rows, world.requests, world.times)
    value = log["feature.user_mean"][700].as_py()
    changed = with_value(log, "user_mean", 700, math.nextafter(value, math.inf))
    wrong = [each for each in verify(world.plan, world.rows, changed) if each.mismatches]
    assert [(each.feature, each.mismatches, each.rate) for each in wrong] == [("user_mean", 1, 1 / 2_000)]
    first = wrong[0].first[0]
    assert (first.decision_id, first.at, first.recomputed) == ("d700", int(world.times[700]), value)
    assert first.cause is None
    assert [part.source for part in first.behind] == ["buys"]
    assert 0 < len(first.behind[0].events) <= 5


def test_texts_and_nulls_are_compared_too(world: World) -> None:
    """A NULL that should be a text differs, and a text that should be another."""
    log = logged(world.plan, world.rows, world.requests, world.times)
    text = next(row for row, value in enumerate(log["feature.user_last_word"].to_pylist()) if value == "x")
    for planted in (None, "y"):
        checked = verify(
            world.plan, world.rows, with_value(log, "user_last_word", text, planted), features=["user_last_word"]
        )
        assert [(each.rows, each.mismatches, each.first[0].recomputed) for each in checked] == [(2_000, 1, "x")]


BOUGHT = [buy(10, 1.0), buy(20, 2.0), buy(30, 4.0, known_at=90), buy(60, 8.0), buy(100, 16.0)]
SUM = {"total": sp.sum(buys.price, by="user", last="50us", hop="exact"), "n": sp.count(buys, by="user")}


@pytest.mark.parametrize(
    ("at", "total", "event", "told"),
    [
        (70, 2.0, "60-60", "without"),
        (70, 8.0, "20-20", "without"),
        (70, 14.0, "30-90", "with, though it was not known yet,"),
        (100, 24.0, "100-100", "with, though it is not before the decision,"),
        (70, 11.0, "10-10", "with, though it lies before the window,"),
        (70, 0.0, "20-20", "of a log that ends before"),
    ],
)
def test_the_event_that_explains_a_difference_is_named(at: int, total: float, event: str, told: str) -> None:
    """A lost row, a row from the future, `<=` for `<` at either edge of the window, a stream that stood still."""
    plan, rows = plan_of(total=SUM["total"]), {"buys": rows_table(SCHEMAS["buys"], BOUGHT)}
    log = logged(plan, rows, pa.table({"ask": ["q"], "user": ["u"]}), np.array([at]))
    first = verify(plan, rows, with_value(log, "total", 0, total))[0].first[0]
    assert first.cause is not None
    assert (first.cause.source, first.cause.event.id, first.cause.told) == ("buys", event, told)
    assert f"the logged value is that {told} buys {event}" in str(first.cause)


def test_of_several_events_that_explain_a_count_the_one_is_named_that_explains_more() -> None:
    """Any event less gives one less; only one of them gives the sum as well."""
    plan, rows = plan_of(**SUM), {"buys": rows_table(SCHEMAS["buys"], BOUGHT)}
    log = logged(plan, rows, pa.table({"ask": ["q"], "user": ["u"]}), np.array([65]))
    wrong = verify(plan, rows, with_value(with_value(log, "total", 0, 8.0), "n", 0, 2.0))
    assert [each.first[0].cause.event.id for each in wrong if each.first[0].cause] == ["20-20", "20-20"]


def test_values_of_another_version_are_left_out() -> None:
    """They were right by a definition that is no longer there; those of the same version are compared."""
    rows = {"buys": rows_table(SCHEMAS["buys"], BOUGHT)}
    old, new = plan_of(n=SUM["n"], total=sp.sum(buys.price, by="user")), plan_of(**SUM)
    log = logged(old, rows, pa.table({"ask": ["q"], "user": ["u"]}), np.array([70]))
    versions = {definitions_of(old): dict(old.versions)}
    assert [(each.feature, each.rows, each.mismatches) for each in verify(new, rows, log, versions=versions)] == [
        ("total", 0, 0),
        ("n", 1, 0),
    ]


def test_a_log_without_positions_is_read_by_its_times() -> None:
    """A decision older than positions had seen what was known by its time."""
    rows = {"buys": rows_table(SCHEMAS["buys"], BOUGHT)}
    plan, requests = plan_of(**SUM), pa.table({"ask": ["q", "r"], "user": ["u", "u"]})
    log = logged(plan, rows, requests, np.array([70, 95]), {"buys": np.array([2, 3])})
    assert arrived_of(plan, rows, log.drop_columns(["position.buys"]))["buys"].tolist() == [3, 4]
    half = log.set_column(log.schema.get_field_index("position.buys"), "position.buys", pa.array([None, 0], pa.int64()))
    assert arrived_of(plan, rows, half)["buys"].tolist() == [3, 1]


def test_an_unknown_feature_is_refused() -> None:
    """With the one that was meant."""
    rows = {"buys": rows_table(SCHEMAS["buys"], BOUGHT)}
    log = logged(plan_of(**SUM), rows, pa.table({"ask": ["q"], "user": ["u"]}), np.array([70]))
    with pytest.raises(NameUnknown, match="Did you mean 'total'"):
        verify(plan_of(**SUM), rows, log, features=["totl"])


def test_bits_are_compared() -> None:
    """0.0 is not -0.0, and every NaN and NULL is the same."""
    left = pa.chunked_array([[0.0, 1.0, None, math.nan, None]])
    right = pa.chunked_array([[-0.0, 1.0, math.nan, None, 2.0]])
    assert differing(left, right, "number").tolist() == [True, False, False, False, True]
    assert (same("a", None), same(None, None), same(1, 1.0)) == (False, True, True)


def test_rates_add_up_over_slices() -> None:
    """A log is verified some decisions at once."""
    found = Checked("n", 10, 1) + Checked("n", 30, 3)
    assert (found.rows, found.mismatches, found.rate, Checked("n", 0, 0).rate) == (40, 4, 0.1, 0.0)


def test_only_the_rows_that_a_slice_can_see_are_read(world: World) -> None:
    """Of a day's decisions: what lies before every window of a plan, or comes later, is left out."""
    plan = plan_of(n=sp.count(buys, by="user", last="2d"))
    rows = {"buys": world.rows["buys"]}
    at = world.times[1_000:1_010]
    near, arrived = nearby(plan, rows, at, {"buys": positions_known(rows, ["buys"], at)["buys"] + 1})
    assert 0 < near["buys"].num_rows < 400
    assert np.all(arrived["buys"] <= near["buys"].num_rows)


def test_a_hundred_thousand_values_are_compared_in_no_time(world: World) -> None:
    """Comparing is vectorised: under a tenth of a microsecond a value."""
    column = pa.chunked_array([np.random.default_rng(0).random(1_000_000)])
    before = time.process_time()
    assert not differing(column, column, "number").any()
    assert time.process_time() - before < 0.1
