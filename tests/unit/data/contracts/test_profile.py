"""Profiles of columns, of rows that are all there and of rows that come in batches."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from setpoint.core.times import DAY, HOUR, time
from setpoint.data.contracts.frequent import KEPT, SMALLEST, Distinct, Frequent
from setpoint.data.contracts.profile import BINS, LEVELS, TOP, ColumnProfile, Profiler, profile_columns, profile_table
from setpoint.data.contracts.quantiles import POINTS, Quantiles
from setpoint.data.identity import mix
from setpoint.data.rows import AT
from setpoint.data.text_hashes import quick_hashes
from tests.unit.data.make import days, moments, sales, taken

FIRST = time("2013-01-01")


def many(rows: int = 150_000) -> pa.Table:
    """Columns of every kind, with empty values, few and many different ones."""
    rng = np.random.default_rng(1)
    words = pa.array([f"word-{number}" for number in range(300)])
    return pa.table(
        {
            "x": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1),
            "few": rng.integers(0, 50, rows),
            "id": np.arange(rows) + 2**60,
            "word": words.take(pa.array(np.minimum(rng.geometric(0.02, rows) - 1, 299))),
            "name": pa.array([f"n{number}" for number in range(rows)]),
            "yes": pa.array(rng.random(rows) < 0.25),
            "at": pa.array(FIRST + rng.integers(0, 400 * DAY, rows)).cast(pa.timestamp("us", tz="UTC")),
            AT: FIRST + np.arange(rows) * (HOUR // 10),
        }
    )


def test_each_column_is_told_in_a_few_numbers() -> None:
    """Nulls, quantiles and mean of numbers, quantiles of times, the most frequent values, lengths of texts."""
    raw = pa.table(
        {
            "ts": days(5),
            "price": [1.0, None, 3.0, 2.0, 4.0],
            "gift": [True, False, None, True, True],
            "shop": ["b", "aaa", "b", None, "c"],
        }
    )
    found = profile_columns(taken(sales(), raw).rows)
    price, gift, shop, ts = (found[name] for name in ("price", "gift", "shop", "ts"))
    assert (price.rows, price.nulls, price.null_share, price.distinct, price.mean) == (5, 1, 0.2, 4, 2.5)
    assert price.quantiles == (1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0)
    assert price.std == pytest.approx(np.std([1, 2, 3, 4]))
    assert gift.quantiles == (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert (gift.mean, gift.top) == (0.75, ((True, 3), (False, 1)))
    assert (shop.top, shop.distinct, shop.mean) == ((("b", 2), ("aaa", 1), ("c", 1)), 3, 1.5)
    assert shop.quantiles[-1] == 3
    assert ts.quantiles == tuple(FIRST + day * DAY for day in (0, 0, 0, 1, 2, 3, 4, 4, 4))
    assert ts.by_day == tuple((FIRST + day * DAY, 1) for day in range(5))
    assert list(found) == ["ts", "price", "gift", "shop"]


def test_a_quantile_is_a_value_that_occurs() -> None:
    """The smallest with at least that share at or below it (Hyndman and Fan 1996, definition 1)."""
    values = np.random.default_rng(2).normal(size=997)
    found = profile_columns(pa.table({"x": values}))["x"].quantiles
    ordered = np.sort(values)
    assert found == tuple(ordered[max(0, int(np.ceil(997 * level)) - 1)] for level in LEVELS)


def test_batches_have_the_profile_of_the_whole_table() -> None:
    """Counts, top values, days and pairs exactly; quantiles within a thousandth of the ranks."""
    rows, profiler = many(), Profiler()
    for start in range(0, rows.num_rows, 7001):
        profiler.add(rows.slice(start, 7001))
    found, whole = profiler.done(), profile_table(rows)
    assert found.by_day == whole.by_day
    for name, column in found.columns.items():
        same = whole.columns[name]
        exact = ("rows", "nulls", "distinct", "by_day", "by_hour", "nulls_by_day")
        assert [getattr(column, each) for each in exact] == [getattr(same, each) for each in exact]
        assert column.mean == pytest.approx(same.mean)
        assert name == "id" or column.std == pytest.approx(same.std)  # float64 has no digits left there
    ordered = np.sort(pc.drop_null(rows["x"]).to_numpy())
    ranks = np.searchsorted(ordered, found.columns["x"].quantiles) / ordered.size
    assert np.abs(ranks - LEVELS).max() < 0.001


def test_counts_agree_with_another_engine() -> None:
    """DuckDB's SUMMARIZE, and its exact counts, over the same rows."""
    rows = many(60_000)
    found = profile_table(rows).columns
    asked: Any = duckdb.connect()
    asked.register("rows_", rows)
    for name, kind in (("x", "DOUBLE"), ("few", "BIGINT")):
        told = asked.sql(f"select min({name}), max({name}), avg({name}), stddev_pop({name}) from rows_").fetchall()[0]
        mine = found[name]
        assert (mine.quantiles[0], mine.quantiles[-1], mine.mean, mine.std) == pytest.approx(told), kind
    words = asked.sql("select word, count(*) n from rows_ group by 1 order by n desc, word limit 20").fetchall()
    assert list(found["word"].top) == words
    exact = asked.sql("select count(distinct word), count(distinct few), count(*) - count(x) from rows_").fetchall()[0]
    assert (found["word"].distinct, found["few"].distinct, found["x"].nulls) == exact
    hours = asked.sql('select (epoch_us("at") // 3600000000 + 72) % 168 h, count(*) from rows_ group by 1').fetchall()
    assert found["at"].by_hour == tuple(dict(hours).get(hour, 0) for hour in range(168))


def test_many_different_values_are_counted_within_a_few_percent() -> None:
    """By the smallest hashes; numbers beyond 2**53 are told apart."""
    found = profile_table(many()).columns
    for name in ("id", "name", "at"):
        assert not found[name].distinct_exact
        assert found[name].distinct == pytest.approx(150_000, rel=0.06)
    assert found["few"].distinct_exact


def test_counts_of_different_values_are_right_on_average() -> None:
    """Over 200 sets the mean is within three standard errors, and the spread is the one that is stated."""
    counts = []
    for seed in range(200):
        counted = Distinct()
        counted.add(mix(np.arange(20_000, dtype=np.uint64) + np.uint64(seed * 1_000_003)))
        counts.append(counted.count / 20_000)
    stated = 1 / np.sqrt(SMALLEST - 2)
    assert abs(np.mean(counts) - 1) < 3 * stated / np.sqrt(200)
    assert np.std(counts) < 1.2 * stated


def test_frequent_values_are_found_among_many() -> None:
    """No count is too high, none too low by more than is said, and no other value occurs more often than that."""
    rng = np.random.default_rng(3)
    found, truth = Frequent(), Counter[int]()
    for _ in range(20):
        values = np.r_[rng.integers(0, 10**6, 5_000), rng.zipf(1.5, 3_000) % 10**6]
        different, counts = np.unique(values, return_counts=True)
        found.add(pa.array(different), counts)
        truth.update(values.tolist())
    top = found.top(TOP)
    assert found.missed > 0
    assert [truth[value] - count <= found.missed and count <= truth[value] for value, count in top] == [True] * TOP
    listed = {value for value, _ in found.top(3 * KEPT)}
    assert max(count for value, count in truth.items() if value not in listed) <= 2 * found.missed


def test_quantiles_of_a_stream_stay_within_their_error() -> None:
    """In any order of values: random, sorted, and with a heavy tail; memory stays the same."""
    rng = np.random.default_rng(4)
    for values in (rng.normal(size=600_000), np.sort(rng.normal(size=600_000)), np.exp(3 * rng.normal(size=600_000))):
        found = Quantiles()
        for start in range(0, values.size, 20_011):
            found.add(np.sort(values[start : start + 20_011]))
        levels = np.linspace(0, 1, 101)
        ordered = np.sort(values)
        ranks = np.searchsorted(ordered, found.at(levels.tolist()), side="right") / values.size
        assert np.abs(ranks - levels).max() < 4 / (2 * POINTS) + 1 / values.size
        assert sum(part[0].size for level in found._levels for part in level) <= 17 * POINTS


def test_a_histogram_has_every_value() -> None:
    """A few that lie far out are counted beside it, so that it shows the others."""
    values = np.r_[np.random.default_rng(5).normal(size=4_000), 1e9, -1e12]
    found = profile_columns(pa.table({"x": values}))["x"].histogram
    assert found is not None
    assert (found.below, found.above, sum(found.counts), len(found.counts)) == (1, 1, 4_000, BINS)
    assert found.edges[-1] - found.edges[0] < 25
    plain = np.random.default_rng(6).random(4_000)
    even = profile_columns(pa.table({"x": plain}))["x"].histogram
    assert even is not None
    assert even.counts == tuple(np.histogram(plain, bins=even.edges)[0].tolist())


def test_columns_that_say_the_same_are_named() -> None:
    """Of one kind and equal in every row, empty ones included; a constant column is named, too."""
    rows = pa.table(
        {
            "a": [1, None, 3],
            "b": [1.0, None, 3.0],
            "c": [1, 2, 3],
            "s": ["1", None, "3"],
            "one": ["x", "x", None],
            "none": pa.nulls(3, pa.float64()),
            "nought": pa.nulls(3, pa.float64()),
        }
    )
    found = profile_table(rows)
    assert found.duplicates == (("a", "b"),)
    assert [name for name, column in found.columns.items() if column.constant] == ["one", "none", "nought"]
    profiler = Profiler()
    profiler.add(rows)
    profiler.add(pa.table({"a": [1], "b": [2]}))
    assert profiler.done().duplicates == ()


def test_what_is_missing_is_counted_by_the_day_of_the_row() -> None:
    """A column that only later batches have is missing in the earlier ones."""
    profiler = Profiler()
    profiler.add(pa.table({"x": [1.0, None], AT: [FIRST, FIRST + DAY]}))
    profiler.add(pa.table({"x": [None, 2.0], "y": ["a", "b"], AT: [FIRST + DAY, FIRST + DAY]}))
    profiler.add(pa.table({"x": [3.0], AT: [FIRST + 2 * DAY]}))
    found = profiler.done()
    assert found.by_day == ((FIRST, 1), (FIRST + DAY, 3), (FIRST + 2 * DAY, 1))
    assert found.columns["x"].nulls_by_day == ((FIRST + DAY, 2),)
    assert (found.columns["y"].rows, found.columns["y"].nulls) == (5, 3)
    assert found.columns["y"].nulls_by_day == ((FIRST + 2 * DAY, 1),)


def test_values_of_any_type_are_read() -> None:
    """Dictionaries, decimals, dates, unsigned numbers; infinities are counted apart; -0 is 0; kinds may widen."""
    rows = pa.table(
        {
            "word": pa.array(["b", "a", "b"]).dictionary_encode(),
            "exact": pa.array([Decimal("1.5"), None, Decimal("2.5")]),
            "day": pa.array([0, 1, None], pa.date32()),
            "big": pa.array([0, 2**63, 2**64 - 1], pa.uint64()),
            "far": [float("inf"), -0.0, 0.0],
            "nan": [float("nan"), 1.0, float("-inf")],
        }
    )
    found = profile_columns(rows)
    assert found["word"].top == (("b", 2), ("a", 1))
    assert (found["exact"].mean, found["exact"].nulls) == (2.0, 1)
    assert found["day"].quantiles[-1] == DAY
    assert found["big"].distinct == 3
    assert (found["far"].infinite, found["far"].distinct, found["far"].quantiles[-1]) == (1, 1, 0.0)
    assert (found["nan"].nulls, found["nan"].infinite, found["nan"].mean) == (1, 1, 1.0)
    profiler = Profiler()
    profiler.add(pa.table({"n": [1, 2]}))
    profiler.add(pa.table({"n": [2.0, 2.5]}))
    assert profiler.done().columns["n"].top == ((2.0, 2), (1.0, 1), (2.5, 1))


def test_hashes_of_texts_are_those_of_their_content() -> None:
    """Whatever they stand beside; long texts, empty ones, and texts whose letters are in another order."""
    texts = pa.array(["", "ab", "ba", "a" * 300, "a" * 299 + "b", "b" + "a" * 299, "a" * 44 + "b" + "a" * 255, "ä"])
    found = quick_hashes(texts)
    assert len(set(found.tolist())) == len(texts)
    assert np.array_equal(quick_hashes(texts.slice(2, 4)), found[2:6])
    assert quick_hashes(texts.slice(0, 1))[0] == found[0]
    assert quick_hashes(texts.slice(0, 0)).size == 0


def test_only_the_most_frequent_texts_are_listed() -> None:
    """Ties go by the text; the number of different ones tells how many there are."""
    words = [f"w{number:03d}" for number in range(100)] + ["w050"]
    found = profile_columns(pa.table({"word": words}))["word"]
    assert found.distinct == 100
    assert found.top == (("w050", 2), *[(f"w{number:03d}", 1) for number in range(TOP - 1)])


def test_a_column_without_values_has_a_profile() -> None:
    """All null, or no rows at all."""
    table = pa.table({"x": pa.array([None, None], pa.float64()), "s": pa.array([None, None], pa.string())})
    assert profile_columns(table) == {"x": ColumnProfile("number", 2, 2), "s": ColumnProfile("text", 2, 2)}
    assert profile_columns(table.slice(0, 0))["x"] == ColumnProfile("number", 0)
    assert Profiler().done().rows == 0


def test_a_profile_is_json() -> None:
    """As it is stored and shown."""
    table = pa.table({"x": [1, 2], "s": ["a", "b"], "t": moments(FIRST, FIRST)})
    told = json.loads(json.dumps(profile_table(table).to_dict(), default=str))
    assert told["columns"]["s"]["top"] == [["a", 1], ["b", 1]]
    assert told["columns"]["x"]["mean"] == 1.5
    assert told["columns"]["t"]["constant"] is True
