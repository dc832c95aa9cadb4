"""The reference: bins that stay, fences that hold, counts that add up."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.watch.past import stack
from setpoint.watch.reference import Reference, make_reference
from tests.unit.watch.world import World


def of(values: list[float | None] | np.ndarray, *, edges_from: Reference | None = None) -> Reference:
    """The reference of one numeric column."""
    rows = pa.table({"x": pa.array(values, pa.float64(), from_pandas=True)})
    n = rows.num_rows
    return make_reference(rows, np.linspace(0, 1, n), np.arange(n), edges_from=edges_from)


def test_few_values_get_a_bin_each() -> None:
    """A count or a flag is not cut at quantiles."""
    column = of([0, 0, 1, 2, 2, 2]).columns[0]
    assert (column.edges, column.counts) == ((1.0, 2.0), (2, 1, 3))


def test_many_values_get_bins_of_equal_mass_and_room_beyond() -> None:
    """About 24 bins hold the training rows; the ones beyond are empty until the world gets there."""
    column = of(np.random.default_rng(0).normal(size=5000)).columns[0]
    inner = [count for count in column.counts if count]
    assert column.bins == len(column.counts) == len(column.edges) + 1
    assert sum(column.counts) == 5000
    assert 24 <= len(inner) <= 26
    assert max(inner) <= 5000 / 24 + 1
    assert column.counts[0] == column.counts[-1] == 0


def test_the_last_training_value_is_within_the_last_inner_bin() -> None:
    """A value that training saw is not beyond it."""
    values = np.linspace(0.0, 1.0, 1000)
    column = of(values).columns[0]
    place = int(np.searchsorted(column.edges, 1.0, side="right"))
    assert column.counts[place] > 0


def test_the_fence_is_wide_and_never_inside_the_training_range() -> None:
    """Rare large values of training are plausible; a hundredfold is not."""
    rng = np.random.default_rng(1)
    column = of(np.append(rng.normal(10, 1, 2000), 40.0)).columns[0]
    assert column.high >= 40.0
    assert column.low > -1000
    assert of(rng.normal(10, 1, 2000)).columns[0].high < 100


def test_a_column_that_is_mostly_zero_is_fenced_by_its_other_values() -> None:
    """Most hours have no rain; a heavy shower is no fault."""
    rng = np.random.default_rng(2)
    rain = np.where(rng.uniform(size=5000) < 0.95, 0.0, rng.exponential(0.1, 5000))
    column = of(rain).columns[0]
    assert 0.5 < column.high < 10


def test_nulls_are_counted_apart() -> None:
    """NULL is in no bin."""
    column = of([1.0, None, 2.0]).columns[0]
    assert (sum(column.counts), column.nulls) == (2, 1)
    empty = of([None, None]).columns[0]
    assert (empty.edges, empty.counts, empty.nulls) == ((), (0,), 2)


def test_a_later_reference_keeps_the_bins_of_the_first() -> None:
    """Days counted before and after a promotion can be compared; fences only widen."""
    first = of(np.linspace(0, 10, 1000))
    later = of(np.linspace(5, 500, 1000), edges_from=first)
    assert later.layout == first.layout
    assert later.columns[0].edges == first.columns[0].edges
    assert later.columns[0].low <= first.columns[0].low
    assert later.columns[0].high >= 500


def test_a_column_that_is_new_gets_bins_of_its_own() -> None:
    """A feature added later has no earlier bins to keep."""
    first = of([1.0, 2.0, 3.0])
    rows = pa.table({"x": [1.0, 2.0], "y": ["a", "b"]})
    later = make_reference(rows, [0.1, 0.2], [0, 1], edges_from=first)
    assert [column.name for column in later.columns] == ["x", "y", "score"]
    assert later.layout != first.layout


def test_texts_keep_their_most_frequent_values() -> None:
    """Rare ones share the last bin, and are still known."""
    names = [f"v{i:03d}" for i in range(300) for _ in range(1 + i % 3)]
    column = make_reference(pa.table({"x": names}), np.zeros(len(names)), np.arange(len(names))).columns[0]
    assert (len(column.levels), len(column.known), column.bins) == (200, 300, 201)
    assert sum(column.counts) == len(names)
    assert column.counts[-1] == 100


def test_a_reference_survives_json() -> None:
    """What is stored with the model is what was made."""
    reference = make_reference(pa.table({"x": [1.0, 2.5, None], "y": ["a", None, "b"]}), [0.1, 0.2, 0.3], [5, 6, 7])
    again = Reference.from_dict(json.loads(json.dumps(reference.to_dict(), allow_nan=False)))
    assert again == reference
    assert again.layout == reference.layout


def test_a_reference_needs_rows() -> None:
    """A model without training rows has no reference."""
    with pytest.raises(DataError, match="0 rows"):
        make_reference(pa.table({"x": pa.array([], pa.float64())}), [], [])


def test_effects_foretell_a_days_mean_score_from_counts_alone() -> None:
    """The promise of the counts follows the mean score of days that training did not see."""
    world = World(seed=4, days=60)
    reference = world.reference()
    days = world.summaries(reference)
    past = stack(reference, days[30:-1], days[-1])
    means = [world.log(day)["score"].to_numpy().mean() for day in range(30, 60)]
    assert np.corrcoef(past.promised(), means)[0, 1] > 0.9
    assert reference.columns[-1].effects == ()
