"""Declarations on files: which times, numbers and scales are taken, and which are refused with a clear error."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.core.errors import DataError, NaiveTime, NameUnknown
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest import Ingested, ingest, read_source
from setpoint.declare.source import info

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _times(unit: str, *, zone: str | None = "UTC") -> pa.Array:
    seconds = int(MOMENT.timestamp())
    return pa.array([seconds * PER_SECOND[unit]], pa.timestamp(unit, tz=zone))


def _ingested(folder: Path, *files: dict[str, Any]) -> Ingested:
    for number, columns in enumerate(files):
        ids = [f"{number}-{row}" for row in range(len(next(iter(columns.values()))))]
        pq.write_table(pa.table({"id": ids, **columns}), folder / f"part-{number}.parquet")
    source = info(sp.events("payments", "part-*.parquet", id="id", at="ts", delay="0s"))
    raw = read_source(source, folder)
    return ingest(source, raw, infer_contract(source, raw))


@pytest.mark.parametrize("units", [("s", "us"), ("ns", "ms"), ("us", "us")])
def test_times_of_different_units_are_the_moments_they_say(tmp_path: Path, units: tuple[str, str]) -> None:
    """A file in seconds and one in microseconds agree, since a timestamp says its unit."""
    found = _ingested(tmp_path, *[{"ts": _times(unit)} for unit in units])
    assert found.rows["ts"].to_pylist() == [MOMENT, MOMENT]


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ([pa.array([1_772_366_400])], DataError, r"declares at='ts', which holds 1772366400 \(int64\)"),
        ([pa.array([1_772_366_400]), pa.array([1_772_366_400_000_000])], DataError, "times with a zone"),
        ([_times("us"), pa.array([1_772_366_400])], DataError, "rule wrong-kind: row 1: ts is '1772366400'"),
        ([_times("us"), pa.array([1_772_366_400.5])], DataError, "rule wrong-kind: row 1: ts is '1772366400.5'"),
        ([_times("us", zone=None)], NaiveTime, "which names no zone"),
        ([_times("us"), _times("us", zone=None)], NaiveTime, "which names no zone"),
    ],
)
def test_a_time_that_has_to_be_guessed_is_refused(
    tmp_path: Path, files: list[pa.Array], error: type[DataError], words: str
) -> None:
    """A whole number may be seconds or microseconds, and a time without a zone any of 24 hours."""
    with pytest.raises(error, match=words) as caught:
        _ingested(tmp_path, *[{"ts": times} for times in files])
    assert caught.value.expected


def test_a_number_without_end_is_set_aside_and_one_that_is_none_is_null(tmp_path: Path) -> None:
    """No sum ever sees an infinity, however few of the rows have one."""
    amounts = pa.array([1.5, float("nan"), *[2.0] * 17, float("-inf")])
    found = _ingested(tmp_path, {"ts": pa.concat_arrays([_times("us")] * 20), "amount": amounts})
    assert found.quarantined["__rule"].to_pylist() == ["infinite"]
    assert found.rows["amount"].to_pylist()[:2] == [1.5, None]


def _shop(folder: Path, amounts: list[float], *, feature: sp.Expr | None = None) -> sp.Live:
    """A shop whose payments are these, opened."""
    days = [datetime(2026, 1, 1 + day, tzinfo=UTC) for day in range(len(amounts))]
    ids = [str(number) for number in range(len(amounts))]
    payments = {"payment_id": ids, "ts": days, "amount": amounts, "card": ["a"] * len(ids)}
    pq.write_table(pa.table(payments), folder / "payments.parquet")
    pq.write_table(pa.table({"order_id": ids, "ts": days, "card": ["a"] * len(ids)}), folder / "orders.parquet")
    pq.write_table(pa.table({"order_id": ids, "ts": days, "bad": [True] * len(ids)}), folder / "frauds.parquet")
    paid = sp.events("payments", "payments.parquet", id="payment_id", at="ts", delay="0s")
    frauds = sp.events("frauds", "frauds.parquet", id="order_id", at="ts", delay="0s")
    system = sp.System(
        "shop",
        decide=sp.decide(sp.events("orders", "orders.parquet", key="order_id", at="ts"), fields=["card"]),
        features={"spent": sp.sum(paid.amount, by="card", last="7d"), **({} if feature is None else {"f": feature})},
        label=sp.label(frauds.bad, on="order_id", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("block"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("spent") > 100)),
    )
    return sp.open_system(system, root=folder)


def test_the_decimals_of_a_sum_are_found_once_and_kept(tmp_path: Path) -> None:
    """Newer data warn, and change nothing: the scale belongs to the version."""
    with _shop(tmp_path, [1.25, 3.5]) as shop:
        first = shop.show_plan()
    with _shop(tmp_path, [1.25, 3.5, 0.125]) as shop:
        second = shop.show_plan()
    assert [[one["version"] for one in shown["features"]] for shown in (first, second)] == [
        [first["features"][0]["version"]]
    ] * 2
    told = [
        next(choice for choice in shown["choices"] if choice["name"] == "decimals of payments.amount")
        for shown in (first, second)
    ]
    assert [choice["value"] for choice in told] == ["2", "2"]
    assert [any("more than 2 decimals" in one for one in shown["warnings"]) for shown in (first, second)] == [
        False,
        True,
    ]


def test_a_key_that_no_column_has_is_refused_on_the_file(tmp_path: Path) -> None:
    """The error names the source and the closest column."""
    paid = sp.events("payments", "payments.parquet", id="payment_id", at="ts", delay="0s")
    shop = _shop(tmp_path, [1.0], feature=sp.count(paid, by={"card": "cards"}))
    with shop, pytest.raises(NameUnknown, match=r"source 'payments' has no column 'cards'.*Did you mean 'card'"):
        shop.show_plan()
