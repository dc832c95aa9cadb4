from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import setpoint as sp
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SimulatedClock
from setpoint.core.ids import derived
from setpoint.core.records import LOG_COLUMNS
from setpoint.serve.batch import decide_many, decision_ids
from setpoint.serve.decide import decide
from setpoint.serve.log import decode_record, log_table
from setpoint.serve.request import read_request
from setpoint.serve.runner import Runner
from setpoint.serve.snapshot import Scorer, Serving
from tests.unit.serve.shop import NOON, FixedThreshold, Formula, ReadFeatures, request, requests, shop

PLAN = shop()
RULE = shop(fallback=sp.rule((sp.feature("returned") > 1) & (sp.feature("country") == "NZ") | sp.field("member")))
FEATURES = ReadFeatures(PLAN)
SAME = ("key", "at", "score", "acted", "threshold", "model", "arm", "propensity", "degraded", "definitions")


def batch(bodies: list[dict[str, Any]], serving: Serving) -> pa.Table:
    """The log rows of these requests, decided together."""
    fields = requests(PLAN, [read_request(body, PLAN) for body in bodies])
    at = NOON + np.arange(len(bodies), dtype=np.int64)
    positions = {"returns": np.full(len(at), 2), "users": np.full(len(at), 1)}
    return decide_many(fields, at, FEATURES.reader.read(fields, at), serving, positions=positions)


def one_by_one(bodies: list[dict[str, Any]], serving: Serving, folder: Path) -> pa.Table:
    """The log rows of these requests, decided one after another and read back from the log."""
    log, runner = FileSegments(folder, sync_every=0), Runner()
    for number, body in enumerate(bodies):
        clock = SimulatedClock(NOON + number)
        decide(body, serving=serving, features=FEATURES, clock=clock, log=log, runner=runner)
    found = log_table([decode_record(data) for _, data in log.read()], PLAN)
    log.close()
    return found


bodies = st.lists(
    st.builds(
        request,
        checkout_id=st.text(min_size=1, max_size=5),
        user_id=st.sampled_from(["ann", "bob", "eve", None]),
        total=st.none() | st.floats(-100, 100) | st.sampled_from([60, 13.0]),
        member=st.none() | st.booleans(),
        created=st.none() | st.just("2024-04-30T12:00:00+02:00"),
    ),
    max_size=6,
)
scorers = st.sampled_from(
    [
        None,
        Formula(),
        Formula(threshold=FixedThreshold(0.3)),
        Formula(threshold=FixedThreshold(0.3), gives=0.3),
        Formula(fails_on=13.0),
        Formula(gives=float("nan")),
        Formula(gives=0.0),
    ]
)


@given(bodies=bodies, scorer=scorers, plan=st.sampled_from([PLAN, RULE]))
def test_many_decisions_are_the_decisions_one_by_one(
    bodies: list[dict[str, Any]], scorer: Scorer | None, plan: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Score, action, threshold, model and reason of a row do not depend on the rows beside it."""
    serving = Serving(plan, scorer)
    many = batch(bodies, serving)
    one = one_by_one(bodies, serving, tmp_path_factory.mktemp("log"))
    assert many.select(SAME).to_pydict() == one.select(SAME).to_pydict()
    assert many.column_names == one.column_names
    for name in many.column_names[len(LOG_COLUMNS) :]:
        assert plain(many[name]) == plain(one[name])


def plain(column: pa.ChunkedArray) -> list[Any]:
    """The values, with a NaN that equals itself."""
    return ["NaN" if value != value else value for value in column.to_pylist()]  # noqa: PLR0124


def test_the_columns_are_those_of_the_log() -> None:
    """First what every system has, then the request's fields, then what was seen; also without a single row."""
    columns = [
        *LOG_COLUMNS,
        *[f"field.{name}" for name in PLAN.fields],
        *[f"feature.{name}" for name in PLAN.features],
        "position.users",
        "position.returns",
    ]
    full, empty = batch([request()], Serving(PLAN, Formula())), batch([], Serving(PLAN, Formula()))
    assert full.column_names == empty.column_names == columns
    assert full.schema == empty.schema == batch([], Serving(PLAN)).schema
    assert empty.num_rows == 0


def test_a_key_that_is_a_number_keeps_its_type() -> None:
    """Labels meet decisions by key, so it stays what the spine has."""
    assert decision_ids("s", pa.array([7, 8])).to_pylist() == [derived("d", "s", "7"), derived("d", "s", "8")]


@given(system=st.text(max_size=3), keys=st.lists(st.text(max_size=4)))
def test_an_identity_is_derived_from_system_and_key(system: str, keys: list[str]) -> None:
    """The vectorised spelling is the one of `ids.derived`, for any text."""
    assert decision_ids(system, pa.array(keys, pa.string())).to_pylist() == [derived("d", system, key) for key in keys]


def test_deciding_costs_at_most_three_microseconds_a_row() -> None:
    """Besides features and scoring, for a hundred thousand rows; the best of five runs."""

    class Constant(Formula):
        def score(self, features: pa.Table) -> np.ndarray:
            return np.full(features.num_rows, 0.25)

    n = 100_000
    fields = pa.table(
        {
            "checkout_id": pa.array([f"checkout-{number}" for number in range(n)]),
            "user_id": pa.array(["ann", "bob"] * (n // 2)),
            "total": pa.array(np.arange(n, dtype=np.float64)),
            "member": pa.array([True, False] * (n // 2)),
            "created": pa.array(np.full(n, NOON), pa.timestamp("us", tz="UTC")),
        }
    )
    at = np.full(n, NOON)
    features = pa.table({name: np.zeros(n) for name in PLAN.features})
    best = float("inf")
    for _ in range(5):
        before = time.process_time()
        decide_many(fields, at, features, Serving(PLAN, Constant(threshold=FixedThreshold(0.2))))
        best = min(best, time.process_time() - before)
    assert best / n <= 3e-6
