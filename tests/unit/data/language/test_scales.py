from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.data.language.scales import find_scale, scales_of, still_exact
from setpoint.declare.scales import Scale
from setpoint.declare.source import events

SALES = events("sales", "sales.parquet", at="ts", delay="0s")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 2.0, -3.0], Scale(0, exact=True)),
        ([0.1, 12.25, -7.5], Scale(2, exact=True)),
        ([0.1 + 0.2, 10.1 - 9.8], Scale(1, exact=True)),
        ([1e11 + 0.01], Scale(2, exact=True)),
        ([1e-9], Scale(9, exact=True)),
        ([1e-10], Scale(6, exact=False)),
        ([1 / 3], Scale(6, exact=False)),
        ([1e12 / 7], Scale(4, exact=False)),
        ([0.3 - 0.1 - 0.2, 0.5], Scale(1, exact=True)),
        ([1e300, 0.25], Scale(2, exact=True)),
        ([1e13 + 0.25, 0.125], Scale(2, exact=False)),
        ([0.0, np.nan], Scale(0, exact=True)),
    ],
)
def test_the_scale_is_the_fewest_decimals_that_are_exact(values: list[float], scale: Scale) -> None:
    """Up to float rounding; where none is exact, values are rounded to six decimals, or fewer where they are great."""
    assert find_scale([np.array(values)]) == scale


def test_a_column_without_a_value_has_no_scale_yet() -> None:
    """It is fixed when the first values come."""
    assert find_scale([np.array([np.nan])]) is None
    assert find_scale([np.array([1e300, np.inf])]) is None
    assert scales_of({"a": SALES.price}, {"sales": pa.table({"price": pa.array([None], pa.float64())})}) == {}


@given(
    st.integers(0, 9).flatmap(
        lambda d: st.tuples(st.just(d), st.lists(st.integers(-(2**50), 2**50), min_size=1, max_size=30))
    ),
    st.integers(1, 30),
)
def test_decimals_that_were_written_are_found_whatever_the_parts(written: tuple[int, list[int]], part: int) -> None:
    """Whole multiples of a unit are exact at its decimals or fewer, in one piece or in many."""
    decimals, units = written
    values = np.array([unit / 10**decimals for unit in units])
    whole = find_scale([values])
    assert whole is not None
    assert whole.exact
    assert whole.decimals <= decimals
    scaled = values * 10.0**whole.decimals
    assert np.all(np.abs(scaled - np.rint(scaled)) <= np.maximum(1e-9, np.abs(scaled) * 1e-15))
    pieces = find_scale([values[start : start + part] for start in range(0, values.size, part)])
    assert pieces is not None
    assert (pieces.decimals, pieces.exact) == (whole.decimals, whole.exact)


def test_a_scale_is_of_the_folded_expression() -> None:
    """Not of the columns that it reads."""
    rows = {"sales": pa.table({"price": [1.5, 2.5], "n": [2, 4]})}
    found = scales_of({"sum": SALES.price * SALES.n, "price": SALES.price, "dear": SALES.price > 2}, rows)
    assert {name: scale.decimals for name, scale in found.items()} == {"sum": 0, "price": 1, "dear": 0}


def test_a_scale_is_outgrown_when_newer_values_have_more_decimals() -> None:
    """One that was never exact cannot be."""
    rows = {"sales": pa.table({"price": [1.25]})}
    assert not still_exact(Scale(1, exact=True), SALES.price, rows)
    assert still_exact(Scale(2, exact=True), SALES.price, rows)
    assert still_exact(Scale(1, exact=False), SALES.price, rows)


def test_what_a_plan_refuses_has_no_scale() -> None:
    """A misspelt column and a sum of texts are the plan's to refuse, in its words, so looking for a scale is quiet."""
    rows = {"sales": pa.table({"price": [1.5], "note": ["x"]})}
    assert scales_of({"a": SALES.prize, "b": SALES.note, "c": SALES.note + 1, "d": SALES.price}, rows).keys() == {"d"}
