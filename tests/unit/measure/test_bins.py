"""Bins: how numbers and texts are cut into groups, and what becomes of values that were not there."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.bins import conditions_of, fit_bins


def test_a_number_of_many_values_is_cut_into_equal_parts() -> None:
    """Tenths of the rows, told by their edges; what is missing has a group of its own."""
    values = np.random.default_rng(0).normal(size=10_000)
    values[:500] = np.nan
    column = fit_bins({"x": values}).columns[0]
    codes = column.codes(values)
    assert np.bincount(codes)[:10].tolist() == [950] * 10
    assert (codes[:500] == 10).all()
    assert column.names[0].startswith("x below -1.")
    assert column.names[1].startswith("x from -1.")
    assert column.names[-1] == "x = (none)"
    assert len(column.names) == 11


def test_a_number_of_few_values_is_told_by_them() -> None:
    """Each value is a group, and one that was not there when the groups were made is another."""
    bins = fit_bins({"stops": np.array([0.0, 1.0, 2.0, 1.0])})
    assert bins.columns[0].names == ("stops = 0", "stops = 1", "stops = 2", "stops = (other)", "stops = (none)")
    assert bins.codes({"stops": np.array([2.0, 5.0, np.nan, -1.0])}).tolist() == [[2, 3, 4, 3]]


def test_a_text_keeps_its_commonest_values() -> None:
    """Rarer ones are one group, in words and in codes."""
    bins = fit_bins({"c": ["b"] * 3 + ["a"] * 3 + ["z", None]}, commonest=2)
    assert bins.columns[0].names == ("c = a", "c = b", "c = (other)", "c = (none)")
    assert bins.codes({"c": np.array(["b", "z", None, "new"], dtype=object)}).tolist() == [[1, 2, 3, 2]]
    assert conditions_of(bins, [(0, 1)]) == "c = b"


def test_a_number_that_is_mostly_one_value_is_still_cut() -> None:
    """Where nine tenths are the lowest value, that one is a group and all others another."""
    values = np.concatenate([np.zeros(9_500), np.arange(1, 501)])
    bins = fit_bins({"x": values})
    assert bins.columns[0].edges == (1.0,)
    assert np.bincount(bins.codes({"x": values})[0]).tolist() == [9500, 500]


def test_a_column_without_a_value_is_one_group() -> None:
    """All of its rows are missing."""
    bins = fit_bins({"x": np.full(5, np.nan)})
    assert bins.columns[0].names == ("x = (other)", "x = (none)")
    assert bins.codes({"x": np.full(5, np.nan)}).tolist() == [[1] * 5]


@pytest.mark.parametrize("options", [{"quantiles": 1}, {"quantiles": 251}, {"commonest": 0}])
def test_more_groups_than_a_byte_holds_are_refused(options: dict[str, int]) -> None:
    """The message says what is possible."""
    with pytest.raises(DataError, match=f"{next(iter(options))}={next(iter(options.values()))}"):
        fit_bins({"x": [1.0]}, **options)


def test_a_table_of_tables_is_refused() -> None:
    """A column has one dimension."""
    with pytest.raises(DataError, match=r"shape \(1, 2\)"):
        fit_bins({"x": [[1.0, 2.0]]})
