"""Compiled folds on logs long enough for every one of their ways: blocks of blocks, wide sums, caps, threads."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.core.times import DAY, HOUR
from setpoint.data.rows import AT, ENDS, KNOWN_AT, NEVER, SIGN
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features import pairs
from setpoint.features import reader as module
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader

KINDS = {"key": "number", "val": "number", "word": "text", "due": "time", "good": "bool", "ts": "time", "id": "text"}
log = sp.events("log", "log.parquet", id="id", at="ts", delay="0s")


def plan_of(**features: Any) -> Plan:
    """The plan of decisions on a key."""
    system = sp.System(
        "kernel",
        decide=sp.decide(sp.events("asks", "asks.parquet", key="id", at="ts"), fields=["key"]),
        features=features,
        label=sp.label(log.val > 0, on="id", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("key") > 5)),
    )
    return make_plan(system, {"log": KINDS, "asks": KINDS}, Profile({}, 1.0))


@cache
def plan() -> Plan:
    """Every kind, over a short window, a long one and all time."""
    features: dict[str, Any] = {}
    for last in ("2h", "9d", None):
        of: dict[str, Any] = {"by": "key", "last": last}
        features |= {
            f"n_{last}": sp.count(log, **of),
            f"n_good_{last}": sp.count(log, where=log.good, **of),
            f"n_val_{last}": sp.count(log.val, **of),
            f"sum_{last}": sp.sum(log.val, decimals=2, **of),
            f"sum_0_{last}": sp.sum(log.val, decimals=0, **of),
            f"mean_{last}": sp.mean(log.val, decimals=2, where=log.good, **of),
            f"var_{last}": sp.var(log.val, decimals=2, **of),
            f"std_{last}": sp.std(log.val, decimals=2, where=log.good, **of),
            f"min_{last}": sp.min(log.val, **of),
            f"max_{last}": sp.max(log.val, where=log.good, **of),
            f"due_{last}": sp.now - sp.max(log.due, **of),
            f"first_{last}": sp.first(log.val, **of),
            f"word_{last}": sp.first(log.word, where=log.good, **of),
            f"last_{last}": sp.last(log.val, **of),
            f"last_word_{last}": sp.last(log.word, **of),
            f"words_{last}": sp.distinct(log.word, **of),
            f"about_{last}": sp.distinct(log.word, cap=20, **of),
            f"values_{last}": sp.distinct(log.val, cap=300, **of),
            f"top_{last}": sp.top(log.word, **of),
            f"third_{last}": sp.top(log.word, rank=3, **of),
            f"few_{last}": sp.top(log.word, rank=2, cap=5, **of),
            f"median_{last}": sp.quantile(log.val, q=0.5, **of),
            f"rare_{last}": sp.quantile(log.val, q=0.99, where=log.good, **of),
        }
    features["latest"] = sp.latest(log.val, by="key", ttl="1d")
    features["everyone"] = sp.mean(log.val, by=[], last="1d", decimals=2)
    return plan_of(**features)


def rows_of(rows: int, *, late: float, great: float = 1.0, seed: int = 1, corrected: bool = False) -> pa.Table:
    """Rows of eight keys, the first with half of them; some are late by up to two days."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 20 * DAY, rows) // HOUR * HOUR
    known_at = at + np.where(rng.random(rows) < late, rng.integers(0, 2 * DAY, rows), 0)
    order = np.lexsort((at, known_at))
    at, known_at = at[order], known_at[order]
    values = np.round(rng.lognormal(3, 2, rows) * great, 2)
    words = np.char.add("w", np.minimum(rng.geometric(0.01, rows), 400).astype(str))
    columns = {
        "key": np.minimum(rng.geometric(0.5, rows), 8).astype(np.float64),
        "val": pa.array(values, mask=rng.random(rows) < 0.1),
        "word": pa.array(words.tolist(), mask=rng.random(rows) < 0.1),
        "due": pa.array(at + rng.integers(-5, 5, rows)).cast(pa.timestamp("us", tz="UTC")),
        "good": rng.random(rows) < 0.5,
        AT: at,
        KNOWN_AT: known_at,
    }
    if corrected:
        ends = np.where(rng.random(rows) < 0.1, np.arange(rows) + rng.integers(1, 500, rows), NEVER)
        columns |= {SIGN: np.where(rng.random(rows) < 0.1, -1, 1).astype(np.int8), ENDS: ends}
    return pa.table(columns)


def asked(many: int, *, seed: int = 2) -> tuple[pa.Table, Any]:
    """Decisions on these keys and one that no row has, in no order of time."""
    rng = np.random.default_rng(seed)
    keys = np.minimum(rng.geometric(0.5, many), 9).astype(np.float64)
    return pa.table({"id": [str(number) for number in range(many)], "key": keys}), rng.integers(0, 22 * DAY, many)


@pytest.mark.parametrize(
    ("late", "great", "corrected"), [(0.0, 1.0, False), (0.05, 1e6, False), (0.05, 1.0, True), (1.0, 1e9, True)]
)
def test_compiled_folds_are_those_of_pairs(late: float, great: float, corrected: bool) -> None:
    """Rows in order or late, taken back or not, with sums of more than 64 bits or less: the same bits both ways."""
    rows = {"log": rows_of(6000, late=late, great=great, corrected=corrected)}
    requests, at = asked(150)
    compiled = FeatureReader(plan(), rows, compiled=True).read(requests, at)
    assert compare(compiled, FeatureReader(plan(), rows, compiled=False).read(requests, at).to_pylist()) == []
    seen = {"log": np.random.default_rng(3).integers(0, 6001, 150)}
    compiled = FeatureReader(plan(), rows, compiled=True).read(requests, at, arrived=seen)
    plain = FeatureReader(plan(), rows, compiled=False).read(requests, at, arrived=seen)
    assert compare(compiled, plain.to_pylist()) == []


def test_threads_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions are shared out by key among any number of threads, and answered in batches of any size."""
    rows = {"log": rows_of(20_000, late=0.05)}
    requests, at = asked(20_000)
    one = FeatureReader(plan(), rows, compiled=True).read(requests, at)
    for threads in (2, 3, 50):
        assert same(FeatureReader(plan(), rows, threads=threads, compiled=True).read(requests, at), one)
    monkeypatch.setattr(module, "CHUNK", 777)
    assert same(FeatureReader(plan(), rows, compiled=True).read(requests, at), one)


def test_pairs_are_written_out_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of pairs that stand in memory together is a matter of memory only."""
    rows = {"log": rows_of(600, late=0.3, corrected=True)}
    requests, at = asked(50)
    whole = FeatureReader(plan(), rows, compiled=False).read(requests, at)
    monkeypatch.setattr(pairs, "CHUNK", 64)
    assert same(FeatureReader(plan(), rows, compiled=False).read(requests, at), whole)


def same(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables of features have the same bits."""
    for name in right.column_names:
        one, other = left[name].combine_chunks(), right[name].combine_chunks()
        if not pa.types.is_floating(one.type):
            if not one.equals(other):
                return False
        elif not np.array_equal(one.to_numpy().view(np.int64), other.to_numpy().view(np.int64)):
            return False
    return True


def test_squares_beyond_127_bits_are_refused() -> None:
    """The error names the column, and what to do."""
    rows = pa.table({"key": np.zeros(2_200_000), "val": np.full(2_200_000, 9e15), AT: np.zeros(2_200_000, np.int64)})
    rows = rows.append_column(KNOWN_AT, rows[AT])
    requests, at = asked(1)
    with pytest.raises(DataError, match=r"squares of the column log\.val"):
        FeatureReader(plan_of(f=sp.std(log.val, by="key", decimals=0)), {"log": rows}).read(requests, at)
    assert FeatureReader(plan_of(f=sp.mean(log.val, by="key", decimals=0)), {"log": rows}).read(requests, at).num_rows


@pytest.mark.parametrize("compiled", [False, True])
def test_times_too_great_for_a_float_are_exact(compiled: bool) -> None:
    """Thousands of years from now a microsecond still counts."""
    due = pa.array([2**61, 2**61 + 1, None]).cast(pa.timestamp("us", tz="UTC"))
    rows = pa.table({"key": np.ones(3), "due": due, AT: np.arange(3), KNOWN_AT: np.arange(3)})
    gap = plan_of(gap=sp.max(log.due, by="key") - sp.first(log.due, by="key"), none=sp.now - sp.min(log.due, by="key"))
    read = FeatureReader(gap, {"log": rows}, compiled=compiled).read(
        pa.table({"id": ["a"], "key": [1.0]}), np.array([9])
    )
    assert read["gap"].to_pylist() == [1e-6]
