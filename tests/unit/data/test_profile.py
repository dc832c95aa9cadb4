"""Profiles of columns."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from setpoint.core.times import DAY, time
from setpoint.data.profile import LEVELS, TOP, ColumnProfile, profile_columns
from tests.unit.data.make import days, sales, taken

FIRST = time("2013-01-01")


def test_each_column_is_told_in_a_few_numbers() -> None:
    """Nulls, quantiles and mean of numbers, quantiles of times, the most frequent texts."""
    raw = pa.table(
        {
            "ts": days(5),
            "price": [1.0, None, 3.0, 2.0, 4.0],
            "gift": [True, False, None, True, True],
            "shop": ["b", "a", "b", None, "c"],
        }
    )
    found = profile_columns(taken(sales(), raw).rows)
    assert found["price"] == ColumnProfile("number", 5, 0.2, (1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0), 2.5)
    assert found["gift"] == ColumnProfile("bool", 5, 0.2, (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0), 0.75)
    assert found["shop"] == ColumnProfile("text", 5, 0.2, top=(("b", 2), ("a", 1), ("c", 1)), distinct=3)
    assert found["ts"].quantiles == tuple(FIRST + day * DAY for day in (0, 0, 0, 1, 2, 3, 4, 4, 4))
    assert list(found) == ["ts", "price", "gift", "shop"]


def test_a_quantile_is_a_value_that_occurs() -> None:
    """The smallest with at least that share at or below it (Hyndman and Fan 1996, definition 1)."""
    values = np.random.default_rng(2).normal(size=997)
    found = profile_columns(pa.table({"x": values}))["x"].quantiles
    ordered = np.sort(values)
    assert found == tuple(ordered[max(0, int(np.ceil(997 * level)) - 1)] for level in LEVELS)


def test_only_the_most_frequent_texts_are_listed() -> None:
    """Ties go by the text; the number of different ones tells how many there are."""
    words = [f"w{number:03d}" for number in range(100)] + ["w050"]
    found = profile_columns(pa.table({"word": words}))["word"]
    assert found.distinct == 100
    assert found.top == (("w050", 2), *[(f"w{number:03d}", 1) for number in range(TOP - 1)])


def test_a_column_without_values_has_a_profile() -> None:
    """All null, or no rows at all."""
    table = pa.table({"x": pa.array([None, None], pa.float64()), "s": pa.array([None, None], pa.string())})
    assert profile_columns(table) == {
        "x": ColumnProfile("number", 2, 1.0),
        "s": ColumnProfile("text", 2, 1.0, distinct=0),
    }
    assert profile_columns(table.slice(0, 0))["x"] == ColumnProfile("number", 0, 0.0)


def test_a_profile_is_json() -> None:
    """As it is stored and shown."""
    table = pa.table({"x": [1, 2], "s": ["a", "b"]})
    told = json.loads(json.dumps({name: found.to_dict() for name, found in profile_columns(table).items()}))
    assert told["s"]["top"] == [["a", 1], ["b", 1]]
    assert told["x"]["mean"] == 1.5
