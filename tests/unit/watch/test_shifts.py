"""How far the values of columns have moved from one snapshot to another."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from setpoint.data.rows import ID, KNOWN_AT
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.watch.shifts import compare_snapshots, shift_of, shifts_of

RNG = np.random.default_rng(7)
OLD, NEW = RNG.normal(0.0, 2.0, 4000), RNG.normal(1.0, 2.0, 3000)


def moved(before: object, after: object, kind: str = "number") -> tuple[float | None, str]:
    """The distance and the effect of a column."""
    found = shift_of("x", pa.chunked_array([before]), pa.chunked_array([after]), kind=kind)
    return found.distance, found.effect


def test_numbers_move_in_deviations_as_scipy_has_it() -> None:
    """The earth mover's distance over the deviation before, and the Kolmogorov-Smirnov distance."""
    found = shift_of("x", pa.chunked_array([OLD]), pa.chunked_array([NEW]), kind="number")
    assert found.distance == pytest.approx(stats.wasserstein_distance(OLD, NEW) / OLD.std())
    assert found.apart == pytest.approx(stats.ks_2samp(OLD, NEW).statistic)
    assert found.effect == "medium"
    assert found.before == f"{np.median(OLD):.6g}"


def test_shares_move_in_rows_as_scipy_has_it() -> None:
    """The share of rows with another value, and the Jensen-Shannon distance; what moved most is named."""
    found = shift_of(
        "x",
        pa.chunked_array([["a"] * 6 + ["b"] * 4]),
        pa.chunked_array([["a"] * 2 + ["b"] * 2 + ["c"] * 6]),
        kind="text",
    )
    assert found.distance == pytest.approx(0.6)
    assert found.apart == pytest.approx(jensenshannon([0.6, 0.4, 0.0], [0.2, 0.2, 0.6], base=2))
    assert (found.effect, found.most) == ("large", "c 0.0% to 60.0%")


@pytest.mark.parametrize(
    ("before", "after", "kind", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], "number", (0.0, "none")),
        ([0.0, 2.0], [0.3, 2.3], "number", (0.3, "small")),
        ([5.0, 5.0], [6.0, 6.0], "number", (None, "large")),
        ([1.0, 1.0, 1.0, 1.0], [1.0, None, None, None], "number", (0.0, "large")),
        ([None, None], [1.0, 2.0], "number", (None, "unknown")),
        ([True, False], [True, True], "bool", (0.5, "large")),
        ([f"id{n}" for n in range(900)], [f"other{n}" for n in range(900)], "text", (None, "unknown")),
    ],
)
def test_the_size_of_an_effect_is_told(before: list[object], after: list[object], kind: str, expected: object) -> None:
    """Also of values that went missing; where nothing can be compared it is unknown."""
    distance, effect = moved(before, after, kind)
    assert (distance if distance is None else round(distance, 9), effect) == expected


def test_times_move_in_days() -> None:
    """The median is told as a time."""
    days = pa.array([0, 86_400_000_000, 172_800_000_000], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    later = pa.array([86_400_000_000], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    found = shift_of("at", pa.chunked_array([days]), pa.chunked_array([later]), kind="time")
    assert (found.before, found.after) == ("1970-01-02T00:00:00Z", "1970-01-02T00:00:00Z")
    assert found.distance == pytest.approx((2 / 3) / np.sqrt(2 / 3))


def test_columns_are_told_the_farthest_first_and_only_those_of_one_kind() -> None:
    """System columns are not the user's."""
    old = pa.table({"little": [0.0, 2.0], "far": [0.0, 2.0], "kind": [1, 2], ID: ["a", "b"]})
    new = pa.table({"little": [0.1, 2.1], "far": [9.0, 11.0], "kind": ["1", "2"], ID: ["a", "b"]})
    assert [each.column for each in shifts_of(old, new)] == ["far", "little"]


def test_a_comparison_is_one_document() -> None:
    """Both snapshots by digest and time, each source with columns, rows and shifts; JSON has a word for all of it."""
    rows = pa.table({"price": [1.0, 2.0, float("inf")], ID: ["a", "b", "c"], KNOWN_AT: [1, 2, 3]})
    before, after = (
        take_snapshot({"s": rows, "quiet": rows.slice(0, 1)}, 2),
        take_snapshot({"s": rows, "quiet": rows.slice(0, 1)}, 2**62),
    )
    found = compare_snapshots(before, after)
    quiet, changed = found["sources"]
    assert (found["same"], quiet["same"], quiet["shifts"], changed["added"]) == (False, True, [], 1)
    assert found["before"] == {"snapshot": before.digest, "as_of": "1970-01-01T00:00:00.000002Z"}
    assert found["after"]["as_of"] is None
    assert changed["examples"][0]["columns"] == {"price": "inf"}
    assert json.loads(json.dumps(found, allow_nan=False))["sources"][1]["shifts"][0]["column"] == "price"
    assert compare_snapshots(after, after)["same"]
