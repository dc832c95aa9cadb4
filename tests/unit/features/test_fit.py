"""Rows whose values do not fit an exact sum are told, with words."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DataError
from setpoint.features.fit import unfit
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import rows_table
from tests.unit.features.small import BUYS, buy, buys, plan_of

PLAN = plan_of(spent=sp.sum(buys.price, by="user", decimals=2), n=sp.count(buys, by="user"))


def test_absurd_values_are_told_with_their_reason() -> None:
    """The reason names the column, the value and the decimals; NULL and what is small enough fit."""
    rows = rows_table(BUYS, [buy(1, 2.0), buy(2, 2.0**53), buy(3, None), buy(4, -math.inf), buy(5, 4.0)])
    told = "does not fit an exact sum"
    assert unfit(PLAN, "buys", rows) == {
        1: f"buys.price is 9007199254740992.0, which at 2 decimals {told}",
        3: f"buys.price is -inf, which at 2 decimals {told}",
    }
    assert unfit(PLAN, "users", pa.table({})) == {}


@pytest.mark.parametrize(
    ("price", "fit"),
    [(90071992547409.9, True), (90071992547409.92, False), (-90071992547409.9, True), (-90071992547409.92, False)],
)
@pytest.mark.parametrize("way", [False, True], ids=["pairs", "compiled"])
def test_the_limit_is_in_whole_units(price: float, fit: bool, way: bool) -> None:
    """What fits can be read, and what does not is refused by the reader, whichever way it reads."""
    rows = rows_table(BUYS, [buy(1, price)])
    assert (unfit(PLAN, "buys", rows) == {}) is fit
    requests, at = pa.table({"ask": ["a"], "user": ["u"]}), np.array([9])
    if fit:
        assert FeatureReader(PLAN, {"buys": rows}, compiled=way).read(requests, at)["n"].to_pylist() == [1.0]
    else:
        with pytest.raises(DataError, match=r"buys\.price"):
            FeatureReader(PLAN, {"buys": rows}, compiled=way).read(requests, at)


def test_a_row_that_no_sum_counts_fits() -> None:
    """A condition that leaves the row out, or a fold that is no sum, has room for any value."""
    plan = plan_of(a=sp.sum(buys.price, by="user", where=buys.paid), b=sp.max(buys.price, by="user"))
    assert unfit(plan, "buys", rows_table(BUYS, [buy(1, 1e300, paid=False)])) == {}


def test_the_values_that_neighbours_fold_must_fit_too() -> None:
    """Of a fold over neighbours, it is the rows of the aggregate that is read for each."""
    near = sp.neighbours(buys.shop, by="user", of=sp.mean(buys.price, by="shop"), fold="max")
    assert list(unfit(plan_of(near=near), "buys", rows_table(BUYS, [buy(1, 1e300), buy(2)]))) == [0]
